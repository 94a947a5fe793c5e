"""Adaptive and fractional max pooling, power-average pooling, and unpooling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kilnn.nn.functional.activation import relu
from kilnn.nn.functional.pooling import (
    adaptive_size,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)  # fmt: skip
from kilnn.nn.sizes import ints
from kilnn.ops import irregular_pooling as ops
from kilnn.tensor.doors import record, record_many
from kilnn.tensor.functions.random import rand
from kilnn.tensor.tensor import Tensor

Size = int | Sequence[int]


def _adaptive_max(x: Tensor, output_size: Any, indices: bool, rank: int) -> Any:
    best, where = record_many(ops.adaptive_max_pool, (x,), (adaptive_size(x, output_size, rank),))
    return (best, where) if indices else best


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima over windows chosen so that the last dimension becomes `output_size`.

    Window i covers the places floor(i L / out) to ceil((i + 1) L / out).

    Args:
        input: (N, C, L) or (C, L).
        output_size: the length wanted.
        return_indices: also return where the maxima were; ties give the first.

    Example:
        >>> import kilnn
        >>> kilnn.nn.functional.adaptive_max_pool1d(kilnn.tensor([[[1.0, 3.0, 2.0]]]), 2).tolist()
        [[[3.0, 3.0]]]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.adaptive_max_pool1d.html
    """
    return _adaptive_max(input, output_size, return_indices, 1)


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima over windows chosen so that (N, C, H, W) becomes (N, C, *output_size); None keeps a size.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.adaptive_max_pool2d.html
    """
    return _adaptive_max(input, output_size, return_indices, 2)


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima over windows chosen so that (N, C, D, H, W) becomes (N, C, *output_size); None keeps a size.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.adaptive_max_pool3d.html
    """
    return _adaptive_max(input, output_size, return_indices, 3)


