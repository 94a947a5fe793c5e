"""Entries that no program and no operation refers to any more are forgotten."""

from __future__ import annotations

import sys

from kilnn.engine.entry import HEADS, Entry
from kilnn.engine.plan import Plan
from kilnn.ops.spec import REGISTRY

_condemned: list[Entry] = []


def sweep(needed: set[int]) -> None:
    """Forget entries that no cached program (`needed`: their numbers), pending trace or backward node refers to, so
    that a process which meets ever new shapes does not grow. An entry leaves the look-up tables in one sweep and is
    dropped in the next: whoever was about to record it has long done so."""
    for e in _condemned:
        if e.head not in needed:
            HEADS.pop(e.head, None)
    _condemned.clear()
    for op in REGISTRY.values():
        for key, entry in list(op.memo.items()):
            family = _family(entry)
            if family is not None and not any(e.head in needed for e in family):
                del op.memo[key]
                _condemned.extend(family)


def _family(entry: Entry) -> list[Entry] | None:
    """An entry with its check and backward entries, or None when a node outside holds one of its plans."""
    found = [entry]
    for e in found:
        if e.check is not None:
            found.append(e.check)
        for plan in e.plans.values():
            if sys.getrefcount(plan) > _UNSHARED_PLAN:
                return None
            found.append(plan.backward)
            found += plan.rest.values()
    return found


def _unshared_plan() -> int:
    for plan in {0: Plan.__new__(Plan)}.values():
        return sys.getrefcount(plan)
    raise AssertionError


_UNSHARED_PLAN = _unshared_plan()
