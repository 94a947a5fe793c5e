"""PyTorch's dtypes: their names, their NumPy twins, and the promotion rules between them.

Two dtypes promote to the smallest one that holds both categories (bool < integer < float < complex) and both widths.
An operation looks at three ranks of operand: tensors with dimensions, zero-dimensional tensors, Python numbers. A lower
rank changes the result only when its category is higher.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final, NoReturn

import ml_dtypes
import numpy as np

BOOL, INTEGER, FLOAT, COMPLEX = range(4)


class DType:
    """An element type; one object per type, so `is` and `==` agree.

    Attributes: `name`, `np` (the NumPy dtype), `itemsize` in bytes, `is_floating_point`, `is_complex`, `is_signed`,
    `category` (0 bool, 1 integer, 2 float, 3 complex). Exposed as `kilnn.dtype`.

    Example:
        >>> import kilnn
        >>> kilnn.float32, kilnn.float32.itemsize, kilnn.float is kilnn.float32
        (kilnn.float32, 4, True)

    Source: https://docs.pytorch.org/docs/2.13/tensor_attributes.html#torch-dtype
    """

    __slots__ = ("category", "is_complex", "is_floating_point", "is_signed", "itemsize", "name", "np")

    name: str
    np: np.dtype[np.generic]
    itemsize: int
    is_floating_point: builtins.bool
    is_complex: builtins.bool
    is_signed: builtins.bool
    category: int

    def __init__(self, *args: object, **kwargs: object) -> None:
        raise TypeError("cannot create 'kilnn.dtype' instances: use kilnn.float32, kilnn.int64, ...")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"attribute '{name}' of 'kilnn.dtype' objects is not writable")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"attribute '{name}' of 'kilnn.dtype' objects cannot be deleted")

    def __repr__(self) -> str:
        return f"kilnn.{self.name}"

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return by_name, (self.name,)

    def __copy__(self) -> DType:
        return self

    def __deepcopy__(self, memo: object) -> DType:
        return self

    def to_complex(self) -> DType:
        """The complex dtype whose parts have this dtype (float16 and bfloat16 widen to complex64)."""
        if self.category < FLOAT:
            raise RuntimeError(f"no complex dtype has parts of {self}: convert to a floating point dtype first")
        return complex128 if self in (float64, complex128) else complex64

    def to_real(self) -> DType:
        """The dtype of the real part: itself for all but complex dtypes."""
        return {complex64: float32, complex128: float64}.get(self, self)


def _make(name: str, np_type: type[Any], category: int) -> DType:
    dtype = DType.__new__(DType)
    np_dtype = np.dtype(np_type)
    facts = {
        "name": name,
        "np": np_dtype,
        "itemsize": np_dtype.itemsize,
        "is_floating_point": category == FLOAT,
        "is_complex": category == COMPLEX,
        "is_signed": category != BOOL and not name.startswith("uint") and name != "float8_e8m0fnu",
        "category": category,
    }
    for key, value in facts.items():
        object.__setattr__(dtype, key, value)
    return dtype


bool: Final = _make("bool", np.bool_, BOOL)
uint8: Final = _make("uint8", np.uint8, INTEGER)
int8: Final = _make("int8", np.int8, INTEGER)
int16: Final = _make("int16", np.int16, INTEGER)
int32: Final = _make("int32", np.int32, INTEGER)
int64: Final = _make("int64", np.int64, INTEGER)
float16: Final = _make("float16", np.float16, FLOAT)
bfloat16: Final = _make("bfloat16", ml_dtypes.bfloat16, FLOAT)
float32: Final = _make("float32", np.float32, FLOAT)
float64: Final = _make("float64", np.float64, FLOAT)
complex64: Final = _make("complex64", np.complex64, COMPLEX)
complex128: Final = _make("complex128", np.complex128, COMPLEX)

uint16: Final = _make("uint16", np.uint16, INTEGER)
uint32: Final = _make("uint32", np.uint32, INTEGER)
uint64: Final = _make("uint64", np.uint64, INTEGER)
float8_e4m3fn: Final = _make("float8_e4m3fn", ml_dtypes.float8_e4m3fn, FLOAT)
float8_e4m3fnuz: Final = _make("float8_e4m3fnuz", ml_dtypes.float8_e4m3fnuz, FLOAT)
float8_e5m2: Final = _make("float8_e5m2", ml_dtypes.float8_e5m2, FLOAT)
float8_e5m2fnuz: Final = _make("float8_e5m2fnuz", ml_dtypes.float8_e5m2fnuz, FLOAT)
float8_e8m0fnu: Final = _make("float8_e8m0fnu", ml_dtypes.float8_e8m0fnu, FLOAT)

DTYPES: Final = (
    bool, uint8, int8, int16, int32, int64, float16, bfloat16, float32, float64, complex64, complex128,
)  # fmt: skip
WIDE_UNSIGNED: Final = (uint16, uint32, uint64)
FLOAT8: Final = (float8_e4m3fn, float8_e4m3fnuz, float8_e5m2, float8_e5m2fnuz, float8_e8m0fnu)
"""Dtypes for storage: they are cast from and to, and combine with others hardly or not at all."""
ALIASES: Final = {
    "short": int16, "int": int32, "long": int64, "half": float16, "float": float32, "double": float64,
    "cfloat": complex64, "cdouble": complex128,
}  # fmt: skip
"""PyTorch's second names. The package's `__init__` spells them out, because `int` and `float` mean Python's here."""

