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


class UninitializedParameter(Parameter):
    """A parameter whose shape is not known yet. Not available.

    Differs from PyTorch: lazy modules are not part of kilnn; give the sizes when the layer is made.
    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.parameter.UninitializedParameter.html
    """

    __slots__ = ()

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("kilnn has no lazy parameters: give the sizes when the layer is made")


class UninitializedBuffer(Buffer):
    """A buffer whose shape is not known yet. Not available (see UninitializedParameter).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.parameter.UninitializedBuffer.html
    """

    __slots__ = ()

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("kilnn has no lazy buffers: give the sizes when the layer is made")
