"""From a module or function to its graph."""

from __future__ import annotations

import builtins
import functools
import inspect
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FunctionType
from typing import Any

from kilnn.base.device import Device
from kilnn.base.dtypes import DType
from kilnn.base.layout import layout, memory_format
from kilnn.fx.graph import Graph
from kilnn.fx.names import NAMESPACES, public_functions
from kilnn.fx.node import Node, has_side_effect, map_aggregate
from kilnn.fx.proxy import Proxy, TraceError
from kilnn.nn.layers.container import Sequential
from kilnn.nn.module import Module
from kilnn.tensor.tensor import Tensor

_PLAIN = (int, float, str, bool, complex, type(None), type(Ellipsis), bytes)
_here = threading.local()
_lock = threading.RLock()
_wrapped: dict[tuple[int, str], dict[str, Any]] = {}


def wrap(fn_or_name: Any) -> Any:
    """Make one node of each call of a function, instead of looking into it. To be called at the top of a module.

    Args:
        fn_or_name: a function of the module, or its name, or that of a builtin such as "len". Also a decorator.

    Returns: what it got.

    Raises: NotImplementedError inside of a function.

    Source: https://docs.pytorch.org/docs/2.13/fx.html#torch.fx.wrap
    """
    if not callable(fn_or_name) and not isinstance(fn_or_name, str):
        raise RuntimeError("Unsupported type for global function! Must be either a callable or string name")
    name = fn_or_name if isinstance(fn_or_name, str) else fn_or_name.__name__
    caller = sys._getframe(1)
    if caller.f_code.co_name != "<module>":
        raise NotImplementedError("wrap must be called at the top level of a module")
    _wrapped[id(caller.f_globals), name] = caller.f_globals
    return fn_or_name