_OF_PYTHON = {builtins.bool: bool, builtins.int: int64, builtins.float: float64, builtins.complex: complex128}


def is_dtype(found: Any) -> builtins.bool:
    """Whether an argument stands for a dtype, see `as_dtype`."""
    return found.__class__ is DType or (isinstance(found, type) and found in _OF_PYTHON)


def as_dtype(found: Any) -> DType:
    """A dtype, or the one that PyTorch takes for Python's bool, int, float or complex. TypeError for anything else."""
    if found.__class__ is DType:
        return found
    if isinstance(found, type) and found in _OF_PYTHON:
        return _OF_PYTHON[found]
    raise TypeError(f"dtype must be a kilnn.dtype such as kilnn.float32, not {found!r} ({type(found).__name__})")


_BY_NAME = {dtype.name: dtype for dtype in (*DTYPES, *WIDE_UNSIGNED, *FLOAT8)}
_BY_NUMPY = {dtype.np: dtype for dtype in _BY_NAME.values()}
_WORDS = {
    bool: "Bool", uint8: "Byte", int8: "Char", int16: "Short", int32: "Int", int64: "Long", float16: "Half",
    bfloat16: "BFloat16", float32: "Float", float64: "Double", complex64: "ComplexFloat", complex128: "ComplexDouble",
    uint16: "UInt16", uint32: "UInt32", uint64: "UInt64",
}  # fmt: skip


def word_of(dtype: DType) -> str:
    """PyTorch's word for a dtype in its messages and class names ("Float", "Long")."""
    return _WORDS.get(dtype) or dtype.name.capitalize()


def by_name(name: str) -> DType:
    """The dtype called `name` ("float32", "bool", ...); KeyError for any other word."""
    return _BY_NAME[name]


def from_numpy(np_dtype: np.dtype[Any]) -> DType:
    """The dtype of a NumPy array's elements; TypeError for element types PyTorch's table does not have."""
    found = _BY_NUMPY.get(np_dtype)
    if found is not None:
        return found
    if np_dtype.newbyteorder("=") in _BY_NUMPY:
        raise ValueError(
            "given numpy array has byte order different from the native byte order. "
            "Conversion between byte orders is currently not supported."
        )
    raise TypeError(
        f"can't convert np.ndarray of type numpy.{np_dtype.type.__name__}. The only supported types are: "
        f"{', '.join(dtype.name for dtype in reversed(DTYPES))}."
    )


def _promote_pair(a: DType, b: DType) -> DType:
    if a is b:
        return a
    low, high = sorted((a, b), key=lambda dtype: (dtype.category, dtype.itemsize))
    if low.category < high.category:
        return complex128 if low is float64 else high
    if {low, high} == {float16, bfloat16}:
        return float32
    if {low, high} == {uint8, int8}:
        return int16
    return high


_PAIRS = {(a, b): _promote_pair(a, b) for a in DTYPES for b in DTYPES}
_PAIRS |= {(a, a): a for a in (*WIDE_UNSIGNED, *FLOAT8)}
for _wide in WIDE_UNSIGNED:
    for _float in (float16, bfloat16, float32, float64):
        _PAIRS[_wide, _float] = _PAIRS[_float, _wide] = _float


