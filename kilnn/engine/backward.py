"""The backward walk: from roots to leaves, newest node first, iteratively.

Gradients on their way are Values (Tensors when `create_graph`), held by the walk's own tables: that alone keeps them
alive when a hook reads a value and so runs the trace in the middle of the walk.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from kilnn.engine import anomaly, views
from kilnn.engine.context import Context, local
from kilnn.engine.emit import emit, emit_op, entry_of
from kilnn.engine.handle import HANDLES, new_handle
from kilnn.engine.host import zeros_value
from kilnn.engine.node import Node
from kilnn.engine.plan import Part, arriving, tracked_operands
from kilnn.engine.record import record, record_entry
from kilnn.engine.rest import rest_entry, unexpected
from kilnn.engine.values import Counter, Value
from kilnn.native.core import core
from kilnn.ops.spec import op

MARKS = itertools.count(1)
"""One mark for each walk, left on the nodes that it found."""

FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
    "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
    "retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
    "after calling backward."
)


@op(name="accumulate")
def accumulate(a: Any, b: Any) -> Any:
    """Sum of two gradients of one tensor: same shape and dtype, no promotion."""
    return a + b


@accumulate.grad("a", "b")
def _(ct: Any) -> Any:
    return ct


def _check_saved(node: Node) -> None:
    if node.plan.missing is not None:
        raise node.plan.missing
    if node.saved is None:
        raise RuntimeError(FREED)
    if views.DETACHED:
        _refuse_detached(node)
    for counter, version in zip(node.counters, node.versions, strict=True):
        if counter.version != version:
            raise RuntimeError(
                "one of the variables needed for gradient computation has been modified by an inplace operation: a "
                f"tensor saved by {node.name()} is at version {counter.version}; expected version {version} instead. "
                "Write the operation out of place, or work on a clone."
            )


def _refuse_detached(node: Node) -> None:
    if node.plan.entry.name == "matmul" and any(len(a.shape) > 2 for a in node.plan.entry.in_avals if a is not None):
        return  # a batched product saves views of its operands
    for n, k in enumerate(node.plan.wanted):
        target, output = node.edges[2 * n], node.edges[2 * n + 1]
        if k in node.plan.saves and target is not None and output in views.DETACHED.get(target, ()):
            raise RuntimeError(
                "Trying to use a saved tensor that has been detached in-place, i.e. with .detach_(). This is not "
                "supported, please use out-of-place `.detach()` instead"
            )


class _Saved:
    """An operand for record_entry that stands for a saved tensor: its edge and its version counter."""

    __slots__ = ("_leaf", "_node", "_output", "_storage", "_view")

    def __init__(self, target: Any, output: int, counter: Any) -> None:
        self._leaf = target is not None and target.__class__ in HANDLES
        self._node = target if not self._leaf else None
        self._output = output
        self._storage = counter
        self._view = None


def run_node(node: Node, cotangents: list[Any], create_graph: bool) -> list[Any]:
    """The gradients of one node's edges from tensors to tensors (None where there is none)."""
    if node.special:
        return node.run(cotangents, create_graph)  # type: ignore[attr-defined, no-any-return]  # special nodes run
    plan = node.plan
    _check_saved(node)
    saved = _saved_operands(node)
    extra = unexpected(plan, cotangents)
    if not create_graph or extra:
        outs, operands, mask = _run_part(plan.whole, node, cotangents, saved, create_graph)
        if not extra:
            return outs
        first = len(plan.cts)
        cts = [cotangents[j] for j in extra]
        rest = _rest(plan, extra, cts, operands[first:], list(node.saved), mask >> first if create_graph else None)
        return _sums(outs, rest, lambda a, b: record(accumulate, (a, b)))
    gradients: list[Any] = [None] * len(plan.wanted)
    for part in plan.parts:
        found, _, _ = _run_part(part, node, cotangents, saved, create_graph)
        for n, gradient in zip(part.places, found, strict=True):
            gradients[n] = gradient
    return gradients