class Tracer:
    """Makes graphs. Subclass it to choose which modules are looked into.

    Args:
        autowrap_modules: accepted as ().
        autowrap_functions: functions that become one node each where the traced code's modules name them.
        param_shapes_constant: accepted as False.

    Source: https://docs.pytorch.org/docs/2.13/fx.html#torch.fx.Tracer
    """

    def __init__(
        self, autowrap_modules: tuple[Any, ...] = (), autowrap_functions: tuple[Callable[..., Any], ...] = (),
        param_shapes_constant: bool = False,
    ) -> None:  # fmt: skip
        if autowrap_modules or param_shapes_constant:
            raise NotImplementedError("fx.Tracer: autowrap_modules and param_shapes_constant are not supported")
        self._autowrap = autowrap_functions
        self.graph: Graph
        self.root: Any = None

    # -- what a subclass may change -------------------------------------------------------------------------------

    def is_leaf_module(self, m: Module, module_qualified_name: str) -> bool:
        """Whether a module's call becomes one node: true for kilnn's own layers but `Sequential`."""
        return m.__module__.startswith("kilnn.nn") and not isinstance(m, Sequential)

    def path_of_module(self, mod: Module) -> str:
        """A submodule's path. NameError if the root does not hold it."""
        for path, found in self.root.named_modules():
            if found is mod:
                return str(path)
        raise NameError(f"fx: the module {type(mod).__name__} is not installed as a submodule of what is traced")

    def call_module(self, m: Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """A call of a submodule: one node for a leaf, the inside of it for others."""
        path = self.path_of_module(m)
        if self.is_leaf_module(m, path):
            return self.create_proxy("call_module", path, args, kwargs)
        return forward(*args, **kwargs)

    def iter(self, obj: Proxy) -> Iterator[Any]:
        """Called for `for ... in proxy` and for unpacking; a proxy does not know how many there are."""
        raise TraceError(
            "Proxy object cannot be iterated. This can be attempted when the Proxy is used in a loop or as a *args or "
            "**kwargs function argument. Control flow that depends on inputs cannot be traced"
        )

    def to_bool(self, obj: Proxy) -> bool:
        """Called where Python asks whether a proxy is true."""
        raise TraceError("symbolically traced variables cannot be used as inputs to control flow")

    def keys(self, obj: Proxy) -> Any:
        """Called for `**proxy`."""
        raise TraceError("Proxy object cannot be unpacked as keyword arguments")

    # -- nodes ----------------------------------------------------------------------------------------------------

    def create_node(self, kind: str, target: Any, args: Any, kwargs: Any, name: str | None = None) -> Node:
        """A node of the graph."""
        return self.graph.create_node(kind, target, args, kwargs, name)

    def proxy(self, node: Node) -> Proxy:
        """What stands for a node."""
        return Proxy(node, self)

    def create_proxy(self, kind: str, target: Any, args: Any, kwargs: Any, name: str | None = None) -> Proxy:
        """A node of arguments that may hold proxies, and what stands for it."""
        return self.proxy(self.create_node(kind, target, self.create_arg(args), self.create_arg(kwargs), name))

    def create_arg(self, a: Any) -> Any:
        """An argument as a node keeps it: proxies become nodes, tensors of the root become `get_attr` nodes."""
        return map_aggregate(a, self._one_arg)

    def _one_arg(self, a: Any) -> Any:
        if isinstance(a, Proxy):
            return a.node
        if isinstance(a, Tensor):
            return self.create_node("get_attr", self._path_of_tensor(a), (), {})
        if isinstance(a, _PLAIN) or isinstance(a, (DType, Device, layout, memory_format)):
            return a
        if callable(a) or isinstance(a, Node):
            return a
        raise NotImplementedError(f"argument of type: {type(a)}")

    def _path_of_tensor(self, a: Tensor) -> str:
        for path, module in self.root.named_modules():
            for name, item in {**module._parameters, **module._buffers, **vars(module)}.items():
                if item is a:
                    return f"{path}.{name}" if path else str(name)
        number = 0
        while hasattr(self.root, f"_tensor_constant{number}"):
            number += 1
        setattr(self.root, f"_tensor_constant{number}", a)
        return f"_tensor_constant{number}"

    # -- tracing --------------------------------------------------------------------------------------------------

    def trace(self, root: Any, concrete_args: dict[str, Any] | None = None) -> Graph:
        """The graph of a module's `forward`, or of a function.

        Args:
            root: the module or function. It is called once, with proxies.
            concrete_args: arguments by name that keep a value; the graph checks that they get it.
        """
        if isinstance(root, Module):
            self.root, function = root, type(root).forward
        else:
            self.root, function = Module(), root
        self.graph = Graph(tracer_cls=type(self))
        self.graph.owning_module = None
        args, kwargs = self._arguments(function, isinstance(root, Module), concrete_args or {})
        with _patched(self, function):
            result = function(*([root] if isinstance(root, Module) else []), *args, **kwargs)
            self.create_node("output", "output", (self.create_arg(result),), {})
        return self.graph

    def _arguments(self, function: Any, method: bool, concrete: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        parameters = list(inspect.signature(function).parameters.values())[1 if method else 0 :]
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        checks = []
        for p in parameters:
            if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
                raise NotImplementedError(f"fx: *args and **kwargs of a traced function cannot be recorded, got {p}")
            default = concrete.get(p.name, p.default)
            stands = self.create_proxy("placeholder", p.name, () if default is p.empty else (default,), {})
            if p.name in concrete:
                checks.append((stands, p.name, concrete[p.name]))
            value = concrete.get(p.name, stands)
            if p.kind is p.KEYWORD_ONLY:
                kwargs[p.name] = value
            else:
                args.append(value)
        if unknown := set(concrete) - {p.name for p in parameters}:
            raise TypeError(f"fx: concrete_args names no argument of the function: {', '.join(sorted(unknown))}")
        for stands, name, value in checks:
            self.create_proxy("call_function", check_specialized, (stands, value, name), {})
        return args, kwargs


class GraphAppendingTracer(Tracer):
    """Appends nodes to a graph that is there; for proxies made by hand.

    Args:
        graph: the graph.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph, self.root = graph, graph.owning_module or Module()


@has_side_effect
def check_specialized(value: Any, expected: Any, name: str) -> None:
    """Raise AssertionError where a traced graph gets another value than the one that it was made for."""
    if value is not expected and value != expected:
        raise AssertionError(
            f"{name} has been specialized to have value {expected!r}, but got another value: {value!r}"
        )


def _holds_proxy(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    found = []
    map_aggregate((args, kwargs), lambda a: found.append(a) if isinstance(a, Proxy) else None)
    return bool(found)


def _recorded(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, whose calls with proxies make a node of the thread's tracer."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        tracer = getattr(_here, "tracer", None)
        if tracer is None or not _holds_proxy(args, kwargs):
            return function(*args, **kwargs)
        return tracer.create_proxy("call_function", function, args, kwargs)

    return call


def _code_of(root: Any, function: Any) -> Iterator[dict[str, Any]]:
    """The global names of the code that will be traced."""
    functions = [function]
    if isinstance(root, Module):
        functions += [type(m).forward for m in root.modules()]
    for f in functions:
        plain = inspect.unwrap(getattr(f, "__func__", f))
        if isinstance(plain, FunctionType):
            yield plain.__globals__


@contextmanager
def _patched(tracer: Tracer, function: Any) -> Iterator[None]:
    """While a graph is made, public functions and modules' calls ask the thread's tracer first."""
    plain_call = Module.__call__

    def module_call(self: Module, *args: Any, **kwargs: Any) -> Any:
        active = getattr(_here, "tracer", None)
        if active is None:
            return plain_call(self, *args, **kwargs)
        return active.call_module(self, lambda *a, **k: plain_call(self, *a, **k), args, kwargs)

    with _lock, ExitStack() as undo:
        before = getattr(_here, "tracer", None)
        undo.callback(setattr, _here, "tracer", before)

        def put(names: dict[str, Any], name: str, item: Any) -> None:
            if name in names:
                undo.callback(names.__setitem__, name, names[name])
            else:
                undo.callback(names.pop, name, None)
            names[name] = item

        known = public_functions()
        wrappers = {f: _recorded(f) for f in (*known, *tracer._autowrap)}
        spaces = [vars(module) for module in NAMESPACES.values()] + list(_code_of(tracer.root, function))
        for names in {id(s): s for s in spaces}.values():
            for name, item in list(names.items()):
                if isinstance(item, FunctionType) and item in wrappers:
                    put(names, name, wrappers[item])
        for (_, name), names in _wrapped.items():
            put(names, name, _recorded(names[name] if name in names else getattr(builtins, name)))
        Module.__call__ = module_call  # type: ignore[method-assign]  # put back below
        undo.callback(setattr, Module, "__call__", plain_call)
        _here.tracer = tracer
        yield
