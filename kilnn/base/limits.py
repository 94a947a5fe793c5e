"""`finfo` and `iinfo`: the numerical limits of a dtype."""

from __future__ import annotations

from typing import Final

import ml_dtypes
import numpy as np

from kilnn.base.dtypes import BOOL, FLOAT, DType, bfloat16, float16, float32, float64, get_default_dtype

# PyTorch states 10 ** -digits10, which for bfloat16 differs from what ml_dtypes would say.
_RESOLUTION: Final = {float16: 1e-3, bfloat16: 1e-2, float32: 1e-6, float64: 1e-15}


class finfo:
    """Limits of a floating point dtype (of the parts, for a complex one).

    Args:
        type: the dtype; the default dtype if left out.

    Attributes: `bits`, `eps`, `max`, `min`, `tiny`, `smallest_normal`, `resolution`, `dtype` (its name).

    Raises: TypeError for integer and bool dtypes.

    Example:
        >>> import kilnn
        >>> kilnn.finfo(kilnn.bfloat16).eps
        0.0078125

    Source: https://docs.pytorch.org/docs/2.13/type_info.html#torch.finfo
    """

    __slots__ = ("bits", "dtype", "eps", "max", "min", "resolution", "smallest_normal", "tiny")

    def __init__(self, type: DType | None = None) -> None:
        dtype = get_default_dtype() if type is None else type
        if not isinstance(dtype, DType):
            wrong = dtype.__class__.__name__
            raise TypeError(f"finfo(): argument 'type' (position 1) must be kilnn.dtype, not {wrong}")
        if dtype.category < FLOAT:
            raise TypeError(f"kilnn.finfo() requires a floating point input type, but got {dtype}. Use kilnn.iinfo.")
        real = dtype.to_real()
        limits = ml_dtypes.finfo(real.np)  # type: ignore[no-untyped-call]  # its stub lacks the annotation
        self.dtype = real.name
        self.bits = real.itemsize * 8
        self.eps = float(limits.eps)
        self.max = float(limits.max)
        self.min = float(limits.min)
        self.tiny = self.smallest_normal = float(limits.smallest_normal)
        self.resolution = _RESOLUTION.get(real, 1.0)

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, finfo) and other.dtype == self.dtype

    def __hash__(self) -> int:
        return hash(self.dtype)


class iinfo:
    """Limits of an integer dtype.

    Args:
        type: the dtype.

    Attributes: `bits`, `max`, `min`, `dtype` (its name).

    Raises: TypeError for floating point, complex and bool dtypes.

    Example:
        >>> import kilnn
        >>> kilnn.iinfo(kilnn.int16)
        iinfo(min=-32768, max=32767, dtype=int16)

    Source: https://docs.pytorch.org/docs/2.13/type_info.html#torch.iinfo
    """

    __slots__ = ("bits", "dtype", "max", "min")

    def __init__(self, type: DType) -> None:
        if not isinstance(type, DType):
            raise TypeError(f"iinfo(): argument 'type' (position 1) must be kilnn.dtype, not {type.__class__.__name__}")
        if type.category >= FLOAT:
            raise TypeError(f"kilnn.iinfo() requires an integer input type, but got {type}. Use kilnn.finfo.")
        if type.category == BOOL:
            raise TypeError("kilnn.bool is not supported by kilnn.iinfo")
        limits = np.iinfo(type.np)  # type: ignore[type-var]  # the category says it is an integer dtype
        self.dtype = type.name
        self.bits = type.itemsize * 8
        self.max = int(limits.max)
        self.min = int(limits.min)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, iinfo) and other.dtype == self.dtype

    def __hash__(self) -> int:
        return hash(self.dtype)
