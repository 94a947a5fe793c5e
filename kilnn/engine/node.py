"""Backward nodes: the edges of the gradient graph, node to node, holding saved Values and never Tensors' values."""

from __future__ import annotations

import itertools
from typing import Any

from kilnn.engine.entry import VALUE, Entry
from kilnn.engine.handle import HANDLES
from kilnn.engine.plan import make_plan

sequence = itertools.count()
_new = object.__new__


class NodeHooks:
    """Hooks of one node: on its outputs' gradients (tensor hooks), retained tensors, and around the node itself."""

    __slots__ = ("post", "pre", "retain", "tensor")

    def __init__(self) -> None:
        self.tensor: dict[int, dict[int, Any]] = {}
        self.retain: dict[int, Any] = {}  # output -> weak reference to the tensor that keeps its gradient
        self.pre: dict[int, Any] = {}
        self.post: dict[int, Any] = {}


class AccumulateGrad:
    """What stands for a leaf at the end of the gradient graph; `variable` is the leaf."""

    __slots__ = ("variable",)

    next_functions = ()

    def __init__(self, variable: Any) -> None:
        self.variable = variable

    def name(self) -> str:
        return "torch::autograd::AccumulateGrad"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AccumulateGrad) and other.variable is self.variable

    def __hash__(self) -> int:
        return id(self.variable)

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {id(self.variable):#x}>"


class Node:
    """The backward step of one recorded operation.

    edges: [target, output, target, output, ...], one pair for each wanted operand; a target is a Node, a leaf tensor
    or None. saved: Values and numbers in the plan's order, None once freed. counters, versions: what in-place
    writes to the saved tensors would have raised. group: only set on the nodes of tensors that came from one call
    (`unbind`, `split`), which in PyTorch share a node.
    """

    __slots__ = ("__weakref__", "counters", "edges", "group", "hooks", "mark", "plan", "saved", "sequence", "versions")

    plan: Any
    edges: list[Any]
    saved: Any
    counters: tuple[Any, ...]
    versions: tuple[int, ...]
    sequence: int
    mark: int
    hooks: NodeHooks | None
    group: object

    special = False

    @property
    def outputs(self) -> int:
        return int(self.plan.entry.nout)

    def name(self) -> str:
        """PyTorch's name of the node."""
        return str(self.plan.entry.node_name)

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"

    @property
    def next_functions(self) -> tuple[Any, ...]:
        """((node, output), ...) of the operands; leaves appear as AccumulateGrad."""
        targets = [AccumulateGrad(t) if t.__class__ in HANDLES else t for t in self.edges[::2]]
        return tuple(zip(targets, self.edges[1::2], strict=True))

    def free(self) -> None:
        """Let go of what was saved, and of the storages it came from."""
        self.saved = None
        self.counters = ()
        self.versions = ()

    def save_output(self, value: Any, result: Any) -> None:
        """Save an output of the operation besides its operands; `result` is its tensor."""
        self.saved += (value,)
        self.counters += (result._storage,)
        self.versions += (0,)

    def own_hooks(self) -> NodeHooks:
        if self.hooks is None:
            self.hooks = NodeHooks()
        return self.hooks

    def register_hook(self, hook: Any) -> Any:
        """Call `hook(grad_inputs, grad_outputs)` after the node ran."""
        return Removable(self.own_hooks().post, hook)

    def register_prehook(self, hook: Any) -> Any:
        """Call `hook(grad_outputs)` before the node runs; it may return replacements."""
        return Removable(self.own_hooks().pre, hook)


class SpecialNode(Node):
    """A node that runs tensor code: `run(cotangents, create_graph)` returns one gradient for each edge."""

    __slots__ = ()

    special = True

    @property
    def outputs(self) -> int:
        return 1

    def prepare(self, edges: list[Any]) -> None:
        self.plan = None
        self.edges = edges
        self.saved = ()
        self.counters = ()
        self.versions = ()
        self.sequence = next(sequence)
        self.mark = 0
        self.hooks = None

    def run(self, cotangents: list[Any], create_graph: bool) -> list[Any]:
        raise NotImplementedError

    def release(self) -> None:
        """Drop what was saved for the backward pass."""


class Removable:
    """The handle that takes a hook away again."""

    __slots__ = ("hooks", "key")

    _keys = itertools.count()

    def __init__(self, hooks: dict[int, Any], hook: Any) -> None:
        self.hooks = hooks
        self.key = next(self._keys)
        hooks[self.key] = hook

    def remove(self) -> None:
        self.hooks.pop(self.key, None)

    def __enter__(self) -> Removable:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def make_node(entry: Entry, mask: int, operands: Any, values: Any) -> Node:
    """The backward edge of an operation just recorded; saved outputs are added by the caller."""
    plan = entry.plans.get(mask)
    if plan is None:
        plan = make_plan(entry, mask)
    node = _new(Node)
    node.plan = plan
    node.sequence = next(sequence)
    node.mark = 0
    node.hooks = None
    edges = []
    for k in plan.wanted:
        x = operands[k]
        source = x._node
        edges.append((x if x._leaf else None) if source is None else source)
        edges.append(x._output)
    node.edges = edges
    if edges[0] is None and all(target is None for target in edges[::2]):
        node.plan = plan.without_freeing()
    saved = []
    counters: list[Any] = []
    versions = []
    for k in plan.saves:
        saved.append(values[k])
        if entry.kinds[k] == VALUE:
            x = operands[k]
            counter = x._storage if x._view is None else x._view.counter
            counters.append(counter)
            versions.append(counter.version)
    node.saved = tuple(saved)
    node.counters = tuple(counters)
    node.versions = tuple(versions)
    return node
