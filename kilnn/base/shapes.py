"""Shapes and strides as plain integers, with PyTorch's rules and PyTorch's error texts. Strides count elements."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TypeAlias

Shape: TypeAlias = tuple[int, ...]
Strides: TypeAlias = tuple[int, ...]


def numel(shape: Sequence[int]) -> int:
    """The number of elements: the product of the sizes, 1 for `()`."""
    return prod(shape)


# dimensions


def normalize_dim(dim: int, ndim: int) -> int:
    """`dim` in [0, ndim); negative ones count from the end. A zero-dimensional tensor has dims -1 and 0.

    Raises: IndexError outside [-ndim, ndim).
    """
    extent = ndim or 1
    if not -extent <= dim < extent:
        legal = f"[{-extent}, {extent - 1}]"
        raise IndexError(f"Dimension out of range (expected to be in range of {legal}, but got {dim})")
    return dim % extent


def normalize_dims(dims: Sequence[int], ndim: int) -> tuple[int, ...]:
    """Each of `dims` normalised, in the order given.

    Raises: IndexError for one out of range, RuntimeError for one named twice.
    """
    result = tuple(normalize_dim(dim, ndim) for dim in dims)
    if len(set(result)) < len(result):
        twice = next(dim for place, dim in enumerate(result) if dim in result[:place])
        raise RuntimeError(f"dim {twice} appears multiple times in the list of dims")
    return result


# shapes


def broadcast_shapes(*shapes: Sequence[int]) -> Shape:
    """The common shape of an elementwise operation's operands: sizes aligned at the right, 1 stretches.

    Raises: RuntimeError naming the sizes and the dimension; operands are folded from left to right.
    """
    result: Shape = ()
    for shape in map(tuple, shapes):
        if shape != result:
            result = _broadcast_pair(result, shape)
    return result


def _broadcast_pair(a: Shape, b: Shape) -> Shape:
    ndim = max(len(a), len(b))
    wide_a, wide_b = (1,) * (ndim - len(a)) + a, (1,) * (ndim - len(b)) + b
    for dim in reversed(range(ndim)):
        if wide_a[dim] != wide_b[dim] and 1 not in (wide_a[dim], wide_b[dim]):
            raise RuntimeError(
                f"The size of tensor a ({wide_a[dim]}) must match the size of tensor b ({wide_b[dim]}) "
                f"at non-singleton dimension {dim}"
            )
    return tuple(y if x == 1 else x for x, y in zip(wide_a, wide_b, strict=True))


def infer_size(shape: Sequence[int], numel: int) -> Shape:
    """`shape` with its one -1 replaced, so that it holds `numel` elements (what `view` and `reshape` take).

    Raises: RuntimeError for two -1, for other negative sizes, and when no size fits.
    """
    sizes = list(shape)
    unknown = None
    for place, size in enumerate(sizes):
        if size == -1:
            if unknown is not None:
                raise RuntimeError("only one dimension can be inferred")
            unknown = place
        elif size < 0:
            raise RuntimeError(f"invalid shape dimension {size} at index {place} of shape {sizes}")
    known = prod(size for size in sizes if size != -1)
    if unknown is not None and known and numel % known == 0:
        sizes[unknown] = numel // known
        return tuple(sizes)
    if unknown is not None and numel == known == 0:
        raise RuntimeError(
            f"cannot reshape tensor of 0 elements into shape {sizes} because the unspecified dimension size -1 can be "
            "any value and is ambiguous"
        )
    if unknown is not None or numel != known:
        raise RuntimeError(f"shape '{sizes}' is invalid for input of size {numel}")
    return tuple(sizes)


def expand_shape(shape: Sequence[int], sizes: Sequence[int]) -> Shape:
    """The shape after `expand(sizes)`: -1 keeps a size, 1 stretches, new dimensions come first.

    Raises: RuntimeError naming the sizes that do not fit.
    """
    extra = len(sizes) - len(shape)
    if extra < 0:
        raise RuntimeError(
            f"expand(tensor of shape {list(shape)}, size={list(sizes)}): the number of sizes provided ({len(sizes)}) "
            f"must be greater or equal to the number of dimensions in the tensor ({len(shape)})"
        )
    result: list[int] = []
    for dim in reversed(range(len(sizes))):
        size = sizes[dim]
        if dim < extra:
            if size < 0:
                raise RuntimeError(
                    f"The expanded size of the tensor ({size}) isn't allowed in a leading, non-existing dimension {dim}"
                )
            result.append(size)
            continue
        old = shape[dim - extra]
        if (size not in (-1, old) and old != 1) or size < -1:
            raise RuntimeError(
                f"The expanded size of the tensor ({size}) must match the existing size ({old}) at non-singleton "
                f"dimension {dim}.  Target sizes: {list(sizes)}.  Tensor sizes: {list(shape)}"
            )
        result.append(old if size == -1 else size)
    return tuple(reversed(result))


# strides


def contiguous_strides(shape: Sequence[int]) -> Strides:
    """Row-major strides: the last dimension has 1; empty dimensions count as 1."""
    strides = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def is_contiguous(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether the elements lie in row-major order without gaps; strides of dimensions of size 1 do not matter."""
    if 0 in shape:
        return True
    step = 1
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size != 1:
            if stride != step:
                return False
            step *= size
    return True


