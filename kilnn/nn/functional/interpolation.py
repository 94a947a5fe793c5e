"""Resampling: interpolate, grid_sample, affine_grid."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from kilnn.nn.functional.pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from kilnn.ops import interpolation as ops
from kilnn.tensor.create import linspace
from kilnn.tensor.doors import record
from kilnn.tensor.functions.joining import stack
from kilnn.tensor.tensor import Tensor

_AREA = {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d, 3: adaptive_avg_pool3d}
_LINEAR = {"linear": 1, "bilinear": 2, "trilinear": 3}


def _sizes(x: Tensor, size: Any, factor: Any, recompute: bool, rank: int) -> tuple[Any, Any]:
    """(output sizes, the factors that count or None)."""
    shape = list(x.shape)[2:]
    if size is not None and factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is not None:
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        if not isinstance(size, list | tuple):
            return (int(size),) * rank, None
        if len(size) != rank:
            raise ValueError(
                f"Input and output must have the same number of spatial dimensions, but got input with spatial "
                f"dimensions of {shape} and output size of {size}: give one number or {rank}"
            )
        if not all(hasattr(n, "__index__") for n in size):
            raise TypeError(f"expected size to be whole numbers, but got size with types {[type(n) for n in size]}")
        return tuple(n.__index__() for n in size), None
    if factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if isinstance(factor, list | tuple) and len(factor) != rank:
        raise ValueError(
            f"Input and scale_factor must have the same number of spatial dimensions, but got input with spatial "
            f"dimensions of {shape} and scale_factor of shape {factor}: give one number or {rank}"
        )
    factors = tuple(map(float, factor)) if isinstance(factor, list | tuple) else (float(factor),) * rank
    return tuple(math.floor(n * f) for n, f in zip(shape, factors, strict=True)), None if recompute else factors


def interpolate(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: bool | None = None, recompute_scale_factor: bool | None = None, antialias: bool = False,
) -> Tensor:  # fmt: skip
    """The input at another resolution.

    Args:
        input: (N, C, L), (N, C, H, W) or (N, C, D, H, W).
        size: one number, or one for each spatial dimension; or
        scale_factor: the factors by which the sizes grow.
        mode: "nearest", "nearest-exact" (rounds to the nearest middle), "linear" (3D input), "bilinear" and "bicubic"
            (4D), "trilinear" (5D), "area" (adaptive means), "lanczos" (4D, with antialias).
        align_corners: for the linear and cubic modes: the middles of the corner elements stay, rather than the corners.
        recompute_scale_factor: use the factors of the whole sizes instead of those given.
        antialias: widen the kernel when shrinking, as image libraries do ("bilinear", "bicubic", "lanczos").

    Raises: ValueError for arguments that exclude each other; NotImplementedError for a mode that the input's number of
    dimensions does not have.

    Example:
        >>> import kilnn
        >>> kilnn.nn.functional.interpolate(kilnn.tensor([[[0.0, 2.0]]]), size=3, mode="linear").tolist()
        [[[0.0, 1.0, 2.0]]]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.interpolate.html
    """
    rank = input.dim() - 2
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | "
                f"trilinear; got mode={mode!r}"
            )
    wanted, factors = _sizes(input, size, scale_factor, bool(recompute_scale_factor), rank)
    if antialias and not (mode in ("bilinear", "bicubic", "lanczos") and rank == 2):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input"
        )
    if mode == "lanczos" and rank == 2:
        if align_corners:
            raise ValueError("Lanczos mode does not support align_corners=True")
        if not antialias:
            raise ValueError("Lanczos mode requires antialias=True")
    if mode == "area" and rank in _AREA:
        return _AREA[rank](input, wanted)
    if mode in _LINEAR and _LINEAR[mode] == rank:
        kernel = "linear"
    elif mode in ("bicubic", "lanczos") and rank == 2:
        kernel = "cubic" if mode == "bicubic" else mode
    elif mode in ("nearest", "nearest-exact") and rank in _AREA:
        kernel = mode
    else:
        if mode in _LINEAR and rank in _AREA:
            raise NotImplementedError(f"Got {rank + 2}D input, but {mode} mode needs {_LINEAR[mode] + 2}D input")
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {rank + 2}D) for the modes: nearest | "
            f"linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact (got {mode})"
        )
    return record(ops.resample, (input,), (wanted, factors, kernel, bool(align_corners), bool(antialias)))


def upsample(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Tensor:
    """The older name of `interpolate`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.upsample.html
    """
    _older("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """The older name of `interpolate(mode="nearest")`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.upsample_nearest.html
    """
    _older("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """The older name of `interpolate(mode="bilinear", align_corners=True)`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.upsample_bilinear.html
    """
    _older("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


def _older(name: str) -> None:
    warnings.warn(f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=3)


def grid_sample(
    input: Tensor, grid: Tensor, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = None
) -> Tensor:
    """The input at places given by a tensor.

    Args:
        input: (N, C, H, W) or (N, C, D, H, W).
        grid: (N, H_out, W_out, 2) of (x, y), or (N, D_out, H_out, W_out, 3) of (x, y, z), from -1 (the first) to 1.
        mode: "bilinear", "nearest" or "bicubic" (4D only).
        padding_mode: what lies outside: "zeros", "border" (the edge) or "reflection".
        align_corners: whether -1 and 1 are the middles of the corner elements (True) or the corners.

    Raises: ValueError for another mode; RuntimeError when sizes or dtypes do not fit.

    Example:
        >>> import kilnn
        >>> image = kilnn.tensor([[[[0.0, 2.0]]]])
        >>> kilnn.nn.functional.grid_sample(image, kilnn.zeros(1, 1, 1, 2), align_corners=False).item()
        1.0

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.grid_sample.html
    """
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', "
            f"but got: '{padding_mode}'"
        )
    if align_corners is None:
        _default_corners("grid_sample")
    return record(ops.grid_sample, (input, grid), (mode, padding_mode, bool(align_corners)))


def _default_corners(name: str) -> None:
    warnings.warn(
        f"Default {name} and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify "
        f"align_corners=True if the old behavior is desired. See the documentation of {name} for details.",
        stacklevel=3,
    )


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The places (for `grid_sample`) to which affine maps take those of a regular grid.

    Args:
        theta: (N, 2, 3) for images, (N, 3, 4) for volumes.
        size: the output's size (N, C, H, W) or (N, C, D, H, W).
        align_corners: as in `grid_sample`.

    Returns: (N, H, W, 2) or (N, D, H, W, 3).

    Raises: ValueError when theta and size do not fit.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.affine_grid.html
    """
    if align_corners is None:
        _default_corners("affine_grid")
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    rank = len(size) - 2
    if rank not in (2, 3):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. "
            f"Got size {tuple(size)}."
        )
    if theta.dim() != 3 or tuple(theta.shape)[1:] != (rank, rank + 1):
        raise ValueError(
            f"Expected a batch of {rank}D affine matrices of shape Nx{rank}x{rank + 1} for size {tuple(size)}. "
            f"Got {theta.shape}."
        )
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {tuple(size)}")
    places = tuple(size)[2:]
    if align_corners and 1 in places:
        warnings.warn(
            "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when align_corners=True. This "
            "is not an intended use case of affine_grid. See the documentation of affine_grid for details.",
            stacklevel=2,
        )
    axes = []
    for k in reversed(range(rank)):
        n = places[k]
        line = linspace(-1, 1, n, dtype=theta.dtype, device=theta.device) if n > 1 else theta.new_zeros(1)
        if not align_corners:
            line = line * ((n - 1) / n)
        axes.append(line.reshape(*(-1 if i == k else 1 for i in range(rank))).expand(places))
    axes.append(theta.new_ones(places))
    base = stack(axes, -1).reshape(1, -1, rank + 1).expand(theta.size(0), -1, -1)
    return base.matmul(theta.transpose(1, 2)).reshape(theta.size(0), *places, rank)
