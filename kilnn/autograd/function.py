"""autograd.Function: operations with a gradient written by the user, on tensors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from kilnn.base import dtypes
from kilnn.engine import views
from kilnn.engine.backward import FREED
from kilnn.engine.context import local
from kilnn.engine.grad_mode import no_grad, set_grad_enabled
from kilnn.engine.handle import new_handle
from kilnn.engine.host import zeros_value
from kilnn.engine.mutation import rebase
from kilnn.engine.node import SpecialNode
from kilnn.tensor.tensor import Tensor


class FunctionContext:
    """The `ctx` of a Function: carries what forward saves for backward."""

    def __init__(self) -> None:
        self.needs_input_grad: tuple[bool, ...] = ()
        self._to_save: tuple[Any, ...] = ()
        self._saved: Any = None
        self._dirty: tuple[Any, ...] = ()
        self._not_differentiable: set[int] = set()
        self._materialize = True

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep inputs, outputs or None for backward; in-place writes to them are detected there."""
        for t in tensors:
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument is of type {type(t).__name__}"
                )
        self._to_save = tensors

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say which inputs forward changed in place."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say which outputs have no gradient."""
        self._not_differentiable = {id(t) for t in tensors}

    def set_materialize_grads(self, value: bool) -> None:
        """False: backward gets None instead of zeros for outputs without a gradient."""
        self._materialize = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` kept."""
        if self._saved is None:
            raise RuntimeError(FREED)
        out: list[Any] = []
        for tensor, own, counter, version, value in self._saved:
            if tensor is None:
                out.append(None)
                continue
            if counter.version != version:
                raise RuntimeError(
                    "one of the variables needed for gradient computation has been modified by an inplace operation: a "
                    f"saved tensor is at version {counter.version}; expected version {version} instead"
                )
            out.append(tensor if own is None else new_handle(value, own[0], own[1]))
        return tuple(out)

    saved_variables = saved_tensors

    def _seal(self, outputs: dict[int, int], node: Any) -> None:
        saved: list[tuple[Any, ...]] = []
        for t in self._to_save:
            if t is None:
                saved.append((None, None, None, 0, None))
                continue
            counter = t._storage if t._view is None else t._view.counter
            if id(t) in outputs and node is not None:
                # An output of this node: keep its value, not the tensor (a cycle).
                own = (node, outputs[id(t)])
                saved.append((True, own, counter, counter.version, views.value_of_tensor(t)))
            else:
                saved.append((t, None, counter, counter.version, None))
        self._saved = saved
        self._to_save = ()


FunctionCtx = FunctionContext
"""PyTorch's name for it."""


class FunctionNode(SpecialNode):
    """The backward node of a Function."""

    __slots__ = ("avals", "context", "function", "operand_avals", "places", "tensors")

    def __init__(
        self, function: type[Function], context: FunctionContext, inputs: list[Any], outputs: list[Any]
    ) -> None:
        self.function = function
        self.context = context
        self.tensors = [isinstance(t, Tensor) for t in outputs]
        self.avals = [views.value_of_tensor(t).aval for t in outputs if isinstance(t, Tensor)]
        edges: list[Any] = []
        self.places = []
        self.operand_avals = []
        for n, t in enumerate(inputs):
            if isinstance(t, Tensor):
                node = views.node_of(t)
                edges += [node if node is not None else (t if t._leaf else None), t._output]
                self.places.append(n)
                self.operand_avals.append(views.value_of_tensor(t).aval)
        self.prepare(edges)

    @property
    def outputs(self) -> int:
        return len(self.avals)

    @property
    def aval(self) -> Any:
        return self.avals[0]

    def name(self) -> str:
        return f"{self.function.__name__}Backward"

    def run(self, cotangents: list[Any], create_graph: bool) -> list[Any]:
        row = list(cotangents)
        if self.context._materialize:
            row = [new_handle(zeros_value(a)) if c is None else c for a, c in zip(self.avals, row, strict=True)]
        given = iter(row)
        row = [next(given) if tensor else None for tensor in self.tensors]
        with set_grad_enabled(create_graph):
            result = self.function.backward(self.context, *row)
        grads = list(result) if isinstance(result, tuple | list) else [result]
        n_inputs = len(self.context.needs_input_grad)
        if len(grads) > n_inputs and all(g is None for g in grads[n_inputs:]):
            grads = grads[:n_inputs]
        if len(grads) != n_inputs:
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients (expected {n_inputs}, got "
                f"{len(grads)})"
            )
        out = []
        for n, place in enumerate(self.places):
            g = grads[place]
            if g is not None and not isinstance(g, Tensor):
                raise TypeError(
                    f"function {self.name()} returned a gradient of type {type(g).__name__} instead of a Tensor"
                )
            out.append(g if g is None else _fitting(g, self.operand_avals[n], self.name(), n))
        return out

    def release(self) -> None:
        if self.context._saved:
            self.context._saved = None


def _fitting(g: Tensor, aval: Any, name: str, n: int) -> Tensor:
    """A gradient in the shape and dtype of its operand. RuntimeError if the shape cannot be reached by summing."""
    if tuple(g.shape) != aval.shape:
        if g.numel() >= aval.size:
            try:
                return g.sum_to_size(aval.shape).to(dtypes.from_numpy(aval.dtype))
            except (RuntimeError, AttributeError):
                pass
        raise RuntimeError(
            f"Function {name} returned an invalid gradient at index {n} - got {list(g.shape)} but expected shape "
            f"compatible with {list(aval.shape)}"
        )
    return g if g.aval.dtype == aval.dtype else g.to(dtypes.from_numpy(aval.dtype))


class Function:
    """An operation whose gradient is written by hand.

    Subclass it with static methods `forward(ctx, *args)` and `backward(ctx, *grad_outputs)` - or
    `forward(*args)` and `setup_context(ctx, inputs, output)` - and call `apply`.

    Example:
        >>> import kilnn
        >>> class Double(kilnn.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         return x * 2
        ...     @staticmethod
        ...     def backward(ctx, g):
        ...         return g * 2
        >>> x = kilnn.ones(1, requires_grad=True)
        >>> Double.apply(x).backward()
        >>> x.grad.item()
        2.0

    Source: https://docs.pytorch.org/docs/2.13/autograd.html#function
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError(
            f"{type(self).__name__} should not be instantiated. Methods on autograd functions are all static, so call "
            f"{type(self).__name__}.apply"
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """The computation; gradients are not recorded inside."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Saves for backward, when forward does not take ctx."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of the inputs (None where there is none), one for each argument of forward."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
            "backward mode AD."
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run forward and record the node whose gradient is `backward`."""
        context = FunctionContext()
        context.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        tracked = local.context.grad and any(context.needs_input_grad)
        with no_grad():
            if cls.setup_context is not Function.setup_context:
                output = cls.forward(*args, **kwargs)
                cls.setup_context(context, args, output)
            else:
                output = cls.forward(context, *args, **kwargs)
        many = isinstance(output, tuple | list)
        outputs = list(output) if many else [output]
        dirty = {id(t) for t in context._dirty}
        inputs = {id(a) for a in args if isinstance(a, Tensor)}
        returned = [id(t) in inputs and id(t) not in dirty for t in outputs]
        outputs = [
            _fresh(t, t.requires_grad and not (tracked and _differentiable(t, context))) if same else t
            for t, same in zip(outputs, returned, strict=True)
        ]
        tensors = [t for t in outputs if isinstance(t, Tensor)]
        for t in tensors:
            if t._view is not None and t._view.base is not None and id(t) not in dirty:
                t._view.creation = views.CUSTOM
        if not tracked:
            context._seal({}, None)
            return tuple(outputs) if many else outputs[0]
        node = FunctionNode(cls, context, list(args), outputs)
        numbers = {id(t): k for k, t in enumerate(tensors)}
        for k, t in enumerate(tensors):
            if not _differentiable(t, context):
                continue
            if id(t) in dirty:
                if t._leaf:
                    raise RuntimeError("a leaf Variable that requires grad has been used in an in-place operation.")
                if t._view is not None and t._view.base is not None:
                    _rebase_view(t, node, args, len(tensors))
                    continue
                rebase(t, node)
            t._node, t._output, t._leaf = node, k, False
            if t._view is not None and t._view.base is not None:
                t._view.attr_version = t._view.counter.version
        context._seal(numbers, node)
        return tuple(outputs) if many else outputs[0]


def _differentiable(t: Tensor, context: FunctionContext) -> bool:
    return id(t) not in context._not_differentiable and views.value_of_tensor(t).aval.dtype.kind in "fcV"


def _fresh(t: Tensor, detached: bool) -> Any:
    """An input returned as it is becomes a view of itself, so that the input keeps its own history."""
    if detached:
        return t.detach()
    with no_grad():
        return t.view_as(t)


def _rebase_view(t: Tensor, node: FunctionNode, args: Any, count: int) -> None:
    """The history of a view that forward changed in place."""
    if count > 1:
        raise RuntimeError(
            "If your Function modifies inplace an input that is a view of another Tensor, your Function cannot return "
            "more than one Tensor."
        )
    if next(a for a in args if isinstance(a, Tensor)) is not t:
        raise NotImplementedError("Function.mark_dirty on a view is supported for the first tensor argument only")
    if t.requires_grad and t._view.base._node is None:
        raise RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place operation.")
    rebase(t, node)


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """For `Function.backward`: its gradients cannot be differentiated again.

    Args:
        fn: the backward method.

    Example:
        >>> import kilnn
        >>> class Double(kilnn.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         return x * 2
        ...     @staticmethod
        ...     @kilnn.autograd.function.once_differentiable
        ...     def backward(ctx, g):
        ...         return g * 2
        >>> x = kilnn.ones(1, requires_grad=True)
        >>> kilnn.autograd.grad(Double.apply(x), x, create_graph=True)[0].requires_grad
        False

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.autograd.function.once_differentiable.html
    """

    @functools.wraps(fn)
    def wrapper(ctx: Any, *args: Any) -> Any:
        with no_grad():
            return fn(ctx, *args)

    return wrapper
