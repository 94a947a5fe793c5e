"""kilnn.utils.data: the same names as kilnn.data."""

from kilnn.data import *  # noqa: F403 - PyTorch's second name for the whole package
from kilnn.utils.data import (
    _utils as _utils,
    dataloader as dataloader,
    dataset as dataset,
    distributed as distributed,
    sampler as sampler,
)
