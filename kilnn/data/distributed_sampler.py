"""`DistributedSampler`: each process draws its own part of a data set."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sized

from kilnn.base.mt19937 import MT19937Generator
from kilnn.data.sampler import Sampler
from kilnn.distributed.group import get_rank, get_world_size


class DistributedSampler(Sampler[int]):
    """Every `num_replicas`-th index of a permutation that all processes share, from `rank` on.

    Args:
        dataset: anything with a length.
        num_replicas, rank: number of processes and of this one; default those of the process group.
        shuffle: draw a permutation of seed + epoch; call `set_epoch` before each epoch.
        seed: the same in all processes.
        drop_last: leave out what does not fill all processes; otherwise some indices are repeated.

    Raises: ValueError for a rank outside 0 to num_replicas - 1, and without a process group.

    Example:
        >>> from kilnn.data import DistributedSampler
        >>> list(DistributedSampler(range(5), num_replicas=2, rank=1, shuffle=False))
        [1, 3, 0]

    Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.distributed.DistributedSampler
    """

    def __init__(
        self, dataset: Sized, num_replicas: int | None = None, rank: int | None = None, shuffle: bool = True,
        seed: int = 0, drop_last: bool = False,
    ) -> None:  # fmt: skip
        self.num_replicas = get_world_size() if num_replicas is None else num_replicas
        self.rank = get_rank() if rank is None else rank
        if not 0 <= self.rank < self.num_replicas:
            raise ValueError(f"Invalid rank {self.rank}, rank should be in the interval [0, {self.num_replicas - 1}]")
        self.dataset = dataset
        self.epoch = 0
        self.drop_last = drop_last
        count = len(dataset)
        if drop_last and count % self.num_replicas:
            self.num_samples = math.ceil((count - self.num_replicas) / self.num_replicas)
        else:
            self.num_samples = math.ceil(count / self.num_replicas)
        self.total_size = self.num_samples * self.num_replicas
        self.shuffle = shuffle
        self.seed = seed

    def __iter__(self) -> Iterator[int]:
        count = len(self.dataset)
        if self.shuffle:
            indices = MT19937Generator(self.seed + self.epoch).randperm(count).tolist()
        else:
            indices = list(range(count))
        if self.drop_last:
            indices = indices[: self.total_size]
        elif indices:
            indices = (indices * math.ceil(self.total_size / count))[: self.total_size]
        return iter(indices[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Take the permutation of another epoch.

        Args:
            epoch: its number.
        """
        self.epoch = epoch
