"""What a function is called with while its graph is made: whatever is done to it becomes a node."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kilnn.fx.node import Node

if TYPE_CHECKING:
    from kilnn.fx.tracer import Tracer


class TraceError(ValueError):
    """Something that a graph cannot hold, such as a branch that depends on a value."""


class Proxy:
    """Stands for the result of a node. Operators, methods and attributes, and kilnn's functions, become nodes.

    Args:
        node: the node.
        tracer: the tracer that makes new nodes.

    Raises: TraceError where Python would need its value: `if`, `len`, `for`.

    Source: https://docs.pytorch.org/docs/2.13/fx.html#torch.fx.Proxy
    """

    def __init__(self, node: Node, tracer: Tracer | None = None) -> None:
        self.node: Node = node
        self.tracer: Tracer = tracer or node.graph.appending_tracer()

    def __repr__(self) -> str:
        return f"Proxy({self.node.name})"

    def __getattr__(self, name: str) -> Attribute:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return Attribute(self, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.tracer.create_proxy("call_method", "__call__", (self, *args), kwargs)

    def __iter__(self) -> Iterator[Any]:
        return self.tracer.iter(self)

    def __bool__(self) -> bool:
        return self.tracer.to_bool(self)

    def __len__(self) -> int:
        raise RuntimeError(
            "'len' is not supported in symbolic tracing by default. If you want this call to be recorded, please call "
            "kilnn.fx.wrap('len') at module scope"
        )

    def keys(self) -> Any:
        """TraceError: `**x` of a proxy cannot be recorded."""
        return self.tracer.keys(self)

    def __setitem__(self, index: Any, value: Any) -> None:
        self.tracer.create_proxy("call_function", operator.setitem, (self, index, value), {})

    def __kilnn_operation__(self, op: Any, operands: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
        """What `record` calls where a tensor meets a proxy: a parameter times a proxy, say."""
        if op.name in _OPERATORS and len(operands) == 2 and not attributes:
            return self.tracer.create_proxy("call_function", _OPERATORS[op.name], operands, {})
        raise TraceError(
            f"fx: {op.name}() got a Proxy from a function that symbolic tracing does not see. Call it by its public "
            "name (kilnn.relu, F.relu), or mark your function with kilnn.fx.wrap"
        )


class Attribute(Proxy):
    """An attribute of a proxy; a call of it becomes a call of the method.

    Args:
        root: the proxy.
        attr: the attribute's name.
    """

    def __init__(self, root: Proxy, attr: str) -> None:
        self.__dict__.update(root=root, attr=attr, tracer=root.tracer, _node=None)

    @property
    def node(self) -> Node:  # type: ignore[override]  # made when somebody needs it
        """The node of the attribute's value."""
        if self._node is None:
            made = self.tracer.create_proxy("call_function", getattr, (self.root, self.attr), {})
            self.__dict__["_node"] = made.node
        return self._node  # type: ignore[return-value]  # made above

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.tracer.create_proxy("call_method", self.attr, (self.root, *args), kwargs)


_OPERATORS = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv, "matmul": operator.matmul,
    "mm": operator.matmul, "pow": operator.pow, "remainder": operator.mod, "floor_divide": operator.floordiv,
    "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge, "eq": operator.eq, "ne": operator.ne,
}  # fmt: skip

_UNARY = ("neg", "pos", "invert", "abs")
_BINARY = (
    "add", "sub", "mul", "floordiv", "truediv", "mod", "pow", "matmul", "lshift", "rshift", "and_", "or_", "xor",
)  # fmt: skip
_COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne", "getitem")


def _give_operators() -> None:
    """Each operator as a method of `Proxy` that makes a node."""

    def method(function: Any, swapped: bool = False) -> Any:
        def made(self: Proxy, *args: Any) -> Any:
            operands = (*args, self) if swapped else (self, *args)
            return self.tracer.create_proxy("call_function", function, operands, {})

        return made

    for name in (*_UNARY, *_BINARY, *_COMPARISONS):
        word, function = name.strip("_"), getattr(operator, name)
        setattr(Proxy, f"__{word}__", method(function))
        if name in _BINARY:
            setattr(Proxy, f"__r{word}__", method(function, swapped=True))
    Proxy.__hash__ = object.__hash__  # type: ignore[method-assign]  # __eq__ makes a node


_give_operators()
