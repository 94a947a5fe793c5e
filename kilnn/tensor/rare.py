"""Tensor methods: complex numbers, linear algebra, special functions, statistics, strides, and older spellings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilnn.base import dtypes
from kilnn.engine import views
from kilnn.tensor import create
from kilnn.tensor.functions import (
    complexes,
    facts,
    indexing,
    linalg,
    scattering,
    special,
    spectral,
    statistics,
    strided,
)
from kilnn.tensor.functions.arithmetic import bitwise_left_shift, bitwise_right_shift
from kilnn.tensor.functions.joining import diag
from kilnn.tensor.inplace_rare import polygamma as _polygamma
from kilnn.tensor.sparse_create import to_sparse

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor


def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """The elements on the diagonal of a square matrix.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.diagflat.html
    """
    return diag(input.reshape(-1), offset)


def as_subclass(input: Tensor, cls: Any) -> Any:
    """The same storage as an instance of a subclass of Tensor, with the same gradient history."""
    made = views.alias(input)
    made.__class__ = cls
    made._node, made._output, made._leaf = input._node, input._output, input._leaf
    return made


class RareMethods:
    """What few programs call."""

    __slots__ = ()

    conj = conj_physical = complexes.conj
    resolve_conj = resolve_neg = complexes.resolve_conj
    is_conj = is_neg = complexes.is_conj
    adjoint = complexes.adjoint
    angle = complexes.angle
    isreal = complexes.isreal
    sgn = special.sgn

    @property
    def real(self: Any) -> Tensor:
        """The real parts: a view of a complex tensor, the tensor itself for real ones."""
        return complexes.real(self)

    @real.setter
    def real(self: Any, value: Any) -> None:
        complexes.real(self).copy_(value)

    @property
    def imag(self: Any) -> Tensor:
        """The imaginary parts of a complex tensor, as a view."""
        return complexes.imag(self)

    @imag.setter
    def imag(self: Any, value: Any) -> None:
        complexes.imag(self).copy_(value)

    @property
    def H(self: Any) -> Tensor:
        """The transpose of a matrix, complex numbers conjugated."""
        if self.ndim not in (0, 2):
            raise RuntimeError(f"tensor.H is only supported on matrices (2-D tensors). Got {self.ndim}-D tensor.")
        return complexes.conj(self.t())

    @property
    def mH(self: Any) -> Tensor:
        """The last two dimensions exchanged, complex numbers conjugated."""
        return complexes.conj(self.mT)

    inverse = linalg.inverse
    pinverse = linalg.pinverse
    det = linalg.det
    slogdet = linalg.slogdet
    logdet = linalg.logdet
    matrix_exp = linalg.matrix_exp
    matrix_power = linalg.matrix_power
    cholesky = linalg.cholesky_by_position
    cholesky_inverse = linalg.cholesky_inverse
    cholesky_solve = linalg.cholesky_solve
    lu_solve = linalg.lu_solve_of
    qr = linalg.qr_by_flag
    svd = linalg.svd_with_v
    triangular_solve = linalg.triangular_solve
    orgqr = linalg.householder_product

    stft = spectral.stft
    istft = spectral.istft

    sinc = special.sinc
    i0 = special.i0
    polygamma = _polygamma
    mvlgamma = special.mvlgamma
    igamma = special.igamma
    igammac = special.igammac
    gcd = special.gcd
    lcm = special.lcm
    copysign = special.copysign
    nextafter = special.nextafter
    heaviside = special.heaviside
    logaddexp2 = special.logaddexp2
    ldexp = special.ldexp
    frexp = special.frexp
    float_power = special.float_power
    isposinf = special.isposinf
    isneginf = special.isneginf

    mode = statistics.mode
    nanmedian = statistics.nanmedian
    nanquantile = statistics.nanquantile
    logcumsumexp = statistics.logcumsumexp
    corrcoef = statistics.corrcoef
    renorm = statistics.renorm
    histogram = statistics.histogram

    scatter_reduce = scattering.scatter_reduce
    index_reduce = scattering.index_reduce
    put = scattering.put
    nonzero_static = scattering.nonzero_static
    diagonal_scatter = strided.diagonal_scatter
    as_strided = strided.as_strided
    as_strided_scatter = strided.as_strided_scatter
    hsplit = strided.hsplit
    vsplit = strided.vsplit
    dsplit = strided.dsplit
    narrow_copy = strided.narrow_copy
    is_same_size = strided.is_same_size
    is_set_to = strided.is_set_to
    is_nonzero = facts.is_nonzero
    isin = indexing.isin

    diagflat = diagflat

    def unsafe_chunk(self: Any, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
        """`chunk`."""
        return self.chunk(chunks, dim)  # type: ignore[no-any-return]  # Tensors

    def unsafe_split(self: Any, split_size: Any, dim: int = 0) -> tuple[Tensor, ...]:
        """`split`."""
        return self.split(split_size, dim)  # type: ignore[no-any-return]  # Tensors

    unsafe_split_with_sizes = unsafe_split

    def resize(self: Any, *sizes: Any) -> Tensor:
        """`reshape`: PyTorch's old name for a change of shape that is not in place."""
        return self.reshape(*sizes)  # type: ignore[no-any-return]  # a Tensor

    def to_dense(self: Any, dtype: Any = None, *, masked_grad: bool = True) -> Tensor:
        """The tensor itself, or in another dtype: this one is dense."""
        return self if dtype is None else self.to(dtype)  # type: ignore[no-any-return]  # a Tensor

    to_sparse = to_sparse

    def dense_dim(self: Any) -> int:
        """Number of dimensions: all are dense."""
        return self.ndim  # type: ignore[no-any-return]  # an int

    def sparse_dim(self: Any) -> int:
        """0: no dimension is sparse."""
        return 0

    def dim_order(self: Any) -> tuple[int, ...]:
        """The dimensions from the one of the largest steps in memory to that of the smallest."""
        strides = self.stride()
        return tuple(sorted(range(self.ndim), key=lambda d: -strides[d]))

    def is_pinned(self: Any, device: Any = None) -> bool:
        """False: host memory needs no pinning here."""
        return False

    def share_memory_(self: Any) -> Tensor:
        """Not supported: tensors are not shared between processes."""
        raise NotImplementedError("share_memory_(): tensors are not shared between processes; send arrays instead")

    def record_stream(self: Any, stream: Any) -> None:
        """Nothing to do: memory is kept for as long as a program that is recorded reads it."""

    as_subclass = as_subclass

    def cfloat(self: Any, memory_format: Any = None) -> Tensor:
        """The tensor in complex64."""
        return self.to(dtypes.complex64)  # type: ignore[no-any-return]  # a Tensor

    def cdouble(self: Any, memory_format: Any = None) -> Tensor:
        """The tensor in complex128."""
        return self.to(dtypes.complex128)  # type: ignore[no-any-return]  # a Tensor

    def __reversed__(self: Any) -> Tensor:
        return self.flip(*range(self.ndim)) if self.ndim else self  # type: ignore[no-any-return]  # a Tensor

    def __array_wrap__(self: Any, array: Any, context: Any = None, return_scalar: bool = False) -> Tensor:
        """The result of a NumPy function on the tensor, as a tensor."""
        made = create.tensor(array)
        return made.to(dtypes.uint8) if made.dtype is dtypes.bool and context is None else made

    def __rlshift__(self: Any, other: Any) -> Tensor:
        return bitwise_left_shift(other, self)

    def __rrshift__(self: Any, other: Any) -> Tensor:
        return bitwise_right_shift(other, self)
