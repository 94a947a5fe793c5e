"""Equal blocks of a program (repeated modules) compiled once and called in turn.

XLA:CPU's compile time grows faster than the program, and deep networks repeat themselves: forward blocks, backward
blocks and updates each form runs of equal instructions. Such runs are cut into segments; segments that are equal after
renumbering share one executable. What a block hands to others (activations, saved values, gradients) passes
between calls as arrays. Only blocks with enough work are cut out: a call costs tens of microseconds.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import numpy as np

from kilnn.engine import executables
from kilnn.engine.entry import DOUBLE, FLOAT, HEADS, INT, NONE, NUMBER_DTYPES, VALUE, spec_of, specs_of
from kilnn.engine.fingerprint import code_name
from kilnn.engine.lower import Canonical, Lazy, error_word, operands_of
from kilnn.engine.stats import count

MIN_COPIES = 4
MIN_INSTRUCTIONS = 48
BLOCK_BYTES = 1 << 20  # bytes read and written by a block that is worth a call of its own
LONG = 1500  # longer programs are cut in any case: several small blocks together form a segment
LONG_SEGMENT = 256  # instructions of such a segment


@dataclass(slots=True)
class Segment:
    """Instructions [start, end) of a program, with local numbering.

    inputs: what comes from outside, in order of first use (value numbers >= 0, leaves as -1 - slot).
    scalars: positions in the program's three scalar vectors. code: instructions on local numbers: >= 0 earlier
    results of the segment, < 0 inputs. made: value numbers of the results, in local order.
    """

    start: int
    end: int
    inputs: list[int] = field(default_factory=list)
    scalars: tuple[list[int], list[int], list[int]] = field(default_factory=lambda: ([], [], []))
    code: tuple[tuple[int, ...], ...] = ()
    made: list[int] = field(default_factory=list)
    outputs: tuple[int, ...] = ()  # local numbers that others need
    donated: tuple[int, ...] = ()  # positions in inputs
    guarded: bool = False  # has an update: takes the error word
    conditions: int = 0  # length of the error word

    @property
    def key(self) -> Any:
        return self.code


def find(canonical: Canonical) -> list[Segment] | None:
    """The program cut into segments, or None when it is better as one piece."""
    code = canonical.code
    if len(code) < MIN_INSTRUCTIONS:
        return None
    heads = np.array([instr[0] for instr in code])
    work = np.array([_bytes(instr) for instr in code])
    bounds: list[tuple[int, int]] = []
    _cut(heads, work, canonical, 0, len(code), bounds)
    if not bounds:
        return None
    bounds.sort()
    spans = []
    at = 0
    for start, end in bounds:
        if start > at:
            spans.append((at, start))
        spans.append((start, end))
        at = end
    if at < len(code):
        spans.append((at, len(code)))
    segments = [_localise(canonical, start, end) for start, end in spans]
    for segment in segments:
        segment.conditions = len(canonical.conditions)
    _choose_outputs(canonical, segments)
    return segments


def _bytes(instr: tuple[int, ...]) -> int:
    entry = HEADS[instr[0]]
    if entry.name == "range":
        return 0
    return sum(a.nbytes for a in entry.avals) + sum(
        a.nbytes for k, a in zip(entry.kinds, entry.in_avals, strict=True) if k == VALUE and a
    )


def _cut(heads: Any, work: Any, canonical: Canonical, low: int, high: int, bounds: list[tuple[int, int]]) -> None:
    """Find the longest run of equal blocks in [low, high), cut it, and go on to its left and right."""
    n = high - low
    if n < 2 * MIN_COPIES:
        return
    part = heads[low:high]
    best: tuple[int, int, int] | None = None  # covered, period, start
    for period in range(2, n // MIN_COPIES + 1):
        start, length = _longest_run(part[:-period] == part[period:])
        copies = (length + period) // period
        covered = copies * period
        if copies < MIN_COPIES or (best is not None and covered <= best[0] * 1.05):
            continue
        if len(heads) > LONG or work[low + start : low + start + covered].sum() / copies >= BLOCK_BYTES:
            best = (covered, period, start)
    if best is None:
        return
    covered, period, start = best
    start, length = _longest_run(part[:-period] == part[period:])
    first = low + start
    total = length + period
    shift = _best_shift(canonical, first, period, total)
    first += shift
    if work[first : first + period].sum() < BLOCK_BYTES:
        period *= -(-LONG_SEGMENT // period)
    copies = (total - shift) // period
    if copies < 2:
        return
    bounds.extend((first + k * period, first + (k + 1) * period) for k in range(copies))
    _cut(heads, work, canonical, low, first, bounds)
    _cut(heads, work, canonical, first + copies * period, high, bounds)


def _longest_run(equal: Any) -> tuple[int, int]:
    """(start, length) of the longest run of True."""
    if not equal.any():
        return 0, 0
    edges = np.flatnonzero(np.diff(np.concatenate(([0], equal.view(np.int8), [0]))))
    lengths = edges[1::2] - edges[::2]
    k = int(lengths.argmax())
    return int(edges[2 * k]), int(lengths[k])


def _best_shift(canonical: Canonical, first: int, period: int, total: int) -> int:
    """Where to put the boundaries so that few values cross from one block to the next."""
    starts, code = canonical.starts, canonical.code
    copies = total // period
    spare = min(period, total - (MIN_COPIES * period) + 1)
    middle = first + (copies // 2 - 1) * period
    best, cost = 0, None
    for shift in range(spare):
        boundary = middle + period + shift
        low = starts[boundary - period]
        at = starts[boundary]
        crossing = set()
        for i in range(boundary, min(boundary + period, len(code))):
            instr = code[i]
            r = 1
            for kind in HEADS[instr[0]].kinds:
                if kind == VALUE and low <= instr[r] < at:
                    crossing.add(instr[r])
                r += kind != NONE
        lost = (total - shift) // period < copies
        here = len(crossing) + (0.5 if lost else 0)
        if cost is None or here < cost:
            best, cost = shift, here
    return best


def _localise(canonical: Canonical, start: int, end: int) -> Segment:
    segment = Segment(start, end)
    local: dict[int, int] = {}
    places: dict[int, int] = {}
    tables: tuple[dict[int, int], ...] = ({}, {}, {})
    code = []
    for i in range(start, end):
        instr = canonical.code[i]
        entry = HEADS[instr[0]]
        refs = [instr[0]]
        r = 1
        for kind in entry.kinds:
            if kind == NONE:
                continue
            ref = instr[r]
            r += 1
            if kind != VALUE:
                table = tables[kind - 1]
                refs.append(table.setdefault(ref, len(table)))
            elif ref in local:
                refs.append(local[ref])
            else:
                refs.append(-1 - places.setdefault(ref, len(places)))
        for k in range(entry.nout):
            number = canonical.starts[i] + k
            local[number] = len(segment.made)
            segment.made.append(number)
        segment.guarded = segment.guarded or entry.is_update
        code.append(tuple(refs))
    segment.code = tuple(code)
    segment.inputs = list(places)
    segment.scalars = (list(tables[0]), list(tables[1]), list(tables[2]))
    return segment


def _choose_outputs(canonical: Canonical, segments: list[Segment]) -> None:
    """What each segment returns and may reuse: the same for all segments with the same code."""
    needed = set(canonical.outputs)
    for segment in segments:
        needed.update(ref for ref in segment.inputs if ref >= 0)
    for i, instr in enumerate(canonical.code):
        if HEADS[instr[0]].is_check:
            needed.add(canonical.starts[i])
    last_user: dict[int, int] = {}
    for n, segment in enumerate(segments):
        for ref in segment.inputs:
            last_user[ref] = n
    reusable = {-1 - slot for slot in canonical.donated}
    wanted: dict[Any, set[int]] = {}
    given: dict[Any, set[int]] = {}
    for n, segment in enumerate(segments):
        wanted.setdefault(segment.key, set()).update(k for k, number in enumerate(segment.made) if number in needed)
        mine = {k for k, ref in enumerate(segment.inputs) if ref in reusable and last_user[ref] == n}
        given[segment.key] = given[segment.key] & mine if segment.key in given else mine
    for segment in segments:
        segment.outputs = tuple(sorted(wanted[segment.key]))
        segment.donated = tuple(sorted(given[segment.key]))


def _function(segment: Segment) -> Callable[..., Any]:
    instructions = [(HEADS[instr[0]], instr) for instr in segment.code]
    n_inputs = len(segment.inputs)
    present = [bool(s) for s in segment.scalars]

    def block(*args: Any) -> Any:
        leaves = args[:n_inputs]
        rest = iter(args[n_inputs:])
        scalars = [Lazy(next(rest)) if p else None for p in present]
        word = next(rest, None)
        env: list[Any] = []
        for entry, instr in instructions:
            operands = operands_of(entry, instr, env, leaves, scalars)
            out = entry.jitted(*operands)
            outs = list(out) if isinstance(out, tuple | list) else [out]
            if entry.is_update and word is not None:
                for k, position in enumerate(entry.state):
                    outs[k] = jax.numpy.where(jax.numpy.max(word) == 0, outs[k], operands[position])
            env.extend(outs)
        return tuple([env[i] for i in segment.outputs])

    return block


def _compiled(guarded: bool, segment: Segment) -> executables.Made:
    """The segment's executable. Its argument shapes follow from the entries that read them."""
    inputs: dict[int, Any] = {}
    for instr in segment.code:
        entry = HEADS[instr[0]]
        r = 1
        for kind, aval in zip(entry.kinds, entry.in_avals, strict=True):
            if kind == VALUE and instr[r] < 0:
                inputs[-1 - instr[r]] = aval
            r += kind != NONE
    specs = specs_of((VALUE,) * len(inputs), [inputs[k] for k in range(len(inputs))])
    for kind, positions in zip((FLOAT, INT, DOUBLE), segment.scalars, strict=True):
        if positions:
            specs.append(spec_of((len(positions),), NUMBER_DTYPES[kind]))
    with jax.enable_x64(True):
        if segment.guarded and guarded:
            specs.append(spec_of((segment.conditions,), np.dtype(np.int64)))
        jitted = jax.jit(_function(segment), donate_argnums=segment.donated, keep_unused=True)
        name = partial(code_name, "segment", HEADS, segment.code, segment.outputs, segment.donated)
        made = executables.obtain(name, jitted, tuple(specs))
        made.keep()
        return made


