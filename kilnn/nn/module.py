"""class Module: registration of parameters, buffers and children, modes, moves, and the call."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, Self

from kilnn.engine.context import local
from kilnn.engine.cuts import module_returned
from kilnn.native.core import Attributes, core
from kilnn.nn import state_dict as states
from kilnn.nn.blame import explain
from kilnn.nn.convert import apply_to_tensors, parse_to
from kilnn.nn.hooks import GLOBAL, ModuleHooks, RemovableHandle, Table, call_with_hooks, registered
from kilnn.nn.parameter import Buffer, Parameter
from kilnn.nn.recorded import RECORDED
from kilnn.nn.walk import WalkMethods
from kilnn.tensor.create import empty_like
from kilnn.tensor.tensor import Tensor

_OWN_TABLES = ("_parameters", "_buffers", "_modules")


def _call(module: Module, context: Any, args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> Any:
    """A call with hooks, or outside gradient recording, where the end of the outermost call is a place to run."""
    kwargs = kwargs or {}
    depth = context.module_depth
    context.module_depth = depth + 1
    try:
        own = module._hooks
        hooked = own is not None or GLOBAL.used
        result = call_with_hooks(module, own, args, kwargs) if hooked else module.forward(*args, **kwargs)
    finally:
        context.module_depth = depth
    if depth == 0 and not context.grad:
        module_returned()
    return result


class Module(WalkMethods, Attributes):
    """Base of all neural-network modules: assign parameters, buffers and other modules as attributes, write `forward`.

    Example:
        >>> import kilnn
        >>> class Net(kilnn.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.hidden = kilnn.nn.Linear(3, 4)
        ...     def forward(self, x):
        ...         return self.hidden(x).relu()
        >>> Net()(kilnn.ones(2, 3)).shape
        kilnn.Size([2, 4])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Module.html
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _non_persistent_buffers_set: set[str]
    _hooks: ModuleHooks | None = None
    _state_tables: dict[str, Table] | None = None
    _version: int = 1
    dump_patches: bool = False
    call_super_init: bool = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not self.call_super_init and (args or kwargs):
            given = next(iter(kwargs)) if kwargs else None
            raise TypeError(
                f"{type(self).__name__}.__init__() got an unexpected keyword argument '{given}'"
                if given
                else f"{type(self).__name__}.__init__() takes 1 positional argument but {len(args) + 1} were given"
            )
        own = self.__dict__
        own["training"] = True
        own["_parameters"] = {}
        own["_buffers"] = {}
        own["_non_persistent_buffers_set"] = set()
        own["_modules"] = {}
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass writes its own.

        Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Module.html#torch.nn.Module.forward
        """
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    if core is None:  # else in C

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            context = local.context
            try:
                if context.grad and self._hooks is None and not GLOBAL.used:
                    return self.forward(*args, **kwargs)
                return _call(self, context, args, kwargs)
            except Exception as error:
                explain(self, args, kwargs, error)
                raise

    # -- registration -----------------------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        if isinstance(value, Parameter):
            self._forget(name, "_buffers", "_modules", word="parameters")
            self.register_parameter(name, value)
        elif name in own.get("_parameters", ()):
            _only_none("parameter", name, value)
            own["_parameters"][name] = None
        elif isinstance(value, Module):
            self._forget(name, "_parameters", "_buffers", word="module")
            own["_modules"][name] = registered("module", self, name, value)
        elif name in own.get("_modules", ()):
            _only_none("child module", name, value)
            own["_modules"][name] = None
        elif isinstance(value, Buffer):
            self._forget(name, "_parameters", "_modules", word="buffer")
            self.register_buffer(name, value, value.persistent)
        elif name in own.get("_buffers", ()):
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(
                    f"cannot assign '{_kind(value)}' as buffer '{name}' "
                    "(kilnn.nn.Buffer, kilnn.Tensor or None expected)"
                )
            own["_buffers"][name] = value
        else:
            object.__setattr__(self, name, value)

    def _forget(self, name: str, *tables: str, word: str) -> None:
        own = self.__dict__
        if "_parameters" not in own:
            raise AttributeError(f"cannot assign {word} before Module.__init__() call")
        own.pop(name, None)
        for table in tables:
            own[table].pop(name, None)
        if "_buffers" in tables:
            own["_non_persistent_buffers_set"].discard(name)

    def __getattr__(self, name: str) -> Any:
        own = self.__dict__
        for table in _OWN_TABLES:
            found = own.get(table)
            if found is not None and name in found:
                return found[name]
        descriptor = getattr(type(self), name, None)
        if isinstance(descriptor, property) and descriptor.fget is not None:
            descriptor.fget(self)  # raises the AttributeError from inside the property, which brought us here
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __delattr__(self, name: str) -> None:
        for table in _OWN_TABLES:
            if name in self.__dict__.get(table, ()):
                del self.__dict__[table][name]
                self._non_persistent_buffers_set.discard(name)
                return
        super().__delattr__(name)

    def __dir__(self) -> list[str]:
        names = [*dir(type(self)), *self.__dict__, *self._parameters, *self._modules, *self._buffers]
        return sorted(name for name in names if not name[0].isdigit())

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter that is then an attribute `name`; None keeps the name free of one.

        Raises: TypeError if it is no Parameter, KeyError for a bad name, ValueError for a non-leaf tensor.
        """
        self._check_name("parameter", name, "_parameters")
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"cannot assign '{_kind(param)}' object to parameter '{name}' (kilnn.nn.Parameter or None required)"
                )
            if param.grad_fn is not None:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created "
                    f"explicitly. To express '{name}' as a function of another Tensor, compute the value in the "
                    "forward() method."
                )
        self._parameters[name] = registered("parameter", self, name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state but no parameter (a running mean).

        Args:
            name: the attribute's name.
            tensor: the buffer; None is kept but never saved.
            persistent: whether `state_dict` holds it.

        Raises: TypeError if it is no tensor, KeyError for a bad or taken name.

        Example:
            >>> import kilnn
            >>> m = kilnn.nn.Module()
            >>> m.register_buffer("mean", kilnn.zeros(3))
            >>> m.mean.shape
            kilnn.Size([3])

        Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Module.html#torch.nn.Module.register_buffer
        """
        self._check_name("buffer", name, "_buffers")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{_kind(tensor)}' object to buffer '{name}' (kilnn Tensor or None required)"
            )
        self._buffers[name] = registered("buffer", self, name, tensor)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def register_module(self, name: str, module: Module | None) -> None:
        """Another name for `add_module`."""
        self.add_module(name, module)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child module that is then an attribute `name`.

        Raises: TypeError if it is no Module, KeyError for a bad or taken name.

        Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Module.html#torch.nn.Module.add_module
        """
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{_kind(module)} is not a Module subclass")
        self._check_name("module", name, "_modules")
        self._modules[name] = registered("module", self, name, module)

    def _check_name(self, word: str, name: str, table: str) -> None:
        if "_parameters" not in self.__dict__:
            raise AttributeError(f"cannot assign {word} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{word} name should be a string. Got {_kind(name)}")
        if "." in name:
            raise KeyError(f'{word} name can\'t contain "."' + (f", got: {name}" if word == "module" else ""))
        if name == "":
            raise KeyError(f'{word} name can\'t be empty string ""')
        if hasattr(self, name) and name not in self.__dict__[table]:
            raise KeyError(f"attribute '{name}' already exists")

    # -- modes and moves --------------------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Set training mode for this module and all below it (Dropout and BatchNorm look at it).

        Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Module.html#torch.nn.Module.train
        """
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self) -> Self:
        """The same as `train(False)`."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Switch gradients of all parameters on or off."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters; `set_to_none=False` fills them with zeros."""
        for p in self.parameters():
            if p.grad is not None:
                if set_to_none:
                    p.grad = None
                else:
                    p.grad = p.grad.detach()
                    p.grad.zero_()

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call `fn` on every module, children first; often used for initial values.

        Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Module.html#torch.nn.Module.apply
        """
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        if recurse:
            for child in self.children():
                child._apply(fn)
        apply_to_tensors(self, fn)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move to a device and convert floating parameters and buffers to a dtype, in place.

        Args:
            device, dtype: or a tensor to copy both from; `non_blocking` and `memory_format` are accepted.

        Raises: TypeError for a dtype that is not floating or complex.

        Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Module.html#torch.nn.Module.to
        """
        return self._apply(parse_to(args, kwargs))

    def cpu(self) -> Self:
        """Move parameters and buffers to the CPU."""
        return self._apply(lambda t: t.cpu())

    def cuda(self, device: Any = None) -> Self:
        """Move parameters and buffers to a GPU."""
        return self._apply(lambda t: t.to("cuda" if device is None else device))

    def xpu(self, device: Any = None) -> Self:
        """Move parameters and buffers to an Intel GPU; raises where there is none."""
        return self._apply(lambda t: t.to("xpu" if device is None else device))

    def ipu(self, device: Any = None) -> Self:
        """Move parameters and buffers to an IPU; raises where there is none."""
        return self._apply(lambda t: t.to("ipu" if device is None else device))

    def mtia(self, device: Any = None) -> Self:
        """Move parameters and buffers to an MTIA device; raises where there is none."""
        return self._apply(lambda t: t.to("mtia" if device is None else device))

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Move to a device without the values: parameters and buffers hold none in particular afterwards.

        Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Module.html#torch.nn.Module.to_empty
        """
        return self._apply(lambda t: empty_like(t, device=device), recurse)

    def type(self, dst_type: Any) -> Self:
        """Convert all parameters and buffers to one dtype."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self) -> Self:
        """Convert floating parameters and buffers to float32."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self) -> Self:
        """Convert floating parameters and buffers to float64."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self) -> Self:
        """Convert floating parameters and buffers to float16."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self) -> Self:
        """Convert floating parameters and buffers to bfloat16."""
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)

    def share_memory(self) -> Self:
        """Does nothing: worker processes get copies."""
        return self

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Does nothing: every training loop is compiled."""

    # -- hooks ------------------------------------------------------------------------------------------------------

    def _own_hooks(self) -> ModuleHooks:
        if self._hooks is None:
            self.__dict__["_hooks"] = ModuleHooks()
        return self._hooks  # type: ignore[return-value]  # made above

    # PyTorch's names of the tables: `len(m._forward_hooks)`, `m._forward_hooks.clear()`.
    _forward_pre_hooks = property(lambda self: self._own_hooks().pre)
    _forward_hooks = property(lambda self: self._own_hooks().post)
    _backward_pre_hooks = property(lambda self: self._own_hooks().backward_pre)
    _backward_hooks = property(lambda self: self._own_hooks().backward)
    _state_dict_pre_hooks = property(lambda self: self._state_table("save_pre"))
    _state_dict_hooks = property(lambda self: self._state_table("save_post"))
    _load_state_dict_pre_hooks = property(lambda self: self._state_table("load_pre"))
    _load_state_dict_post_hooks = property(lambda self: self._state_table("load_post"))

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` (or `hook(module, args, kwargs)`) before forward; it may return new arguments.

        Source:
        https://docs.pytorch.org/docs/2.13/generated/torch.nn.Module.html#torch.nn.Module.register_forward_pre_hook
        """
        hooks = self._own_hooks()
        return hooks.pre.add(hook, prepend=prepend, marks=[hooks.pre_with_kwargs] * with_kwargs)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` (or with kwargs before output) after forward; it may return another output.

        Args:
            prepend: run before the hooks that are there.
            with_kwargs: hand the keyword arguments over too.
            always_call: run also when forward raised.

        Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Module.html#torch.nn.Module.register_forward_hook
        """
        hooks = self._own_hooks()
        marks = [hooks.post_with_kwargs] * with_kwargs + [hooks.post_always] * always_call
        return hooks.post.add(hook, prepend=prepend, marks=marks)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_output)` before the module's backward pass; it may return another grad_output."""
        return self._own_hooks().backward_pre.add(hook, prepend=prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` after the module's backward pass; a result replaces grad_input.

        Source:
        https://docs.pytorch.org/docs/2.13/generated/torch.nn.Module.html#torch.nn.Module.register_full_backward_hook
        """
        return self._own_hooks().backward.add(hook, prepend=prepend)

    def register_backward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """The older name of `register_full_backward_hook`.

        Differs from PyTorch: grad_input is that of the whole module, not of its last operation.
        """
        return self.register_full_backward_hook(hook)

    def _state_hooks(self, kind: str) -> Table:
        return (self._state_tables or {}).get(kind) or Table()

    def _state_table(self, kind: str) -> Table:
        if self._state_tables is None:
            self.__dict__["_state_tables"] = {}
        assert self._state_tables is not None
        return self._state_tables.setdefault(kind, Table())

    def _add_state_hook(self, kind: str, hook: Any) -> RemovableHandle:
        return self._state_table(kind).add(hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before `state_dict` collects."""
        return self._add_state_hook("save_pre", hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)` after `state_dict` collected."""
        return self._add_state_hook("save_post", hook)

    _register_state_dict_hook = register_state_dict_post_hook

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, metadata, strict, missing, unexpected, errors)` before loading."""
        return self._add_state_hook("load_pre", hook)

    def _register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], with_module: bool = False
    ) -> RemovableHandle:
        return self._add_state_hook("load_pre", hook if with_module else _WithoutModule(hook))

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` after loading; it may change the two lists in place."""
        return self._add_state_hook("load_post", hook)

    # -- state ------------------------------------------------------------------------------------------------------

    def state_dict(self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """All parameters and persistent buffers by their dotted names.

        Args:
            destination: a dictionary to add to.
            prefix: put before every name.
            keep_vars: give the parameters themselves rather than detached tensors that share their storage.

        Example:
            >>> import kilnn
            >>> list(kilnn.nn.Linear(2, 3).state_dict())
            ['weight', 'bias']

        Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Module.html#torch.nn.Module.state_dict
        """
        if args:
            warnings.warn(
                "Positional args are being deprecated, use kwargs instead. Refer to "
                "https://pytorch.org/docs/main/generated/torch.nn.Module.html#torch.nn.Module.state_dict for details.",
                FutureWarning,
                stacklevel=2,
            )
            older = (destination, prefix, keep_vars)
            destination, prefix, keep_vars = (*args, *older[len(args) :])[:3]
        return states.collect(self, destination, prefix, keep_vars)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        states.save_own(self, destination, prefix, keep_vars)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> states.IncompatibleKeys:
        """Copy the values of `state_dict` into this module and those below it.

        Args:
            strict: the names must match exactly.
            assign: use the given tensors themselves instead of copying their values.

        Returns: (missing_keys, unexpected_keys).

        Raises: RuntimeError naming every missing, unexpected and misshapen key at once.

        Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Module.html#torch.nn.Module.load_state_dict
        """
        return states.load(self, state_dict, strict, assign)

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, strict: bool, missing_keys: Any, unexpected_keys: Any,
        error_msgs: Any,
    ) -> None:  # fmt: skip
        states.load_own(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)

    def _overrides(self, method: str) -> bool:
        return getattr(type(self), method) is not getattr(Module, method)

    def get_extra_state(self) -> Any:
        """What `state_dict` should hold besides tensors; override it together with `set_extra_state`."""
        raise RuntimeError("Reached a code path in Module.get_extra_state() that should never be called.")

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` gave."""
        raise RuntimeError("Reached a code path in Module.set_extra_state() that should never be called.")

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    # -- text -------------------------------------------------------------------------------------------------------

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """The arguments shown by `repr`; subclasses override it."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({name}): {_indent(repr(child))}" for name, child in self._modules.items()]
        if not children and len(lines) <= 1:
            return f"{self._get_name()}({extra})"
        return f"{self._get_name()}(\n  " + "\n  ".join([*lines, *children]) + "\n)"


if core is not None:
    core.setup_modules(GLOBAL.__dict__, _call, explain, RECORDED)


class _WithoutModule:
    """A load hook of the older form, which does not get the module. (A class, so that modules can be pickled.)"""

    def __init__(self, hook: Callable[..., Any]) -> None:
        self.hook = hook

    def __call__(self, module: Module, *args: Any) -> Any:
        return self.hook(*args)


def _only_none(word: str, name: str, value: Any) -> None:
    if value is not None:
        expected = "kilnn.nn.Parameter" if word == "parameter" else "kilnn.nn.Module"
        raise TypeError(f"cannot assign '{_kind(value)}' as {word} '{name}' ({expected} or None expected)")


def _kind(value: Any) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _indent(text: str) -> str:
    return text.replace("\n", "\n  ")