def _pair(a: DType, b: DType) -> DType:
    found = _PAIRS.get((a, b))
    if found is None:
        kind = "Float8 Types" if a in FLOAT8 or b in FLOAT8 else "uint16, uint32, uint64 types"
        raise RuntimeError(f"Promotion for {kind} is not supported, attempted to promote {word_of(a)} and {word_of(b)}")
    return found


def promote_types(a: DType, b: DType) -> DType:
    """The smallest dtype that holds the values of both.

    Formula: the higher category wins; within a category the wider one; (float16, bfloat16) gives float32, (uint8, int8)
    gives int16, and float64 with a complex dtype gives complex128.

    Args:
        a, b: dtypes.

    Raises: TypeError if one of them is no dtype; RuntimeError for float8 dtypes, and for uint16, uint32 and uint64 with
    anything but a floating point dtype.

    Example:
        >>> import kilnn
        >>> kilnn.promote_types(kilnn.int64, kilnn.float16)
        kilnn.float16

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.promote_types.html
    """
    for x in (a, b):
        if not isinstance(x, DType):
            raise TypeError(f"promote_types() takes two dtypes, but got {type(x).__name__}")
    return _pair(a, b)


def promote(
    dim_dtypes: Iterable[DType] = (), zero_dtypes: Iterable[DType] = (), number_kinds: Iterable[int] = ()
) -> DType:
    """The dtype an operation computes in, from the three ranks of its operands.

    `dim_dtypes`: dtypes of tensors with dimensions; `zero_dtypes`: of zero-dimensional tensors; `number_kinds`:
    categories (0 to 3) of Python numbers. Each rank is promoted by itself; then a lower rank counts only if its
    category is higher.
    """
    return _promote(tuple(dim_dtypes), tuple(zero_dtypes), tuple(number_kinds), _default)


@lru_cache(maxsize=4096)
def _promote(dims: tuple[DType, ...], zeros: tuple[DType, ...], kinds: tuple[int, ...], default: DType) -> DType:
    numbers = (bool, int64, default, default.to_complex())
    dim, zero = _fold(dims), _fold(zeros)
    result = _outrank(dim, _outrank(zero, _fold(tuple(numbers[kind] for kind in kinds))))
    if result is None:
        raise ValueError("promote() needs at least one operand")
    return result


def _fold(dtypes: tuple[DType, ...]) -> DType | None:
    result: DType | None = None
    for dtype in dtypes:
        result = dtype if result is None else _pair(result, dtype)
    return result


def _outrank(higher: DType | None, lower: DType | None) -> DType | None:
    if higher is None or lower is None:
        return lower if higher is None else higher
    if lower.category <= higher.category:
        return higher
    return higher.to_complex() if higher.is_floating_point else lower


def can_cast(from_: DType, to: DType) -> builtins.bool:
    """Whether a result of dtype `from_` may be written into a tensor of dtype `to`.

    Formula: true unless the category falls (complex to real, float to integer, anything to bool).

    Args:
        from_, to: dtypes.

    Example:
        >>> import kilnn
        >>> kilnn.can_cast(kilnn.float64, kilnn.float32), kilnn.can_cast(kilnn.float32, kilnn.int64)
        (True, False)

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.can_cast.html
    """
    return from_.category <= to.category


_default: DType = float32


def get_default_dtype() -> DType:
    """The floating point dtype given to new tensors made of Python floats.

    Example:
        >>> import kilnn
        >>> kilnn.get_default_dtype()
        kilnn.float32

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.get_default_dtype.html
    """
    return _default


def set_default_dtype(d: DType) -> None:
    """Choose the floating point dtype given to new tensors made of Python floats, for the whole process.

    Args:
        d: a floating point dtype.

    Raises: TypeError if `d` is not a floating point dtype.

    Example:
        >>> import kilnn
        >>> kilnn.set_default_dtype(kilnn.float32)

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.set_default_dtype.html
    """
    global _default  # noqa: PLW0603  # one number per process is what the public function means
    if not isinstance(d, DType):
        raise TypeError("invalid dtype object: only floating-point types are supported as the default type")
    if not d.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    _default = d