def _word(length: int) -> Any:
    """The call that makes the error word of its conditions' codes."""
    with jax.enable_x64(True):
        jitted = jax.jit(lambda *words: error_word(list(words)))
        specs = (spec_of((), np.dtype(np.int64)),) * length
        made = executables.obtain(lambda: "error word", jitted, specs)
    made.keep()
    return made.call


class SegmentedCall:
    """Calls the segments in order; has the calling convention of a whole program."""

    def __init__(self, canonical: Canonical, segments: list[Segment]) -> None:
        self.canonical = canonical
        self.segments = segments
        distinct: dict[Any, Segment] = {}
        for segment in segments:
            distinct.setdefault(segment.key, segment)
        count("segments", len(distinct))
        guarded = any(HEADS[instr[0]].is_check for instr in canonical.code)
        # XLA compiles without Python's lock: the distinct blocks are compiled side by side.
        with ThreadPoolExecutor(max(os.cpu_count() or 1, 1)) as pool:
            compiled = dict(zip(distinct, pool.map(partial(_compiled, guarded), distinct.values()), strict=True))
        self.loaded = all(made.loaded for made in compiled.values())
        self.calls: list[Any] = [compiled[segment.key].call for segment in segments]
        self.checks = [canonical.starts[i] for i, instr in enumerate(canonical.code) if HEADS[instr[0]].is_check]
        self.word: Any = _word(len(self.checks)) if self.checks else None
        self.scalar_indices = [[np.array(s, np.intp) for s in segment.scalars] for segment in segments]
        keep = set(canonical.outputs) | set(self.checks)
        last: dict[int, int] = {}
        for n, segment in enumerate(segments):
            for number in segment.made:
                last[number] = n
            for ref in segment.inputs:
                last[ref] = n
        self.drops: list[list[int]] = [[] for _ in segments]
        for ref, n in last.items():
            if ref not in keep:
                self.drops[n].append(ref)

    def __call__(self, *args: Any) -> tuple[Any, ...]:
        canonical = self.canonical
        n_leaves = len(canonical.leaves)
        env: dict[int, Any] = {-1 - slot: args[slot] for slot in range(n_leaves)}
        rest = iter(args[n_leaves:])
        vectors = [next(rest) if used else None for used in (canonical.floats, canonical.ints, canonical.doubles)]
        word: Any = None
        for n, segment in enumerate(self.segments):
            operands = [env[ref] for ref in segment.inputs]
            for vector, indices in zip(vectors, self.scalar_indices[n], strict=True):
                if len(indices):
                    operands.append(vector[indices])  # type: ignore[index]  # a used scalar has its vector
            if segment.guarded and self.checks:
                if word is None:
                    word = self.word(*[env[c] for c in self.checks])
                operands.append(word)
            results = self.calls[n](*operands)
            del operands
            for k, result in zip(segment.outputs, results, strict=True):
                env[segment.made[k]] = result
            for ref in self.drops[n]:
                env.pop(ref, None)
        outs = [env[i] for i in canonical.outputs]
        if self.checks:
            outs.append(word if word is not None else self.word(*[env[c] for c in self.checks]))
        return tuple(outs)
