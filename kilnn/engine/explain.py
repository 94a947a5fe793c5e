"""Why a program was compiled: the first difference from the program that was expected, with the user's line."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np

from kilnn.engine import sites
from kilnn.engine.entry import HEADS
from kilnn.engine.stats import count
from kilnn.engine.values import Value


@dataclass(frozen=True, slots=True)
class Compile:
    """One compile: its size, what made the trace run, and the first difference from what was expected."""

    number: int
    instructions: int
    step: bool
    reason: str
    cause: str
    where: str

    def __str__(self) -> str:
        kind = "step program" if self.step else "program"
        size = f"{self.instructions} operations (run because: {self.reason})"
        return f"#{self.number} {kind}, {size}: {self.cause} at {self.where}"


@dataclass(frozen=True, slots=True)
class Sync:
    """One place where Python looked at a value."""

    where: str
    times: int


_compiles: deque[Compile] = deque(maxlen=256)
_syncs: dict[Any, int] = {}
_numbers = itertools.count(1)


def compiled(trace: Any, recipe: Any, bound: Any, reason: str) -> None:
    """Remember why this program was made."""
    cause, place = _first_difference(trace, recipe)
    site = sites.describe(trace.sites.get(place) or trace.first_line)
    _compiles.append(Compile(next(_numbers), bound.program.instructions, bound.program.step, reason, cause, site))


def _first_difference(trace: Any, recipe: Any) -> tuple[str, int]:
    if len(recipe.bound) > 1:
        return "the same operations with other values kept alive", min(trace.sites, default=0)
    expected = trace.expected
    if not trace.sites:
        return "met again, so compiled as one program", 0
    place = min(trace.sites)
    if expected is None:
        return "first time this sequence of operations was recorded", place
    got = recipe.signature
    if place >= len(got):
        return f"the recording ended after {len(got)} operations, earlier than before (a value was read?)", len(got) - 1
    new = _text(got[place])
    old = _text(expected[place]) if place < len(expected) else "the end of the program"
    if new == old:
        return f"operation {place}, {new}, has other operands than expected", place
    return f"operation {place} is {new}, expected {old}", place


def _text(instr: Any) -> str:
    if isinstance(instr, int):
        return f"output {instr}"
    entry = HEADS[instr[0]]
    attributes = ", ".join(f"{k}={v}" for k, v in entry.attributes.items())
    operands = ", ".join(repr(a) if a is not None else "number" for a in entry.in_avals)
    return f"{entry.name}({operands}{'; ' + attributes if attributes else ''})"


def count_read(values: list[Any]) -> None:
    """Count a look at these values, and blame it on the user's line, unless they lie in NumPy's memory already."""
    if all(v.data.__class__ is np.ndarray for v in values if isinstance(v, Value)):
        return
    count("syncs")
    site = sites.user_site()
    _syncs[site] = _syncs.get(site, 0) + 1


class Explanation:
    """What `kilnn.explain()` returns: prints as a report; `compiles` and `syncs` are lists."""

    def __init__(self, compiles: list[Compile], syncs: list[Sync]) -> None:
        self.compiles = compiles
        self.syncs = syncs

    def __str__(self) -> str:
        lines = [f"{len(self.compiles)} programs compiled"]
        lines += [f"  {c}" for c in self.compiles]
        lines.append(f"values were read at {len(self.syncs)} places")
        lines += [f"  {s.where}: {s.times} times" for s in self.syncs]
        return "\n".join(lines)

    __repr__ = __str__


def explain() -> Explanation:
    """Why each program was compiled and where values were read, with the user's file and line.

    Example:
        >>> import kilnn
        >>> "programs compiled" in str(kilnn.explain())
        True
    """
    syncs = [Sync(sites.describe(site), times) for site, times in _syncs.items()]
    return Explanation(list(_compiles), sorted(syncs, key=lambda s: -s.times))


def reset() -> None:
    """Forget compiles and reads."""
    _compiles.clear()
    _syncs.clear()
