"""Small tensors in one flat buffer: a program with one leaf instead of a thousand.

A Storage that joins a flat one keeps its identity (aliases go on sharing it) but changes its class to PartStorage: its
value is then read from the flat storage. Writing to it makes it an ordinary Storage again and marks the flat
one as broken, to be packed anew before the next step.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jax import lax

from kilnn.engine.context import local
from kilnn.engine.emit import commit
from kilnn.engine.entry import VALUE, Entry
from kilnn.engine.host import value_from
from kilnn.engine.placement import to_device
from kilnn.engine.trace import open_trace
from kilnn.engine.values import Aval, RangeValue, Storage, Value, aval_of, range_of

_new = object.__new__
_slot = Storage.__dict__["value"]


class Part:
    """Where a storage lies in a flat one."""

    __slots__ = ("aval", "flat", "offset", "read")

    def __init__(self, flat: FlatStorage, offset: int, aval: Aval) -> None:
        self.flat = flat
        self.offset = offset
        self.aval = aval
        self.read: RangeValue | None = None


class FlatStorage(Storage):
    """One flat Value and the storages that are parts of it."""

    __slots__ = ("broken", "parts")

    parts: list[Part]
    broken: bool


class PartStorage(Storage):
    """A storage whose value is a range of a flat one."""

    __slots__ = ()

    @property
    def value(self) -> Value:
        part = self.part
        flat = part.flat.value
        found = part.read
        if found is None or found.flat is not flat:
            found = part.read = range_of(flat, part.offset, part.aval)
        return found  # type: ignore[no-any-return]  # a RangeValue

    @value.setter
    def value(self, value: Value) -> None:
        self.part.flat.broken = True
        self.__class__ = Storage  # type: ignore[assignment]  # same slots; ordinary again
        _slot.__set__(self, value)


def flat_storage(value: Value) -> FlatStorage:
    s = _new(FlatStorage)
    s.value = value
    s.version = 0
    s.parts = []
    s.broken = False
    return s


def join(storage: Storage, flat: FlatStorage, offset: int, aval: Aval) -> None:
    """Make `storage` a part of `flat`."""
    part = Part(flat, offset, aval)
    flat.parts.append(part)
    storage.part = part
    storage.__class__ = PartStorage


def leave(storage: Storage) -> None:
    """Make a part an ordinary storage again, with its own copy of the value."""
    if isinstance(storage, PartStorage):
        storage.value = own_value(storage.value)


def own_value(v: Value) -> Value:
    """A Value that does not keep a flat one alive."""
    if not isinstance(v, RangeValue):
        return v
    while True:
        trace = open_trace(local.context)
        with trace.lock:
            if trace.sealed:
                continue
            if v.flat.data is None and v.flat.trace is not trace:
                v.flat.trace.run("used by another trace")
                continue
            return trace.values[trace.reference(v)]


def replace_flat(flat: FlatStorage, value: Value) -> None:
    """The flat Value after an update; what was read of the old one is forgotten, so that its buffer is free."""
    flat.value = value
    for part in flat.parts:
        part.read = None


_packs: dict[tuple[Aval, ...], Entry] = {}


def pack_entry(avals: tuple[Aval, ...]) -> Entry:
    """The instruction that lays values end to end."""
    found = _packs.get(avals)
    if found is None:

        def fn(*xs: Any) -> Any:
            return lax.concatenate([x.reshape(-1) for x in xs], 0)

        size = sum(a.size for a in avals)
        out = aval_of((size,), avals[0].dtype, avals[0].device)
        found = _packs[avals] = Entry("pack", fn, (VALUE,) * len(avals), avals, (out,))
        found.origin = ()
    return found


def pack(values: list[Value]) -> Value:
    """One flat Value of several: at once on the host when all are there, else recorded."""
    arrays = [v.data for v in values]
    if all(a.__class__ is np.ndarray for a in arrays):
        out = value_from(np.concatenate([a.reshape(-1) for a in arrays]), values[0].aval.device)
        out.data = to_device(out.data, out.aval.device)
        return out
    entry = pack_entry(tuple([v.aval for v in values]))
    return commit(open_trace(local.context), entry, values)  # type: ignore[no-any-return]  # a Value
