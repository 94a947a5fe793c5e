"""The named tuples that operations with several results return."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor


class max(NamedTuple):
    """The largest elements along a dimension, and where they are."""

    values: Tensor
    indices: Tensor


class min(NamedTuple):
    """The smallest elements along a dimension, and where they are."""

    values: Tensor
    indices: Tensor


class median(NamedTuple):
    """The lower medians along a dimension, and where they are."""

    values: Tensor
    indices: Tensor


class kthvalue(NamedTuple):
    """The k-th smallest elements along a dimension, and where they are."""

    values: Tensor
    indices: Tensor


class sort(NamedTuple):
    """Sorted elements, and where they were."""

    values: Tensor
    indices: Tensor


class topk(NamedTuple):
    """The k largest or smallest elements, and where they are."""

    values: Tensor
    indices: Tensor


class cummax(NamedTuple):
    """The largest elements so far, and where they are."""

    values: Tensor
    indices: Tensor


class cummin(NamedTuple):
    """The smallest elements so far, and where they are."""

    values: Tensor
    indices: Tensor


class aminmax(NamedTuple):
    """The smallest and the largest elements."""

    min: Tensor
    max: Tensor


class mode(NamedTuple):
    """The most frequent elements along a dimension, and where they are."""

    values: Tensor
    indices: Tensor


class nanmedian(NamedTuple):
    """The lower medians of what is not NaN along a dimension, and where they are."""

    values: Tensor
    indices: Tensor


class frexp(NamedTuple):
    """Mantissas in (-1, 1) and whole exponents."""

    mantissa: Tensor
    exponent: Tensor


class histogram(NamedTuple):
    """How many elements lie in each bin, and the bins' edges."""

    hist: Tensor
    bin_edges: Tensor


class slogdet(NamedTuple):
    """Sign and logarithm of the absolute value of a determinant."""

    sign: Tensor
    logabsdet: Tensor


class qr(NamedTuple):
    """An orthogonal and an upper triangular factor."""

    Q: Tensor
    R: Tensor


class svd(NamedTuple):
    """Left singular vectors, singular values, right singular vectors (transposed)."""

    U: Tensor
    S: Tensor
    Vh: Tensor


class svd_v(NamedTuple):
    """Left singular vectors, singular values, right singular vectors."""

    U: Tensor
    S: Tensor
    V: Tensor


class eig(NamedTuple):
    """Eigenvalues and eigenvectors, in columns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class lstsq(NamedTuple):
    """A solution of least squares, its residuals, and the rank and singular values where they are computed."""

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


class lu(NamedTuple):
    """Permutation, unit lower and upper triangular factor."""

    P: Tensor
    L: Tensor
    U: Tensor


class lu_factor(NamedTuple):
    """The compact triangular factors, and the pivots counted from 1."""

    LU: Tensor
    pivots: Tensor


class checked(NamedTuple):
    """A result that is computed without raising, and 0 where it is good."""

    result: Tensor
    info: Tensor


class inv_ex(NamedTuple):
    """An inverse that is computed without raising, and 0 where it is good."""

    inverse: Tensor
    info: Tensor


class cholesky_ex(NamedTuple):
    """A Cholesky factor that is computed without raising, and 0 where it is good."""

    L: Tensor
    info: Tensor


class triangular_solve(NamedTuple):
    """The solution, and the matrix that was given."""

    solution: Tensor
    cloned_coefficient: Tensor
