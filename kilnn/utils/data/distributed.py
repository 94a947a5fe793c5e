"""kilnn.utils.data.distributed: PyTorch's place of `DistributedSampler`."""

from kilnn.data.distributed_sampler import DistributedSampler

__all__ = ["DistributedSampler"]
