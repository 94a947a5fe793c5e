"""DataLoader: batches from a dataset, made in the training process."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from typing import Any, Final, Generic, NoReturn, TypeVar

from kilnn.base.generator import Generator, default_generator
from kilnn.data.collate import default_collate, default_convert
from kilnn.data.dataset import IterableDataset, rows_of
from kilnn.data.feed import data_arrives
from kilnn.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler

T_co = TypeVar("T_co", covariant=True)

# A loader's batches are counted and resumed by these: changing one under a running epoch is refused.
_FIXED: Final = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


def get_worker_info() -> None:
    """What a worker process knows about itself: None, because this is the training process.

    Example:
        >>> from kilnn.data import get_worker_info
        >>> get_worker_info() is None
        True

    Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.get_worker_info
    """
    return


class DataLoader(Generic[T_co]):
    """Batches from a dataset: which samples (a sampler), how many (a batch size), how they are joined (`collate_fn`).

    A batch of a `TensorDataset` is one gather per tensor. Shuffles equal PyTorch's for the same seed.

    Args:
        dataset: a `Dataset`, anything with `__getitem__` and `__len__`, or an `IterableDataset`.
        batch_size: samples per batch; None hands out single samples.
        shuffle: a new random order in each epoch.
        sampler: an iterable of indices, instead of `shuffle`.
        batch_sampler: an iterable of lists of indices, instead of `batch_size`, `shuffle`, `sampler` and `drop_last`.
        num_workers: 0; worker processes are not implemented.
        collate_fn: joins a list of samples; `default_collate`, or `default_convert` when `batch_size` is None.
        pin_memory, pin_memory_device: accepted; batches are NumPy memory that is handed to the device in one piece, so
            there is nothing to pin.
        drop_last: leave out a last batch that is shorter.
        timeout, worker_init_fn, multiprocessing_context, prefetch_factor, persistent_workers, in_order: for workers;
            checked as PyTorch checks them.
        generator: where the shuffle and the epoch's base seed come from; the default generator if left out.

    Raises: ValueError for options that exclude each other, NotImplementedError for `num_workers` above 0.

    Example:
        >>> import kilnn
        >>> from kilnn.data import DataLoader, TensorDataset
        >>> loader = DataLoader(TensorDataset(kilnn.arange(5)), batch_size=2)
        >>> [batch.tolist() for (batch,) in loader]
        [[0, 1], [2, 3], [4]]

    Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.DataLoader
    """

    dataset: Any
    batch_size: int | None
    sampler: Sampler[Any] | Iterable[Any]
    batch_sampler: Sampler[list[Any]] | Iterable[list[Any]] | None
    _ready = False

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler[Any] | Iterable[Any] | None = None,
        batch_sampler: Sampler[list[Any]] | Iterable[list[Any]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context)
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        self.generator = generator

        self._streams = isinstance(dataset, IterableDataset)
        if self._streams:
            _check_stream(shuffle, sampler, batch_sampler)
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
                )
            batch_size = None
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        if sampler is None:
            if self._streams:
                sampler = repeat(None)
            else:
                sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        if batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        if collate_fn is None:
            collate_fn = default_collate if self._auto_collation else default_convert
        self.collate_fn = collate_fn
        self._reported_length: int | None = None
        self._ready = True

    def __setattr__(self, name: str, value: object) -> None:
        if self._ready and name in _FIXED:
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Any:
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def __iter__(self) -> Iterator[Any]:
        return _Epoch(self)

    def __len__(self) -> int:
        """How many batches an epoch has; for a stream, what its `__len__` makes of it."""
        if not self._streams:
            return len(self._index_sampler)
        length = self._reported_length = len(self.dataset)
        if self.batch_size is None:
            return length
        whole, rest = divmod(length, self.batch_size)
        return whole if self.drop_last or not rest else whole + 1


class _Epoch(Iterator[Any]):
    """One pass over the data."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        if loader.timeout != 0:
            raise AssertionError("timeout is for worker processes: without them it must be 0")
        self._loader = loader
        self._dataset = loader.dataset
        self._collate = loader.collate_fn
        self._batches = loader._auto_collation
        self._gathers = self._batches and self._collate is default_collate and not loader._streams
        self._indices = iter(loader._index_sampler)
        # PyTorch draws a seed for its workers in every epoch, workers or not: the generators must move alike.
        (default_generator if loader.generator is None else loader.generator).stream.random_int64()
        self._stream = iter(loader.dataset) if loader._streams else None
        self._ended = False
        self._handed_over = 0

    def __iter__(self) -> Iterator[Any]:
        return self

    def __len__(self) -> int:
        return len(self._loader._index_sampler)

    def __next__(self) -> Any:
        index = next(self._indices)
        if self._stream is not None:
            batch = self._collate(self._from_stream(self._stream, index))
        else:
            batch = self._from_items(index)
        self._handed_over += 1
        self._warn_of_wrong_length()
        data_arrives()
        return batch

    def _from_items(self, index: Any) -> Any:
        if not self._batches:
            return self._collate(self._dataset[index])
        rows = rows_of(self._dataset, index) if self._gathers else None
        if rows is not None:
            return rows
        if getattr(self._dataset, "__getitems__", None):
            return self._collate(self._dataset.__getitems__(index))
        return self._collate([self._dataset[place] for place in index])

    def _from_stream(self, stream: Iterator[Any], index: Any) -> Any:
        if self._ended:
            raise StopIteration
        if not self._batches:
            return next(stream)
        samples = []
        for _ in index:
            try:
                samples.append(next(stream))
            except StopIteration:
                self._ended = True
                break
        if not samples or (self._loader.drop_last and len(samples) < len(index)):
            raise StopIteration
        return samples

    def _warn_of_wrong_length(self) -> None:
        reported = self._loader._reported_length
        if self._stream is not None and reported is not None and self._handed_over > reported:
            warnings.warn(
                f"Length of IterableDataset {self._dataset} was reported to be {reported}"
                f"(when accessing len(dataloader)), but {self._handed_over} samples have been fetched. ",
                stacklevel=3,
            )

    def __reduce__(self) -> NoReturn:
        raise NotImplementedError(f"{type(self).__name__} cannot be pickled: it is in the middle of an epoch")


def _check_stream(shuffle: object, sampler: object, batch_sampler: object) -> None:
    if shuffle not in {False, None}:
        raise ValueError(
            f"DataLoader with IterableDataset: expected unspecified shuffle option, but got shuffle={shuffle}"
        )
    for name, value in (("sampler", sampler), ("batch_sampler", batch_sampler)):
        if value is not None:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
            )


def _check_workers(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool, context: object
) -> None:
    if num_workers < 0:
        raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing."
            "let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent_workers and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")
    if num_workers > 0:
        raise NotImplementedError(
            f"DataLoader(num_workers={num_workers}): worker processes are not implemented yet, because a process "
            "forked from one that runs XLA can hang and a fresh one must not import the compiler. Fix: num_workers=0; "
            "a TensorDataset's batch is one gather and needs no workers."
        )
    if context is not None:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading (num_workers > 0), "
            f"but got num_workers={num_workers}"
        )