def adaptive_max_pool1d_with_indices(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """`adaptive_max_pool1d` that always returns (maxima, indices).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.adaptive_max_pool1d.html
    """
    return _adaptive_max(input, output_size, True, 1)


def adaptive_max_pool2d_with_indices(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """`adaptive_max_pool2d` that always returns (maxima, indices).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.adaptive_max_pool2d.html
    """
    return _adaptive_max(input, output_size, True, 2)


def adaptive_max_pool3d_with_indices(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """`adaptive_max_pool3d` that always returns (maxima, indices).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.adaptive_max_pool3d.html
    """
    return _adaptive_max(input, output_size, True, 3)


def _fractional(x: Tensor, kernel_size: Any, output_size: Any, output_ratio: Any, samples: Any, rank: int) -> Any:
    name = f"fractional_max_pool{rank}d"
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    if output_size is None:
        ratios = tuple(output_ratio) if isinstance(output_ratio, list | tuple) else (output_ratio,) * rank
        output_size = tuple(int(n * r) for n, r in zip(tuple(x.shape)[-rank:], ratios, strict=True))
    if samples is None:
        batch = 1 if x.dim() == rank + 1 else x.size(0)
        samples = rand(batch, x.size(-rank - 1), rank, dtype=x.dtype, device=x.device)
    window = (ints(kernel_size, rank, "kernel_size"), ints(output_size, rank, "output_size"))
    return record_many(ops.fractional_max_pool, (x, samples), window)


def fractional_max_pool2d(
    input: Tensor, kernel_size: Size, output_size: Size | None = None, output_ratio: Any = None,
    return_indices: bool = False, _random_samples: Tensor | None = None,
) -> Any:  # fmt: skip
    """Maxima over windows of a fixed size at places drawn at random, so that sizes shrink by a fraction.

    Args:
        input: (N, C, H, W) or (C, H, W).
        kernel_size: places in a window.
        output_size: height and width of the result; or
        output_ratio: they as shares, in (0, 1), of those of the input.
        return_indices: also return where the maxima were.

    The random numbers are PyTorch's: the same seed gives the same windows.

    Raises: ValueError when neither output_size nor output_ratio is given.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.fractional_max_pool2d.html and
    B. Graham, "Fractional Max-Pooling", 2014, https://arxiv.org/abs/1412.6071
    """
    found = _fractional(input, kernel_size, output_size, output_ratio, _random_samples, 2)
    return tuple(found) if return_indices else found[0]


def fractional_max_pool3d(
    input: Tensor, kernel_size: Size, output_size: Size | None = None, output_ratio: Any = None,
    return_indices: bool = False, _random_samples: Tensor | None = None,
) -> Any:  # fmt: skip
    """`fractional_max_pool2d` for (N, C, D, H, W).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.fractional_max_pool3d.html
    """
    found = _fractional(input, kernel_size, output_size, output_ratio, _random_samples, 3)
    return tuple(found) if return_indices else found[0]


def fractional_max_pool2d_with_indices(
    input: Tensor, kernel_size: Size, output_size: Size | None = None, output_ratio: Any = None,
    return_indices: bool = False, _random_samples: Tensor | None = None,
) -> Any:  # fmt: skip
    """`fractional_max_pool2d` that always returns (maxima, indices).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.fractional_max_pool2d.html
    """
    return tuple(_fractional(input, kernel_size, output_size, output_ratio, _random_samples, 2))


def fractional_max_pool3d_with_indices(
    input: Tensor, kernel_size: Size, output_size: Size | None = None, output_ratio: Any = None,
    return_indices: bool = False, _random_samples: Tensor | None = None,
) -> Any:  # fmt: skip
    """`fractional_max_pool3d` that always returns (maxima, indices).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.fractional_max_pool3d.html
    """
    return tuple(_fractional(input, kernel_size, output_size, output_ratio, _random_samples, 3))


def _unpool(
    x: Tensor, indices: Tensor, kernel_size: Any, stride: Any, padding: Any, output_size: Any, rank: int
) -> Tensor:
    kernel = ints(kernel_size, rank, "kernel_size")
    step = kernel if stride is None else ints(stride, rank, "stride")
    pads = ints(padding, rank, "padding")
    sizes = tuple(x.shape)[-rank:]
    default = [(n - 1) * s + k - 2 * p for n, k, s, p in zip(sizes, kernel, step, pads, strict=True)]
    if output_size is None:
        wanted = default
    else:
        wanted = list(output_size)[-rank:] if len(output_size) == rank + 2 else list(output_size)
        if len(wanted) != rank:
            raise ValueError(
                f"output_size should be a sequence containing {rank} or {rank + 2} elements, but it has a length of "
                f"'{len(wanted)}'"
            )
        for axis, (w, d, s) in enumerate(zip(wanted, default, step, strict=True)):
            if not d - s < w < d + s:
                raise ValueError(f'invalid output_size "{wanted}" (dim {axis} must be between {d - s} and {d + s})')
    if min(wanted) < 0:
        raise ValueError(f"max_unpooling: output_size must contain non-negative spatial dimensions, but got {wanted}")
    return record(ops.max_unpool, (x, indices), (tuple(wanted),))


def max_unpool1d(
    input: Tensor, indices: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
    output_size: Any = None,
) -> Tensor:  # fmt: skip
    """Puts maxima back where `max_pool1d(..., return_indices=True)` found them; zeros elsewhere.

    Args:
        input: the maxima (N, C, L) or (C, L).
        indices: where they were.
        kernel_size, stride, padding: those of the pooling.
        output_size: the length of the result, where several lengths were pooled to the same one.

    Raises: RuntimeError for an index outside the result, when the program has run.

    Example:
        >>> import kilnn
        >>> F = kilnn.nn.functional
        >>> best, where = F.max_pool1d(kilnn.tensor([[[1.0, 3.0, 2.0, 4.0]]]), 2, return_indices=True)
        >>> F.max_unpool1d(best, where, 2).tolist()
        [[[0.0, 3.0, 0.0, 4.0]]]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.max_unpool1d.html
    """
    return _unpool(input, indices, kernel_size, stride, padding, output_size, 1)


def max_unpool2d(
    input: Tensor, indices: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
    output_size: Any = None,
) -> Tensor:  # fmt: skip
    """`max_unpool1d` for (N, C, H, W).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.max_unpool2d.html
    """
    return _unpool(input, indices, kernel_size, stride, padding, output_size, 2)


def max_unpool3d(
    input: Tensor, indices: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
    output_size: Any = None,
) -> Tensor:  # fmt: skip
    """`max_unpool1d` for (N, C, D, H, W).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.max_unpool3d.html
    """
    return _unpool(input, indices, kernel_size, stride, padding, output_size, 3)


_MAX = {1: max_pool1d, 2: max_pool2d, 3: max_pool3d}
_AVG: dict[int, Any] = {1: avg_pool1d, 2: avg_pool2d, 3: avg_pool3d}


def _lp(x: Tensor, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool, rank: int) -> Tensor:
    if norm_type == float("inf"):
        most: Tensor = _MAX[rank](x.abs(), kernel_size, stride, 0, 1, ceil_mode)
        return most
    if norm_type == -float("inf"):
        least: Tensor = _MAX[rank](-x.abs(), kernel_size, stride, 0, 1, ceil_mode)
        return -least
    mean = _AVG[rank](x.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    count = 1
    for k in ints(kernel_size, rank, "kernel_size"):
        count *= k
    made: Tensor = (mean.sign() * relu(mean.abs())).mul(count).pow(1.0 / norm_type)
    return made


def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: int, stride: Size | None = None, ceil_mode: bool = False
) -> Tensor:
    """(sum of x**p)**(1/p) of each window, p = norm_type.

    Args:
        input: (N, C, L) or (C, L).
        norm_type: p; may be inf.
        kernel_size, stride, ceil_mode: as in `max_pool1d`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.lp_pool1d.html
    """
    return _lp(input, norm_type, kernel_size, stride, ceil_mode, 1)


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Size, stride: Size | None = None, ceil_mode: bool = False
) -> Tensor:
    """`lp_pool1d` for (N, C, H, W).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.lp_pool2d.html
    """
    return _lp(input, norm_type, kernel_size, stride, ceil_mode, 2)


def lp_pool3d(
    input: Tensor, norm_type: float, kernel_size: Size, stride: Size | None = None, ceil_mode: bool = False
) -> Tensor:
    """`lp_pool1d` for (N, C, D, H, W).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.lp_pool3d.html
    """
    return _lp(input, norm_type, kernel_size, stride, ceil_mode, 3)