def _run_part(
    part: Part, node: Node, cotangents: list[Any], saved: list[tuple[Any, bool]], create_graph: bool
) -> tuple[list[Any], list[Any], int]:
    """The gradients that one plan gives, with its operands and which of them have a history."""
    plan = part.plan
    values: list[Any] = []
    operands: list[Any] = []
    mask = 0
    for j in plan.cts:
        ct = cotangents[j]
        if ct is None:
            values.append(zeros_value(plan.entry.avals[j]))
            operands.append(new_handle(values[-1]))
        else:
            if create_graph and views.requires_grad(ct):
                mask |= 1 << len(values)
                views.node_of(ct)
            values.append(views.value_of_tensor(ct))
            saves = plan.entry.op is None or plan.entry.op.saves_cotangent
            operands.append(ct if saves or ct._leaf else _Saved(ct._node, ct._output, Counter()))
    for n in part.saved:
        operand, tracked = saved[n]
        mask |= tracked << len(values)
        values.append(node.saved[n])
        operands.append(operand)
    entry = plan.backward
    wanted = mask & tracked_operands(entry) if create_graph and mask else 0
    out = record_entry(entry, operands, values, wanted)
    outs, cts = _listed(out, entry), [cotangents[j] for j in plan.cts]
    return _arrived(entry, outs, cts) if any(ct is None for ct in cts) else outs, operands, mask


def _saved_operands(node: Node) -> list[tuple[Any, bool]]:
    """What each saved Value or number was in the forward pass, as an operand, and whether it has a history."""
    plan = node.plan
    forward = plan.entry
    edge_of = {k: (node.edges[2 * n], node.edges[2 * n + 1]) for n, k in enumerate(plan.wanted)}
    counters = iter(node.counters)
    # An in-place operation keeps no counter for the target it overwrote: fewer counters than saved tensors.
    missing = sum(forward.kinds[k] == 0 for k in plan.saves) + len(plan.outputs) - len(node.counters)
    found: list[tuple[Any, bool]] = []
    for n, k in enumerate(plan.saves):
        if forward.kinds[k] != 0:
            found.append((node.saved[n], False))
            continue
        if missing and k == 0:
            counter: Any = Counter()
            missing = 0
        else:
            counter = next(counters)
        target, output = edge_of.get(k, (None, 0))
        found.append((_edge(target, output, counter), target is not None))
    for j in plan.outputs:
        found.append((_edge(node, j, next(counters)), forward.avals[j].dtype.kind in "fcV"))
    return found


def _rest(
    plan: Any, outputs: tuple[int, ...], cts: list[Any], saved: list[Any], values: list[Any], mask: int | None
) -> list[Any]:
    """What the cotangents of saved statistics add to the gradients; `mask`: which saved operands need gradients."""
    rest = rest_entry(plan, outputs)
    full = 0
    if mask is not None:
        full = mask << len(cts)
        for n, ct in enumerate(cts):
            if views.requires_grad(ct):
                views.node_of(ct)
                full |= 1 << n
    more = record_entry(rest, cts + saved, [views.value_of_tensor(ct) for ct in cts] + values, full)
    return _arrived(rest, _listed(more, rest), cts)


def _arrived(entry: Any, gradients: list[Any], cotangents: list[Any]) -> list[Any]:
    """The gradients that a backward entry gave, None for those that come from no cotangent."""
    kept = arriving(entry, [ct is not None for ct in cotangents])
    return [g if keep else None for g, keep in zip(gradients, kept, strict=True)]


def _listed(outs: Any, entry: Any) -> list[Any]:
    return list(outs) if entry.nout > 1 else [outs]


def _sums(a: list[Any], b: list[Any], add: Callable[[Any, Any], Any]) -> list[Any]:
    return [y if x is None else x if y is None else add(x, y) for x, y in zip(a, b, strict=True)]


def _edge(target: Any, output: int, counter: Any) -> Any:
    if target is not None and target.__class__ in HANDLES:
        return target
    return _Saved(target, output, counter)


