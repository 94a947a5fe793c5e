"""Matrix products and Einstein sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kilnn.base.dtypes import DType, float32
from kilnn.engine.autocast import computed_in_float32, lowered
from kilnn.ops import arithmetic, creation, matmul as ops
from kilnn.tensor.doors import is_tensor, number_for, record
from kilnn.tensor.functions.equations import contracts, parse

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor


def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices."""
    return record(ops.mm, (input, mat2))


def scaled_mm(
    input: Tensor, mat2: Tensor, scale_a: Tensor, scale_b: Tensor, bias: Tensor | None = None,
    scale_result: Tensor | None = None, out_dtype: DType | None = None, use_fast_accum: bool = False,
) -> Tensor:  # fmt: skip
    """The product of two float8 matrices, computed in float32, with scales.

    Formula: (scale_a * input) @ (scale_b * mat2) + bias, and times scale_result if the result is float8.

    Args:
        input, mat2: float8 matrices (n, m) and (m, p).
        scale_a, scale_b: float32, one number each, or (n, 1) and (1, p).
        bias: p numbers.
        scale_result: a number for a float8 result; does nothing for others.
        out_dtype: of the result; that of input by default.
        use_fast_accum: accepted; sums are float32.

    Raises: ValueError for other dtypes or scales, RuntimeError for matrices that do not fit.
    """
    if input.ndim != 2 or mat2.ndim != 2 or input.shape[1] != mat2.shape[0]:
        raise RuntimeError(
            f"mat_a and mat_b shapes cannot be multiplied ({'x'.join(map(str, input.shape))} and "
            f"{'x'.join(map(str, mat2.shape))})"
        )
    rows, columns = (input.shape[0], 1), (1, mat2.shape[1])
    single = scale_a.numel() == 1 and scale_b.numel() == 1
    by_rows = tuple(scale_a.shape) == rows and tuple(scale_b.shape) == columns
    types = (input.dtype, mat2.dtype), (scale_a.dtype, scale_b.dtype)
    if not (single or by_rows) or any(t.itemsize != 1 or not t.is_floating_point for t in types[0]):
        raise ValueError(
            f"Invalid scaling configuration: expected float8 matrices, and scales of one number each or of sizes "
            f"{rows} and {columns}; got {types[0]}, scales of sizes {tuple(scale_a.shape)} and {tuple(scale_b.shape)}"
        )
    if types[1] != (float32, float32):
        raise ValueError(f"Invalid scaling configuration: scales should be float32, got {types[1]}")
    a = input.to(float32) * (scale_a.reshape(()) if single else scale_a)
    b = mat2.to(float32) * (scale_b.reshape(()) if single else scale_b)
    out = mm(a, b)
    if bias is not None:
        out = out + bias.to(float32)
    result = input.dtype if out_dtype is None else out_dtype
    if scale_result is not None and result.itemsize == 1:
        out = out * scale_result
    return out.to(result)


def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The products of two batches of matrices, (b, n, m) and (b, m, p)."""
    return record(ops.bmm, (input, mat2))


def mv(input: Tensor, vec: Tensor) -> Tensor:
    """The product of a matrix and a vector."""
    return record(ops.mv, (input, vec))


def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """The sum of the products of two vectors."""
    return record(ops.dot, (input, tensor))


_BY_RANKS = {(2, 2): ops.mm, (2, 1): ops.mv, (1, 1): ops.dot}


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The product of matrices, vectors, or batches of them.

    Args:
        input, other: tensors of at least one dimension. Two vectors give their dot product; a vector on the left is a
            row, on the right a column; leading dimensions are broadcast.

    Raises: RuntimeError if the sizes do not fit or the dtypes differ.

    Example:
        >>> import kilnn
        >>> kilnn.matmul(kilnn.ones(5, 2, 3), kilnn.ones(3, 4)).shape
        kilnn.Size([5, 2, 4])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.matmul.html
    """
    for x in (input, other):
        if not is_tensor(x):
            if hasattr(x, "__kilnn_operation__"):
                return record(ops.matmul, (input, other))
            raise TypeError(f"unsupported operand type(s) for @: 'Tensor' and '{type(x).__name__}'")
    left, right = input.aval.shape, other.aval.shape
    op = _BY_RANKS.get((len(left), len(right)))
    if op is not None:
        return record(op, lowered(input, other) if op is ops.dot or op is ops.mv else (input, other))
    # Where PyTorch multiplies a copy of an operand, a later in-place write to the operand does no harm.
    if len(right) > 2:
        if len(left) <= 2:
            other = record(creation.clone, (other,)) if right[:-2] != (1,) * (len(right) - 2) else other
        else:
            input, other = _stretched(input, left, right), _stretched(other, right, left)
    return record(ops.matmul, (input, other))


