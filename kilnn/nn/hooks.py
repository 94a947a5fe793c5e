"""Hooks of modules: the tables they live in, their removable handles, and how a call runs them."""

from __future__ import annotations

import itertools
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from kilnn.autograd.function import Function
from kilnn.engine.grad_mode import is_grad_enabled
from kilnn.tensor.tensor import Tensor

_ids = itertools.count()


class RemovableHandle:
    """Takes a hook away again: `remove()`, or the end of a `with` block.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.utils.hooks.RemovableHandle.html
    """

    def __init__(self, hooks: Any, *, extra: Iterable[Any] = ()) -> None:
        self.id = next(_ids)
        self._tables = [weakref.ref(table) for table in (hooks, *extra)]

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        for reference in self._tables:
            table = reference()
            if table is not None:
                table.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def __getstate__(self) -> Any:
        return self.id

    def __setstate__(self, state: Any) -> None:
        self.id, self._tables = state, []


class Table(OrderedDict[int, Any]):
    """Hooks by id, in the order they run. (A subclass, because weak references need one.)"""

    def add(self, hook: Any, *, prepend: bool = False, marks: Iterable[Table] = ()) -> RemovableHandle:
        """Register a hook; `marks` are tables that note a property of it."""
        marks = tuple(marks)
        handle = RemovableHandle(self, extra=marks)
        self[handle.id] = hook
        for mark in marks:
            mark[handle.id] = True
        if prepend:
            self.move_to_end(handle.id, last=False)
        return handle


class ModuleHooks:
    """The hooks around one module's call."""

    def __init__(self) -> None:
        self.used = False  # some hook was registered, even if it has been removed since
        self.pre = Table()
        self.pre_with_kwargs = Table()
        self.post = Table()
        self.post_with_kwargs = Table()
        self.post_always = Table()
        self.backward_pre = Table()
        self.backward = Table()

    def any(self) -> bool:
        """Whether some hook is there."""
        return any((self.pre, self.post, self.backward_pre, self.backward))


GLOBAL = ModuleHooks()
"""Hooks around every module's call."""


def call_with_hooks(module: Any, own: ModuleHooks | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """One call of `module.forward` with the global hooks and its own around it."""
    sets = (GLOBAL, own) if own is not None else (GLOBAL,)
    finished: set[int] = set()
    try:
        return _call(module, sets, args, kwargs, finished)
    except Exception:
        for hooks in sets:
            for key, hook in list(hooks.post.items()):
                if key in hooks.post_always and key not in finished:
                    _run_always(module, hooks, key, hook, args, kwargs)
        raise


def _run_always(module: Any, hooks: ModuleHooks, key: int, hook: Any, args: Any, kwargs: Any) -> None:
    """An `always_call` hook after a failure: its own errors only warn, so that the first one is what the user sees."""
    try:
        if key in hooks.post_with_kwargs:
            hook(module, args, kwargs, None)
        else:
            hook(module, args, None)
    except Exception as error:  # the exception of the call itself must win
        warnings.warn(f"module forward hook with ``always_call=True`` raised an exception: {error}", stacklevel=4)


def _call(module: Any, sets: Any, args: Any, kwargs: Any, finished: set[int]) -> Any:
    for hooks in sets:
        for key, hook in list(hooks.pre.items()):
            if key in hooks.pre_with_kwargs:
                changed = hook(module, args, kwargs)
                if changed is not None:
                    if not isinstance(changed, tuple) or len(changed) != 2:
                        raise RuntimeError(
                            "forward pre-hook must return None or a tuple of (new_args, new_kwargs), "
                            f"but got {changed}."
                        )
                    args, kwargs = changed
            else:
                changed = hook(module, args)
                if changed is not None:
                    args = changed if isinstance(changed, tuple) else (changed,)
    around = None
    backward = [h for hooks in sets for h in hooks.backward.values()]
    backward_pre = [h for hooks in sets for h in hooks.backward_pre.values()]
    if backward or backward_pre:
        around = BackwardHooks(module, backward, backward_pre)
        args = around.enter(args)
    result = module.forward(*args, **kwargs)
    for hooks in sets:
        for key, hook in list(hooks.post.items()):
            if key in hooks.post_always:
                finished.add(key)
            if key in hooks.post_with_kwargs:
                changed = hook(module, args, kwargs, result)
            else:
                changed = hook(module, args, result)
            if changed is not None:
                result = changed
    return result if around is None else around.leave(result)


class BackwardHooks:
    """Full backward hooks of one call: the gradients of all outputs are shown before the module's backward pass runs,
    those of all inputs after it. Both sides are identity nodes around the module."""

    def __init__(self, module: Any, backward: list[Any], backward_pre: list[Any]) -> None:
        self.module = module
        self.backward = backward
        self.backward_pre = backward_pre
        self.grad_outputs: Any = None
        self.output_places: list[int] = []
        self.output_count = 0
        self.input_places: list[int] = []
        self.input_count = 0

    def enter(self, args: Any) -> Any:
        """args with a node behind those that need gradients."""
        self.input_count = len(args)
        self.input_places = [k for k, a in enumerate(args) if isinstance(a, Tensor) and a.requires_grad]
        through, node = _pass_through([args[k] for k in self.input_places])
        if node is None:
            return args
        node.register_hook(self._inputs_done)
        return tuple(_replaced(args, self.input_places, through))

    def leave(self, result: Any) -> Any:
        """The result with a node before those of its tensors that need gradients."""
        outputs = result if isinstance(result, tuple) else (result,)
        if not all(isinstance(t, Tensor) for t in outputs if t is not None):
            if not isinstance(result, tuple | Tensor):
                warnings.warn(
                    "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but "
                    f"received {type(result)}",
                    stacklevel=5,
                )
                return result
        self.output_count = len(outputs)
        self.output_places = [k for k, t in enumerate(outputs) if isinstance(t, Tensor) and t.requires_grad]
        through, node = _pass_through([outputs[k] for k in self.output_places])
        if node is None:
            return result
        node.register_prehook(self._outputs_ready)
        if not self.input_places:
            node.register_hook(self._no_inputs)
        replaced = _replaced(outputs, self.output_places, through)
        return tuple(replaced) if isinstance(result, tuple) else replaced[0]

    def _outputs_ready(self, grads: Any) -> Any:
        shown = _spread(grads, self.output_places, self.output_count)
        for hook in self.backward_pre:
            changed = hook(self.module, shown)
            if changed is not None:
                shown = _as_tuple(changed, len(shown), "backward pre hook")
        self.grad_outputs = shown
        return tuple(shown[k] for k in self.output_places)

    def _inputs_done(self, grad_inputs: Any, _: Any) -> Any:
        shown = _spread(grad_inputs, self.input_places, self.input_count)
        for hook in self.backward:
            changed = hook(self.module, shown, self.grad_outputs)
            if changed is not None:
                shown = _as_tuple(changed, len(shown), "backward hook")
        self.grad_outputs = None
        return tuple(shown[k] for k in self.input_places)

    def _no_inputs(self, grad_inputs: Any, _: Any) -> None:
        """No input needs a gradient: hooks see None for each of them."""
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module outputs since no inputs "
            "require gradients.",
            stacklevel=2,
        )
        for hook in self.backward:
            if hook(self.module, (None,) * self.input_count, self.grad_outputs) is not None:
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None or None "
                    "for all gradients."
                )
        self.grad_outputs = None


