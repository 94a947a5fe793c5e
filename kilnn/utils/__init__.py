"""kilnn.utils: PyTorch's name for where data loading lives."""

from kilnn.utils import checkpoint as checkpoint, data as data
