"""Samplers: iterables of indices, or of lists of indices. Their draws are PyTorch's, seed for seed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np

from kilnn.base.generator import Generator, default_generator
from kilnn.base.mt19937 import MT19937Generator

T_co = TypeVar("T_co", covariant=True)

_DRAWN_AT_ONCE = 32  # with replacement PyTorch draws 32 indices at a time, which fixes the stream of a shared generator


def _stream(generator: Generator | None) -> MT19937Generator:
    return (default_generator if generator is None else generator).stream


def _check_count(name: str, value: object, *, plain: bool = False) -> None:
    if not isinstance(value, int) or (plain and isinstance(value, bool)) or value <= 0:
        raise ValueError(f"{name} should be a positive integer value, but got {name}={value}")


class Sampler(Generic[T_co]):
    """Base of all samplers: subclasses yield indices from `__iter__`, and may define `__len__`.

    Example:
        >>> from kilnn.data import Sampler
        >>> class Backwards(Sampler[int]):
        ...     def __init__(self, data):
        ...         self.data = data
        ...
        ...     def __iter__(self):
        ...         return iter(range(len(self.data) - 1, -1, -1))
        >>> list(Backwards("abc"))
        [2, 1, 0]

    Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.Sampler
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} should define __iter__")


class SequentialSampler(Sampler[int]):
    """0, 1, 2, ... in this order.

    Args:
        data_source: anything with a length.

    Example:
        >>> from kilnn.data import SequentialSampler
        >>> list(SequentialSampler("abc"))
        [0, 1, 2]

    Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.SequentialSampler
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Indices in random order.

    Args:
        data_source: anything with a length.
        replacement: draw each index anew, so that one may come twice.
        num_samples: how many indices; the length of `data_source` if left out. More than that without replacement:
            one permutation after the other.
        generator: where the draws come from; otherwise each epoch's permutation has its own seed, drawn from the
            default generator.

    Raises: TypeError if `replacement` is no bool, ValueError if `num_samples` is not positive.

    Example:
        >>> import kilnn
        >>> from kilnn.data import RandomSampler
        >>> list(RandomSampler("abcd", generator=kilnn.Generator().manual_seed(0)))
        [0, 1, 3, 2]

    Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.RandomSampler
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        _check_count("num_samples", self.num_samples)

    @property
    def num_samples(self) -> int:
        """How many indices an epoch has; the data may have grown since the last one."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        n = len(self.data_source)
        if self.generator is None:
            stream = MT19937Generator(default_generator.stream.random_int64())
        else:
            stream = self.generator.stream
        if self.replacement:
            for _ in range(self.num_samples // _DRAWN_AT_ONCE):
                yield from stream.randint(0, n, _DRAWN_AT_ONCE).tolist()
            yield from stream.randint(0, n, self.num_samples % _DRAWN_AT_ONCE).tolist()
            return
        for _ in range(self.num_samples // n):
            yield from stream.randperm(n).tolist()
        # PyTorch draws this last permutation even when nothing of it is used: the generator must move alike.
        yield from stream.randperm(n).tolist()[: self.num_samples % n]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order, each once.

    Args:
        indices: the indices.
        generator: where the permutation comes from; the default generator if left out.

    Example:
        >>> import kilnn
        >>> from kilnn.data import SubsetRandomSampler
        >>> sorted(SubsetRandomSampler([7, 3, 5]))
        [3, 5, 7]

    Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.SubsetRandomSampler
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for place in _stream(self.generator).randperm(len(self.indices)).tolist():
            yield self.indices[place]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices drawn with given probabilities.

    Args:
        weights: one weight for each index; they need not sum to 1.
        num_samples: how many indices.
        replacement: whether an index may come twice.
        generator: where the draws come from; the default generator if left out.

    Raises: ValueError for weights that are not one-dimensional and for wrong `num_samples` or `replacement`.

    Example:
        >>> import kilnn
        >>> from kilnn.data import WeightedRandomSampler
        >>> list(WeightedRandomSampler([0.0, 1.0], 3))
        [1, 1, 1]

    Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.WeightedRandomSampler
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        _check_count("num_samples", num_samples, plain=True)
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement should be a boolean value, but got replacement={replacement}")
        source: Any = weights.tolist() if hasattr(weights, "tolist") else weights
        self.weights = np.array(source, np.float64)
        if self.weights.ndim != 1:
            raise ValueError(f"weights should be a 1d sequence but given weights have shape {self.weights.shape}")
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        yield from _stream(self.generator).multinomial(self.weights, self.num_samples, self.replacement).tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of `batch_size` indices from another sampler.

    Args:
        sampler: any iterable of indices.
        batch_size: how many go into a list.
        drop_last: leave out the last list if it is shorter.

    Raises: ValueError if `batch_size` is not positive or `drop_last` is no bool.

    Example:
        >>> from kilnn.data import BatchSampler
        >>> list(BatchSampler(range(5), batch_size=2, drop_last=False))
        [[0, 1], [2, 3], [4]]

    Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.BatchSampler
    """

    def __init__(self, sampler: Sampler[int] | Iterable[int], batch_size: int, drop_last: bool) -> None:
        _check_count("batch_size", batch_size, plain=True)
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        source = iter(self.sampler)
        while batch := list(islice(source, self.batch_size)):
            if self.drop_last and len(batch) < self.batch_size:
                return
            yield batch

    def __len__(self) -> int:
        whole, rest = divmod(len(self.sampler), self.batch_size)  # type: ignore[arg-type]  # without a length: TypeError
        return whole if self.drop_last or not rest else whole + 1
