"""Batches of sequences of different lengths: padded to the longest, or packed without padding."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from kilnn.base.shapes import rounded_up
from kilnn.engine.grad_mode import is_grad_enabled, set_grad_enabled
from kilnn.ops import ragged as ops
from kilnn.tensor.create import array_of_tensor, from_host
from kilnn.tensor.doors import cast, is_tensor, record
from kilnn.tensor.tensor import Tensor


class _Fields(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Fields):
    """Sequences of different lengths without padding: first the first step of all, then the second, and so on.

    Made by `pack_padded_sequence` or `pack_sequence`; recurrent layers take one and give one back. Between them the
    sequences stay padded, and `data` is computed when it is asked for: its size is the sum of the lengths, which is
    another one in every batch, and so would be the programs.

    Attributes:
        data: (sum of lengths, ...), step after step, in each step the sequences from longest to shortest.
        batch_sizes: int64, how many sequences have a step, for each step.
        sorted_indices: int64, which sequence stands where, or None when they were given in that order.
        unsorted_indices: the inverse of it.

    Example:
        >>> import kilnn
        >>> packed = kilnn.nn.utils.rnn.pack_sequence([kilnn.tensor([1, 2, 3]), kilnn.tensor([4, 5])])
        >>> packed.data.tolist(), packed.batch_sizes.tolist()
        ([1, 4, 2, 5, 3], [2, 2, 1])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.rnn.PackedSequence.html
    """

    _grid: Tensor | None
    _grad: bool

    def __new__(
        cls, data: Any, batch_sizes: Tensor | None = None, sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> Self:  # fmt: skip
        if batch_sizes is None:
            data, batch_sizes = data
        if batch_sizes.device.type != "cpu":
            raise ValueError(
                f"batch_sizes should always be on the CPU, but got a tensor on {batch_sizes.device}. Make packed "
                "sequences with pack_sequence or pack_padded_sequence"
            )
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        made = super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)
        made._grid = None
        return made

    @classmethod
    def _padded(cls, grid: Tensor, *rest: Tensor | None) -> Self:
        """From a padded batch (steps, N, ...), the sequences from longest to shortest."""
        made = cls(None, *rest)
        made._grid, made._grad = grid, is_grad_enabled()
        return made

    @property
    def data(self) -> Tensor:
        """The rows of all sequences, as one tensor."""
        made = tuple.__getitem__(self, 0)
        if made is None:
            made = self.__dict__.get("_data")
        if made is None:
            assert self._grid is not None
            packing = packing_of(self)
            with set_grad_enabled(self._grad):  # as when it was packed
                made = moved(self._grid, packing.sorted(self._grid.size(0)), packing.packed())
            self.__dict__["_data"] = made
        return made

    def _held(self) -> Tensor:
        """The tensor that is there: `data`, or the padded batch."""
        return self.data if self._grid is None else self._grid

    def __iter__(self) -> Iterator[Any]:
        yield self.data
        yield from self._indices()

    def __getitem__(self, index: Any) -> Any:
        return (self.data, *self._indices())[index]

    def __repr__(self) -> str:
        return repr(_Fields(*self)).replace("_Fields", type(self).__name__, 1)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, tuple) and tuple(self) == tuple(other))

    def __hash__(self) -> Any:
        return hash(tuple(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(self)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """With `data` converted as `Tensor.to` does; itself when nothing changes."""
        held = self._held()
        converted = held.to(*args, **kwargs)
        if converted is held:
            return self
        places = [None if i is None else i.to(held.device) for i in self._indices()[1:]]
        return self._with(converted, self.batch_sizes, *places)

    def cpu(self) -> PackedSequence:
        """With `data` on the CPU."""
        return self.to("cpu")

    def cuda(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """With `data` on a GPU."""
        return self.to(*(args or ("cuda",)), **kwargs)

    def double(self) -> PackedSequence:
        """With `data` as float64."""
        return self._as(self._held().double())

    def float(self) -> PackedSequence:
        """With `data` as float32."""
        return self._as(self._held().float())

    def half(self) -> PackedSequence:
        """With `data` as float16."""
        return self._as(self._held().half())

    def long(self) -> PackedSequence:
        """With `data` as int64."""
        return self._as(self._held().long())

    def int(self) -> PackedSequence:
        """With `data` as int32."""
        return self._as(self._held().int())

    def short(self) -> PackedSequence:
        """With `data` as int16."""
        return self._as(self._held().short())

    def char(self) -> PackedSequence:
        """With `data` as int8."""
        return self._as(self._held().char())

    def byte(self) -> PackedSequence:
        """With `data` as uint8."""
        return self._as(self._held().byte())

    def _as(self, held: Tensor) -> PackedSequence:
        return self if held is self._held() else self._with(held, *self._indices())

    def _with(self, held: Tensor, *rest: Any) -> PackedSequence:
        return type(self)(held, *rest) if self._grid is None else type(self)._padded(held, *rest)

    def _indices(self) -> tuple[Any, ...]:
        return tuple.__getitem__(self, slice(1, None))

    def pin_memory(self) -> PackedSequence:
        """Itself: host memory needs no pinning here."""
        return self

    def is_pinned(self) -> bool:
        """False: host memory needs no pinning here."""
        return False

    @property
    def is_cuda(self) -> bool:
        """Whether `data` is on a GPU."""
        return self._held().device.type == "cuda"


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The inverse of a permutation given as a tensor of positions.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.rnn.invert_permutation.html
    """
    return None if permutation is None else from_host(np.argsort(array_of_tensor(permutation), kind="stable"))


