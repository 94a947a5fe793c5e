"""A list of operations that is a function: looked at, changed, and turned into Python."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from kilnn.fx.code import PythonCode, python_code
from kilnn.fx.names import Namespace, wish_for
from kilnn.fx.node import Node, NodeList, map_arg, name_of


class Graph:
    """Nodes in the order in which they run: placeholders, operations, one output.

    Args:
        owning_module: the `GraphModule` that it belongs to.
        tracer_cls: the class of the tracer that made it.
        tracer_extras: accepted.

    Example:
        >>> import kilnn
        >>> graph = kilnn.fx.Graph()
        >>> x = graph.placeholder("x")
        >>> _ = graph.output(graph.call_function(kilnn.relu, (x,)))
        >>> kilnn.fx.GraphModule(kilnn.nn.Module(), graph)(kilnn.tensor([-1.0, 2.0])).tolist()
        [0.0, 2.0]

    Source: https://docs.pytorch.org/docs/2.13/fx.html#torch.fx.Graph
    """

    def __init__(self, owning_module: Any = None, tracer_cls: Any = None, tracer_extras: Any = None) -> None:
        self._root = Node(self, "", "placeholder", "", (), {})
        self._root._erased = True
        self._names = Namespace()
        self._before = self._root
        self._tracer_cls, self.owning_module = tracer_cls, owning_module

    @property
    def nodes(self) -> NodeList:
        """The nodes in order."""
        return NodeList(self._root)

    def find_nodes(self, *, op: str, target: Any = None, sort: bool = True) -> list[Node]:
        """The nodes of one kind, in order; with one target, if it is given."""
        return [n for n in self.nodes if n.op == op and (target is None or n.target == target)]

    def output_node(self) -> Node:
        """The output."""
        return self.find_nodes(op="output")[0]

    def appending_tracer(self) -> Any:
        """A tracer that appends to this graph, for proxies made by hand."""
        from kilnn.fx.tracer import GraphAppendingTracer  # noqa: PLC0415 - it makes graphs

        return GraphAppendingTracer(self)

    # -- making nodes ---------------------------------------------------------------------------------------------

    def create_node(
        self, op: str, target: Any, args: tuple[Any, ...] | None = None, kwargs: dict[str, Any] | None = None,
        name: str | None = None, type_expr: Any = None,
    ) -> Node:  # fmt: skip
        """Put a new node at the insertion point, which is the end unless `inserting_before` moved it.

        Args:
            op, target, args, kwargs: as in `Node`.
            name: a wish for its name.
            type_expr: kept as `type`.
        """

        def mine(node: Node) -> Node:
            if node.graph is not self:
                raise RuntimeError(f"fx: the node {node.name!r} of another graph cannot be an argument here")
            return node

        args, kwargs = map_arg((tuple(args or ()), dict(kwargs or {})), mine)
        node = Node(self, self._names(name or wish_for(op, target)), op, target, args or (), kwargs or {}, type_expr)
        self._before.prepend(node)
        return node

    def placeholder(self, name: str, type_expr: Any = None, default_value: Any = Ellipsis) -> Node:
        """An argument; Ellipsis stands for no default."""
        args = () if default_value is Ellipsis else (default_value,)
        return self.create_node("placeholder", name, args, type_expr=type_expr)

    def get_attr(self, qualified_name: str, type_expr: Any = None) -> Node:
        """A parameter, buffer or other attribute at a path like "layer.weight"."""
        return self.create_node("get_attr", qualified_name, type_expr=type_expr)

    def call_function(
        self, the_function: Callable[..., Any], args: Any = None, kwargs: Any = None, type_expr: Any = None,
        name: str | None = None,
    ) -> Node:  # fmt: skip
        """A call of a function."""
        return self.create_node("call_function", the_function, args, kwargs, name, type_expr)

    def call_method(self, method_name: str, args: Any = None, kwargs: Any = None, type_expr: Any = None) -> Node:
        """A call of a method of the first argument."""
        return self.create_node("call_method", method_name, args, kwargs, type_expr=type_expr)

    def call_module(self, module_name: str, args: Any = None, kwargs: Any = None, type_expr: Any = None) -> Node:
        """A call of the module at a path."""
        return self.create_node("call_module", module_name, args, kwargs, type_expr=type_expr)

    def output(self, result: Any, type_expr: Any = None) -> Node:
        """The result: a node, or a structure of them."""
        return self.create_node("output", "output", (result,), type_expr=type_expr)

    def node_copy(self, node: Node, arg_transform: Callable[[Node], Any] = lambda x: x) -> Node:
        """A copy of another graph's node.

        Args:
            node: the node.
            arg_transform: from its arguments there to arguments here.
        """
        args, kwargs = map_arg((node.args, node.kwargs), arg_transform)
        made = self.create_node(node.op, node.target, args, kwargs, node.name, node.type)
        made.meta = dict(node.meta)
        return made

    def graph_copy(self, g: Graph, val_map: dict[Node, Node], return_output_node: bool = False) -> Any:
        """Copy all nodes but the output here; what the output returns, in nodes of this graph.

        Args:
            g: the other graph.
            val_map: nodes there and here; those in it are not copied, the others are added to it.
            return_output_node: give the output node there, too.
        """
        for node in g.nodes:
            if node in val_map:
                continue
            if node.op == "output":
                result = map_arg(node.args[0], val_map.__getitem__)
                return (result, node) if return_output_node else result
            val_map[node] = self.node_copy(node, val_map.__getitem__)
        return None

    def __deepcopy__(self, memo: Any = None) -> Graph:
        made = Graph(tracer_cls=self._tracer_cls)
        nodes: dict[Node, Node] = {}
        found = made.graph_copy(self, nodes, True)
        if found is not None:
            made.create_node("output", "output", (found[0],), name=found[1].name).meta = dict(found[1].meta)
        return made

    # -- changing it ----------------------------------------------------------------------------------------------

    @contextmanager
    def _inserting(self, node: Node) -> Iterator[None]:
        if node.graph is not self:
            raise AssertionError("fx: the node to insert at is not in this graph")
        before, self._before = self._before, node
        try:
            yield
        finally:
            self._before = before

    def inserting_before(self, n: Node | None = None) -> Any:
        """A `with` block in which new nodes come in front of n (of all nodes, without n)."""
        return self._inserting(self._root._next if n is None else n)

    def inserting_after(self, n: Node | None = None) -> Any:
        """A `with` block in which new nodes come behind n (at the end, without n)."""
        return self._inserting(self._root if n is None else n._next)

    def erase_node(self, to_erase: Node) -> None:
        """Take a node out. RuntimeError if something uses it."""
        if to_erase.users:
            raise RuntimeError(
                f"Tried to erase Node {to_erase} but it still had {len(to_erase.users)} users in the graph: "
                f"{dict(to_erase.users)}!"
            )
        if to_erase.graph is not self:
            raise RuntimeError(f"Attempting to remove {to_erase} from wrong graph!")
        if to_erase._erased:
            return
        to_erase._set((), {})
        to_erase._unlink()
        to_erase._erased = True
        self._names.free(to_erase.name)

    def eliminate_dead_code(self, is_impure_node: Callable[[Node], bool] | None = None) -> bool:
        """Take out nodes that nobody uses; whether there were any.

        Args:
            is_impure_node: which nodes stay all the same; `Node.is_impure` by default, and modules.
        """

        def stays(node: Node) -> bool:
            return is_impure_node(node) if is_impure_node is not None else node.is_impure()

        changed = False
        for node in reversed(self.nodes):
            if not node.users and not stays(node):
                self.erase_node(node)
                changed = True
        return changed

    def lint(self) -> None:
        """Check that names are unique, arguments defined before their use, and targets there. RuntimeError if not."""
        seen: set[Node] = set()
        names: set[str] = set()
        for node in self.nodes:
            for used in node.all_input_nodes:
                if used.graph is not self:
                    raise RuntimeError(f"Argument '{used}' of Node '{node}' does not belong to this Graph")
                if used not in seen:
                    raise RuntimeError(f"Argument '{used}' of Node '{node}' was used before it has been defined!")
            if node.name in names:
                raise RuntimeError(f"Node redefined name {node.name}!")
            seen.add(node)
            names.add(node.name)
            if self.owning_module is not None and node.op in ("call_module", "get_attr"):
                found = self.owning_module
                for part in node.target.split("."):
                    if not hasattr(found, part):
                        raise RuntimeError(f"Node {node} target {node.target} references nonexistent attribute {part}")
                    found = getattr(found, part)

    # -- as text --------------------------------------------------------------------------------------------------

    def python_code(self, root_module: str = "self", *, verbose: bool = False) -> PythonCode:
        """The text of a function that does the same, and the names that it needs."""
        return python_code(self, root_module)

    def __str__(self) -> str:
        return "\n    ".join(["graph():", *(n.format_node() for n in self.nodes)])

    def print_tabular(self) -> None:
        """Print one row for each node."""
        rows = [("opcode", "name", "target", "args", "kwargs")]
        for n in self.nodes:
            target = n.target if isinstance(n.target, str) else name_of(n.target)
            rows.append((n.op, n.name, target, str(n.args), str(n.kwargs)))
        widths = [max(len(row[k]) for row in rows) for k in range(5)]
        rows.insert(1, tuple("-" * w for w in widths))  # type: ignore[arg-type]  # five of them
        print(
            "\n".join(re.sub(r"\s+$", "", "  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True))) for r in rows)
        )
