"""Nodes of in-place operations that are more than one step: on a view, and with a cast back to the tensor's dtype."""

from __future__ import annotations

from typing import Any

from kilnn.engine import views
from kilnn.engine.backward import FREED, run_node
from kilnn.engine.handle import new_handle
from kilnn.engine.host import zeros_value
from kilnn.engine.node import Node, SpecialNode
from kilnn.engine.record import record, record_entry


class CopySlices(SpecialNode):
    """The history of a base after an in-place operation on one of its views: the operation's gradient inside the
    viewed part, the old history outside."""

    __slots__ = ("aval", "inner", "levels")

    def __init__(self, base: Any, view: views.View, inner: Node) -> None:
        self.inner: Any = inner
        self.levels = views.levels_from(base, view)
        self.aval = views.value_of_tensor(base).aval
        wanted = _wanted(inner)
        own = base._node if base._node is not None else base if base._leaf else None
        edges: list[Any] = [own, base._output]
        for n, k in enumerate(wanted):
            if k != 0:
                edges += inner.edges[2 * n : 2 * n + 2]
        self.prepare(edges)

    def name(self) -> str:
        return "CopySlices"

    def run(self, cotangents: list[Any], create_graph: bool) -> list[Any]:
        if self.inner is None:
            raise RuntimeError(FREED)
        whole = cotangents[0]
        bases = [whole]
        for level in self.levels:
            assert level.op is not None
            bases.append(record(level.op, (bases[-1], *level.operands), level.attributes))
        grads = run_node(self.inner, [bases.pop()], create_graph)
        by_operand = dict(zip(_wanted(self.inner), grads, strict=True))
        own = by_operand.pop(0, None)
        outside = None
        if self.edges[0] is not None:
            part_aval = self.inner_aval()
            part = own if own is not None else new_handle(zeros_value(part_aval))
            for level, base in zip(reversed(self.levels), reversed(bases), strict=True):
                part = _put_tensor(level, base, part)
            outside = part
        return [outside, *by_operand.values()]

    def inner_aval(self) -> Any:
        return self.inner.aval if self.inner.special else self.inner.plan.entry.aval

    def release(self) -> None:
        self.inner = None  # PyTorch's lets go of the operation even if that has saved nothing


def _wanted(node: Any) -> tuple[int, ...]:
    """The operand of each edge of a node."""
    if node.__class__ is Through:
        node = node.inner
    return tuple(range(len(node.edges) // 2)) if node.special else node.plan.wanted


class Through(SpecialNode):
    """An in-place operation followed by the cast to the tensor's dtype, as one node."""

    __slots__ = ("aval", "cast", "inner")

    def __init__(self, cast: Node) -> None:
        self.cast = cast
        self.inner = cast.edges[0]
        self.aval = cast.plan.entry.aval
        self.prepare(list(self.inner.edges))

    def name(self) -> str:
        return str(self.inner.name())

    def run(self, cotangents: list[Any], create_graph: bool) -> list[Any]:
        return run_node(self.inner, run_node(self.cast, cotangents, create_graph), create_graph)

    def release(self) -> None:
        if self.inner.plan.frees:
            self.inner.free()


def _put_tensor(level: views.View, base: Any, part: Any) -> Any:
    """`views.put` on tensors, with gradients."""
    bv, pv = views.value_of_tensor(base), views.value_of_tensor(part)
    entry = views.put_entry(level, bv.aval, pv.aval)
    mask = int(views.requires_grad(base)) + 2 * int(views.requires_grad(part))
    views.refresh((base, part), mask)
    return record_entry(entry, (base, part, *level.operands), [bv, pv, *level.operands], mask)