class Places(NamedTuple):
    """Where each row of the packed data lies in a tensor whose leading dimensions are `shape`, counted row by row."""

    rows: np.ndarray[Any, Any]
    shape: tuple[int, ...]


class Packing:
    """Which sequence and which step of it each row of the packed data is.

    lengths: of the sequences as they were given. falling: the same from longest to shortest.
    """

    def __init__(self, batch_sizes: Any, order: Any) -> None:
        self.count = int(batch_sizes[0])
        self.longest = len(batch_sizes)
        self._step = np.repeat(np.arange(self.longest), batch_sizes)
        self._rank = np.arange(len(self._step)) - np.repeat(np.cumsum(batch_sizes) - batch_sizes, batch_sizes)
        self._sequence = self._rank if order is None else order[self._rank]
        self.falling = np.bincount(self._rank, minlength=self.count)
        self.lengths = np.bincount(self._sequence, minlength=self.count)

    def packed(self) -> Places:
        """In the packed data itself."""
        return Places(np.arange(len(self._step)), (len(self._step),))

    def sorted(self, steps: int) -> Places:
        """In a padded batch (steps, N), from longest to shortest."""
        return Places(self._step * self.count + self._rank, (steps, self.count))

    def given(self, steps: int, batch_first: bool) -> Places:
        """In a padded batch as it was given: (steps, N), or (N, steps)."""
        if batch_first:
            return Places(self._sequence * steps + self._step, (self.count, steps))
        return Places(self._step * self.count + self._sequence, (steps, self.count))


def moved(x: Tensor, source: Places, target: Places, fill: float = 0.0) -> Tensor:
    """The rows of x, which lie as `source` says, as `target` says; the other rows are filled."""
    forth, back = np.full(math.prod(target.shape), -1), np.full(math.prod(source.shape), -1)
    forth[target.rows] = source.rows
    back[source.rows] = target.rows
    operands = (x, from_host(forth.reshape(target.shape)), from_host(back.reshape(source.shape)), fill)
    return record(ops.take_rows, operands)


