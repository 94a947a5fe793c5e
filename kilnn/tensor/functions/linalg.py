"""`kilnn.linalg`: factorisations, solutions and norms of (batches of) matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kilnn.base import dtypes
from kilnn.base.limits import finfo
from kilnn.base.shapes import normalize_dims
from kilnn.ops import linalg as ops, reduction
from kilnn.tensor.create import eye
from kilnn.tensor.doors import cast, is_tensor, record, record_many, reduced_dims, unsupported
from kilnn.tensor.functions import complexes, joining, products, reduction as reductions, results
from kilnn.tensor.functions.shaping import diagonal as _diagonal

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor


def inv(A: Tensor) -> Tensor:
    """The inverse of a square matrix.

    Args:
        A: (..., n, n).

    Raises: LinAlgError for a singular matrix, at the latest when a value is looked at.

    Example:
        >>> import kilnn
        >>> kilnn.linalg.inv(kilnn.tensor([[2.0, 0.0], [0.0, 4.0]])).tolist()
        [[0.5, 0.0], [0.0, 0.25]]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.inv.html
    """
    return record(ops.inv, (A,))


def inv_ex(A: Tensor, *, check_errors: bool = False) -> results.inv_ex:
    """The inverse, and for each matrix 0 or, where it is singular, a positive number; raises only if asked.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.inv_ex.html
    """
    if check_errors:
        return results.inv_ex(inv(A), A.new_zeros(A.shape[:-2], dtype=dtypes.int32))
    singular = (slogdet(A).sign == 0).unsqueeze(-1).unsqueeze(-1)
    unit = eye(A.shape[-1], dtype=A.dtype)
    found = record(ops.inv, (unit.where(singular, A),)).masked_fill(singular, math.inf)
    return results.inv_ex(found, singular.squeeze(-1).squeeze(-1).to(dtypes.int32) * A.shape[-1])


def det(A: Tensor) -> Tensor:
    """The determinant of a square matrix.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.det.html
    """
    return record(ops.det, (A,))


def slogdet(A: Tensor) -> results.slogdet:
    """Sign and logarithm of the absolute value of the determinant.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.slogdet.html
    """
    return results.slogdet(*record_many(ops.slogdet, (A,)))


def logdet(input: Tensor) -> Tensor:
    """The logarithm of the determinant; NaN where it is negative.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.logdet.html
    """
    sign, value = slogdet(input)
    return value.masked_fill(sign < 0, math.nan)


def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """The X with A X = B (or X A = B, for left=False).

    Args:
        A: (..., n, n).
        B: (..., n, k), or one right side (..., n).
        left: on which side of X the matrix stands.

    Raises: LinAlgError for a singular matrix, at the latest when a value is looked at.

    Example:
        >>> import kilnn
        >>> kilnn.linalg.solve(kilnn.tensor([[2.0, 0.0], [0.0, 4.0]]), kilnn.ones(2)).tolist()
        [0.5, 0.25]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.solve.html
    """
    vector = B.ndim == 1 or (B.ndim == A.ndim - 1 and B.shape == A.shape[:-1])
    if not left and not vector:
        return solve(A.transpose(-2, -1), B.transpose(-2, -1)).transpose(-2, -1)
    if A.ndim >= 2 and A.shape[-1] == A.shape[-2] and B.shape[-1 if vector else -2] != A.shape[-1]:
        raise RuntimeError(
            f"linalg.solve: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({A.shape[-2]}x{A.shape[-1]} and {B.shape[-1 if vector else -2]}x{1 if vector else B.shape[-1]})"
        )
    return record(ops.solve, (A, B), (vector,))


def solve_triangular(A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Tensor:
    """The X with A X = B (or X A = B) for a triangular matrix, of which only that triangle is read.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.solve_triangular.html
    """
    if not left:
        found = solve_triangular(A.transpose(-2, -1), B.transpose(-2, -1), upper=not upper, unitriangular=unitriangular)
        return found.transpose(-2, -1)
    return record(ops.solve_triangular, (A, B), (upper, unitriangular))


def triangular_solve(
    b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> results.triangular_solve:
    """PyTorch's older spelling of `solve_triangular`: the pair (solution, A).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.triangular_solve.html
    """
    matrix = A.transpose(-2, -1) if transpose else A
    return results.triangular_solve(
        solve_triangular(matrix, b, upper=upper != transpose, unitriangular=unitriangular), A.clone()
    )


def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """The lower (or upper) triangular factor L of a positive-definite matrix A = L L^H.

    Raises: LinAlgError if it is not positive-definite, at the latest when a value is looked at.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.cholesky.html
    """
    return record(ops.cholesky, (A,), (bool(upper),))


def cholesky_by_position(input: Tensor, upper: bool = False) -> Tensor:
    """`cholesky` as `kilnn.cholesky` and the method spell it.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cholesky.html
    """
    return cholesky(input, upper=upper)


def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> results.cholesky_ex:
    """The Cholesky factor, and for each matrix 0; a matrix that is not positive-definite raises.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.cholesky_ex.html
    """
    return results.cholesky_ex(cholesky(A, upper=upper), A.new_zeros(A.shape[:-2], dtype=dtypes.int32))


def cholesky_solve(input: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """The X with A X = input, given the Cholesky factor of A.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cholesky_solve.html
    """
    low = complexes.adjoint(L) if upper else L
    half = solve_triangular(low, input, upper=False)
    return solve_triangular(complexes.adjoint(low), half, upper=True)


def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """The inverse of A, given its Cholesky factor.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cholesky_inverse.html
    """
    return cholesky_solve(eye(L.shape[-1], dtype=L.dtype).expand(L.shape), L, upper)


def qr(A: Tensor, mode: str = "reduced") -> results.qr:
    """An orthogonal and an upper triangular factor: A = Q R.

    Args:
        A: (..., m, n).
        mode: "reduced" (k = min(m, n) columns of Q), "complete" (m columns) or "r" (Q is empty).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.qr.html
    """
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    found = results.qr(*record_many(ops.qr, (A,), ("reduced" if mode == "r" else mode,)))
    return results.qr(A.new_zeros(0), found.R) if mode == "r" else found


def qr_by_flag(input: Tensor, some: bool = True) -> results.qr:
    """`qr` as `kilnn.qr` and the method spell it.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.qr.html
    """
    return qr(input, "reduced" if some else "complete")


def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> results.svd:
    """Singular values and vectors: A = U diag(S) Vh, S in falling order.

    Args:
        A: (..., m, n).
        full_matrices: square U and Vh instead of min(m, n) columns and rows.
        driver: for CUDA; accepted, XLA chooses.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.svd.html
    """
    return results.svd(*record_many(ops.svd, (A,), (bool(full_matrices),)))


def svd_with_v(input: Tensor, some: bool = True, compute_uv: bool = True) -> results.svd_v:
    """`svd` as `kilnn.svd` and the method spell it: V itself, not its transpose.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.svd.html
    """
    if not compute_uv:
        rows, columns = input.shape[-2:]
        lead = input.shape[:-2]
        return results.svd_v(
            input.new_zeros((*lead, rows, rows)), svdvals(input), input.new_zeros((*lead, columns, columns))
        )
    u, s, vh = svd(input, not some)
    return results.svd_v(u, s, complexes.adjoint(vh))


def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """The singular values, in falling order.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.svdvals.html
    """
    return record(ops.svdvals, (A,))


def eigh(A: Tensor, UPLO: str = "L") -> results.eig:
    """Eigenvalues in rising order and eigenvectors of a Hermitian matrix, of which one triangle is read.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.eigh.html
    """
    return results.eig(*record_many(ops.eigh, (A,), (_triangle("eigh", UPLO),)))


def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """The eigenvalues of a Hermitian matrix, in rising order.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.eigvalsh.html
    """
    return record(ops.eigvalsh, (A,), (_triangle("eigvalsh", UPLO),))


def _triangle(name: str, word: str) -> str:
    if word.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {word}")
    return word.upper()


def eig(A: Tensor) -> results.eig:
    """Eigenvalues and eigenvectors of a square matrix, always complex. On CPUs only: XLA has it nowhere else.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.eig.html
    """
    return results.eig(*record_many(ops.eig, (A,)))


def eigvals(A: Tensor) -> Tensor:
    """The eigenvalues of a square matrix, always complex.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.eigvals.html
    """
    return record(ops.eigvals, (A,))


def _tolerances(A: Tensor, atol: Any, rtol: Any) -> tuple[Any, Any]:
    if atol is None and rtol is None:
        return 0.0, finfo(A.dtype).eps * max(A.shape[-2:])
    return (0.0 if atol is None else atol), (0.0 if rtol is None else rtol)


def pinv(A: Tensor, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Tensor:
    """The pseudo-inverse: reciprocals of the singular values above max(atol, rtol * the largest).

    Args:
        A: (..., m, n).
        atol, rtol: limits, by default 0 and the machine precision times max(m, n); `rcond` is the old word for rtol.
        hermitian: A is Hermitian; faster.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.pinv.html
    """
    low, relative = _tolerances(A, atol, rcond if rtol is None else rtol)
    if is_tensor(low) or is_tensor(relative):
        raise unsupported("linalg.pinv", "atol or rtol as a tensor", "limits are numbers here")
    return record(ops.pinv, (A, float(low), float(relative)), (bool(hermitian),))


def matrix_rank(A: Tensor, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Tensor:
    """How many singular values are above max(atol, rtol * the largest).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.matrix_rank.html
    """
    values = eigvalsh(A).abs() if hermitian else svdvals(A)
    low, relative = _tolerances(A, tol if atol is None else atol, rtol)
    if not values.shape[-1]:
        return values.sum(-1).to(dtypes.int64)
    limit = (values.amax(-1, keepdim=True) * relative).clamp(min=low)
    above: Tensor = values > limit
    return above.sum(-1)


def matrix_power(A: Tensor, n: int) -> Tensor:
    """A multiplied by itself n times; the inverse for negative n.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.matrix_power.html
    """
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise RuntimeError(f"linalg.matrix_power: A must be batches of square matrices, but got {list(A.shape)}")
    if n < 0:
        return matrix_power(inv(A), -n)
    if n == 0:
        return eye(A.shape[-1], dtype=A.dtype).expand(A.shape).clone()
    found: Tensor | None = None
    square = A
    while n:
        if n & 1:
            found = square if found is None else products.matmul(found, square)
        n >>= 1
        if n:
            square = products.matmul(square, square)
    assert found is not None
    return found


def matrix_exp(A: Tensor) -> Tensor:
    """The matrix exponential: sum of A**k / k!.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.matrix_exp.html
    """
    return record(ops.matrix_exp, (A,))


def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """A product of several matrices in the order of the fewest multiplications.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.multi_dot.html
    """
    if len(tensors) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    row, column = tensors[0].ndim == 1, tensors[-1].ndim == 1
    chain = [*tensors]
    if row:
        chain[0] = chain[0].unsqueeze(0)
    if column:
        chain[-1] = chain[-1].unsqueeze(1)
    found = _in_order(chain, _best_splits([m.shape[0] for m in chain] + [chain[-1].shape[1]]), 0, len(chain) - 1)
    if row:
        found = found.squeeze(0)
    return found.squeeze(-1) if column else found


def _best_splits(sizes: list[int]) -> dict[tuple[int, int], int]:
    count = len(sizes) - 1
    costs = {(i, i): 0 for i in range(count)}
    splits = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            costs[i, j], splits[i, j] = min(
                (costs[i, k] + costs[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)
            )
    return splits


def _in_order(chain: list[Tensor], splits: dict[tuple[int, int], int], i: int, j: int) -> Tensor:
    if i == j:
        return chain[i]
    k = splits[i, j]
    return products.mm(_in_order(chain, splits, i, k), _in_order(chain, splits, k + 1, j))


def lstsq(A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None) -> results.lstsq:
    """The X of smallest ||A X - B||, by a QR factorisation (driver "gels") or singular values ("gelsd", "gelss",
    "gelsy").

    As in PyTorch, residuals are filled in where A has more rows than columns and full rank (not for "gelsy"), the rank
    for all but "gels", singular values for "gelsd" and "gelss".

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.lstsq.html
    """
    method = driver or "gelsy"
    if method not in ("gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(
            "torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss), but got " + method
        )
    if A.ndim < 2:
        raise RuntimeError("torch.linalg.lstsq: input must have at least 2 dimensions.")
    if B.ndim < 1:
        raise RuntimeError("torch.linalg.lstsq: other must have at least 1 dimension.")
    vector = B.ndim == 1 or (B.ndim == A.ndim - 1 and B.shape == A.shape[:-1])
    right = B.unsqueeze(-1) if vector else B
    relative = finfo(A.dtype).eps * max(A.shape[-2:]) if rcond is None else rcond
    rank, values = A.new_zeros(0, dtype=dtypes.int64), A.new_zeros(0)
    if method == "gels":
        solution = _full_rank_solution(A, right)
    else:
        solution = products.matmul(pinv(A, rtol=relative), right)
        rank = matrix_rank(A, rtol=relative)
        if method != "gelsy":
            values = svdvals(A)
    residuals = A.new_zeros(0)
    rows, columns = A.shape[-2:]
    if rows > columns and (method == "gels" or (method != "gelsy" and bool((rank == columns).all().item()))):
        off = products.matmul(A, solution) - right
        residuals = (off.abs() ** 2).sum(-2)
    return results.lstsq(solution.squeeze(-1) if vector else solution, residuals, rank, values)


def _full_rank_solution(A: Tensor, B: Tensor) -> Tensor:
    if A.shape[-2] >= A.shape[-1]:
        q, r = qr(A)
        return solve_triangular(r, products.matmul(complexes.adjoint(q), B), upper=True)
    q, r = qr(complexes.adjoint(A))
    return products.matmul(q, solve_triangular(complexes.adjoint(r), B, upper=False))


def lu_factor(A: Tensor, *, pivot: bool = True) -> results.lu_factor:
    """The triangular factors in one matrix, and LAPACK's pivots, counted from 1.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.lu_factor.html
    """
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")
    return results.lu_factor(*record_many(ops.lu_factor, (A,)))


def lu(A: Tensor, *, pivot: bool = True) -> results.lu:
    """Permutation, unit lower and upper triangular factor: A = P L U.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.lu.html
    """
    return lu_unpack(*lu_factor(A, pivot=pivot))


def lu_unpack(LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True) -> results.lu:
    """The factors P, L and U from what `lu_factor` returns.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.lu_unpack.html
    """
    rows, columns = LU_data.shape[-2:]
    k = min(rows, columns)
    empty = LU_data.new_zeros(0)
    low = upper = permutation = empty
    if unpack_data:
        low = LU_data[..., :k].tril(-1) + eye(rows, k, dtype=LU_data.dtype)
        upper = LU_data[..., :k, :].triu()
    if unpack_pivots:
        permutation = record(ops.lu_permutation, (LU_data, LU_pivots))
    return results.lu(permutation, low, upper)


def lu_solve(LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False) -> Tensor:
    """The X with A X = B, given `lu_factor` of A.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.lu_solve.html
    """
    if not left:
        found = lu_solve(LU, pivots, complexes.adjoint(B), adjoint=not adjoint)
        return complexes.adjoint(found)
    p, low, upper = lu_unpack(LU, pivots)
    if adjoint:
        half = solve_triangular(complexes.adjoint(upper), B, upper=False)
        return products.matmul(p, solve_triangular(complexes.adjoint(low), half, upper=True, unitriangular=True))
    half = solve_triangular(low, products.matmul(complexes.adjoint(p), B), upper=False, unitriangular=True)
    return solve_triangular(upper, half, upper=True)


def lu_solve_of(b: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """`lu_solve` as `kilnn.lu_solve` and the method spell it: the right-hand side first.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.lu_solve.html
    """
    return lu_solve(LU_data, LU_pivots, b)


def householder_product(A: Tensor, tau: Tensor) -> Tensor:
    """The first columns of a product of Householder reflections, as LAPACK's orgqr computes them.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.householder_product.html
    """
    return record(ops.householder_product, (A, tau))


# Norms. --------------------------------------------------------------------------------------------------------------


def vector_norm(
    x: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: dtypes.DType | None = None
) -> Tensor:
    """The norm of x seen as vectors along `dim` (all dimensions by default): (sum |x|**ord) ** (1 / ord).

    Args:
        x: tensor.
        ord: a number, inf or -inf; 0 counts what is not zero.
        dim: a dimension, several, or None.
        keepdim: leave dimensions of size 1.
        dtype: cast to this dtype first.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.vector_norm.html
    """
    _require_float("vector_norm", x)
    x = cast(x, dtype)
    x = x.abs() if x.dtype.is_complex else x
    return record(reduction.norm, (x,), (float(ord), None if dim is None else reduced_dims(dim, x.ndim), keepdim))


def matrix_norm(
    A: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: dtypes.DType | None = None
) -> Tensor:
    """The norm of matrices: "fro", "nuc", 2 or -2 (singular values), 1 or -1 (columns), inf or -inf (rows).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.matrix_norm.html
    """
    _require_float("matrix_norm", A)
    if A.ndim < 2:
        raise RuntimeError("linalg.matrix_norm: The input tensor A must have at least 2 dimensions.")
    A = cast(A, dtype)
    row, column = normalize_dims(tuple(dim), A.ndim)
    if ord == "fro":
        return vector_norm(A, 2, (row, column), keepdim)
    if ord in ("nuc", 2, -2):
        values = svdvals(A.movedim((row, column), (-2, -1)))
        found = values.sum(-1) if ord == "nuc" else values.amax(-1) if ord == 2 else values.amin(-1)
        for place in sorted((row, column)) if keepdim else ():
            found = found.unsqueeze(place)
        return found
    if ord not in (1, -1, math.inf, -math.inf):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    first, second = (row, column) if abs(ord) == 1 else (column, row)
    sums = A.abs().sum(first, keepdim=True)
    found = sums.amax(second, keepdim=True) if ord > 0 else sums.amin(second, keepdim=True)
    return found if keepdim else found.squeeze((row, column))


def norm(
    A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: dtypes.DType | None = None
) -> Tensor:
    """A vector norm, or for two dimensions (or a matrix with an `ord`) a matrix norm.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.norm.html
    """
    dims = (dim,) if isinstance(dim, int) else dim
    matrix = ord is not None and ((dims is not None and len(dims) == 2) or (dims is None and A.ndim == 2))
    if dims is None and ord is not None and A.ndim > 2:
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.ndim}D."
        )
    if matrix or isinstance(ord, str):
        return matrix_norm(A, ord, (-2, -1) if dims is None else dims, keepdim, dtype=dtype)
    return vector_norm(A, 2 if ord is None else ord, dims, keepdim, dtype=dtype)


def cond(A: Tensor, p: Any = None) -> Tensor:
    """The condition number: norm of A times norm of its inverse; for p None or 2, the quotient of the extreme singular
    values.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.cond.html
    """
    if p in (None, 2, -2):
        values = svdvals(A)
        large, small = values.amax(-1), values.amin(-1)
        return small / large if p == -2 else large / small
    return matrix_norm(A, p) * matrix_norm(inv(A), p)


def _require_float(name: str, x: Tensor) -> None:
    if x.dtype.category < dtypes.FLOAT:
        raise RuntimeError(
            f"linalg.{name}: Expected a floating point or complex tensor as input. Got {dtypes.word_of(x.dtype)}"
        )


# Products and rearrangements. ----------------------------------------------------------------------------------------


def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The cross product of vectors of length 3 along `dim`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.cross.html
    """
    return products.cross(input, other, dim)


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """The dot products of vectors along `dim`; those of x conjugated.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.vecdot.html
    """
    return (complexes.conj(x) * y).sum(dim)


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonals of matrices, as a view.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.diagonal.html
    """
    return _diagonal(A, offset, dim1, dim2)


def vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """The powers 0, 1, ... N - 1 of each element, in rows.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.vander.html
    """
    x = x if x.ndim else x.reshape(1)
    count = x.shape[-1] if N is None else N
    ones = x.new_ones((*x.shape, 1))
    if count <= 1:
        return ones
    return joining.cat([ones, x.unsqueeze(-1).expand(*x.shape, count - 1).cumprod(-1)], -1)


def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse of the map that `tensordot(A, x, ind)` is.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.tensorinv.html
    """
    if ind <= 0:
        raise RuntimeError("Expected a strictly positive integer for 'ind'")
    front, back = A.shape[:ind], A.shape[ind:]
    if math.prod(front) != math.prod(back):
        raise RuntimeError("Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind])")
    return inv(A.reshape(math.prod(front), -1)).reshape(*back, *front)


