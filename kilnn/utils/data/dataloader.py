"""kilnn.utils.data.dataloader: PyTorch's name for the file of the loader."""

from kilnn.data.collate import default_collate, default_convert
from kilnn.data.dataset import Dataset, IterableDataset
from kilnn.data.loader import DataLoader, get_worker_info
from kilnn.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
)

__all__ = [
    "BatchSampler",
    "DataLoader",
    "Dataset",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "default_collate",
    "default_convert",
    "get_worker_info",
]
