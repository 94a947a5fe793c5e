"""Views: tensors that read and write a part of another tensor's storage.

A View is one level of a chain of view operations over the storage's Value. Reading replays the chain (cached until
the storage changes); writing puts the new part back through it. Strides are kept only to answer what PyTorch
answers with them: whether `view` is allowed, whether memory overlaps, what `stride()` says.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

from kilnn.base import shapes
from kilnn.engine.context import local
from kilnn.engine.emit import emit, emit_op, entry_of
from kilnn.engine.entry import Entry, make_entry
from kilnn.engine.handle import Handle, alias_handle, new_handle
from kilnn.engine.node import Node, make_node
from kilnn.engine.values import Value
from kilnn.ops.spec import Op

DEFAULT, NO_GRAD, MULTI, CUSTOM = "default", "no_grad", "multi", "custom"

KEEPS_STRIDES = frozenset(
    (
        "bitwise_not cast celu clamp clone complex copy dropout elu fill_like flip frexp gelu hardshrink "
        "hardsigmoid hardswish hardtanh heaviside isclose isfinite isinf isnan leaky_relu logical_not mish "
        "nan_to_num polar prelu relu selu signbit silu softplus softshrink sort threshold where"
    ).split()
)
"""Elementwise operations without promotion whose fresh result takes the layout of its operands, as in PyTorch."""


def keeps_layout(op: Op) -> bool:
    """Whether results take the layout of permuted operands. `masked_fill` starts from a contiguous copy."""
    return op.name in KEEPS_STRIDES or (op.promote is not None and op.name != "masked_fill")


DETACHED: weakref.WeakKeyDictionary[Node, set[int]] = weakref.WeakKeyDictionary()
"""Nodes whose outputs were taken out of the graph by `detach_`: PyTorch cannot use what it saved of them."""


class View:
    """One level of a view chain; `op` None reads what the parent reads (`.data`, `detach`, other strides)."""

    __slots__ = (
        "attr_version",
        "attributes",
        "base",
        "cache",
        "counter",
        "creation",
        "offset",
        "op",
        "operands",
        "parent",
        "root",
        "strides",
    )  # fmt: skip

    def __init__(self, parent: View | None, counter: Any) -> None:
        self.parent = parent
        self.op: Op | None = None
        self.operands: tuple[Any, ...] = ()
        self.attributes: tuple[Any, ...] = ()
        self.strides: tuple[int, ...] | None = None  # None: contiguous
        self.offset = 0
        self.counter = counter
        self.base: Any = None  # the tensor whose gradient history the view shares
        self.creation = DEFAULT
        self.attr_version = counter.version
        self.root: Any = None  # weak reference to the storage's Value that `cache` was read from
        self.cache: Value | None = None


def read(x: Any) -> Value:
    """The Value that a tensor with a view stands for now."""
    view = x._view
    value = x._storage.value
    if view.op is None and view.parent is None:
        return value  # type: ignore[no-any-return]  # a Value
    if view.root is not None and view.root() is value:
        return view.cache  # type: ignore[no-any-return]  # a Value
    return _refresh(view, value)


def _refresh(view: View, root: Value) -> Value:
    stale = []
    level: View | None = view
    while level is not None and (level.root is None or level.root() is not root):
        if level.op is not None:
            stale.append(level)
        level = level.parent
    value = root if level is None else level.cache
    assert value is not None
    for level in reversed(stale):
        assert level.op is not None
        value = emit_op(level.op, (value, *level.operands), level.attributes)
        level.root, level.cache = weakref.ref(root), value
    return value


def levels_from(base: Any, view: View) -> list[View]:
    """The levels that lead from a base to its view."""
    until = base._view
    if until is not None and until.op is not None:
        level: View | None = view
        while level is not None and level is not until:
            level = level.parent
        if level is None:
            raise NotImplementedError(
                "the base of a view was reshaped in place after the view was made: its gradients are not supported"
            )
    return levels_of(view, until)


def levels_of(view: View | None, until: View | None = None) -> list[View]:
    """The levels with an operation, outermost (nearest the storage or `until`) first."""
    found = []
    while view is not None and view is not until:
        if view.op is not None:
            found.append(view)
        view = view.parent
    found.reverse()
    return found


def write(x: Any, value: Value) -> None:
    """Put `value` where tensor `x` reads, and raise its version. The one place where storages change in a trace."""
    storage, view = x._storage, x._view
    if view is None:
        storage.value = value
        storage.version += 1
        return
    chain = levels_of(view)
    part = value
    if chain:
        bases = [storage.value]
        for level in chain[:-1]:
            assert level.op is not None
            bases.append(emit_op(level.op, (bases[-1], *level.operands), level.attributes))
        for level, base in zip(reversed(chain), reversed(bases), strict=True):
            part = put(level, base, part)
    storage.value = part
    view.counter.version += 1
    if chain and chain[-1] is view and not any(level.op is not None and level.op.name == "expand" for level in chain):
        view.root, view.cache = weakref.ref(part), value


_put_ops: dict[str, Op] = {}


def put_op(op: Op) -> Op:
    """The operation (base, part, *other operands) -> base with the part replaced."""
    found = _put_ops.get(op.name)
    if found is None:
        if op.putter is None:
            raise NotImplementedError(f"writing in place through a view made by {op.name} is not supported")
        found = _put_ops[op.name] = Op(op.putter, f"{op.name}_put", None, None, "native", "CopySlices", False)
        found.kinds.update(op.kinds)
    return found


def put_entry(level: View, base: Any, part: Any) -> Entry:
    """The entry of the level's put operation; differentiable through `jax.vjp`."""
    assert level.op is not None
    op = put_op(level.op)
    named = dict(zip(level.op.attributes, level.attributes, strict=True))
    attributes = tuple(named[name] for name in op.attributes)
    key = (attributes, base, part, *[x.__class__ for x in level.operands])
    entry = op.memo.get(key)
    if entry is None:
        entry = op.memo[key] = make_entry(op, list(key[1:]), attributes)
        entry.op = None
        entry.differentiable = 3
    return entry