def pack_padded_sequence(
    input: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack a padded batch: the steps of all sequences that are no padding.

    Args:
        input: (T, N, ...), or (N, T, ...) with batch_first.
        lengths: of each sequence, on the CPU: whole numbers above 0.
        batch_first: which of the first two dimensions is the batch.
        enforce_sorted: the sequences stand from longest to shortest; False sorts them.

    Raises: RuntimeError when lengths are not positive, not as many as sequences or not sorted.

    Example:
        >>> import kilnn
        >>> padded = kilnn.tensor([[1, 2, 0], [3, 0, 0], [4, 5, 6]])
        >>> rnn = kilnn.nn.utils.rnn
        >>> packed = rnn.pack_padded_sequence(padded, [2, 1, 3], batch_first=True, enforce_sorted=False)
        >>> packed.data.tolist(), packed.batch_sizes.tolist(), packed.sorted_indices.tolist()
        ([4, 1, 3, 5, 2, 6], [3, 2, 1], [2, 0, 1])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.rnn.pack_padded_sequence.html
    """
    counts = np.asarray(array_of_tensor(lengths) if is_tensor(lengths) else lengths).astype(np.int64)  # type: ignore[arg-type]  # a tensor
    if counts.ndim != 1:
        raise RuntimeError(f"'lengths' argument should be a 1D CPU int64 tensor, but got {counts.ndim}D")
    if input.dim() < 2:
        raise IndexError(f"expected an input (T, N, ...) with two dimensions at least, but got {tuple(input.shape)}")
    if not input.numel():
        raise RuntimeError("Cannot pack empty tensors.")
    steps, count = (input.size(1), input.size(0)) if batch_first else (input.size(0), input.size(1))
    if len(counts) != count:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(counts)} (batch_size={count})"
        )
    if counts.min() <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0: "
            f"{counts.min()}"
        )
    if counts.max() > steps:
        raise RuntimeError(f"the longest of `lengths` is {counts.max()}, but the input has {steps} steps")
    order = None if enforce_sorted else np.argsort(-counts, kind="stable")
    falling = counts if order is None else counts[order]
    if (np.diff(falling) > 0).any():
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to let them be sorted."
        )
    batch_sizes = (falling > np.arange(falling[0])[:, None]).sum(1)
    packing = Packing(batch_sizes, order)
    grid = moved(input, packing.given(steps, batch_first), packing.sorted(min(steps, rounded_up(packing.longest))))
    return PackedSequence._padded(grid, from_host(batch_sizes), None if order is None else from_host(order))


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """The padded batch of a packed one, in the order in which the sequences were given, and their lengths.

    Args:
        sequence: as `pack_padded_sequence` gives it.
        batch_first: (N, T, ...) instead of (T, N, ...).
        padding_value: what padding is filled with; a run-time number.
        total_length: T, where it shall be more than the longest sequence.

    Raises: ValueError when total_length is less than the longest sequence.

    Example:
        >>> import kilnn
        >>> rnn = kilnn.nn.utils.rnn
        >>> packed = rnn.pack_sequence([kilnn.tensor([1, 2, 3]), kilnn.tensor([4])])
        >>> padded, lengths = rnn.pad_packed_sequence(packed, batch_first=True)
        >>> padded.tolist(), lengths.tolist()
        ([[1, 2, 3], [4, 0, 0]], [3, 1])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.rnn.pad_packed_sequence.html
    """
    longest = sequence.batch_sizes.size(0)
    if total_length is not None and total_length < longest:
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, but got "
            f"total_length={total_length} and max sequence length being {longest}"
        )
    packing = packing_of(sequence)
    target = packing.given(longest if total_length is None else total_length, batch_first)
    grid = sequence._grid
    if grid is None:
        padded = moved(sequence.data, packing.packed(), target, float(padding_value))
    else:
        padded = moved(grid, packing.sorted(grid.size(0)), target, float(padding_value))
    return padded, from_host(packing.lengths)


def packing_of(sequence: PackedSequence) -> Packing:
    """Which sequence and step the rows of a packed sequence are."""
    order = sequence.sorted_indices
    return Packing(array_of_tensor(sequence.batch_sizes), None if order is None else array_of_tensor(order))


def padded_of(sequence: PackedSequence, packing: Packing) -> Tensor:
    """The padded batch (steps, N, ...) of a packed one, from longest to shortest."""
    if sequence._grid is not None:
        return sequence._grid
    return moved(sequence.data, packing.packed(), packing.sorted(packing.longest))


def pad_sequence(
    sequences: Iterable[Tensor], batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Stack sequences of different lengths, filled up to the longest.

    Args:
        sequences: tensors (length, ...); the first one's dtype is the result's.
        batch_first: (N, T, ...) instead of (T, N, ...).
        padding_value: what padding is filled with; a run-time number.
        padding_side: "right" or "left".

    Raises: RuntimeError when there are none, their trailing dimensions differ, or padding_side is something else.

    Example:
        >>> import kilnn
        >>> a, b = kilnn.tensor([1, 2, 3]), kilnn.tensor([4])
        >>> kilnn.nn.utils.rnn.pad_sequence([a, b], batch_first=True).tolist()
        [[1, 2, 3], [4, 0, 0]]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.rnn.pad_sequence.html
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    tensors = tuple(sequences)
    if not tensors:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    first = tensors[0]
    for k, t in enumerate(tensors):
        if not t.dim() or t.shape[1:] != first.shape[1:]:
            raise RuntimeError(
                f"pad_sequence: sequences need one dimension at least, and the same sizes after it, but sequence {k} "
                f"has the shape {tuple(t.shape)} and sequence 0 {tuple(first.shape)}"
            )
    operands = (float(padding_value), *[cast(t, first.dtype) for t in tensors])
    padded = record(ops.pad_sequence, operands, (padding_side == "left",))
    return padded if batch_first else padded.transpose(0, 1).contiguous()


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The sequences of a padded batch, without padding.

    Args:
        padded_sequences: (T, N, ...), or (N, T, ...) with batch_first. (PyTorch transposes it in place without
            batch_first; here it stays as it is.)
        lengths: of each sequence.

    Example:
        >>> import kilnn
        >>> padded = kilnn.tensor([[1, 2, 3], [4, 0, 0]])
        >>> [s.tolist() for s in kilnn.nn.utils.rnn.unpad_sequence(padded, kilnn.tensor([3, 1]), batch_first=True)]
        [[1, 2, 3], [4]]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.rnn.unpad_sequence.html
    """
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [row[:n].clone() for row, n in zip(rows, array_of_tensor(lengths).tolist(), strict=True)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack a list of sequences (length, ...).

    Args:
        sequences: from longest to shortest, unless enforce_sorted is False.
        enforce_sorted: False sorts them.

    Raises: RuntimeError as `pack_padded_sequence`.

    Example:
        >>> import kilnn
        >>> a, b = kilnn.tensor([1, 2, 3]), kilnn.tensor([4])
        >>> kilnn.nn.utils.rnn.pack_sequence([a, b]).data.tolist()
        [1, 4, 2, 3]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.rnn.pack_sequence.html
    """
    lengths = [v.size(0) for v in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences of a packed batch, in the order in which they were given.

    Example:
        >>> import kilnn
        >>> rnn = kilnn.nn.utils.rnn
        >>> [s.tolist() for s in rnn.unpack_sequence(rnn.pack_sequence([kilnn.tensor([1, 2]), kilnn.tensor([3])]))]
        [[1, 2], [3]]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.rnn.unpack_sequence.html
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
