"""In-place operations: an ordinary operation whose result replaces the tensor's Value, with PyTorch's rules."""

from __future__ import annotations

from typing import Any

from kilnn.base import dtypes, shapes
from kilnn.engine import views
from kilnn.engine.autocast import suspended
from kilnn.engine.context import local
from kilnn.engine.handle import HANDLES
from kilnn.engine.node import Node
from kilnn.engine.record import record
from kilnn.engine.slices import CopySlices, Through
from kilnn.ops import creation
from kilnn.ops.checks import type_name
from kilnn.ops.spec import Op, op


@op(name="assign_cast")
def assign_cast(x: Any, *, dtype: Any) -> Any:
    """The last step of an in-place operation whose result has another dtype than the tensor."""
    return x.astype(dtype)


@assign_cast.grad("x")
def _(ct: Any) -> Any:
    return ct


_WRITES_OVERLAPS = frozenset(
    ("index_put", "masked_fill", "masked_write", "index_fill", "fill_like", "tril", "triu")
)  # fmt: skip
"""Operations that PyTorch lets write to tensors some of whose elements share memory."""


def inplace(x: Any, operation: Op, operands: tuple[Any, ...], attributes: tuple[Any, ...] = ()) -> Any:
    """Record `operation` and write its result into x; returns x. Bad operands raise before anything changes."""
    tracked = local.context.grad and any(_requires_grad(t) for t in operands)
    if tracked:
        check_inplace(x)
    view = x._view
    before = views.value_of_tensor(x).aval
    if operation.name not in _WRITES_OVERLAPS or (operation.name == "fill_like" and hasattr(operands[1], "_storage")):
        refuse_overlapping(x)
    for t in operands[1:] if operation.name not in _TAKES_NUMBERS else ():
        if t.__class__ in HANDLES and t._storage is x._storage:
            if t is not x or operation.name in _REFUSES_ALIASES:
                _refuse_overlap(x, t, operation.name in _REFUSES_ALIASES)
    if operation is creation.copy and not tracked and view is None:
        taken = views.value_of_tensor(operands[1])
        if taken.aval is before:
            views.write(x, taken)  # Values are immutable: both hold the same one until either is written
            return x
    if operation.autocast is not None and local.context.autocast is not None:
        with suspended():  # the dtype of what is written to stays
            result = record(operation, operands, attributes)
    else:
        result = record(operation, operands, attributes)
    if isinstance(result, tuple):
        raise NotImplementedError(f"{operation.name} returns several tensors and has no in-place form")
    after = views.value_of_tensor(result).aval
    if after.shape != before.shape:
        raise RuntimeError(
            f"output with shape {list(before.shape)} doesn't match the broadcast shape {list(after.shape)}"
        )
    node = result._node
    if after.dtype != before.dtype:
        source, target = dtypes.from_numpy(after.dtype), dtypes.from_numpy(before.dtype)
        if not dtypes.can_cast(source, target):
            raise RuntimeError(
                f"result type {type_name(source.np)} can't be cast to the desired output type {type_name(target.np)}"
            )
        result = record(assign_cast, (result,), (before.dtype,))
        node = result._node
        if node is not None:
            node = Through(node)
    _release_own_operand(node, x, operands, result)
    value = views.value_of_tensor(result)
    fresh = result._storage
    del result
    views.write(x, value)
    if node is not None:
        _follow(node, fresh, x)
        rebase(x, node)
    return x


def refuse_overlapping(x: Any) -> None:
    """PyTorch's error for writing to a tensor some of whose elements share memory."""
    view = x._view
    if view is None or view.strides is None:
        return
    aval = views.value_of_tensor(x).aval
    if aval.size and _overlaps(aval.shape, view.strides):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
            "Please clone() the tensor before performing the operation."
        )