def _stretched(x: Tensor, shape: tuple[int, ...], other: tuple[int, ...]) -> Tensor:
    """x, or a copy of it if its batch dimensions must be stretched to those of the other operand."""
    mine, theirs = shape[:-2], other[:-2]
    rank = max(len(mine), len(theirs))
    padded = (1,) * (rank - len(mine)) + mine
    wanted = (1,) * (rank - len(theirs)) + theirs
    grows = any(n == 1 and m != 1 for n, m in zip(padded, wanted, strict=True))
    return record(creation.clone, (x,)) if grows else x


def _combined(plain: Any, scaled: Any, x: Tensor, a: Tensor, b: Tensor, beta: Any, alpha: Any, product: Any) -> Tensor:
    if alpha == 1 and beta == 1:
        return record(plain, (x, a, b))
    if beta == 0:
        # PyTorch ignores x altogether, so that its NaN and infinities do not spread.
        return record(arithmetic.mul, (record(product, (a, b)), alpha))
    return record(scaled, (x, a, b, beta, alpha))


def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2)."""
    return _combined(ops.addmm, ops.addmm_scaled, input, mat1, mat2, beta, alpha, ops.mm)


def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * bmm(batch1, batch2)."""
    return _combined(ops.baddbmm, ops.baddbmm_scaled, input, batch1, batch2, beta, alpha, ops.bmm)


def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * the sum of the products of the batches."""
    input, batch1, batch2 = lowered(input, batch1, batch2)
    total = record(ops.bmm, (batch1, batch2)).sum(0)
    return _affine(input, total, beta, alpha)


def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * (mat @ vec)."""
    return _affine(input, record(ops.mv, (mat, vec)), beta, alpha)


def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * the outer product of two vectors."""
    return _affine(input, outer(vec1, vec2), beta, alpha)


def _affine(input: Tensor, product: Tensor, beta: Any, alpha: Any) -> Tensor:
    if alpha != 1:
        product = record(arithmetic.mul, (product, number_for(product.dtype, alpha)))
    if beta == 0:
        return product
    scaled = input if beta == 1 else record(arithmetic.mul, (input, number_for(input.dtype, beta)))
    return record(arithmetic.add, (scaled, product))


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """The products of every element of one vector with every element of another, (n, m)."""
    for name, x in (("self", input), ("vec2", vec2)):
        if x.ndim != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {x.ndim}-D")
    return record(arithmetic.mul, (input.unsqueeze(1), vec2))


ger = outer


def inner(input: Tensor, other: Tensor) -> Tensor:
    """Sums of products over the last dimension of both."""
    if not input.ndim or not other.ndim:
        return record(arithmetic.mul, (input, other))
    if input.shape[-1] != other.shape[-1]:
        raise RuntimeError(
            f"inner() the last dimension must match on both input tensors but got shapes {list(input.shape)} "
            f"and {list(other.shape)}"
        )
    return tensordot(input, other, ([-1], [-1]))


def vdot(input: Tensor, other: Tensor) -> Tensor:
    """The dot product of two vectors."""
    return dot(input, other)


def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Sums of products over several dimensions at once.

    Args:
        a, b: tensors.
        dims: how many trailing dimensions of a and leading ones of b are summed over, or one list of dimensions each.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.tensordot.html
    """
    if isinstance(dims, int):
        left, right = list(range(a.ndim - dims, a.ndim)), list(range(dims))
    else:
        left, right = ([d % n for d in part] for part, n in zip(dims, (a.ndim, b.ndim), strict=True))
    if len(left) != len(right):
        raise RuntimeError("both dimension lists should have same length")
    for d, e in zip(left, right, strict=True):
        if a.shape[d] != b.shape[e] and 1 not in (a.shape[d], b.shape[e]):
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {a.shape[d]} in dim {d} and second has size "
                f"{b.shape[e]} in dim {e}"
            )
    # A size of 1 is stretched to the other's: the dimension that meets it is summed first.
    meetings = list(zip(left, right, strict=True))
    for_a = [d for d, e in meetings if b.shape[e] == 1 != a.shape[d]]
    for_b = [e for d, e in meetings if a.shape[d] == 1 != b.shape[e]]
    a = a.sum(for_a, keepdim=True) if for_a else a
    b = b.sum(for_b, keepdim=True) if for_b else b
    letters = [chr(ord("A") + k) for k in range(a.ndim)]
    other = [chr(ord("a") + k) for k in range(b.ndim)]
    for d, e in zip(left, right, strict=True):
        other[e] = letters[d]
    kept = [c for k, c in enumerate(letters) if k not in left] + [c for k, c in enumerate(other) if k not in right]
    return record(ops.einsum_two, lowered(a, b), (f"{''.join(letters)},{''.join(other)}->{''.join(kept)}",))


