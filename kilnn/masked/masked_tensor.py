"""Tensors some of whose elements are not there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kilnn.base import dtypes
from kilnn.base.limits import finfo, iinfo
from kilnn.ops import arithmetic, comparison, elementary, pairs, powers, rounding, special
from kilnn.ops.spec import Op
from kilnn.tensor.doors import is_tensor, record
from kilnn.tensor.functions.activation import log_softmax, softmax
from kilnn.tensor.functions.arithmetic import where
from kilnn.tensor.size import Size
from kilnn.tensor.tensor import Tensor

_FAMILIES = (arithmetic, comparison, elementary, pairs, powers, rounding, special)
ELEMENTWISE = frozenset(x for family in _FAMILIES for x in vars(family).values() if isinstance(x, Op))


class MaskedTensor:
    """Data and a mask of the same size: True where an element is there. `masked_tensor` makes it.

    Element by element operations work on what is there, and operands' masks must be equal; reductions leave out what is
    not, and an element of their result is there if anything was reduced. Gradients reach the elements that are there.
    Other operations raise NotImplementedError.

    Differs from PyTorch: it is no subclass of `Tensor`.
    Source: https://docs.pytorch.org/docs/2.13/masked.html
    """

    is_sparse = False

    def __init__(self, data: Any, mask: Any) -> None:
        for name, x in (("data", data), ("mask", mask)):
            if not is_tensor(x):
                raise TypeError(f"{name} must be a Tensor, got {type(x).__name__}")
        if mask.dtype is not dtypes.bool:
            raise TypeError("mask must have dtype bool.")
        if data.ndim != mask.ndim:
            raise ValueError("data.dim() must equal mask.dim()")
        if data.shape != mask.shape:
            raise ValueError("data.size() must equal mask.size()")
        # Where nothing is there, a derivative may be infinite: what does not count must not come back as 0 * inf.
        self._data = where(mask, data, data.detach()) if data.grad_fn is not None else data
        self._mask = mask

    # -- what it is -----------------------------------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        """The size of each dimension."""
        return self._data.shape  # type: ignore[no-any-return]  # a Size

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return int(self._data.ndim)

    def dim(self) -> int:
        """Number of dimensions."""
        return int(self._data.ndim)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or one entry of it."""
        return self._data.size(dim)

    def numel(self) -> int:
        """Number of elements, there or not."""
        return int(self._data.numel())

    def __len__(self) -> int:
        return len(self._data)

    @property
    def dtype(self) -> Any:
        """The element type."""
        return self._data.dtype

    @property
    def device(self) -> Any:
        """Where the data lives."""
        return self._data.device

    def get_data(self) -> Tensor:
        """All elements, also those that are not there."""
        return self._data  # type: ignore[no-any-return]  # a Tensor

    def get_mask(self) -> Tensor:
        """True where an element is there."""
        return self._mask  # type: ignore[no-any-return]  # a Tensor

    def to_tensor(self, value: Any) -> Tensor:
        """An ordinary tensor, with a value where nothing is there."""
        return self._data.masked_fill(~self._mask, value)  # type: ignore[no-any-return]  # a Tensor

    @property
    def requires_grad(self) -> bool:
        """Whether the data asks for a gradient."""
        return bool(self._data.requires_grad)

    def requires_grad_(self, requires_grad: bool = True) -> MaskedTensor:
        """Ask for the gradient of the data, in place."""
        self._data.requires_grad_(requires_grad)
        return self

    @property
    def grad(self) -> MaskedTensor | None:
        """The gradient, there where the elements are."""
        return None if self._data.grad is None else MaskedTensor(self._data.grad, self._mask)

    def backward(self, gradient: Any = None, **kwargs: Any) -> None:
        """`Tensor.backward` of the data."""
        self._data.backward(gradient._data if isinstance(gradient, MaskedTensor) else gradient, **kwargs)

    def __repr__(self) -> str:
        text = _text(self._data.detach().tolist(), self._mask.tolist(), 2)
        return f"MaskedTensor(\n{text}\n)" if self.ndim else f"MaskedTensor({text.strip(chr(10))}, {self._mask.item()})"

    # -- operations -----------------------------------------------------------------------------------------------

    def __kilnn_operation__(self, op: Op, operands: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
        """What `record` calls for an operation on masked operands."""
        if op not in ELEMENTWISE:
            raise NotImplementedError(f"{op.name}(): not supported for masked tensors; use to_tensor(value)")
        return MaskedTensor(record(op, tuple([_data_of(x) for x in operands]), attributes), _common_mask(operands))

    def _both(self, name: str, *args: Any, **kwargs: Any) -> MaskedTensor:
        return MaskedTensor(getattr(self._data, name)(*args, **kwargs), getattr(self._mask, name)(*args, **kwargs))

    def view(self, *shape: Any) -> MaskedTensor:
        """`Tensor.view` of data and mask."""
        return self._both("view", *shape)

    def reshape(self, *shape: Any) -> MaskedTensor:
        """`Tensor.reshape` of data and mask."""
        return self._both("reshape", *shape)

    def transpose(self, dim0: int, dim1: int) -> MaskedTensor:
        """`Tensor.transpose` of data and mask."""
        return self._both("transpose", dim0, dim1)

    def permute(self, *dims: Any) -> MaskedTensor:
        """`Tensor.permute` of data and mask."""
        return self._both("permute", *dims)

    def unsqueeze(self, dim: int) -> MaskedTensor:
        """`Tensor.unsqueeze` of data and mask."""
        return self._both("unsqueeze", dim)

    def expand(self, *sizes: Any) -> MaskedTensor:
        """`Tensor.expand` of data and mask."""
        return self._both("expand", *sizes)

    def t(self) -> MaskedTensor:
        """The transposed matrix."""
        return self._both("t")

    def __getitem__(self, index: Any) -> MaskedTensor:
        return MaskedTensor(self._data[index], self._mask[index])

    def detach(self) -> MaskedTensor:
        """The same outside the gradient graph."""
        return MaskedTensor(self._data.detach(), self._mask)

    def clone(self) -> MaskedTensor:
        """A copy."""
        return MaskedTensor(self._data.clone(), self._mask.clone())

    def to(self, *args: Any, **kwargs: Any) -> MaskedTensor:
        """Another dtype or device: `Tensor.to`."""
        data = self._data.to(*args, **kwargs)
        return MaskedTensor(data, self._mask.to(data.device))

    # -- reductions -----------------------------------------------------------------------------------------------

    def _reduced(self, name: str, filler: Any, dim: Any, keepdim: bool, **kwargs: Any) -> MaskedTensor:
        dims = {} if dim is None else {"dim": dim, "keepdim": keepdim}
        mask = self._mask.any() if dim is None else self._mask.sum(dim, keepdim=keepdim) > 0
        return MaskedTensor(getattr(self.to_tensor(filler), name)(**dims, **kwargs), mask)

    def sum(self, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> MaskedTensor:
        """The sum of what is there."""
        return self._reduced("sum", 0, dim, keepdim, dtype=dtype)

    def prod(self, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> MaskedTensor:
        """The product of what is there."""
        return self._reduced("prod", 1, dim, keepdim, dtype=dtype)

    def amax(self, dim: Any = None, keepdim: bool = False) -> MaskedTensor:
        """The largest that is there."""
        return self._reduced("amax", _extreme(self.dtype, -1), dim, keepdim)

    def amin(self, dim: Any = None, keepdim: bool = False) -> MaskedTensor:
        """The smallest that is there."""
        return self._reduced("amin", _extreme(self.dtype, 1), dim, keepdim)

    def argmax(self, dim: Any = None, keepdim: bool = False) -> MaskedTensor:
        """The place of the largest that is there."""
        return self._reduced("argmax", _extreme(self.dtype, -1), dim, keepdim)

    def argmin(self, dim: Any = None, keepdim: bool = False) -> MaskedTensor:
        """The place of the smallest that is there."""
        return self._reduced("argmin", _extreme(self.dtype, 1), dim, keepdim)

    def _count(self, dim: Any, keepdim: bool) -> Any:
        return self._mask.sum() if dim is None else self._mask.sum(dim, keepdim=keepdim)

    def mean(self, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> MaskedTensor:
        """The mean of what is there."""
        total = self.sum(dim, keepdim, dtype=dtype)
        return MaskedTensor(total._data / self._count(dim, keepdim), total._mask)

    def var(self, dim: Any = None, unbiased: bool = True, keepdim: bool = False) -> MaskedTensor:
        """The variance of what is there; of a single element NaN if unbiased."""
        every = tuple(range(self.ndim)) if dim is None else dim
        centred = self - self.mean(every, keepdim=True)._data
        total = (centred * centred).sum(dim, keepdim)
        return MaskedTensor(total._data / (self._count(dim, keepdim) - int(unbiased)), total._mask)

    def std(self, dim: Any = None, unbiased: bool = True, keepdim: bool = False) -> MaskedTensor:
        """The root of `var`."""
        found = self.var(dim, unbiased, keepdim)
        return MaskedTensor(found._data.sqrt(), found._mask)

    def softmax(self, dim: int, dtype: Any = None) -> MaskedTensor:
        """exp(x) divided by its sum, over what is there."""
        return MaskedTensor(softmax(self.to_tensor(-float("inf")), dim, dtype=dtype), self._mask)

    def log_softmax(self, dim: int, dtype: Any = None) -> MaskedTensor:
        """The logarithm of `softmax`."""
        return MaskedTensor(log_softmax(self.to_tensor(-float("inf")), dim, dtype=dtype), self._mask)


def _data_of(x: Any) -> Any:
    return x._data if isinstance(x, MaskedTensor) else x


def _common_mask(operands: tuple[Any, ...]) -> Any:
    """The mask that all masked operands have. Reads masks unless they are the same tensor."""
    mask, *others = [x._mask for x in operands if isinstance(x, MaskedTensor)]
    for other in others:
        if other is not mask and (other.shape != mask.shape or not (other == mask).all().item()):
            raise ValueError("Input masks must match: an element has to be there in both, or in none")
    return mask


def _extreme(dtype: Any, sign: int) -> Any:
    """What every number of a dtype is below (sign 1) or above (-1)."""
    if dtype.is_floating_point:
        return sign * float("inf") if dtype.itemsize > 1 else sign * finfo(dtype).max
    return iinfo(dtype).max if sign > 0 else iinfo(dtype).min


def _text(data: Any, mask: Any, indent: int) -> str:
    if not isinstance(data, list):
        if not mask:
            return "      --"
        return f"{data:8.4f}" if isinstance(data, float) else str(data)
    space = " " * indent
    if not data or not isinstance(data[0], list):
        return f"{space}[{', '.join(_text(d, m, 0) for d, m in zip(data, mask, strict=True))}]"
    inner = ",\n".join(_text(d, m, indent + 2) for d, m in zip(data, mask, strict=True))
    return f"{space}[\n{inner}\n{space}]"


_ELEMENT_BY_ELEMENT = (
    "abs", "absolute", "acos", "acosh", "add", "asin", "asinh", "atan", "atan2", "atanh", "ceil", "cos", "cosh",
    "deg2rad", "digamma", "div", "eq", "erf", "erfc", "erfinv", "exp", "exp2", "expm1", "floor", "fmod", "frac", "ge",
    "gt", "le", "lgamma", "log", "log10", "log1p", "log2", "logaddexp", "lt", "maximum", "minimum", "mul", "ne", "neg",
    "pow", "rad2deg", "reciprocal", "remainder", "round", "rsqrt", "sigmoid", "sign", "sin", "sinh", "sqrt", "square",
    "sub", "tan", "tanh", "true_divide", "trunc", "__abs__", "__add__", "__eq__", "__floordiv__", "__ge__", "__gt__",
    "__le__", "__lt__", "__mod__", "__mul__", "__ne__", "__neg__", "__pow__", "__radd__", "__rmul__", "__rpow__",
    "__rsub__", "__rtruediv__", "__sub__", "__truediv__",
)  # fmt: skip


def _on_data(name: str) -> Callable[..., MaskedTensor]:
    """Tensor's method, on the data of what may be masked."""

    def method(self: MaskedTensor, *args: Any, **kwargs: Any) -> MaskedTensor:
        data = getattr(self._data, name)(*map(_data_of, args), **kwargs)
        return MaskedTensor(data, _common_mask((self, *args)))

    method.__name__ = name
    method.__doc__ = f"`Tensor.{name}` of what is there."
    return method


for _name in _ELEMENT_BY_ELEMENT:
    setattr(MaskedTensor, _name, _on_data(_name))
MaskedTensor.__hash__ = object.__hash__  # type: ignore[method-assign]  # __eq__ compares elements


def is_masked_tensor(obj: Any, /) -> bool:
    """Whether an object is a masked tensor.

    Source: https://docs.pytorch.org/docs/2.13/masked.html
    """
    return isinstance(obj, MaskedTensor)


def masked_tensor(data: Any, mask: Any, requires_grad: bool = False) -> MaskedTensor:
    """A masked tensor with a copy of the data, outside of its gradient graph.

    Args:
        data: a tensor.
        mask: True where an element is there; bool, of the same size.
        requires_grad: make the data a leaf that asks for its gradient.

    Example:
        >>> import kilnn
        >>> x = kilnn.masked.masked_tensor(kilnn.tensor([1.0, 2.0, 4.0]), kilnn.tensor([True, False, True]))
        >>> x.mean().get_data().item()
        2.5

    Source: https://docs.pytorch.org/docs/2.13/masked.html
    """
    checked = MaskedTensor(data, mask)
    return MaskedTensor(checked._data.detach().clone().requires_grad_(requires_grad), mask)


def as_masked_tensor(data: Any, mask: Any) -> MaskedTensor:
    """A masked tensor of the data itself, within its gradient graph.

    Args:
        data: a tensor.
        mask: True where an element is there; bool, of the same size.

    Source: https://docs.pytorch.org/docs/2.13/masked.html
    """
    return MaskedTensor(data, mask)