def put(level: View, base: Value, part: Value) -> Value:
    """The base with the level's part replaced."""
    return emit(local.context, put_entry(level, base.aval, part.aval), (base, part, *level.operands))  # type: ignore[no-any-return]


def alias(x: Any, counter: Any = None) -> Any:
    """A tensor on x's storage outside the gradient graph. `detach()` shares its counter, `.data` has its own."""
    parent = x._view
    if parent is None and counter is None:
        return alias_handle(x._storage, None)
    made = View(parent, counter or parent.counter)
    if parent is not None:
        made.strides, made.offset = parent.strides, parent.offset
    return alias_handle(x._storage, made)


def copy(x: Any) -> Any:
    """A tensor of its own with x's value, outside any gradient graph. Values are immutable, so nothing is recorded."""
    out = new_handle(value_of_tensor(x))
    return with_strides(out, shapes.preserved_strides(x.shape, x.stride())) if x._view is not None else out


def inherit_strides(out: Any, operands: Any) -> None:
    """Give fresh results of elementwise operations on permuted operands PyTorch's layout."""
    tensors = [x for x in operands if hasattr(x, "_storage")]
    whole = shapes.broadcast_shapes(*[x.shape for x in tensors])
    for t in out if isinstance(out, tuple) else (out,):
        shape = value_of_tensor(t).aval.shape
        if shape != whole:
            continue  # reduced: laid out afresh
        strides = shapes.elementwise_strides([x.shape for x in tensors], [x.stride() for x in tensors], shape)
        with_strides(t, tuple(strides))


def with_strides(t: Any, strides: tuple[int, ...] | None) -> Any:
    """Give a fresh tensor a layout other than the contiguous one."""
    if strides is not None and t._view is None and not shapes.is_contiguous(value_of_tensor(t).aval.shape, strides):
        t._view = View(None, t._storage)
        t._view.strides = strides
    return t


