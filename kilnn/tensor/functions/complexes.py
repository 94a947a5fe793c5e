"""Complex numbers: their parts, and numbers made of parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilnn.base import dtypes
from kilnn.ops import complexes as ops
from kilnn.tensor.create import ones_like
from kilnn.tensor.doors import geometry, record, view

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor


def _part(op: Any, input: Tensor, shift: int) -> Tensor:
    shape, strides, offset = geometry(input)
    return view(op, input, (input,), (), shape, tuple(2 * s for s in strides), 2 * offset + shift)


def real(input: Tensor) -> Tensor:
    """The real parts: a view of a complex tensor, the tensor itself for real ones.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.real.html
    """
    return _part(ops.real, input, 0) if input.dtype.is_complex else input


def imag(input: Tensor) -> Tensor:
    """The imaginary parts of a complex tensor, as a view.

    Raises: RuntimeError for real tensors.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.imag.html
    """
    if not input.dtype.is_complex:
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return _part(ops.imag, input, 1)


def view_as_real(input: Tensor) -> Tensor:
    """A complex tensor (...) as a real view (..., 2) of its parts.

    Example:
        >>> import kilnn
        >>> kilnn.view_as_real(kilnn.tensor([1 + 2j])).tolist()
        [[1.0, 2.0]]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.view_as_real.html
    """
    if not input.dtype.is_complex:
        raise RuntimeError("view_as_real is only supported for complex tensors")
    shape, strides, offset = geometry(input)
    return view(ops.view_as_real, input, (input,), (), (*shape, 2), (*[2 * s for s in strides], 1), 2 * offset)


def view_as_complex(input: Tensor) -> Tensor:
    """A real tensor (..., 2) as a complex view (...).

    Raises: RuntimeError if the last dimension has not size 2 and stride 1, or the others are not made of pairs.

    Example:
        >>> import kilnn
        >>> kilnn.view_as_complex(kilnn.tensor([[1.0, 2.0]])).tolist()
        [(1+2j)]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.view_as_complex.html
    """
    if input.dtype not in (dtypes.float32, dtypes.float64):
        raise RuntimeError(
            "view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: "
            f"{dtypes.word_of(input.dtype)}"
        )
    shape, strides, offset = geometry(input)
    if not shape:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    if strides[-1] != 1:
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    if any(s % 2 for s in strides[:-1]):
        raise RuntimeError("Tensor must have a stride divisible by 2 for all but last dimension")
    if offset % 2:
        raise RuntimeError("Tensor must have a storage_offset divisible by 2")
    return view(ops.view_as_complex, input, (input,), (), shape[:-1], tuple(s // 2 for s in strides[:-1]), offset // 2)


def conj(input: Tensor) -> Tensor:
    """The complex conjugate of each element; a real tensor itself.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.conj.html
    """
    return record(ops.conj, (input,)) if input.dtype.is_complex else input


def resolve_conj(input: Tensor) -> Tensor:
    """The tensor itself: conjugates are computed here, never only noted."""
    return input


def is_conj(input: Tensor) -> bool:
    """Always False: conjugates are computed here, never only noted."""
    return False


def adjoint(input: Tensor) -> Tensor:
    """The last two dimensions exchanged, complex numbers conjugated.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.adjoint.html
    """
    return conj(input.transpose(-2, -1))


def angle(input: Tensor) -> Tensor:
    """The angle of each number in radians: 0 or pi for real ones.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.angle.html
    """
    if input.dtype.is_complex:
        return imag(input).atan2(real(input))
    return record(ops.angle, (input,))


def complex(real: Tensor, imag: Tensor) -> Tensor:
    """Complex numbers of their parts, which must both be float32 or both float64.

    Example:
        >>> import kilnn
        >>> kilnn.complex(kilnn.tensor([1.0]), kilnn.tensor([2.0])).tolist()
        [(1+2j)]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.complex.html
    """
    _same_parts("complex", real, imag)
    return record(ops.complex_, (real, imag))


def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """Complex numbers of their lengths and angles: abs * (cos(angle) + i sin(angle)).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.polar.html
    """
    _same_parts("polar", abs, angle)
    return record(ops.polar, (abs, angle))


def _same_parts(name: str, a: Tensor, b: Tensor) -> None:
    if a.dtype not in (dtypes.float32, dtypes.float64):
        raise RuntimeError(
            "Expected both inputs to be Half, Float or Double tensors but got "
            f"{dtypes.word_of(a.dtype)} and {dtypes.word_of(b.dtype)}"
        )
    if a.dtype is not b.dtype:
        raise RuntimeError(
            f"Expected object of scalar type {dtypes.word_of(a.dtype)} but got scalar type {dtypes.word_of(b.dtype)} "
            "for second argument"
        )


def isreal(input: Tensor) -> Tensor:
    """Whether each number has no imaginary part."""
    return imag(input) == 0 if input.dtype.is_complex else ones_like(input, dtype=dtypes.bool)
