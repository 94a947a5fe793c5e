"""One line of a graph: an operation, its arguments, and who uses its result."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from kilnn.fx.names import public_functions
from kilnn.tensor.functions.facts import assert_

if TYPE_CHECKING:
    from kilnn.fx.graph import Graph

OPS = ("placeholder", "get_attr", "call_function", "call_method", "call_module", "output")


def map_aggregate(a: Any, fn: Callable[[Any], Any]) -> Any:
    """`fn` of everything inside of tuples, lists, dictionaries and slices, which are made anew."""
    if isinstance(a, tuple):
        parts = [map_aggregate(x, fn) for x in a]
        return type(a)(*parts) if hasattr(a, "_fields") else tuple(parts)
    if isinstance(a, list):
        return [map_aggregate(x, fn) for x in a]
    if isinstance(a, dict):
        return {key: map_aggregate(x, fn) for key, x in a.items()}
    if isinstance(a, slice):
        return slice(map_aggregate(a.start, fn), map_aggregate(a.stop, fn), map_aggregate(a.step, fn))
    return fn(a)


def map_arg(a: Any, fn: Callable[[Node], Any]) -> Any:
    """`fn` of each node inside of tuples, lists, dictionaries and slices."""
    return map_aggregate(a, lambda x: fn(x) if isinstance(x, Node) else x)


class Node:
    """One operation of a `Graph`; `Graph.create_node` makes it.

    Args:
        graph: the graph that it is in.
        name: the name of its result, unique in the graph.
        op: "placeholder" (an argument), "get_attr" (a parameter), "call_function", "call_method", "call_module" or
            "output".
        target: the argument's or attribute's name, the function, the method's name, the module's path.
        args, kwargs: arguments: nodes, numbers, strings, and lists, tuples, dictionaries, slices of them.
        return_type: accepted, and kept as `type`.

    Source: https://docs.pytorch.org/docs/2.13/fx.html#torch.fx.Node
    """

    def __init__(
        self, graph: Graph, name: str, op: str, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any],
        return_type: Any = None,
    ) -> None:  # fmt: skip
        if op not in OPS:
            raise AssertionError(f"fx: there is no kind of node {op!r}; it is one of {', '.join(OPS)}")
        if op == "call_function" and not callable(target):
            raise ValueError(f"fx: the target of a call_function node must be callable, got {target!r}")
        if op not in ("call_function", "output") and not isinstance(target, str):
            raise ValueError(f"fx: the target of a {op} node must be a string, got {target!r}")
        self.graph, self.name, self.op, self.target, self.type = graph, name, op, target, return_type
        self.users: dict[Node, None] = {}
        self.meta: dict[str, Any] = {}
        self._args: tuple[Any, ...] = ()
        self._kwargs: dict[str, Any] = {}
        self._inputs: dict[Node, None] = {}
        self._erased = False
        self._prev = self._next = self
        self._set(args, kwargs)

    def _set(self, args: Any, kwargs: Any) -> None:
        self._args, self._kwargs = map_aggregate(tuple(args), lambda x: x), map_aggregate(dict(kwargs), lambda x: x)
        for node in self._inputs:
            node.users.pop(self, None)
        self._inputs = {}
        map_arg((self._args, self._kwargs), self._inputs.setdefault)
        for node in self._inputs:
            node.users.setdefault(self)

    @property
    def args(self) -> tuple[Any, ...]:
        """Arguments by position; assign a new tuple to change them."""
        return self._args

    @args.setter
    def args(self, value: tuple[Any, ...]) -> None:
        self._set(value, self._kwargs)

    @property
    def kwargs(self) -> dict[str, Any]:
        """Arguments by name; assign a new dictionary to change them."""
        return dict(self._kwargs)

    @kwargs.setter
    def kwargs(self, value: dict[str, Any]) -> None:
        self._set(self._args, value)

    @property
    def all_input_nodes(self) -> list[Node]:
        """The nodes among its arguments, each once."""
        return list(self._inputs)

    @property
    def next(self) -> Node:
        """The following node."""
        return self._next

    @property
    def prev(self) -> Node:
        """The node before."""
        return self._prev

    @property
    def stack_trace(self) -> str | None:
        """Where the operation was recorded, if that is known."""
        return self.meta.get("stack_trace")

    def update_arg(self, idx: int, arg: Any) -> None:
        """Replace the argument at a position."""
        args = list(self._args)
        args[idx] = arg
        self.args = tuple(args)

    def update_kwarg(self, key: str, arg: Any) -> None:
        """Replace, or add, an argument by name."""
        self.kwargs = {**self._kwargs, key: arg}

    def insert_arg(self, idx: int, arg: Any) -> None:
        """Add an argument in front of the one at a position."""
        if not 0 <= idx <= len(self._args):
            raise AssertionError(f"insert_arg index must be between 0 and {len(self._args)}, got {idx}")
        self.args = (*self._args[:idx], arg, *self._args[idx:])

    def prepend(self, x: Node) -> None:
        """Move the node x to the place in front of this one."""
        if x.graph is not self.graph:
            raise AssertionError("Attempting to move a Node into a different Graph")
        if x is self:
            return
        x._unlink()
        before = self._prev
        before._next, x._prev, x._next, self._prev = x, before, self, x

    def append(self, x: Node) -> None:
        """Move the node x to the place behind this one."""
        self._next.prepend(x)

    def _unlink(self) -> None:
        self._prev._next, self._next._prev = self._next, self._prev  # its own stay, for loops that stand on it

    def replace_input_with(self, old_input: Node, new_input: Node) -> None:
        """Use another node wherever `old_input` is among the arguments."""
        self._set(*map_arg((self._args, self._kwargs), lambda n: new_input if n is old_input else n))

    def replace_all_uses_with(
        self, replace_with: Node, delete_user_cb: Callable[[Node], bool] = lambda user: True, *,
        propagate_meta: bool = False,
    ) -> list[Node]:  # fmt: skip
        """Let every user of this node use another one; those that were changed.

        Args:
            replace_with: the other node.
            delete_user_cb: which users to change.
            propagate_meta: give the other node this one's `meta`.
        """
        if propagate_meta:
            replace_with.meta.update(self.meta)
        changed = [user for user in self.users if delete_user_cb(user)]
        for user in changed:
            user.replace_input_with(self, replace_with)
        return changed

    def is_impure(self) -> bool:
        """Whether it must stay though nobody uses its result: it writes, it checks, or it is marked."""
        if self.op == "call_method":
            return self.target.endswith("_") and not self.target.endswith("__")
        return self.op in ("placeholder", "output") or (self.op == "call_function" and self.target in _impure)

    def format_node(self) -> str:
        """One line of text, as `print(graph)` shows it."""
        uses = f"[num_users={len(self.users)}]"
        if self.op == "placeholder":
            default = f"(default={self._args[0]!r})" if self._args else ""
            return f"%{self.name} : {uses} = placeholder[target={self.target}]{default}"
        if self.op == "get_attr":
            return f"%{self.name} : {uses} = get_attr[target={self.target}]"
        if self.op == "output":
            return f"return {self._args[0]}"
        target = self.target if isinstance(self.target, str) else name_of(self.target)
        arguments = f"(args = {_text(self._args)}, kwargs = {_text(self._kwargs)})"
        return f"%{self.name} : {uses} = {self.op}[target={target}]{arguments}"

    def __repr__(self) -> str:
        return self.name

    def __lt__(self, other: Node) -> bool:
        order = list(self.graph.nodes)
        return order.index(self) < order.index(other)


def _text(a: Any) -> str:
    """Arguments as they are printed: nodes with a % in front, strings without quotes."""
    if isinstance(a, tuple | list):
        inner = ", ".join(map(_text, a))
        return f"[{inner}]" if isinstance(a, list) else f"({inner}{',' * (len(a) == 1)})"
    if isinstance(a, dict):
        return "{" + ", ".join(f"{key}: {_text(value)}" for key, value in a.items()) + "}"
    return f"%{a.name}" if isinstance(a, Node) else str(a)


def name_of(fn: Callable[..., Any]) -> str:
    """A function's path, as people write it."""
    module = (getattr(fn, "__module__", None) or "").removeprefix("_")
    return public_functions().get(fn) or f"{module}.{getattr(fn, '__name__', type(fn).__name__)}".lstrip(".")


_impure: set[Callable[..., Any]] = {operator.setitem, assert_}


def has_side_effect(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function: its nodes stay though nobody uses their results. The function itself.

    Source: https://docs.pytorch.org/docs/2.13/fx.html
    """
    _impure.add(fn)
    return fn


class NodeList:
    """The nodes of a graph in order; the one being looked at may be erased meanwhile."""

    def __init__(self, root: Node, forwards: bool = True) -> None:
        self._root, self._forwards = root, forwards

    def __iter__(self) -> Iterator[Node]:
        node = self._root
        while (node := node._next if self._forwards else node._prev) is not self._root:
            if not node._erased:
                yield node

    def __reversed__(self) -> Iterator[Node]:
        return iter(NodeList(self._root, not self._forwards))

    def __len__(self) -> int:
        return sum(1 for _ in self)
