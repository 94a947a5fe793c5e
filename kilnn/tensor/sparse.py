"""Sparse tensors in coordinate form: the places of the values and the values, both of them ordinary tensors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from kilnn.base.layout import layout, sparse_coo
from kilnn.base.shapes import normalize_dim
from kilnn.ops import activation, arithmetic, elementary, matmul, rounding
from kilnn.ops.spec import Op
from kilnn.tensor.create import ones_like, tensor, zeros
from kilnn.tensor.doors import is_tensor, record
from kilnn.tensor.functions.indexing import nonzero, unique
from kilnn.tensor.functions.joining import cat, stack
from kilnn.tensor.size import Size

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor

KEEP_ZERO = frozenset((
    rounding.abs_, rounding.ceil, rounding.floor, rounding.frac, rounding.sign, rounding.trunc, activation.relu,
    elementary.asin, elementary.asinh, elementary.atan, elementary.atanh, elementary.erf, elementary.erfinv,
    elementary.expm1, elementary.log1p, elementary.sin, elementary.sinh, elementary.sqrt, elementary.tan,
    elementary.tanh,
))  # fmt: skip
"""Operations of one operand that give zero for zero."""


class SparseTensor:
    """What `kilnn.sparse_coo_tensor` makes: `indices` (sparse_dim, nnz) and `values` (nnz, *dense sizes).

    Operations on it are recorded operations on its values, so gradients reach them. Supported are
    conversions, sums and differences of sparse tensors, dense + sparse, products with numbers and tensors, matrix
    products on either side, `sum`, and functions that give zero for zero; others raise NotImplementedError.

    Differs from PyTorch: it is no subclass of `Tensor`.

    Source: https://docs.pytorch.org/docs/2.13/sparse.html
    """

    is_sparse = True
    is_sparse_csr = is_nested = is_quantized = is_mkldnn = False

    def __init__(self, indices: Tensor, values: Tensor, size: Sequence[int], coalesced: bool = False) -> None:
        self._places, self._numbers, self._size = indices, values, Size(size)
        self._coalesced = coalesced or indices.shape[1] < 2

    # -- what it is -----------------------------------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        """The size of each dimension."""
        return self._size

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self._size)

    def dim(self) -> int:
        """Number of dimensions."""
        return len(self._size)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or one entry of it."""
        return self._size if dim is None else self._size[normalize_dim(dim, self.ndim)]

    def numel(self) -> int:
        """Number of elements, zeros included."""
        return math.prod(self._size)

    def __len__(self) -> int:
        return int(self._size[0])

    @property
    def dtype(self) -> Any:
        """The element type."""
        return self._numbers.dtype

    @property
    def device(self) -> Any:
        """Where its values live."""
        return self._numbers.device

    @property
    def layout(self) -> layout:
        """`kilnn.sparse_coo`."""
        return sparse_coo

    def is_floating_point(self) -> bool:
        """True for the float dtypes."""
        return self._numbers.is_floating_point()

    def is_complex(self) -> bool:
        """True for the complex dtypes."""
        return self._numbers.is_complex()

    def sparse_dim(self) -> int:
        """Number of dimensions that `indices` counts in."""
        return int(self._places.shape[0])

    def dense_dim(self) -> int:
        """Number of dimensions of each value."""
        return self.ndim - self.sparse_dim()

    def is_coalesced(self) -> bool:
        """Whether places are known to be unique and in order."""
        return self._coalesced

    def _nnz(self) -> int:
        return int(self._places.shape[1])

    def _indices(self) -> Tensor:
        return self._places

    def _values(self) -> Tensor:
        return self._numbers

    def indices(self) -> Tensor:
        """Places of the values, one column each. RuntimeError unless it is coalesced."""
        return self._unique("indices")._places

    def values(self) -> Tensor:
        """The values. RuntimeError unless it is coalesced."""
        return self._unique("values")._numbers

    def _unique(self, what: str) -> SparseTensor:
        if not self._coalesced:
            raise RuntimeError(f"Cannot get {what} on an uncoalesced tensor, please call .coalesce() first")
        return self

    def __repr__(self) -> str:
        inner = [f"indices={self._places!r}", f"values={self._numbers.detach()!r}"]
        inner = [text.replace("\n", "\n" + " " * (len("tensor(") + text.index("=") + 1)) for text in inner]
        facts = [f"size={tuple(self._size)}", f"nnz={self._nnz()}"]
        if self.requires_grad:
            facts.append("requires_grad=True")
        return f"tensor({(',' + chr(10) + ' ' * 7).join([*inner, ', '.join(facts)])}, layout={sparse_coo!r})"

    # -- gradients ------------------------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether its values ask for a gradient."""
        return self._numbers.requires_grad

    def requires_grad_(self, requires_grad: bool = True) -> SparseTensor:
        """Ask for the gradient of the values, in place."""
        self._numbers.requires_grad_(requires_grad)
        return self

    @property
    def grad(self) -> SparseTensor | None:
        """The gradient at the places of the values; values at the same place share one."""
        grad = self._numbers.grad
        if grad is None or self._coalesced:
            return None if grad is None else self._with(grad)
        summed, count = self._with(grad).coalesce(), self._with(ones_like(grad)).coalesce()
        return summed._with(summed._numbers / count._numbers)

    def detach(self) -> SparseTensor:
        """The same places and values outside the gradient graph."""
        return self._with(self._numbers.detach())

    # -- other forms ----------------------------------------------------------------------------------------------

    def _with(self, values: Tensor) -> SparseTensor:
        return SparseTensor(self._places, values, self._size, self._coalesced)

    def coalesce(self) -> SparseTensor:
        """Values at the same place added up, in the order of their places. Reads the places.

        Formula: as many values as there are different columns of `indices`.

        Example:
            >>> import kilnn
            >>> kilnn.sparse_coo_tensor([[1, 0, 1]], [1.0, 2.0, 3.0]).coalesce().values()
            tensor([2., 4.])

        Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.coalesce.html
        """
        if self._coalesced:
            return self
        sizes = self._size[: self.sparse_dim()]
        place: Any = zeros(self._nnz(), dtype=self._places.dtype, device=self.device)
        for n, size in enumerate(sizes):
            place = place * size + self._places[n]
        kept, inverse = unique(place, return_inverse=True)
        empty = zeros(len(kept), *self._numbers.shape[1:], dtype=self.dtype, device=self.device)
        columns: list[Any] = []
        rest: Any = kept
        for size in reversed(sizes):
            columns.insert(0, rest % size)
            rest = rest // size
        return SparseTensor(stack(columns), empty.index_add(0, inverse, self._numbers), self._size, True)

    def to_dense(self, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
        """The ordinary tensor, zeros included.

        Args:
            dtype: of the result; its own by default.
            masked_grad: accepted; values get the gradients of their places.
        """
        dense = zeros(*self._size, dtype=self.dtype, device=self.device)
        dense = dense.index_put(tuple(self._places), self._numbers, accumulate=True)
        return dense if dtype is None else dense.to(dtype)

    def to_sparse(self, sparse_dim: int | None = None) -> SparseTensor:
        """The tensor itself."""
        return self if sparse_dim in (None, self.sparse_dim()) else coordinates(self.to_dense(), sparse_dim)

    def clone(self) -> SparseTensor:
        """A copy."""
        return SparseTensor(self._places.clone(), self._numbers.clone(), self._size, self._coalesced)

    def to(self, *args: Any, **kwargs: Any) -> SparseTensor:
        """Values of another dtype, or on another device; `Tensor.to`."""
        values = self._numbers.to(*args, **kwargs)
        return SparseTensor(self._places.to(values.device), values, self._size, self._coalesced)

    def cpu(self) -> SparseTensor:
        """On the CPU."""
        return self.to("cpu")

    def cuda(self, device: Any = None) -> SparseTensor:
        """On a GPU."""
        values = self._numbers.cuda(device)
        return SparseTensor(self._places.to(values.device), values, self._size, self._coalesced)

    def float(self) -> SparseTensor:
        """As float32."""
        return self._with(self._numbers.float())

    def double(self) -> SparseTensor:
        """As float64."""
        return self._with(self._numbers.double())

    def half(self) -> SparseTensor:
        """As float16."""
        return self._with(self._numbers.half())

    def transpose(self, dim0: int, dim1: int) -> SparseTensor:
        """Two of the sparse dimensions exchanged."""
        first, second = normalize_dim(dim0, self.ndim), normalize_dim(dim1, self.ndim)
        if max(first, second) >= self.sparse_dim():
            raise NotImplementedError("transpose(): of a sparse tensor, only sparse dimensions can be exchanged")
        rows, size = list(self._places), list(self._size)
        rows[first], rows[second] = rows[second], rows[first]
        size[first], size[second] = size[second], size[first]
        return SparseTensor(stack(rows), self._numbers, size)

    def t(self) -> SparseTensor:
        """The transposed matrix."""
        if self.ndim != 2:
            raise RuntimeError(
                f"t() expects a tensor with <= 2 sparse and 0 dense dimensions, but self is {self.ndim}D"
            )
        return self.transpose(0, 1)

    def numpy(self) -> Any:
        """TypeError: a sparse tensor is no array."""
        raise TypeError("can't convert Sparse layout tensor to numpy. Use Tensor.to_dense() first.")

    # -- operations -----------------------------------------------------------------------------------------------

    def __kilnn_operation__(self, op: Op, operands: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
        """What `record` calls for an operation on sparse operands."""
        if op in KEEP_ZERO:
            one = self.coalesce()
            return one._with(record(op, (one._numbers, *operands[1:]), attributes))
        rule = _RULES.get(op)
        if rule is None:
            raise NotImplementedError(f"{op.name}(): not supported for sparse tensors; use to_dense()")
        return rule(*operands)

    def __add__(self, other: Any) -> Any:
        return _add(self, other)

    def __radd__(self, other: Any) -> Any:
        return _add(other, self)

    def __sub__(self, other: Any) -> Any:
        return _sub(self, other)

    def __rsub__(self, other: Any) -> Any:
        return _sub(other, self)

    def __mul__(self, other: Any) -> Any:
        return _mul(self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return _div(self, other)

    def __neg__(self) -> SparseTensor:
        return self._with(-self._numbers)

    def __matmul__(self, other: Any) -> Any:
        return _product(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return _product(other, self)

    matmul = mm = mv = __matmul__
    add, sub, mul, div, neg = __add__, __sub__, __mul__, __truediv__, __neg__

    def __abs__(self) -> Any:
        return record(rounding.abs_, (self,))

    def abs(self) -> Any:
        """|x|."""
        return record(rounding.abs_, (self,))

    def sqrt(self) -> Any:
        """The square root."""
        return record(elementary.sqrt, (self,))

    def relu(self) -> Any:
        """max(x, 0)."""
        return record(activation.relu, (self,))

    def sum(self, dim: Any = None, dtype: Any = None) -> Any:
        """The sum of all elements, or of those along `dim`: sparse unless no sparse dimension is left."""
        values = self._numbers if dtype is None else self._numbers.to(dtype)
        if dim is None:
            return values.sum()
        gone = {normalize_dim(d, self.ndim) for d in ((dim,) if isinstance(dim, int) else dim)}
        dense = [d - self.sparse_dim() + 1 for d in gone if d >= self.sparse_dim()]
        values = values.sum(dense) if dense else values
        left = [d for d in range(self.sparse_dim()) if d not in gone]
        if not left:
            return values.sum(0)
        size = [n for d, n in enumerate(self._size) if d not in gone]
        return SparseTensor(self._places[tensor(left)], values, size).coalesce()


def _sparse(x: Any) -> bool:
    return isinstance(x, SparseTensor)


def _same_size(function: str, a: Any, b: Any) -> None:
    if tuple(a.shape) != tuple(b.shape):
        raise RuntimeError(
            f"{function}: expected sizes of 'self' and 'other' to match, but {tuple(a.shape)} != {tuple(b.shape)}"
        )


def _add(a: Any, b: Any) -> Any:
    if not _sparse(a):
        if not is_tensor(a):
            raise RuntimeError("add(sparse, number) is not supported: every zero would change. Use to_dense() first.")
        return a + b.to_dense()
    if not _sparse(b):
        raise RuntimeError("add(sparse, dense) is not supported. Use add(dense, sparse) instead.")
    _same_size("add", a, b)
    if a.sparse_dim() != b.sparse_dim():
        raise RuntimeError(
            "add: expected 'self' and 'other' to have same number of sparse dimensions, but "
            f"{a.sparse_dim()} != {b.sparse_dim()}"
        )
    return SparseTensor(cat([a._places, b._places], 1), cat([a._numbers, b._numbers]), a.shape).coalesce()


def _sub(a: Any, b: Any) -> Any:
    return _add(a, -b)


def _mul(a: Any, b: Any) -> Any:
    if not _sparse(a):
        a, b = b, a
    if not is_tensor(b) and not _sparse(b):
        return a._with(a._numbers * b)
    if b.ndim == 0:
        return a._with(a._numbers * (b.to_dense() if _sparse(b) else b))
    _same_size("mul", a, b)
    if not _sparse(b):
        return a._with(a._numbers * b[tuple(a._places)])
    a, b = a.coalesce(), b.coalesce()
    kept = (_pattern(b)[tuple(a._places)] > 0).nonzero().reshape(-1)
    places = a._places[:, kept]
    return SparseTensor(places, a._numbers[kept] * b.to_dense()[tuple(places)], a.shape, True)


def _div(a: Any, b: Any) -> Any:
    if not _sparse(a) or _sparse(b) or (is_tensor(b) and b.ndim):
        raise RuntimeError("Sparse division requires a scalar or zero-dim dense tensor divisor")
    return a._with(a._numbers / b)


def _pattern(x: SparseTensor) -> Tensor:
    """A dense tensor that is positive where x has a value."""
    return SparseTensor(x._places, ones_like(x._places[0]), x._size[: x.sparse_dim()]).to_dense()


def _product(a: Any, b: Any) -> Any:
    for x in (a, b):
        if not is_tensor(x) and not _sparse(x):
            raise TypeError(f"matmul(): expected tensors, got {type(x).__name__}")
        if _sparse(x) and (x.ndim != 2 or x.dense_dim()):
            raise NotImplementedError(
                "matmul(): of sparse tensors, matrices with two sparse dimensions can be multiplied, got "
                f"{x.sparse_dim()} sparse and {x.dense_dim()} dense dimensions"
            )
    if not _sparse(a):
        return _product(b.t(), a.t()).t() if a.ndim == 2 else _product(b.t(), a)
    if a.shape[1] != b.shape[0]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({a.shape[0]}x{a.shape[1]} and {'x'.join(map(str, b.shape))})"
        )
    if a.dtype is not b.dtype:
        raise RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {a.dtype!r} != {b.dtype!r}")
    if _sparse(b):
        dense = _product(a, b.to_dense())
        places = (_pattern(a).matmul(_pattern(b)) > 0).nonzero().t()
        return SparseTensor(places, dense[tuple(places)], dense.shape, True)
    if b.ndim > 2:
        raise NotImplementedError(f"matmul(): a sparse matrix times a tensor of {b.ndim} dimensions is not supported")
    rows, columns = a._places
    weights = a._numbers if b.ndim == 1 else a._numbers.unsqueeze(1)
    empty = zeros(a.shape[0], *b.shape[1:], dtype=a.dtype, device=a.device)
    return empty.index_add(0, rows, weights * b[columns])


_RULES: dict[Op, Callable[..., Any]] = {
    arithmetic.add: _add,
    arithmetic.sub: _sub,
    arithmetic.mul: _mul,
    arithmetic.div: _div,
    rounding.neg: SparseTensor.__neg__,
    matmul.mm: _product,
    matmul.mv: _product,
    matmul.matmul: _product,
}


def coordinates(x: Tensor, sparse_dim: int | None) -> SparseTensor:
    """What of x is not zero, with places counted in the first `sparse_dim` dimensions (None: in all)."""
    count = x.ndim if sparse_dim is None else sparse_dim
    if not 0 < count <= max(x.ndim, 1):
        raise RuntimeError(f"to_sparse: sparse_dim {count} must be from 1 to the number of dimensions, {x.ndim}")
    there: Any = x != 0
    if count < x.ndim:
        there = there.flatten(count).any(-1)
    places: Any = nonzero(there).t()
    return SparseTensor(places, x[tuple(places)], x.shape, True)
