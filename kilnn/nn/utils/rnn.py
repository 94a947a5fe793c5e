"""Batches of sequences of different lengths: padded to the longest, or packed without padding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

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

    Made by `pack_padded_sequence` or `pack_sequence`; recurrent layers take one and give one back.

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

    __slots__ = ()

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
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """With `data` converted as `Tensor.to` does; itself when nothing changes."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        indices = [None if i is None else i.to(data.device) for i in (self.sorted_indices, self.unsorted_indices)]
        return type(self)(data, self.batch_sizes, *indices)

    def cpu(self) -> PackedSequence:
        """With `data` on the CPU."""
        return self.to("cpu")

    def cuda(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """With `data` on a GPU."""
        return self.to(*(args or ("cuda",)), **kwargs)

    def double(self) -> PackedSequence:
        """With `data` as float64."""
        return self._as(self.data.double())

    def float(self) -> PackedSequence:
        """With `data` as float32."""
        return self._as(self.data.float())

    def half(self) -> PackedSequence:
        """With `data` as float16."""
        return self._as(self.data.half())

    def long(self) -> PackedSequence:
        """With `data` as int64."""
        return self._as(self.data.long())

    def int(self) -> PackedSequence:
        """With `data` as int32."""
        return self._as(self.data.int())

    def short(self) -> PackedSequence:
        """With `data` as int16."""
        return self._as(self.data.short())

    def char(self) -> PackedSequence:
        """With `data` as int8."""
        return self._as(self.data.char())

    def byte(self) -> PackedSequence:
        """With `data` as uint8."""
        return self._as(self.data.byte())

    def _as(self, data: Tensor) -> PackedSequence:
        return self if data is self.data else type(self)(data, *self[1:])

    def pin_memory(self) -> PackedSequence:
        """Itself: host memory needs no pinning here."""
        return self

    def is_pinned(self) -> bool:
        """False: host memory needs no pinning here."""
        return False

    @property
    def is_cuda(self) -> bool:
        """Whether `data` is on a GPU."""
        return self.data.device.type == "cuda"


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The inverse of a permutation given as a tensor of positions.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.rnn.invert_permutation.html
    """
    return None if permutation is None else from_host(np.argsort(array_of_tensor(permutation), kind="stable"))


class Packing:
    """Which row of a padded batch is which row of the packed data.

    shape: (T, N) or, with batch_first, (N, T). to_packed: for each row of the packed data, the place in the padded
    batch, counted row by row. to_padded: the way back, -1 for padding. order: sorted_indices.
    """

    def __init__(self, batch_sizes: Any, order: Any, batch_first: bool, steps: int | None = None) -> None:
        count = int(batch_sizes[0])
        steps = len(batch_sizes) if steps is None else steps
        step = np.repeat(np.arange(len(batch_sizes)), batch_sizes)
        rank = np.arange(len(step)) - np.repeat(np.cumsum(batch_sizes) - batch_sizes, batch_sizes)
        sequence = rank if order is None else order[rank]
        place = sequence * steps + step if batch_first else step * count + sequence
        back = np.full(steps * count, -1)
        back[place] = np.arange(len(step))
        self.to_packed = from_host(place)
        self.to_padded = from_host(back.reshape((count, steps) if batch_first else (steps, count)))
        self.lengths = np.bincount(sequence, minlength=count)

    def pack(self, padded: Tensor) -> Tensor:
        """The packed data of a padded batch."""
        return record(ops.take_rows, (padded, self.to_packed, self.to_padded, 0.0))

    def pad(self, data: Tensor, value: float = 0.0) -> Tensor:
        """The padded batch of packed data."""
        return record(ops.take_rows, (data, self.to_padded, self.to_packed, value))


def pack_padded_sequence(
    input: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack a padded batch: the steps of all sequences that are no padding.

    Args:
        input: (T, N, ...), or (N, T, ...) with batch_first.
        lengths: of each sequence, on the CPU: whole numbers above 0. They are structure: each new sum of lengths is a
            new shape and so a new program.
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
    packing = Packing(batch_sizes, order, batch_first, steps)
    sorted_indices = None if order is None else from_host(order)
    return PackedSequence(packing.pack(input), from_host(batch_sizes), sorted_indices)


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
    packing = packing_of(sequence, batch_first, total_length)
    return packing.pad(sequence.data, float(padding_value)), from_host(packing.lengths)


def packing_of(
    sequence: PackedSequence, batch_first: bool = False, steps: int | None = None, ordered: bool = False
) -> Packing:
    """How the data of a packed sequence lies in a padded batch; `ordered` keeps the order from long to short."""
    order = sequence.sorted_indices
    places = None if order is None or ordered else array_of_tensor(order)
    return Packing(array_of_tensor(sequence.batch_sizes), places, batch_first, steps)


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
    return padded if batch_first else padded.transpose(0, 1)


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
