"""Datasets: things with items, or things to iterate over, and ways to combine and split them."""

from __future__ import annotations

import math
import warnings
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Generic, TypeVar

import numpy as np

from kilnn.base.generator import Generator, default_generator
from kilnn.data import feed

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class Dataset(Generic[T_co]):
    """Base of datasets with items: subclasses define `__getitem__`, and `__len__` for most samplers.

    A `__getitems__(indices)` that returns a list of samples makes batches faster where one read serves many samples.

    Example:
        >>> from kilnn.data import Dataset
        >>> class Squares(Dataset[int]):
        ...     def __getitem__(self, index):
        ...         return index * index
        ...
        ...     def __len__(self):
        ...         return 4
        >>> [Squares()[i] for i in range(4)]
        [0, 1, 4, 9]

    Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.Dataset
    """

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: Dataset[Any]) -> Dataset[Any]:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co]):
    """Base of datasets that are streams: subclasses define `__iter__`.

    Example:
        >>> from kilnn.data import DataLoader, IterableDataset
        >>> class Words(IterableDataset[str]):
        ...     def __iter__(self):
        ...         return iter(["a", "b", "c"])
        >>> list(DataLoader(Words(), batch_size=2))
        [['a', 'b'], ['c']]

    Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.IterableDataset
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} should define __iter__")

    def __add__(self, other: Dataset[Any]) -> Dataset[Any]:
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Any, ...]]):
    """Samples are rows: item `i` is the tuple of `tensor[i]`. A `DataLoader` gathers a whole batch at once.

    Args:
        tensors: tensors of equal first size.

    Raises: AssertionError if their first sizes differ.

    Example:
        >>> import kilnn
        >>> from kilnn.data import TensorDataset
        >>> len(TensorDataset(kilnn.zeros(5, 2), kilnn.ones(5)))
        5

    Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.TensorDataset
    """

    def __init__(self, *tensors: feed.Tensor) -> None:
        if any(tensor.shape[0] != tensors[0].shape[0] for tensor in tensors):
            sizes = ", ".join(str(tensor.shape[0]) for tensor in tensors)
            raise AssertionError(f"Size mismatch between tensors: their first sizes are {sizes}")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        length: int = self.tensors[0].shape[0]
        return length


class StackDataset(Dataset[Any]):
    """Datasets side by side: item `i` is the tuple, or the dict, of their items `i`.

    Args:
        args: datasets; items are tuples.
        kwargs: datasets by name; items are dicts.

    Raises: ValueError for none, for both kinds at once, and for unequal lengths.

    Example:
        >>> from kilnn.data import StackDataset
        >>> StackDataset(letter="abc", number=[1, 2, 3])[1]
        {'letter': 'b', 'number': 2}

    Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.StackDataset
    """

    datasets: tuple[Any, ...] | dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args and kwargs:
            raise ValueError(
                "Supported either ``tuple``- (via ``args``) or``dict``- (via ``kwargs``) like input/output, "
                "but both types are given."
            )
        if not args and not kwargs:
            raise ValueError("At least one dataset should be passed")
        self.datasets = args or kwargs
        lengths = {len(dataset) for dataset in (args or kwargs.values())}
        if len(lengths) > 1:
            raise ValueError("Size mismatch between datasets")
        self._length = lengths.pop()

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple(dataset[index] for dataset in self.datasets)

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        if isinstance(self.datasets, dict):
            columns = [_items(dataset, indices) for dataset in self.datasets.values()]
            return [dict(zip(self.datasets, row, strict=True)) for row in zip(*columns, strict=True)]
        return list(zip(*(_items(dataset, indices) for dataset in self.datasets), strict=True))

    def __len__(self) -> int:
        return self._length


def _items(dataset: Any, indices: Sequence[int]) -> list[Any]:
    """The samples with these indices, in one call where the dataset has one for it."""
    if not callable(getattr(dataset, "__getitems__", None)):
        return [dataset[index] for index in indices]
    items: list[Any] = dataset.__getitems__(indices)
    if len(items) != len(indices):
        raise ValueError(f"Nested dataset's output size mismatch. Expected {len(indices)}, got {len(items)}")
    return items


class ConcatDataset(Dataset[T_co]):
    """Datasets one after the other.

    Args:
        datasets: datasets with items.

    Raises: AssertionError for none, and for an `IterableDataset` among them.

    Example:
        >>> from kilnn.data import ConcatDataset
        >>> list(ConcatDataset(["ab", "c"]))
        ['a', 'b', 'c']

    Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.ConcatDataset
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise AssertionError("ConcatDataset does not support IterableDataset")
        self.cumulative_sizes = list(accumulate(len(dataset) for dataset in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> T_co:
        if index < -len(self):
            raise ValueError("absolute value of index should not exceed dataset length")
        if index >= len(self):
            raise IndexError(f"index {index} is out of range for a dataset of {len(self)} items")
        index %= len(self)
        part = bisect_right(self.cumulative_sizes, index)
        start = self.cumulative_sizes[part - 1] if part else 0
        item: T_co = self.datasets[part][index - start]
        return item


class ChainDataset(IterableDataset[Any]):
    """Streams one after the other.

    Args:
        datasets: iterable datasets.

    Raises: AssertionError, when it is iterated, for a dataset that is no `IterableDataset`.

    Example:
        >>> from kilnn.data import ChainDataset, IterableDataset
        >>> class Count(IterableDataset[int]):
        ...     def __iter__(self):
        ...         return iter(range(2))
        >>> list(ChainDataset([Count(), Count()]))
        [0, 1, 0, 1]

    Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.ChainDataset
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def _streams(self) -> Iterator[Any]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise AssertionError("ChainDataset only supports IterableDataset")
            yield dataset

    def __iter__(self) -> Iterator[Any]:
        for dataset in self._streams():
            yield from dataset

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self._streams())


class Subset(Dataset[T_co]):
    """Some items of a dataset, in a given order.

    Args:
        dataset: the whole.
        indices: which items.

    Example:
        >>> from kilnn.data import Subset
        >>> list(Subset("abcd", [3, 1]))
        ['d', 'b']

    Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.Subset
    """

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> T_co:
        chosen = [self.indices[i] for i in index] if isinstance(index, list) else self.indices[index]
        item: T_co = self.dataset[chosen]
        return item

    def __getitems__(self, indices: Sequence[int]) -> list[T_co]:
        if type(self).__getitem__ is not Subset.__getitem__:
            return [self[index] for index in indices]  # a subclass changes its samples: ask for each of them
        return _items(self.dataset, [self.indices[index] for index in indices])

    def __len__(self) -> int:
        return len(self.indices)


def random_split(dataset: Any, lengths: Sequence[int | float], generator: Generator | None = None) -> list[Subset[Any]]:
    """Split a dataset at random into parts that do not overlap.

    Args:
        dataset: a dataset with a length.
        lengths: how many items go into each part; or fractions that sum to 1, rounded down, with the items left over
            given to the first parts, one each.
        generator: where the permutation comes from; the default generator if left out.

    Returns: one `Subset` for each length.

    Raises: ValueError for fractions outside [0, 1] and for lengths that do not sum to the dataset's.

    Example:
        >>> import kilnn
        >>> from kilnn.data import random_split
        >>> [len(part) for part in random_split(range(10), [0.75, 0.25])]
        [8, 2]

    Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.random_split
    """
    total = len(dataset)
    sizes = _sizes_of_fractions(lengths, total) if math.isclose(sum(lengths), 1) and sum(lengths) <= 1 else lengths
    if sum(sizes) != total:
        raise ValueError("Sum of input lengths does not equal the length of the input dataset!")
    if not all(isinstance(size, int | np.integer) for size in sizes):
        raise TypeError(f"random_split takes whole lengths, or fractions that sum to 1; received {list(lengths)}")
    order = (default_generator if generator is None else generator).stream.randperm(total).tolist()
    ends = accumulate(sizes)
    return [Subset(dataset, order[int(end) - int(size) : int(end)]) for end, size in zip(ends, sizes, strict=True)]


def _sizes_of_fractions(fractions: Sequence[float], total: int) -> list[int]:
    sizes = []
    for place, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise ValueError(f"Fraction at index {place} is not between 0 and 1")
        sizes.append(math.floor(total * fraction))
    for place in range(total - sum(sizes)):
        sizes[place % len(sizes)] += 1
    for place, size in enumerate(sizes):
        if size == 0:
            warnings.warn(
                f"Length of split at index {place} is 0. This might result in an empty dataset.", stacklevel=3
            )
    return sizes


def rows_of(dataset: Any, indices: Sequence[int]) -> list[Any] | None:
    """The batch of a `TensorDataset`, or of a `Subset` of one, without making samples; None for all other datasets."""
    if isinstance(dataset, Subset) and type(dataset).__getitem__ is Subset.__getitem__:
        return rows_of(dataset.dataset, [dataset.indices[index] for index in indices])
    if not isinstance(dataset, TensorDataset) or type(dataset).__getitem__ is not TensorDataset.__getitem__:
        return None
    places = np.array(indices, np.int64)
    return [feed.rows(tensor, places) for tensor in dataset.tensors]
