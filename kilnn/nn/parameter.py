"""Parameter and Buffer: tensors that a Module registers when they are assigned to it."""

from __future__ import annotations

from typing import Any

from kilnn.engine import views
from kilnn.tensor.create import empty
from kilnn.tensor.tensor import Tensor


def adopt(target: Tensor, source: Tensor) -> None:
    """Make `target` read the storage of `source`, keeping its identity (what `module.to(dtype)` does to parameters)."""
    target._storage = source._storage
    target._view = source._view


class Parameter(Tensor):
    """A tensor that becomes a parameter of the Module it is assigned to.

    Args:
        data: the tensor whose storage it uses; None gives an empty one.
        requires_grad: whether gradients are computed for it.

    Example:
        >>> import kilnn
        >>> w = kilnn.nn.Parameter(kilnn.zeros(2))
        >>> w.requires_grad, w.is_leaf
        (True, True)

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.parameter.Parameter.html
    """

    __slots__ = ()

    _copies_grad = False  # deepcopy leaves it out, as in PyTorch

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Any:
        if data is None:
            data = empty(0)
        if not isinstance(data, Tensor):
            raise RuntimeError(
                f"Creating a Parameter from an instance of type {type(data).__name__} requires that detach() returns "
                "a Tensor: pass a kilnn.Tensor, for example kilnn.tensor(values)"
            )
        made = views.alias(data)
        made.__class__ = cls
        if requires_grad:
            made.requires_grad_(True)
        return made

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        pass

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


class Buffer(Tensor):
    """A tensor that becomes a buffer of the Module it is assigned to.

    Args:
        data: the tensor whose storage it uses; None gives an empty one.
        persistent: whether it is part of the module's `state_dict`.

    Example:
        >>> import kilnn
        >>> m = kilnn.nn.Module()
        >>> m.mean = kilnn.nn.Buffer(kilnn.zeros(2))
        >>> list(m.state_dict())
        ['mean']

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.parameter.Buffer.html
    """

    __slots__ = ()

    persistent: bool

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        made = views.alias(empty(0) if data is None else data)
        made.__class__ = cls
        made._leaf = data is not None and data.requires_grad
        made.persistent = persistent
        return made

    def __init__(self, data: Any = None, *, persistent: bool = True) -> None:
        pass


class UninitializedTensorMixin:
    """What parameters and buffers of unknown shape share: they hold dtype and device, and become real when
    `materialize` gives the shape."""

    cls_to_become: Any = Tensor

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Give it a shape (and memory without defined values); from then on it is an ordinary tensor.

        Args:
            shape: the sizes.
            device, dtype: default: those given when it was made.
        """
        tensor: Any = self
        adopt(tensor, empty(tuple(shape), device=device or tensor.device, dtype=dtype or tensor.dtype))
        tensor.__class__ = self.cls_to_become

    @property
    def shape(self) -> Any:
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
            "`load_state_dict` when trying to load an uninitialized parameter into an initialized one. Call `forward` "
            "to initialize the parameters before accessing their attributes."
        )

    def share_memory_(self) -> Any:
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the parameters "
            "before calling `module.share_memory()`."
        )

    def __repr__(self, **_: Any) -> str:
        return f"<{type(self).__name__}>"

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        tensor: Any = self
        if id(self) not in memo:
            memo[id(self)] = type(tensor)(tensor.requires_grad, tensor.device, tensor.dtype)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> Any:
        tensor: Any = self
        return type(self), (tensor.requires_grad, tensor.device, tensor.dtype)


def is_lazy(param: Any) -> bool:
    """Whether a parameter or buffer has no shape yet.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.parameter.UninitializedParameter.html
    """
    return isinstance(param, UninitializedTensorMixin)


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape is not known yet; lazy modules hold such.

    Args:
        requires_grad: whether gradients are computed for it.
        device, dtype: what it will have.

    Example:
        >>> import kilnn
        >>> w = kilnn.nn.UninitializedParameter()
        >>> w.materialize((2, 3))
        >>> type(w).__name__, w.shape
        ('Parameter', kilnn.Size([2, 3]))

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.parameter.UninitializedParameter.html
    """

    __slots__ = ()

    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        return Parameter.__new__(cls, empty(0, device=device, dtype=dtype), requires_grad)

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> None:
        pass


class UninitializedBuffer(UninitializedTensorMixin, Buffer):
    """A buffer whose shape is not known yet; lazy modules hold such.

    Args:
        requires_grad: whether gradients are computed for it.
        device, dtype: what it will have.
        persistent: whether it is part of the module's `state_dict`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.parameter.UninitializedBuffer.html
    """

    __slots__ = ()

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> Any:
        made = Buffer.__new__(cls, empty(0, device=device, dtype=dtype), persistent=persistent)
        return made.requires_grad_(requires_grad)

    def __init__(
        self, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> None:
        pass
