"""kilnn.library: operations of the user's, as functions with a name and a gradient."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

from kilnn.autograd.function import Function
from kilnn.tensor.tensor import Tensor

_defined: dict[str, CustomOpDef] = {}


class CustomOpDef:
    """What `custom_op` makes: a function of tensors, with a gradient once `register_autograd` has said which.

    Args:
        name: "namespace::name".
        fn: the function.
        mutates_args: names of the arguments that it writes to.

    Source: https://docs.pytorch.org/docs/2.13/library.html#torch.library.CustomOpDef
    """

    def __init__(self, name: str, fn: Callable[..., Any], mutates_args: tuple[str, ...]) -> None:
        self._qualname = name
        self._kernels: dict[str | None, Callable[..., Any]] = {None: fn}
        self._mutates = mutates_args
        self._signature = inspect.signature(fn)
        self._backward: Callable[..., Any] | None = None
        self._setup: Callable[..., Any] | None = None
        functools.update_wrapper(self, fn)

    def register_kernel(self, device_types: Any, fn: Callable[..., Any] | None = None) -> Any:
        """Another implementation for tensors on some devices.

        Args:
            device_types: "cpu", "cuda" or a sequence of such; None for all.
            fn: the function; without it, a decorator.
        """

        def register(chosen: Callable[..., Any]) -> Callable[..., Any]:
            for kind in [device_types] if device_types is None or isinstance(device_types, str) else device_types:
                self._kernels[kind] = chosen
            return chosen

        return register if fn is None else register(fn)

    def register_fake(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """Accepted: shapes come from running the function."""
        return fn

    def register_autograd(
        self, backward: Callable[..., Any], *, setup_context: Callable[..., Any] | None = None
    ) -> None:
        """Give the gradient.

        Args:
            backward: from (ctx, *gradients of the results) to the gradients of the arguments, None where there is none.
            setup_context: from (ctx, inputs, output): saves what backward needs.
        """
        self._backward, self._setup = backward, setup_context

    def _run(self, *args: Any) -> Any:
        device = next((a.device.type for a in args if isinstance(a, Tensor)), None)
        return self._kernels.get(device, self._kernels[None])(*args)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        positional = tuple(bound.arguments.values())
        for name in self._mutates:
            if name not in bound.arguments:
                raise ValueError(f"{self._qualname}: mutates_args names {name!r}, which is no argument")
        return _Step.apply(self, *positional)

    def __repr__(self) -> str:
        return f"<CustomOpDef({self._qualname})>"


class _Step(Function):
    @staticmethod
    def forward(ctx: Any, op: CustomOpDef, *args: Any) -> Any:
        ctx.op = op
        output = op._run(*args)
        names = list(op._signature.parameters)
        ctx.mark_dirty(*[a for name, a in zip(names, args, strict=False) if name in op._mutates])
        if op._setup is not None:
            op._setup(ctx, args, output)
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        op = ctx.op
        if op._backward is None:
            raise RuntimeError(
                f"Trying to backward through {op._qualname} but no autograd formula was registered. Please use "
                "register_autograd to add one."
            )
        found = op._backward(ctx, *gradients)
        return (None, *(found if isinstance(found, tuple | list) else (found,)))


def custom_op(
    name: str, fn: Callable[..., Any] | None = None, /, *, mutates_args: str | Iterable[str],
    device_types: Any = None, schema: str | None = None, tags: Any = None,
) -> Any:  # fmt: skip
    """Make an operation of a function.

    Args:
        name: "namespace::name".
        fn: a function of tensors and numbers; without it, a decorator.
        mutates_args: names of the arguments that it writes to.
        device_types: the devices it is for; None for all.
        schema, tags: accepted.

    Example:
        >>> import kilnn
        >>> @kilnn.library.custom_op("page::twice", mutates_args=())
        ... def twice(x: kilnn.Tensor) -> kilnn.Tensor:
        ...     return x * 2
        >>> twice.register_autograd(lambda ctx, g: g * 2)
        >>> x = kilnn.ones(1, requires_grad=True)
        >>> twice(x).backward()
        >>> x.grad.item()
        2.0

    Differs from PyTorch: the function is recorded like any other code; `kilnn.ops` does not list it.
    Source: https://docs.pytorch.org/docs/2.13/library.html#torch.library.custom_op
    """
    if name.count("::") != 1:
        raise ValueError(f"custom_op: expected a name like 'namespace::name', got {name!r}")
    mutates = (mutates_args,) if isinstance(mutates_args, str) else tuple(mutates_args)
    if mutates == ("unknown",):
        raise NotImplementedError("custom_op: mutates_args='unknown': name the arguments that are written to")

    def make(function: Callable[..., Any]) -> CustomOpDef:
        made = CustomOpDef(name, function, mutates)
        if device_types is not None:
            made.register_kernel(device_types, function)
        _defined[name] = made
        return made

    return make if fn is None else make(fn)


def _find(op: Any) -> CustomOpDef:
    if isinstance(op, CustomOpDef):
        return op
    if op not in _defined:
        raise RuntimeError(f"library: there is no operation {op!r}; define it with kilnn.library.custom_op")
    return _defined[op]


def register_fake(op: Any, func: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Accepted: shapes come from running the operation.

    Args:
        op: a name or what `custom_op` made.
        func: the function; without it, a decorator.
        options: PyTorch's other arguments.

    Source: https://docs.pytorch.org/docs/2.13/library.html#torch.library.register_fake
    """
    found = _find(op)
    return found.register_fake if func is None else found.register_fake(func)


def register_kernel(op: Any, device_types: Any, func: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Another implementation for tensors on some devices, as `CustomOpDef.register_kernel`.

    Source: https://docs.pytorch.org/docs/2.13/library.html#torch.library.register_kernel
    """
    return _find(op).register_kernel(device_types, func)


def register_autograd(op: Any, backward: Callable[..., Any], /, *, setup_context: Any = None, **options: Any) -> None:
    """Give the gradient of an operation, as `CustomOpDef.register_autograd`.

    Source: https://docs.pytorch.org/docs/2.13/library.html#torch.library.register_autograd
    """
    _find(op).register_autograd(backward, setup_context=setup_context)
