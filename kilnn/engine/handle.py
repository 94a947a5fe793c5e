"""What the engine sees of a tensor: the Handle. `kilnn.tensor` derives the user's class from it."""

from __future__ import annotations

from typing import Any

from kilnn.engine.values import Storage, Value, storage_of

_new = object.__new__


class Handle:
    """Slots of a tensor: (storage, view) say what it reads; node, output, leaf, grad, extra are its autograd side.

    node, output: the backward node that made it and which of its outputs it is; None for leaves.
    leaf: it is a leaf that asked for a gradient (`requires_grad = node is not None or leaf`).
    extra: dict of rare things (hooks, retain_grad, name), or None.
    """

    __slots__ = ("__dict__", "__weakref__", "_extra", "_grad", "_leaf", "_node", "_output", "_storage", "_view")

    _storage: Storage
    _view: Any
    _node: Any
    _output: int
    _leaf: bool
    _grad: Any
    _extra: dict[str, Any] | None


tensor_class: type[Handle] = Handle
HANDLES: set[type[Any]] = set()
"""Exact classes whose instances are tensors: membership is the fast type test of `record`."""


def register_class(cls: type[Handle]) -> None:
    """`cls` is the class of new tensors (called once, by kilnn.tensor)."""
    global tensor_class  # noqa: PLW0603 - set once, read in the hottest path
    tensor_class = cls
    HANDLES.add(cls)


def new_handle(value: Value, node: Any = None, output: int = 0) -> Any:
    """A tensor that is the only owner of a new storage holding `value`."""
    t = _new(tensor_class)
    t._storage = storage_of(value)
    t._view = None
    t._node = node
    t._output = output
    t._leaf = False
    t._grad = None
    t._extra = None
    return t


def alias_handle(storage: Storage, view: Any) -> Any:
    """A tensor on an existing storage, outside any gradient graph."""
    t = _new(tensor_class)
    t._storage = storage
    t._view = view
    t._node = None
    t._output = 0
    t._leaf = False
    t._grad = None
    t._extra = None
    return t