_CHANNELS_LAST = (1, 3, 2, 0)


def is_channels_last(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether four dimensions (batch, channel, height, width) lie in memory with the channel innermost."""
    if len(shape) != len(_CHANNELS_LAST):
        return False
    step = 1
    for dim in _CHANNELS_LAST:
        if shape[dim] != 1:
            if strides[dim] != step:
                return False
            step *= shape[dim]
    return True


def is_dense(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether the elements fill a block of memory, each place once, in some order of the dimensions."""
    if 0 in shape:
        return True
    step = 1
    for stride, size in sorted((stride, size) for size, stride in zip(shape, strides, strict=True) if size != 1):
        if stride != step:
            return False
        step *= size
    return True


def expand_strides(shape: Sequence[int], strides: Sequence[int], sizes: Sequence[int]) -> tuple[Shape, Strides]:
    """Shape and strides after `expand(sizes)`: stretched and new dimensions have stride 0."""
    new_shape = expand_shape(shape, sizes)
    if not shape:
        return new_shape, (0,) * len(new_shape)
    extra = len(new_shape) - len(shape)
    new_strides: list[int] = []
    for dim in reversed(range(len(new_shape))):
        old = dim - extra
        if old < 0:
            # A new dimension of size 1 is no stretch: it gets the stride of a row-major layout.
            below = new_shape[dim + 1] * new_strides[-1] if new_strides else 1
            new_strides.append(below if new_shape[dim] == 1 else 0)
        else:
            new_strides.append(0 if new_shape[dim] != shape[old] else strides[old])
    return new_shape, tuple(reversed(new_strides))


def view_strides(shape: Sequence[int], strides: Sequence[int], new_shape: Sequence[int]) -> Strides | None:
    """Strides of the same memory seen as `new_shape` (equal numel); None when only a copy can have that shape.

    Old dimensions are grouped, from the right, into runs that lie in memory like one dimension; new dimensions may
    split a run but not span two.
    """
    shape, strides, new_shape = tuple(shape), tuple(strides), tuple(new_shape)
    if 0 in shape:
        return strides if shape == new_shape else contiguous_strides(new_shape)
    if not shape:
        return (1,) * len(new_shape)
    result: list[int] = []
    remaining = list(new_shape)
    run, step = 1, strides[-1]
    for dim in reversed(range(len(shape))):
        run *= shape[dim]
        if dim and (shape[dim - 1] == 1 or strides[dim - 1] == run * step):
            continue
        filled = 1
        while remaining and (filled < run or remaining[-1] == 1):
            result.append(filled * step)
            filled *= remaining.pop()
        if filled != run:
            return None
        run, step = 1, strides[dim - 1]
    return None if remaining else tuple(reversed(result))


def elementwise_strides(
    shapes: Sequence[Sequence[int]], strides_list: Sequence[Sequence[int]], out_shape: Sequence[int]
) -> Strides:
    """Strides of the fresh result of an elementwise operation on operands with these shapes and strides.

    Operands that agree pass their layout on: all row-major, all channels-last, or all dense with equal strides.
    Otherwise the dimensions are ordered by the operands' strides, earlier operands first, and the result is packed.
    """
    out_shape = tuple(out_shape)
    if all(tuple(shape) == out_shape for shape in shapes):
        pairs = list(zip(shapes, strides_list, strict=True))
        if all(is_contiguous(*pair) for pair in pairs):
            return contiguous_strides(out_shape)
        if all(is_channels_last(*pair) for pair in pairs):
            return _strides_in_order(out_shape, _CHANNELS_LAST)
        if is_dense(*pairs[0]) and all(tuple(strides) == tuple(strides_list[0]) for strides in strides_list):
            return tuple(strides_list[0])
    aligned = [_aligned(shape, strides, out_shape) for shape, strides in zip(shapes, strides_list, strict=True)]
    order = _memory_order(out_shape, aligned)
    if order == tuple(reversed(range(len(out_shape)))):
        return contiguous_strides(out_shape)
    return _strides_in_order(out_shape, order, empty=0)


def _aligned(shape: Sequence[int], strides: Sequence[int], out_shape: Shape) -> Strides:
    """Strides in the result's dimensions, 0 where the operand is stretched."""
    extra = len(out_shape) - len(shape)
    return (0,) * extra + tuple(
        0 if size == 1 != out else stride for size, stride, out in zip(shape, strides, out_shape[extra:], strict=True)
    )


def _memory_order(shape: Shape, aligned: Sequence[Strides]) -> tuple[int, ...]:
    """Dimensions from innermost to outermost, by an insertion sort that leaves ties in row-major order."""

    def outer(a: int, b: int) -> int:
        """1 if dimension `a` must lie outside `b`, -1 if inside, 0 if no operand decides."""
        for strides in aligned:
            if strides[a] == 0 or strides[b] == 0:
                continue
            if strides[a] != strides[b]:
                return 1 if strides[a] > strides[b] else -1
            if shape[a] > shape[b]:
                return 1
        return 0

    order = list(reversed(range(len(shape))))
    for start in range(1, len(order)):
        place = start
        for other in reversed(range(start)):
            verdict = outer(order[other], order[place])
            if verdict < 0:
                break
            if verdict > 0:
                order[other], order[place] = order[place], order[other]
                place = other
    return tuple(order)


def _strides_in_order(shape: Shape, order: Sequence[int], empty: int = 1) -> Strides:
    strides = [0] * len(shape)
    step = 1
    for dim in order:
        strides[dim] = step
        step *= max(shape[dim], empty)
    return tuple(strides)


def preserved_strides(shape: Sequence[int], strides: Sequence[int]) -> Strides:
    """Strides of a copy that keeps the layout (`clone`, `to`, `empty_like`): dense ones stay, others are packed."""
    return tuple(strides) if is_dense(shape, strides) else elementwise_strides([shape], [strides], shape)


# windows


def conv_output_size(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Length of a convolution's result: floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def conv_transpose_output_size(
    size: int, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0, dilation: int = 1
) -> int:
    """Length of a transposed convolution's result.

    Formula: (size - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1.
    """
    return (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1


def pool_output_size(
    size: int, kernel: int, stride: int | None = None, padding: int = 0, dilation: int = 1, *, ceil_mode: bool = False
) -> int:
    """Length of a pooling's result; `stride=None` means the kernel size.

    With `ceil_mode` the division rounds up, except that no window starts in the right-hand padding.

    Raises: RuntimeError for stride 0, negative padding, and padding beyond half of the kernel.
    """
    stride = kernel if stride is None else stride
    if stride == 0:
        raise RuntimeError("stride should not be zero")
    if padding < 0:
        raise RuntimeError(f"pad must be non-negative, but got pad: {padding}")
    if padding > (dilation * (kernel - 1) + 1) // 2:
        raise RuntimeError(
            "pad should be at most half of effective kernel size, but got "
            f"pad={padding}, kernel_size={kernel} and dilation={dilation}"
        )
    slack = stride - 1 if ceil_mode else 0
    result = (size + 2 * padding - dilation * (kernel - 1) - 1 + slack) // stride + 1
    return result - 1 if ceil_mode and (result - 1) * stride >= size + padding else result


def rounded_up(size: int) -> int:
    """A size that is never the same, like the sum of lengths in a batch, rounded up by an eighth at most: from 16 on,
    there are eight different ones between a number and twice that number. Few sizes mean few programs."""
    grain = 1 << max(size.bit_length() - 4, 0)
    return -(-size // grain) * grain
