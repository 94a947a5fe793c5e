"""A module whose `forward` is made of a graph."""

from __future__ import annotations

import builtins
import linecache
from copy import deepcopy
from itertools import count
from typing import Any

from kilnn.fx.code import PythonCode
from kilnn.fx.graph import Graph
from kilnn.fx.tracer import Tracer
from kilnn.nn.module import Module

_numbers = count()


class GraphModule(Module):
    """A module with a graph and the `forward` that it says.

    Args:
        root: a module or a dictionary, from which the submodules, parameters and attributes that the graph names are
            taken over (not copied).
        graph: the graph.
        class_name: the name that is printed.

    Example:
        >>> import kilnn
        >>> traced = kilnn.fx.symbolic_trace(lambda x: kilnn.relu(x) + 1)
        >>> print(traced.code.strip())
        def forward(self, x):
            relu = kilnn.relu(x);  x = None
            add = relu + 1;  relu = None
            return add

    Source: https://docs.pytorch.org/docs/2.13/fx.html#torch.fx.GraphModule
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Each has a class of its own, for its own `forward`."""
        base = next(c for c in cls.__mro__ if "_is_made_for_one" not in vars(c))
        made = type(base.__name__, (base,), {"_is_made_for_one": True, "__module__": base.__module__})
        return super().__new__(made)

    def __init__(self, root: Module | dict[str, Any], graph: Graph, class_name: str = "GraphModule") -> None:
        super().__init__()
        type(self).__name__ = class_name
        if isinstance(root, Module):
            self.training = root.training
        targets = dict.fromkeys(n.target for n in graph.nodes if n.op in ("call_module", "get_attr"))
        for target in sorted(targets, key=lambda t: t.count(".")):
            if isinstance(root, Module):
                _take(root, self, target)
            elif target in root:
                _put(self, target, root[target])
            else:
                raise RuntimeError(f"Node referenced target {target} but that target was not provided in ``root``!")
        self.graph = graph

    @property
    def graph(self) -> Graph:
        """The graph. Call `recompile()` after changing it."""
        return self.__dict__["_graph"]  # type: ignore[no-any-return]  # set by __init__

    @graph.setter
    def graph(self, graph: Graph) -> None:
        if not isinstance(graph, Graph):
            raise AssertionError(f"Expected a Graph instance, but got {type(graph)}")
        if graph.owning_module is not None and graph.owning_module is not self:
            graph = deepcopy(graph)
        graph.owning_module = self
        self.__dict__["_graph"] = graph
        self.recompile()

    @property
    def code(self) -> str:
        """The text of `forward`."""
        return self.__dict__["_code"]  # type: ignore[no-any-return]  # set by recompile

    def recompile(self) -> PythonCode:
        """Make `forward` anew from the graph."""
        made = self.graph.python_code("self")
        file = f"<kilnn.fx {type(self).__name__} {next(_numbers)}>"
        linecache.cache[file] = len(made.src), None, made.src.splitlines(keepends=True), file
        names = {"__builtins__": builtins, **made.globals}
        exec(compile(made.src, file, "exec"), names)
        type(self).forward = names["forward"]  # type: ignore[method-assign]  # the class is this object's own
        self.__dict__["_code"] = made.src
        return made

    def add_submodule(self, target: str, m: Module) -> bool:
        """Put a module at a path; False if something that is no module is in the way."""
        *parents, name = target.split(".")
        at: Any = self
        for part in parents:
            found = getattr(at, part, None)
            if found is None:
                found = Module()
                setattr(at, part, found)
            if not isinstance(found, Module):
                return False
            at = found
        at.add_module(name, m)
        return True

    def delete_submodule(self, target: str) -> bool:
        """Take the module at a path out; False if there is none."""
        *parents, name = target.split(".")
        at: Any = self
        for part in parents:
            at = getattr(at, part, None)
        if not isinstance(getattr(at, name, None), Module):
            return False
        delattr(at, name)
        return True

    def delete_all_unused_submodules(self) -> None:
        """Take out all modules that the graph does not call or look into."""
        used: set[str] = set()
        for node in self.graph.nodes:
            if node.op in ("call_module", "get_attr"):
                parts = node.target.split(".")
                used |= {".".join(parts[:k]) for k in range(1, len(parts) + 1)}
                if node.op == "call_module":
                    inner = self.get_submodule(node.target)
                    used |= {f"{node.target}.{path}" for path, _ in inner.named_modules() if path}
        for path in [path for path, _ in self.named_modules() if path and path not in used]:
            self.delete_submodule(path)

    def print_readable(self, print_output: bool = True, **kwargs: Any) -> str:
        """The class as text, and printed."""
        text = f"class {type(self).__name__}(kilnn.nn.Module):\n" + "".join(
            f"    {line}\n" for line in self.code.strip().splitlines()
        )
        if print_output:
            print(text)
        return text

    def __deepcopy__(self, memo: dict[int, Any]) -> GraphModule:
        plain = Module()
        plain.__dict__.update({k: deepcopy(v, memo) for k, v in self.__dict__.items() if k not in ("_graph", "_code")})
        made = GraphModule(plain, deepcopy(self.graph, memo), type(self).__name__)
        made.training = self.training
        return made

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise NotImplementedError(
            "GraphModule: it is not pickled, because it would have to name its functions; keep state_dict() and trace "
            "again"
        )


def _take(source: Module, target: Module, path: str) -> None:
    """Give `target` what `source` has at a path, with modules on the way to it."""
    *parents, name = path.split(".")
    there: Any = source
    here: Any = target
    for part in parents:
        there = getattr(there, part)
        found = getattr(here, part, None)
        if found is there:
            return  # it came with a module that was taken over whole
        if found is None:
            found = Module()
            setattr(here, part, found)
        here = found
    if name in getattr(there, "_buffers", ()):
        here.register_buffer(name, there._buffers[name], name not in there._non_persistent_buffers_set)
    else:
        setattr(here, name, getattr(there, name))


def _put(target: Module, path: str, item: Any) -> None:
    *parents, name = path.split(".")
    here: Any = target
    for part in parents:
        if getattr(here, part, None) is None:
            setattr(here, part, Module())
        here = getattr(here, part)
    setattr(here, name, item)


def symbolic_trace(root: Any, concrete_args: dict[str, Any] | None = None) -> GraphModule:
    """The graph of a module or function, as a module that runs it.

    Args:
        root: the module or function; it is called once with proxies. Branches on values cannot be recorded.
        concrete_args: arguments by name that keep a value.

    Raises: TraceError where the code needs a value: `if x.sum() > 0`.

    Example:
        >>> import kilnn
        >>> net = kilnn.nn.Sequential(kilnn.nn.Linear(2, 3), kilnn.nn.ReLU())
        >>> [node.name for node in kilnn.fx.symbolic_trace(net).graph.nodes]
        ['input_1', '_0', '_1', 'output']

    Source: https://docs.pytorch.org/docs/2.13/fx.html#torch.fx.symbolic_trace
    """
    tracer = Tracer()
    graph = tracer.trace(root, concrete_args)
    name = type(root).__name__ if isinstance(root, Module) else root.__name__
    return GraphModule(tracer.root, graph, name)