def value_of_tensor(x: Any) -> Value:
    """The Value that a tensor stands for now."""
    return x._storage.value if x._view is None else read(x)


class _Step:
    """An operand for make_node that is only an edge."""

    __slots__ = ("_leaf", "_node", "_output")

    def __init__(self, node: Any, output: int) -> None:
        self._leaf = False
        self._node = node
        self._output = output


def node_of(x: Any) -> Node | None:
    """The node of a tensor; of a view whose base changed in place, the node that leads to the base's new history."""
    view = x._view
    if view is None or view.base is None:
        return x._node  # type: ignore[no-any-return]  # a Node or None
    base = view.base
    if x._node is None and base._node is None and not base._leaf:
        return None
    if view.attr_version != view.counter.version:
        refuse_rebase(x, indirect=True)
        old, output = x._node, x._output
        x._node = _replayed(view, base)
        x._output = 0
        move_retained(x, old, output, x._node)
        view.attr_version = view.counter.version
    return x._node  # type: ignore[no-any-return]  # a Node or None


def move_retained(x: Any, old: Node | None, output: int, new: Node | None) -> None:
    """A tensor that keeps its gradient goes on doing so when it gets another node."""
    if old is not None and new is not None and old.hooks is not None:
        kept = old.hooks.retain.get(output)
        if kept is not None and kept() is x:
            del old.hooks.retain[output]
            new.own_hooks().retain[0] = kept


def requires_grad(x: Any) -> bool:
    """Whether operations on x are recorded. A view of a tensor that requires grad does too, even one made under
    no_grad, which has no history to send gradients to."""
    if x._leaf or x._node is not None:
        return True
    view = x._view
    return view is not None and view.base is not None and requires_grad(view.base)


def refresh(operands: Any, mask: int) -> int:
    """Bring the histories of the masked operands up to date, before a node gets edges to them. Returns the mask of
    those that have one: for a view made under no_grad nothing is saved, unless there is nobody else."""
    live = mask
    for k, x in enumerate(operands):
        if mask >> k & 1 and x._view is not None and node_of(x) is None and not x._leaf:
            live &= ~(1 << k)
    return live or mask


def _replayed(view: View, base: Any) -> Any:
    value = value_of_tensor(base)
    operand: Any = base
    node: Any = base._node
    for level in levels_from(base, view):
        assert level.op is not None
        entry = entry_of(level.op, (value, *level.operands), level.attributes)
        node = make_node(entry, 1, (operand, *level.operands), (value, *level.operands))
        operand = _Step(node, 0)
        value = Value()
        value.aval = entry.avals[0]
    return node


def share_a_group(tensors: Iterable[Any]) -> None:
    """Note that these tensors came from one call: a walk to one of them visits what leads to any."""
    group = object()
    for t in tensors:
        if isinstance(t, Handle) and t._node is not None:
            t._node.group = group


def refuse_rebase(x: Any, indirect: bool = False) -> None:
    """Raise PyTorch's error for in-place writes that a view's history cannot follow."""
    view = x._view
    if view.creation == DEFAULT:
        return
    done = "its base or another view of its base has been" if indirect else "is being"
    node = x._node
    if view.creation == NO_GRAD or node is None:
        start = (
            f"Output {x._output} of {node.name()} is a view of a view which was created in"
            if node
            else "A view was created in"
        )
        message = f"{start} no_grad mode and {done} modified inplace with grad mode enabled."
    else:
        message = f"Output {x._output} of {node.name()} is a view and {done} modified inplace."
    if view.creation == MULTI:
        message += (
            " This view is the output of a function that returns multiple views. Such functions do not allow the output"
            " views to be modified inplace. You should replace the inplace operation by an out-of-place one."
        )
    elif view.creation == NO_GRAD:
        message += (
            " Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by"
            " moving both the view and the inplace either both inside the no_grad block (if you don't want the inplace"
            " to be tracked) or both outside (if you want the inplace to be tracked)."
        )
    raise RuntimeError(message)
