"""kilnn.utils: PyTorch's name for where data loading lives."""

from kilnn.utils import data as data