def become(x: Any, view: Any) -> Any:
    """Give a tensor the geometry, and the history, of one of its views."""
    counter = x._storage if x._view is None else x._view.counter
    node = view._node
    counter.version += 1
    view._view.base = x._view.base if x._view is not None else None
    view._view.attr_version = counter.version
    x._view = view._view
    if node is not None:
        views.move_retained(x, x._node, x._output, node)
        x._node, x._output, x._leaf = node, 0, False
    return x


def _requires_grad(t: Any) -> bool:
    return hasattr(t, "_storage") and views.requires_grad(t)


_TAKES_NUMBERS = frozenset(("fill_like", "masked_fill", "index_fill"))  # PyTorch reads their value tensor first
_REFUSES_ALIASES = frozenset(("index_put", "index_add", "index_copy", "scatter", "scatter_add"))


def _refuse_overlap(x: Any, source: Any, whole: bool) -> None:
    """PyTorch's error for a source that lies partly (or `whole`: also wholly) in the memory that is written to."""
    spans = []
    for t in (x, source):
        aval, view = views.value_of_tensor(t).aval, t._view
        plain = shapes.contiguous_strides(aval.shape)
        strides = plain if view is None or view.strides is None else view.strides
        if not aval.size or not shapes.is_dense(aval.shape, strides):
            return  # nothing, or too hard to tell
        offset = 0 if view is None else view.offset
        spans.append((offset, offset + aval.size, tuple(strides)))
    (a, b, strides), (c, d, others) = spans
    if (a, b) == (c, d) and strides == others:
        if not whole:
            return
    elif not (a < d and c < b):
        return
    raise RuntimeError(
        "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory "
        "location. Please clone() the tensor before performing the operation."
    )


def _overlaps(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    return any(s == 0 and n > 1 for n, s in zip(shape, strides, strict=True))


def check_inplace(x: Any) -> None:
    """PyTorch's errors for in-place writes on leaves and on views of leaves while gradients are recorded."""
    view = x._view
    if view is not None and view.base is not None:
        views.refuse_rebase(x)
        base = view.base
        if views.requires_grad(x) and base._node is None:
            raise RuntimeError(
                "a view of a leaf Variable that requires grad is being used in an in-place operation. "
                "Use torch.no_grad() around it, or work on a clone."
            )
    # A view that nobody looked at since its base got a history has none yet: PyTorch takes it for a leaf.
    if x._node is None and views.requires_grad(x):
        raise RuntimeError(
            "a leaf Variable that requires grad is being used in an in-place operation. "
            "Use no_grad() around it, or work on a clone."
        )


def _release_own_operand(node: Any, x: Any, operands: tuple[Any, ...], result: Any) -> None:
    """What an in-place operation saves of its own target is the value from before: no version to compare."""
    if node.__class__ is Through:
        node = node.inner
    if node is None or node.special or operands[0] is not x:
        return
    kept = [(k, n) for n, k in enumerate(k for k in node.plan.saves if node.plan.entry.kinds[k] == 0)]
    for k, n in kept:
        if k == 0:
            node.counters = node.counters[:n] + node.counters[n + 1 :]
            node.versions = node.versions[:n] + node.versions[n + 1 :]


def _follow(node: Node, fresh: Any, x: Any) -> None:
    """A saved result lives in x's storage from now on: compare x's version."""
    counter = x._storage if x._view is None else x._view.counter
    node.versions = tuple(
        [counter.version if c is fresh else v for c, v in zip(node.counters, node.versions, strict=True)]
    )
    node.counters = tuple([counter if c is fresh else c for c in node.counters])


def rebase(x: Any, node: Node) -> None:
    """Give x (and what shares its history) the gradient history that ends in `node`."""
    view = x._view
    if view is None or view.base is None:
        views.move_retained(x, x._node, x._output, node)
        x._node, x._output, x._leaf = node, 0, False
        return
    base = view.base
    slices = CopySlices(base, view, node)
    views.move_retained(base, base._node, base._output, slices)
    base._node, base._output, base._leaf = slices, 0, False
    views.node_of(x)