def tensorsolve(A: Tensor, B: Tensor, dims: Sequence[int] | None = None) -> Tensor:
    """The X with `tensordot(A, X, X.ndim) = B`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.linalg.tensorsolve.html
    """
    if dims is not None:
        A = A.movedim(tuple(dims), tuple(range(A.ndim - len(dims), A.ndim)))
    back = A.shape[B.ndim :]
    return solve(A.reshape(-1, math.prod(back)), B.reshape(-1)).reshape(back)


def chain_matmul(*matrices: Tensor) -> Tensor:
    """PyTorch's older spelling of `multi_dot`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.chain_matmul.html
    """
    return multi_dot(matrices) if len(matrices) > 1 else matrices[0]


matmul = products.matmul
inverse = inv
pinverse = pinv


def pca_lowrank(A: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> results.svd_v:
    """The q leading singular values and vectors of A with its columns' means taken off, computed exactly.

    Args:
        A: (..., m, n).
        q: how many, by default min(6, m, n).
        center: take the means off.
        niter: accepted; nothing is approximated.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.pca_lowrank.html
    """
    count = min(6, *A.shape[-2:]) if q is None else q
    return svd_lowrank(A - reductions.mean(A, -2, keepdim=True) if center else A, count)


def svd_lowrank(A: Tensor, q: int | None = 6, niter: int = 2, M: Tensor | None = None) -> results.svd_v:
    """The q leading singular values and vectors of A (of A - M), computed exactly.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.svd_lowrank.html
    """
    u, s, vh = svd(A if M is None else A - M, False)
    count = 6 if q is None else q
    return results.svd_v(u[..., :count], s[..., :count], complexes.adjoint(vh)[..., :count])
