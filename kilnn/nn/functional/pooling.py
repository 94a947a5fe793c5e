"""Max, average and adaptive pooling over one, two and three dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kilnn.base.shapes import pool_output_size
from kilnn.engine.autocast import computed_in_float32
from kilnn.nn.sizes import ints
from kilnn.ops import pooling as ops
from kilnn.tensor.doors import record, record_many
from kilnn.tensor.tensor import Tensor

Size = int | Sequence[int]


def _window(x: Tensor, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool, rank: int) -> tuple[Any, ...]:
    """(kernel, stride, padding as (low, high) pairs, dilation); ceil_mode is extra padding at the high end."""
    kernels = ints(kernel, rank, "kernel_size")
    strides = kernels if stride in (None, [], ()) else ints(stride, rank, "stride")
    pads, dilations = ints(padding, rank, "padding"), ints(dilation, rank, "dilation")
    if min(kernels) <= 0:
        raise RuntimeError("kernel size should be greater than zero, but got " + " ".join(map(str, kernels)))
    pairs = []
    sizes = tuple(x.shape)[-rank:] if x.dim() > rank else (0,) * rank
    for n, k, s, p, d in zip(sizes, kernels, strides, pads, dilations, strict=True):
        high = p
        out = pool_output_size(n, k, s, p, d, ceil_mode=ceil)  # raises for padding that is too large
        if ceil:
            high = max(p, (out - 1) * s + d * (k - 1) + 1 - n - p)
        pairs.append((p, high))
    return kernels, strides, tuple(pairs), dilations


def _max_pool(
    x: Tensor, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool, indices: bool, rank: int
) -> Any:
    window = _window(x, kernel, stride, padding, dilation, ceil, rank)
    best, tap = record_many(ops.max_pool, (x,), window)
    if not indices:
        return best
    return best, record(ops.max_pool_indices, (tap,), (*window, tuple(x.shape)[-rank:]))


def max_pool1d(
    input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0, dilation: Size = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """The maximum of each window.

    Args:
        input: (N, C, L) or (C, L).
        kernel_size: places in a window.
        stride: step of the window; default kernel_size.
        padding: places of -inf added at both ends, at most half of the kernel.
        dilation: distance of the window's places.
        ceil_mode: also windows that reach over the end.
        return_indices: also return where the maxima were; ties give the first.

    Returns: (N, C, L_out), or a pair with the indices.

    Example:
        >>> import kilnn
        >>> kilnn.nn.functional.max_pool1d(kilnn.tensor([[[1.0, 3.0, 2.0, 4.0]]]), 2).tolist()
        [[[3.0, 4.0]]]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.max_pool1d.html
    """
    return _max_pool(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, 1)


def max_pool2d(
    input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0, dilation: Size = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """The maximum of each window of (N, C, H, W); the arguments are those of `max_pool1d`, numbers or pairs.

    Example:
        >>> import kilnn
        >>> kilnn.nn.functional.max_pool2d(kilnn.ones(1, 1, 4, 4), 2).shape
        kilnn.Size([1, 1, 2, 2])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.max_pool2d.html
    """
    return _max_pool(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, 2)


def max_pool3d(
    input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0, dilation: Size = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """The maximum of each window of (N, C, D, H, W); see `max_pool1d`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.max_pool3d.html
    """
    return _max_pool(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, 3)


def max_pool1d_with_indices(
    input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0, dilation: Size = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """`max_pool1d` that always returns (maxima, indices).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.max_pool1d.html
    """
    return _max_pool(input, kernel_size, stride, padding, dilation, ceil_mode, True, 1)


def max_pool2d_with_indices(
    input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0, dilation: Size = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """`max_pool2d` that always returns (maxima, indices).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.max_pool2d.html
    """
    return _max_pool(input, kernel_size, stride, padding, dilation, ceil_mode, True, 2)


def max_pool3d_with_indices(
    input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0, dilation: Size = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """`max_pool3d` that always returns (maxima, indices).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.max_pool3d.html
    """
    return _max_pool(input, kernel_size, stride, padding, dilation, ceil_mode, True, 3)


def _avg_pool(
    x: Tensor, kernel: Any, stride: Any, padding: Any, ceil: bool, include: bool, divisor: Any, rank: int
) -> Tensor:
    if divisor == 0:
        raise RuntimeError("divisor must be not zero")
    kernels, strides, pads, _ = _window(x, kernel, stride, padding, 1, ceil, rank)
    return record(ops.avg_pool, (x,), (kernels, strides, pads, bool(include), divisor))


def avg_pool1d(
    input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:  # fmt: skip
    """The mean of each window.

    Args:
        input: (N, C, L) or (C, L).
        kernel_size, stride, padding, ceil_mode: as in `max_pool1d`; the padding is zeros.
        count_include_pad: whether padding counts in the mean.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.avg_pool1d.html
    """
    return _avg_pool(input, kernel_size, stride, padding, ceil_mode, count_include_pad, None, 1)


def avg_pool2d(
    input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """The mean of each window of (N, C, H, W).

    Args:
        divisor_override: divide the sums by this instead of the window's size.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.avg_pool2d.html
    """
    return _avg_pool(input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override, 2)


@computed_in_float32
def avg_pool3d(
    input: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """The mean of each window of (N, C, D, H, W); see `avg_pool2d`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.avg_pool3d.html
    """
    return _avg_pool(input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override, 3)


def adaptive_size(x: Tensor, output_size: Any, rank: int) -> tuple[int, ...]:
    """`output_size` as whole numbers; None keeps the input's size."""
    wanted = tuple(output_size) if isinstance(output_size, list | tuple) else (output_size,) * rank
    have = tuple(x.shape)[-rank:]
    if rank > 1 and x.dim() <= rank and isinstance(output_size, list | tuple):
        raise ValueError(f"Input dimension should be at least {rank + 1}, got an input with {x.dim()}")
    if any(isinstance(n, int) and n < 0 for n in wanted):
        raise RuntimeError(f"elements of output_size must be greater than or equal to 0 but received {list(wanted)}")
    if len(wanted) != rank or len(have) < rank:
        return ints(tuple(0 if n is None else n for n in wanted), rank, "output_size")
    return ints(tuple(h if n is None else n for n, h in zip(wanted, have, strict=True)), rank, "output_size")


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """Means over windows chosen so that the last dimension becomes `output_size`.

    Window i covers the places floor(i L / out) to ceil((i + 1) L / out).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.adaptive_avg_pool1d.html
    """
    return record(ops.adaptive_avg_pool, (input,), (adaptive_size(input, output_size, 1),))


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Means over windows chosen so that (N, C, H, W) becomes (N, C, *output_size); None keeps a size.

    Example:
        >>> import kilnn
        >>> kilnn.nn.functional.adaptive_avg_pool2d(kilnn.ones(1, 2, 5, 7), 1).shape
        kilnn.Size([1, 2, 1, 1])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.adaptive_avg_pool2d.html
    """
    return record(ops.adaptive_avg_pool, (input,), (adaptive_size(input, output_size, 2),))


@computed_in_float32
def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """Means over windows chosen so that (N, C, D, H, W) becomes (N, C, *output_size).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.adaptive_avg_pool3d.html
    """
    return record(ops.adaptive_avg_pool, (input,), (adaptive_size(input, output_size, 3),))
