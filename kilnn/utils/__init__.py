"""kilnn.utils: PyTorch's name for where data loading lives."""

from kilnn.utils import (
    benchmark as benchmark,
    checkpoint as checkpoint,
    data as data,
    tensorboard as tensorboard,
)