def einsum(equation: Any, *operands: Any) -> Tensor:
    """Sums of products written with a letter for each dimension.

    Formula: "ij,jk->ik" is sum over j of a[i, j] * b[j, k]; letters that are not in the result are summed over.

    Args:
        equation: the subscripts of each operand, separated by commas, and after "->" those of the result. "..." stands
            for dimensions without a letter; without "->" the letters that occur once make the result, in order.
        operands: tensors, or one list of them.

    Raises: RuntimeError if the equation does not fit the operands.

    Example:
        >>> import kilnn
        >>> a, b = kilnn.ones(2, 3), kilnn.ones(3, 4)
        >>> kilnn.einsum("ij,jk->ik", a, b).shape
        kilnn.Size([2, 4])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.einsum.html
    """
    if not isinstance(equation, str):
        raise NotImplementedError(
            "einsum(): the form with lists of integers is not supported: write the subscripts as a string"
        )
    if len(operands) == 1 and isinstance(operands[0], Sequence):
        operands = tuple(operands[0])
    parsed = parse(equation, tuple(tuple(x.aval.shape) for x in operands))
    if len(operands) == 1:
        return record(ops.einsum_one, operands, (parsed,))
    if contracts(parsed):
        operands = lowered(*operands)
    if len(operands) == 2:
        return record(ops.einsum_two, operands, (parsed,))
    return record(ops.einsum, operands, (parsed,))


def kron(input: Tensor, other: Tensor) -> Tensor:
    """The Kronecker product: every element of input times the whole of other."""
    rank = max(input.ndim, other.ndim)
    left = input.reshape((1,) * (rank - input.ndim) + tuple(input.shape))
    right = other.reshape((1,) * (rank - other.ndim) + tuple(other.shape))
    wide = left.reshape([n for size in left.shape for n in (size, 1)])
    thin = right.reshape([n for size in right.shape for n in (1, size)])
    shape = [n * m for n, m in zip(left.shape, right.shape, strict=True)]
    return record(arithmetic.mul, (wide, thin)).reshape(shape)


def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The vector product of three-dimensional vectors along `dim` (by default the first dimension of size 3)."""
    if dim is None:
        dim = next((d for d, n in enumerate(input.shape) if n == 3), None)
        if dim is None:
            raise RuntimeError("no dimension of size 3 in input")
    if input.ndim != other.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    if input.shape[dim] != 3 or other.shape[dim] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {input.shape[dim]} and {other.shape[dim]}"
        )
    return input.roll(-1, dim) * other.roll(-2, dim) - input.roll(-2, dim) * other.roll(-1, dim)


@computed_in_float32
def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str | None = None) -> Tensor:
    """The p-norm distances between every row of x1 (..., n, d) and every row of x2 (..., m, d)."""
    return (x1.unsqueeze(-2) - x2.unsqueeze(-3)).norm(p, -1)


def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The p-norm of input - other."""
    return (input - other).norm(p)