def _as_tuple(changed: Any, count: int, what: str) -> tuple[Any, ...]:
    made = changed if isinstance(changed, tuple) else (changed,)
    if len(made) != count:
        raise RuntimeError(f"{what} returned an invalid number of grads, got {len(made)}, but expected {count}")
    return made


def _spread(grads: Any, places: list[int], count: int) -> tuple[Any, ...]:
    full: list[Any] = [None] * count
    for k, g in zip(places, grads, strict=True):
        full[k] = g
    return tuple(full)


def _replaced(items: Any, places: list[int], new: Any) -> list[Any]:
    made = list(items)
    for k, t in zip(places, new, strict=True):
        made[k] = t
    return made


class BackwardHookFunction(Function):
    """The identity, as a node of the gradient graph."""

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Any:
        return tuple(a.view_as(a) for a in args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return grads


def _pass_through(tensors: list[Tensor]) -> tuple[Any, Any]:
    """The tensors behind one identity node, and that node; (tensors, None) when there is nothing to differentiate."""
    if not tensors or not is_grad_enabled():
        return tensors, None

    made = BackwardHookFunction.apply(*tensors)
    made = made if isinstance(made, tuple) else (made,)
    return made, made[0].grad_fn


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, args)` before every module's forward; it may return new arguments.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.modules.module.register_module_forward_pre_hook.html
    """
    GLOBAL.used = True
    return GLOBAL.pre.add(hook)


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call `hook(module, args, output)` after every module's forward; it may return another output.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.modules.module.register_module_forward_hook.html
    """
    marks = [GLOBAL.post_with_kwargs] * with_kwargs + [GLOBAL.post_always] * always_call
    GLOBAL.used = True
    return GLOBAL.post.add(hook, marks=marks)


def register_module_full_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, grad_input, grad_output)` after every module's backward pass.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.modules.module.register_module_full_backward_hook.html
    """
    GLOBAL.used = True
    return GLOBAL.backward.add(hook)


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, grad_output)` before every module's backward pass.

    Source:
    https://docs.pytorch.org/docs/2.13/generated/torch.nn.modules.module.register_module_full_backward_pre_hook.html
    """
    GLOBAL.used = True
    return GLOBAL.backward_pre.add(hook)


register_module_backward_hook = register_module_full_backward_hook


REGISTRATIONS = {"parameter": Table(), "buffer": Table(), "module": Table()}
"""Hooks that see what any module registers, by its kind."""


def registered(kind: str, module: Any, name: str, value: Any) -> Any:
    """What the hooks for registrations make of a value that `module` is about to register."""
    for hook in list(REGISTRATIONS[kind].values()):
        changed = hook(module, name, value)
        if changed is not None:
            value = changed
    return value


def register_module_parameter_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, name, parameter)` when any module registers a parameter; it may return another one.

    Source:
    https://docs.pytorch.org/docs/2.13/generated/torch.nn.modules.module.register_module_parameter_registration_hook.html
    """
    return REGISTRATIONS["parameter"].add(hook)


def register_module_buffer_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, name, buffer)` when any module registers a buffer; it may return another one.

    Source:
    https://docs.pytorch.org/docs/2.13/generated/torch.nn.modules.module.register_module_buffer_registration_hook.html
    """
    return REGISTRATIONS["buffer"].add(hook)


def register_module_module_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, name, submodule)` when any module registers a submodule; it may return another one.

    Source:
    https://docs.pytorch.org/docs/2.13/generated/torch.nn.modules.module.register_module_module_registration_hook.html
    """
    return REGISTRATIONS["module"].add(hook)
