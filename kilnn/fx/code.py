"""From a graph to the text of a function."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import kilnn
from kilnn.base.dtypes import DType
from kilnn.fx.names import Namespace, public_functions
from kilnn.fx.node import Node

if TYPE_CHECKING:
    from kilnn.fx.graph import Graph

_INFIX = {
    operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/", operator.floordiv: "//",
    operator.mod: "%", operator.pow: "**", operator.matmul: "@", operator.lt: "<", operator.le: "<=", operator.eq: "==",
    operator.ne: "!=", operator.gt: ">", operator.ge: ">=", operator.and_: "&", operator.or_: "|", operator.xor: "^",
    operator.lshift: "<<", operator.rshift: ">>",
}  # fmt: skip
_PREFIX = {operator.neg: "-", operator.invert: "~", operator.pos: "+"}
_PLAIN = (int, str, bool, type(None), type(Ellipsis), bytes)


@dataclass
class PythonCode:
    """The text of a function, and the names that it needs.

    Args:
        src: the text.
        globals: what the names mean.
    """

    src: str
    globals: dict[str, Any] = field(default_factory=dict)


class _Writer:
    def __init__(self, root: str) -> None:
        self.root = root
        self.globals: dict[str, Any] = {"kilnn": kilnn}
        self._names = Namespace()
        self._known: dict[int, str] = {}

    def name_for(self, item: Any, wish: str) -> str:
        """The global name of an object."""
        if id(item) not in self._known:
            self._known[id(item)] = self._names("_fx_" + wish)
            self.globals[self._known[id(item)]] = item
        return self._known[id(item)]

    def value(self, a: Any) -> str:
        """An argument."""
        if isinstance(a, Node):
            return a.name
        if type(a) is tuple:
            return f"({', '.join(map(self.value, a))}{',' if len(a) == 1 else ''})"
        if type(a) is list:
            return f"[{', '.join(map(self.value, a))}]"
        if type(a) is dict:
            return "{" + ", ".join(f"{self.value(k)}: {self.value(v)}" for k, v in a.items()) + "}"
        if isinstance(a, tuple):
            return f"{self.name_for(type(a), type(a).__name__)}({', '.join(map(self.value, a))})"
        if isinstance(a, slice):
            return f"slice({self.value(a.start)}, {self.value(a.stop)}, {self.value(a.step)})"
        if type(a) in _PLAIN or (type(a) is float and math.isfinite(a)):
            return repr(a)
        if isinstance(a, DType):
            return repr(a)
        return self.name_for(a, getattr(a, "__name__", type(a).__name__))

    def function(self, fn: Any) -> str:
        """A function's name in the text."""
        path = public_functions().get(fn)
        return path or self.name_for(fn, getattr(fn, "__name__", type(fn).__name__).strip("<>"))

    def call(self, node: Node, skip: int = 0) -> str:
        """A node's arguments."""
        rest = [self.value(a) for a in node.args[skip:]] + [f"{k}={self.value(v)}" for k, v in node.kwargs.items()]
        return f"({', '.join(rest)})"

    def path(self, target: str) -> str:
        """The module or attribute at a path."""
        text = self.root
        for part in target.split("."):
            text = f"{text}.{part}" if part.isidentifier() else f'getattr({text}, "{part}")'
        return text

    def expression(self, node: Node) -> str:
        """What a node computes."""
        target, args = node.target, node.args
        if node.op == "get_attr":
            return self.path(target)
        if node.op == "call_module":
            return self.path(target) + self.call(node)
        if node.op == "call_method":
            return f"{self.value(args[0])}.{target}{self.call(node, 1)}"
        if not node.kwargs:
            if target in _INFIX and len(args) == 2:
                return f"{self.operand(args[0])} {_INFIX[target]} {self.operand(args[1])}"
            if target in _PREFIX and len(args) == 1:
                return f"{_PREFIX[target]}{self.operand(args[0])}"
            if target is operator.getitem and len(args) == 2:
                return f"{self.operand(args[0])}[{self.value(args[1])}]"
            if target is getattr and len(args) == 2 and isinstance(args[1], str) and args[1].isidentifier():
                return f"{self.operand(args[0])}.{args[1]}"
        return self.function(target) + self.call(node)

    def operand(self, a: Any) -> str:
        text = self.value(a)
        return text if isinstance(a, Node) or text.replace(".", "").isalnum() else f"({text})"


def python_code(graph: Graph, root: str) -> PythonCode:
    """The function `forward` that does what a graph says, with modules and parameters looked up in `root`."""
    writer = _Writer(root)
    last: dict[Node, Node] = {}
    for node in graph.nodes:
        for used in node.all_input_nodes:
            last[used] = node
    done: dict[Node, list[str]] = {}
    for used, user in last.items():
        done.setdefault(user, []).append(used.name)
    parameters, lines = [root], []
    for node in graph.nodes:
        if node.op == "placeholder":
            star = "*" * (len(node.target) - len(node.target.lstrip("*")))
            default = f" = {writer.value(node.args[0])}" if node.args else ""
            name = node.target.lstrip("*")
            parameters.append(f"{star}{name}{default}")
            if name != node.name:
                lines.append(f"{node.name} = {name}")
            continue
        if node.op == "output":
            lines.append(f"return {writer.value(node.args[0])}")
            break
        line = f"{node.name} = {writer.expression(node)}" if node.users else writer.expression(node)
        gone = [name for name in done.get(node, ()) if name != node.name]
        lines.append(line + (f";  {' = '.join([*gone, 'None'])}" if gone else ""))
    body = "\n    ".join(lines or ["pass"])
    return PythonCode(f"def forward({', '.join(parameters)}):\n    {body}\n", writer.globals)
