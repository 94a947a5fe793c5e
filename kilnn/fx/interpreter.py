"""Running a graph node by node."""

from __future__ import annotations

from typing import Any

from kilnn.fx.graph import Graph
from kilnn.fx.graph_module import GraphModule
from kilnn.fx.node import Node, map_arg
from kilnn.fx.tracer import Tracer


class Interpreter:
    """Runs a `GraphModule` one node after another. Override a method to look at, or change, what it does.

    Args:
        module: the module.
        garbage_collect_values: forget results after their last use.
        graph: another graph to run with the module's parameters.

    Example:
        >>> import kilnn
        >>> traced = kilnn.fx.symbolic_trace(lambda x: kilnn.relu(x) + 1)
        >>> kilnn.fx.Interpreter(traced).run(kilnn.tensor([-1.0, 2.0])).tolist()
        [1.0, 3.0]

    Source: https://docs.pytorch.org/docs/2.13/fx.html#torch.fx.Interpreter
    """

    def __init__(self, module: Any, garbage_collect_values: bool = True, graph: Graph | None = None) -> None:
        self.module = module
        self.graph: Graph = graph if graph is not None else module.graph
        self.garbage_collect_values = garbage_collect_values
        self.env: dict[Node, Any] = {}
        self.args_iter: Any = iter(())
        self._last: dict[Node, list[Node]] = {}
        last: dict[Node, Node] = {}
        for node in self.graph.nodes:
            last.update(dict.fromkeys(node.all_input_nodes, node))
        for used, user in last.items():
            self._last.setdefault(user, []).append(used)

    def run(self, *args: Any, initial_env: dict[Node, Any] | None = None, enable_io_processing: bool = True) -> Any:
        """What the graph computes.

        Args:
            args: the module's arguments, by position.
            initial_env: results that are known already.
            enable_io_processing: accepted.
        """
        self.env = dict(initial_env or {})
        self.args_iter = iter(args)
        for node in self.graph.nodes:
            if node not in self.env:
                self.env[node] = self.run_node(node)
            if node.op == "output":
                return self.env[node]
            if self.garbage_collect_values:
                for used in self._last.get(node, ()):
                    del self.env[used]
        return None

    def run_node(self, n: Node) -> Any:
        """What one node computes."""
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        return getattr(self, n.op)(n.target, args, kwargs)

    def placeholder(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The next argument of `run`, or its default."""
        for value in self.args_iter:
            return value
        if args:
            return args[0]
        raise RuntimeError(f"Expected positional argument for parameter {target}, but one was not passed in!")

    def get_attr(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A parameter or attribute of the module."""
        return self.fetch_attr(target)

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call of a function."""
        return target(*args, **kwargs)

    def call_method(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call of a method of the first argument."""
        return getattr(args[0], target)(*args[1:], **kwargs)

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call of a submodule."""
        return self.fetch_attr(target)(*args, **kwargs)

    def output(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result."""
        return args[0]

    def fetch_attr(self, target: str) -> Any:
        """What the module has at a path."""
        found = self.module
        for part in target.split("."):
            if not hasattr(found, part):
                raise RuntimeError(f"Node referenced nonexistent target {target}")
            found = getattr(found, part)
        return found

    def fetch_args_kwargs_from_env(self, n: Node) -> tuple[Any, Any]:
        """The values of a node's arguments."""
        return self.map_nodes_to_values(n.args, n), self.map_nodes_to_values(n.kwargs, n)

    def map_nodes_to_values(self, args: Any, n: Node) -> Any:
        """Values in place of the nodes."""
        return map_arg(args, self.env.__getitem__)


class Transformer(Interpreter):
    """Makes a new graph of a module's; override a method to put something else in a node's place.

    Args:
        module: the module.

    Source: https://docs.pytorch.org/docs/2.13/fx.html#torch.fx.Transformer
    """

    def __init__(self, module: GraphModule) -> None:
        super().__init__(module)
        self.new_graph = Graph()
        self.tracer = _OfTransformer(self.new_graph, module)

    def placeholder(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A new placeholder."""
        return self.tracer.create_proxy("placeholder", target, args, {})

    def get_attr(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A new node for the attribute."""
        return self.tracer.create_proxy("get_attr", target, (), {})

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A new node for the call."""
        return self.tracer.create_proxy("call_function", target, args, kwargs)

    def call_method(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A new node for the call."""
        return self.tracer.create_proxy("call_method", target, args, kwargs)

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A new node for the call."""
        return self.tracer.create_proxy("call_module", target, args, kwargs)

    def transform(self) -> GraphModule:
        """The new module."""
        result = super().run()
        self.new_graph.output(self.tracer.create_arg(result))
        return GraphModule(self.module, self.new_graph)


class _OfTransformer(Tracer):
    def __init__(self, graph: Graph, module: GraphModule) -> None:
        super().__init__()
        self.graph, self.root = graph, module