class Walk:
    """One backward pass.

    roots: (tensor, gradient tensor) pairs. inputs: tensors to accumulate into, or None for every leaf.
    capture: return gradients of `inputs` instead of accumulating them.
    """

    def __init__(
        self, roots: list[tuple[Any, Any]], *, retain: bool, create_graph: bool, inputs: list[Any] | None, capture: bool
    ) -> None:
        self.retain = retain
        self.create_graph = create_graph
        self.capture = capture
        self.inputs = inputs
        self.context: Context = local.context
        self.cotangents: dict[Node, Any] = {}
        self.leaf_sums: dict[Any, Any] = {}
        self.leaf_waits: dict[Any, int] = {}
        self.captured: dict[tuple[Any, int], Any] = {}
        self.wanted_leaves: set[int] | None = None
        self.wanted_nodes: dict[Node, set[int]] = {}
        self.nodes: list[Node] = []
        self.stretched: dict[Value, tuple[int, ...]] = {}  # strides of gradients that PyTorch makes by expanding
        self._start(roots)

    @classmethod
    def continued(cls, nodes: list[Node], cotangents: Any, leaf_sums: Any, leaf_waits: Any) -> Walk:
        """The walk that C began from one root (see core.backward), for what C leaves to Python."""
        walk = cls([], retain=False, create_graph=False, inputs=None, capture=False)
        walk.nodes, walk.cotangents, walk.leaf_sums, walk.leaf_waits = nodes, cotangents, leaf_sums, leaf_waits
        return walk

    def _start(self, roots: list[tuple[Any, Any]]) -> None:
        first: list[Node] = []
        pending: list[tuple[Any, int, Any]] = []
        for tensor, gradient in roots:
            node = views.node_of(tensor)
            target: Any = tensor if node is None else node
            if node is None:
                self.leaf_waits[tensor] = self.leaf_waits.get(tensor, 0) + 1
            else:
                first.append(node)
            value = tensor._storage.value
            if value.data is None and value.trace is not None:
                value.trace.roots.append(value.index)
            pending.append((target, tensor._output if node is not None else 0, gradient))
        if self.inputs is not None:
            self.wanted_leaves = set()
            for t in self.inputs:
                node = views.node_of(t)
                if node is None:
                    self.wanted_leaves.add(id(t))
                else:
                    self.wanted_nodes.setdefault(node, set()).add(t._output)
        self._discover(first)
        if self.inputs is not None:
            self._prune(first if len(roots) == 1 else [])  # PyTorch visits a root of its own in any case
        for target, output, gradient in pending:
            self._give(target, output, gradient if self.create_graph else views.value_of_tensor(gradient))

    def _discover(self, first: list[Node]) -> None:
        mark = next(MARKS)
        if core is not None:
            self.nodes = core.discover(first, mark, self.leaf_waits)
            return
        stack = list(first)
        nodes = self.nodes
        waits = self.leaf_waits
        while stack:
            node = stack.pop()
            if node.mark == mark:
                continue
            node.mark = mark
            nodes.append(node)
            edges = node.edges
            for i in range(0, len(edges), 2):
                target = edges[i]
                if target is None:
                    continue
                if target.__class__ in HANDLES:
                    waits[target] = waits.get(target, 0) + 1
                elif target.mark != mark:
                    stack.append(target)
        nodes.sort(key=_by_sequence)

    def _prune(self, roots: list[Node]) -> None:
        """Keep the nodes that lead to a wanted input."""
        needed: set[Node] = set()
        leaves = self.wanted_leaves or set()
        groups = {node.group for node in self.wanted_nodes if hasattr(node, "group")}
        for node in self.nodes:  # oldest first: operands before results
            for i in range(0, len(node.edges), 2):
                target = node.edges[i]
                if target is None:
                    continue
                if target.__class__ in HANDLES:
                    hit = id(target) in leaves
                else:
                    hit = target in needed or target in self.wanted_nodes
                    hit = hit or (bool(groups) and getattr(target, "group", None) in groups)
                if hit:
                    needed.add(node)
                    break
        if not self.capture:
            needed.update(self.wanted_nodes)  # PyTorch runs, and frees, the nodes of inputs that are no leaves
        self.needed = needed
        self.nodes = [n for n in self.nodes if n in needed or n in self.wanted_nodes or n in roots]

    def _give(self, target: Any, output: int, gradient: Any) -> None:
        """Add a gradient to what a node or leaf has received."""
        if target.__class__ in HANDLES:
            before = self.leaf_sums.get(target)
            self.leaf_sums[target] = gradient if before is None else self._add(before, gradient)
            waits = self.leaf_waits[target] - 1
            self.leaf_waits[target] = waits
            if not waits:
                self._finish_leaf(target)
        elif target.outputs == 1:
            before = self.cotangents.get(target)
            self.cotangents[target] = gradient if before is None else self._add(before, gradient)
        else:
            row = self.cotangents.get(target)
            if row is None:
                row = self.cotangents[target] = [None] * target.outputs
            row[output] = gradient if row[output] is None else self._add(row[output], gradient)

    def _add(self, a: Any, b: Any) -> Any:
        if self.create_graph:
            return record(accumulate, (a, b))
        entry = accumulate.memo.get(((), a.aval, b.aval))
        trace = self.context.trace
        if entry is not None and trace is not None and not self.context.eager and len(trace.values) < trace.limit:
            with trace.lock:
                if not trace.sealed and a.trace is trace and b.trace is trace and a.data is None and b.data is None:
                    return trace.append(entry, (entry.head, a.index, b.index))
        return emit(self.context, entry_of(accumulate, (a, b), ()), (a, b))

    def _sum(self, a: Value, b: Value) -> Value:
        return emit(self.context, entry_of(accumulate, (a, b), ()), (a, b))  # type: ignore[no-any-return]  # a Value

    def run(self) -> None:
        """Visit every node once, newest first."""
        context = self.context
        grad_before = context.grad
        context.grad = self.create_graph
        try:
            nodes = self.nodes
            usual = not self.create_graph and self.inputs is None and not views.DETACHED and not anomaly.looks_for_nan()
            if core is not None and usual:
                core.walk(self, context, nodes, self.retain, self.cotangents, self.leaf_sums, self.leaf_waits)
            while nodes:
                node = nodes.pop()
                ct = self.cotangents.pop(node, None)
                if ct is not None:
                    self._visit(node, ct)
            self._finish_open_leaves()
        finally:
            context.grad = grad_before
            trace = context.trace
            if trace is not None and not self.create_graph:
                trace.grad_open = False

    def _visit(self, node: Node, ct: Any) -> None:
        wanted_outputs = self.wanted_nodes.get(node)
        if wanted_outputs is not None and node in self.needed:
            self._capture_outputs(node, wanted_outputs, ct)  # PyTorch captures before the hooks of a node that runs
        if node.hooks is not None:
            ct = self._before(node, ct)
        if self.inputs is not None and node not in self.needed:
            if wanted_outputs is not None:
                self._capture_outputs(node, wanted_outputs, ct)
            return
        if self.create_graph or node.special:
            self._visit_tensors(node, ct)
            return
        if node.counters or node.saved is None or node.plan.missing is not None:
            _check_saved(node)
        plan = node.plan
        row = [ct] if plan.entry.nout == 1 else ct
        cts = [row[j] for j in plan.cts]
        values = [zeros_value(plan.entry.avals[j]) if g is None else g for j, g in zip(plan.cts, cts, strict=True)]
        values += node.saved
        if not self.retain and plan.frees:
            node.free()
        extra = unexpected(plan, row)
        saved = values[len(plan.cts) :]
        outs = emit(self.context, plan.backward, values)
        if extra or None in cts:
            outs = _arrived(plan.backward, _listed(outs, plan.backward), cts)
            if extra:
                rest = rest_entry(plan, extra)
                others = [row[j] for j in extra]
                more = emit(self.context, rest, others + saved)
                outs = _sums(outs, _arrived(rest, _listed(more, rest), others), self._sum)
            if plan.backward.nout == 1:
                outs = outs[0]
        if anomaly.looks_for_nan():
            self._refuse_nan(node, _listed(outs, plan.backward))
        if plan.stretch is not None:
            self.stretched[outs] = plan.stretch
        edges = node.edges
        if node.hooks is not None and node.hooks.post:
            outs = self._after(node, [outs] if plan.backward.nout == 1 else outs, ct)
        elif plan.backward.nout == 1:
            target = edges[0]
            if target is not None and outs is not None:
                self._give(target, edges[1], outs)
            return
        for n, gradient in enumerate(outs):
            target = edges[2 * n]
            if target is not None and gradient is not None:
                self._give(target, edges[2 * n + 1], gradient)

    def _visit_tensors(self, node: Node, ct: Any) -> None:
        row = ct if node.outputs > 1 else [ct]
        if not self.create_graph:
            row = [None if c is None else new_handle(c) for c in row]
        outs = run_node(node, row, self.create_graph)
        if anomaly.looks_for_nan():
            self._refuse_nan(node, [g if g is None else views.value_of_tensor(g) for g in outs])
        if not node.special and node.plan.stretch is not None:
            views.with_strides(outs[0], node.plan.stretch)
        if not self.retain:
            if node.special:
                node.release()  # type: ignore[attr-defined]  # special nodes release themselves
            elif node.plan.frees:
                node.free()
        if node.hooks is not None and node.hooks.post:
            outs = _call_post(node, outs, row)
        edges = node.edges
        for n, gradient in enumerate(outs):
            target = edges[2 * n] if 2 * n < len(edges) else None
            if target is not None and gradient is not None:
                self._give(target, edges[2 * n + 1], gradient if self.create_graph else views.value_of_tensor(gradient))

    def _refuse_nan(self, node: Node, gradients: list[Any]) -> None:
        for n, gradient in enumerate(gradients):
            if gradient is not None and new_handle(gradient).isnan().any().item():
                raise RuntimeError(f"Function '{node.name()}' returned nan values in its {n}th output.")

    def _tensor(self, gradient: Any) -> Any:
        if self.create_graph or gradient is None:
            return gradient
        return views.with_strides(new_handle(gradient), self.stretched.get(gradient))

    def _raw(self, tensor: Any) -> Any:
        return tensor if self.create_graph or tensor is None else views.value_of_tensor(tensor)

    def _before(self, node: Node, ct: Any) -> Any:
        """Tensor hooks, node pre-hooks and retained gradients of a node's outputs."""
        hooks = node.hooks
        assert hooks is not None
        single = node.outputs == 1
        row = [ct] if single else ct
        for output, table in hooks.tensor.items():
            if table:  # with None where no gradient arrived, as in PyTorch
                row[output] = self._raw(run_hooks(table, self._tensor(row[output])))
        for hook in list(hooks.pre.values()):
            changed = hook(tuple(self._tensor(c) for c in row))
            if changed is not None:
                row = [self._raw(c) for c in (changed if isinstance(changed, tuple) else (changed,))]
        for output, reference in hooks.retain.items():
            tensor = reference()
            if tensor is not None and row[output] is not None:
                self._retain(tensor, row[output])
        return row[0] if single else row

    def _after(self, node: Node, outs: list[Any], ct: Any) -> list[Any]:
        row = [ct] if node.outputs == 1 else ct
        done = _call_post(node, [self._tensor(g) for g in outs], [self._tensor(c) for c in row])
        return [self._raw(g) for g in done]

    def _capture_outputs(self, node: Node, outputs: set[int], ct: Any) -> None:
        if not self.capture:
            return  # the tensor retains its gradient, see Tensor.backward
        for output in outputs:
            gradient = ct if node.outputs == 1 else ct[output]
            if gradient is not None:
                self.captured[node, output] = self._tensor(gradient)

    def _finish_open_leaves(self) -> None:
        """Leaves some of whose contributions never came (pruned or undefined branches)."""
        for leaf, waits in list(self.leaf_waits.items()):
            if waits > 0 and leaf in self.leaf_sums:
                self._finish_leaf(leaf)

    def _finish_leaf(self, leaf: Any) -> None:
        gradient = self.leaf_sums.pop(leaf)
        if self.wanted_leaves is not None and id(leaf) not in self.wanted_leaves:
            return
        extra = leaf._extra
        if extra is not None and extra.get("hooks"):
            gradient = self._raw(run_hooks(extra["hooks"], self._tensor(gradient)))
        if self.capture:
            self.captured[leaf, 0] = self._tensor(gradient)
            return
        if leaf._node is not None:
            raise RuntimeError(
                "leaf variable has been moved into the graph interior: the tensor was written to in place after the "
                "graph had been recorded; write to a clone of it instead"
            )
        if not leaf._leaf:
            return  # no longer asks for a gradient
        self._accumulate_into(leaf, gradient)
        if extra is not None and extra.get("post_hooks"):
            for hook in list(extra["post_hooks"].values()):
                hook(leaf)

    def _retain(self, tensor: Any, gradient: Any) -> None:
        """`.grad` of a tensor that is no leaf: a new tensor each time."""
        before = tensor._grad
        if before is None:
            tensor._grad = record_alias(gradient) if self.create_graph else self._tensor(gradient)
        elif self.create_graph:
            tensor._grad = record(accumulate, (before, gradient))
        else:
            tensor._grad = new_handle(emit_op(accumulate, (views.value_of_tensor(before), gradient)))

    def _accumulate_into(self, tensor: Any, gradient: Any) -> None:
        """`tensor.grad += gradient`, in place unless the gradient has a graph of its own."""
        before = tensor._grad
        if before is None:
            tensor._grad = new_handle(gradient) if not self.create_graph else record_alias(gradient)
        elif self.create_graph:
            tensor._grad = record(accumulate, (before, gradient))
        else:
            value = views.value_of_tensor(before)
            views.write(before, gradient if value.index == ZERO else emit_op(accumulate, (value, gradient)))


ZERO = -7
"""`Value.index` of zeros made by `zero_grad(set_to_none=False)`: adding to them is taking the other operand."""


def record_alias(gradient: Any) -> Any:
    """A tensor of its own for a gradient that may be used elsewhere in the graph."""
    out = new_handle(views.value_of_tensor(gradient), views.node_of(gradient), gradient._output)
    out._leaf = gradient._leaf
    if gradient._leaf:
        out._leaf = False
        return gradient
    return out


def _by_sequence(node: Node) -> int:
    return node.sequence


def run_hooks(table: dict[int, Any], gradient: Any) -> Any:
    """Tensor hooks in the order of registration; each may return a replacement."""
    for hook in list(table.values()):
        changed = hook(gradient)
        if changed is not None:
            _same_kind(changed, gradient)
            gradient = changed
    return gradient


def _same_kind(changed: Any, gradient: Any) -> None:
    if changed.__class__ not in HANDLES:
        raise TypeError(f"a gradient hook must return None or a Tensor, not {type(changed).__name__}")
    if gradient is None:
        raise RuntimeError("can't replace a None gradient with a non-None value")
    new, old = views.value_of_tensor(changed).aval, views.value_of_tensor(gradient).aval
    if new.shape != old.shape:
        raise RuntimeError(f"hook '<hook>' has changed the size of value: got {new.shape}, expected {old.shape}")
    if new.dtype != old.dtype:
        raise RuntimeError(f"hook '<hook>' has changed the type of value (was {old.dtype} got {new.dtype})")


def _call_post(node: Node, outs: list[Any], row: list[Any]) -> list[Any]:
    assert node.hooks is not None
    for hook in list(node.hooks.post.values()):
        changed = hook(tuple(outs), tuple(row))
        if changed is not None:
            outs = list(changed) if isinstance(changed, tuple) else [changed]
    return outs
