"""Compiled programs: found again by what was recorded and what of it is alive."""

from __future__ import annotations

import itertools
import threading
from typing import Any

import jax

from kilnn.base.config import config
from kilnn.engine import executables, rules, segments
from kilnn.engine.entry import HEADS
from kilnn.engine.fingerprint import code_name
from kilnn.engine.lower import Canonical, Signature, build, canonicalize, strays
from kilnn.engine.stats import count
from kilnn.engine.sweep import sweep

WASTE_SHARE = 0.10  # outputs that nobody wants: this share of the wanted bytes is free
WASTE_RUNS = 50  # beyond it, a program with fewer outputs is made only after this many wasteful runs in a row


class Program:
    """One compiled program: a call on arrays. `first` until it has been traced, compiled and run once."""

    __slots__ = ("call", "first", "in_flight", "instructions", "jitted", "name", "segmented", "sites", "step", "used")

    def __init__(self, canonical: Canonical) -> None:
        self.first = True
        self.used = next(clock)
        self.instructions = len(canonical.code)
        self.step = any(HEADS[instr[0]].is_update for instr in canonical.code)
        size = sum(a.nbytes for instr in canonical.code for a in HEADS[instr[0]].avals)
        self.in_flight = FEW_IN_FLIGHT if size > LIGHT_BYTES else MANY_IN_FLIGHT
        plan = segments.find(canonical)
        self.segmented = plan is not None
        self.call: Any
        self.jitted: Any = None
        if plan is not None:
            self.call = segments.SegmentedCall(canonical, plan)
            count("program_loads", self.call.loaded)
            return
        options = _options(canonical)
        self.jitted = jax.jit(
            build(canonical), donate_argnums=canonical.donated, keep_unused=True, compiler_options=options
        )

        def name() -> str:
            return code_name("program", HEADS, canonical.code, canonical.outputs, canonical.donated, options)

        def first_call(*args: Any) -> Any:
            self.call, loaded, keep = executables.obtain(name, self.jitted, args, options)
            count("program_loads", loaded)
            outs = self.call(*args)
            keep()
            rules.save()
            return outs

        self.call = first_call

    def refused(self, error: Exception) -> bool:
        """Whether the executable did not run because the arrays lie on other devices than those it was made for; from
        now on JAX compiles for what it is given."""
        if self.jitted is None or self.call is self.jitted or not executables.refused(error):
            return False
        self.call, self.first = self.jitted, True
        return True


FEW_IN_FLIGHT = 2  # programs that may be started and not yet finished
MANY_IN_FLIGHT = 16  # of those whose values all together are no more than this:
LIGHT_BYTES = 1 << 22
SMALL_BYTES = 1 << 18  # no value of the program is larger
_IN_ORDER = {"xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"}


def _options(canonical: Canonical) -> dict[str, Any] | None:
    """Small kernels are better run in order than handed from thread to thread: see docs/decisions/0012."""
    if any(HEADS[instr[0]].device != "cpu" for instr in canonical.code):
        return None
    largest = max((a.nbytes for instr in canonical.code for a in HEADS[instr[0]].avals), default=0)
    return _IN_ORDER if largest <= SMALL_BYTES else None


class Bound:
    """A program bound to one recording: which of the recording's leaves, scalars and values go where."""

    __slots__ = (
        "aside",
        "aside_live",
        "canonical",
        "donated",
        "live",
        "live_set",
        "main_live",
        "numbers",
        "places",
        "program",
        "single",
        "tested",
        "vectors",
        "wasted",
        "whole",
    )

    def __init__(
        self, canonical: Canonical, live: tuple[int, ...], main_live: tuple[int, ...], program: Program, recording: Any,
        aside: Canonical | None,
    ) -> None:  # fmt: skip
        self.canonical = canonical
        self.live = live
        self.main_live = main_live  # what the program itself computes; the rest is run aside, see lower.strays
        self.aside_live = tuple([i for i in live if i not in set(main_live)]) if len(live) > len(main_live) else ()
        self.aside = aside
        self.live_set = frozenset(live)
        self.program = program
        self.wasted = 0
        self.tested: frozenset[int] = frozenset()  # conditions on values that the program tests
        self.vectors: list[Any] = [None, None, None]  # scalars of the last run, by kind
        c = canonical
        n_leaves, n_floats, n_ints, n_doubles = recording
        self.whole = tuple(
            ids == tuple(range(n))
            for ids, n in ((c.leaves, n_leaves), (c.floats, n_floats), (c.ints, n_ints), (c.doubles, n_doubles))
        )
        # As core.start takes them.
        self.places = None if self.whole[0] else c.leaves
        self.numbers = (c.floats, c.ints, c.doubles)
        self.donated = c.donated
        self.single = aside is None and not (program.segmented or c.conditions)

    @property
    def steady(self) -> bool:
        """Whether a run is one call of the program, with nothing before or after it."""
        return self.single and not self.program.first


class Recipe:
    """What is known of one recording: how often it was met and the programs made for it. novel: it holds operations (at
    these shapes) that no recording before it held."""

    __slots__ = ("bound", "canonical", "met", "next", "novel", "seen_live", "signature", "used")

    def __init__(self, signature: Signature) -> None:
        self.signature = signature
        self.novel = False
        self.met = 0
        self.used = 0
        self.bound: list[Bound] = []
        self.seen_live: set[int] = set()
        self.next: Recipe | None = None
        self.canonical: dict[tuple[int, ...], Canonical] = {}  # live set -> reduced recording, for the cold tier


_lock = threading.RLock()
_recipes: dict[Signature, Recipe] = {}
_programs: dict[Any, Program] = {}
clock = itertools.count()  # stamps of use: cheaper than an ordered dict, which hashes a signature to move it
_RECIPES_PER_PROGRAM = 8
_newest = [-1]  # the largest number of an operation in any recording so far


def recipe_of(signature: Signature) -> Recipe:
    """The recipe of a recording, made on first sight; the least recently used is forgotten when there are many."""
    with _lock:
        recipe = _recipes.get(signature)
        if recipe is None:
            recipe = _recipes[signature] = Recipe(signature)
            recipe.used = next(clock)
            newest = max([instr[0] for instr in signature if type(instr) is tuple], default=0)
            recipe.novel = newest > _newest[0]
            _newest[0] = max(newest, _newest[0])
            while len(_recipes) > config.cache_size * _RECIPES_PER_PROGRAM:
                del _recipes[min(_recipes, key=lambda s: _recipes[s].used)]
        return met_again(recipe)


def met_again(recipe: Recipe) -> Recipe:
    """Note that a recording was met."""
    recipe.met += 1
    recipe.used = next(clock)
    return recipe


def find(recipe: Recipe, live: tuple[int, ...], trace: Any) -> Bound | None:
    """A program of the recipe whose outputs cover what is alive, and which tests what the host could not."""
    if not trace.checks:
        for bound in recipe.bound:
            if bound.live == live:
                bound.wasted = 0
                return bound
    wanted: set[int] | None = None
    values = trace.values
    unverified = {index for index, _, _ in trace.checks}
    suitable = [bound for bound in recipe.bound if unverified <= bound.tested]
    for bound in suitable:
        if bound.live == live:
            bound.wasted = 0
            return bound
    for bound in suitable:
        if wanted is None:
            wanted = set(live)
        if wanted <= bound.live_set:
            extra = sum(values[i].aval.nbytes for i in bound.live_set - wanted)
            if extra > WASTE_SHARE * sum(values[i].aval.nbytes for i in live):
                bound.wasted += 1
                if bound.wasted > WASTE_RUNS:
                    bound.wasted = 0
                    recipe.seen_live.clear()
                    return None
            return bound
    return None


def compile_for(recipe: Recipe, live: tuple[int, ...], trace: Any) -> tuple[Bound, bool]:
    """A program for the union of the live sets met so far; True when it had to be compiled."""
    with _lock:
        recipe.seen_live.update(live)
        recipe.seen_live.update(trace.collected)
        union = tuple(sorted(recipe.seen_live))
        apart = set(strays(recipe.signature, union, trace.roots)) if trace.has_update else set()
        main_live = tuple([i for i in union if i not in apart]) if apart else union
        unverified = frozenset(index for index, _, _ in trace.checks)
        canonical = canonicalize(recipe.signature, main_live, trace.donated, unverified)
        program = _programs.get(canonical.key)
        fresh = program is None
        if program is None:
            program = _programs[canonical.key] = Program(canonical)
            count("compiles")
            if program.step:
                count("step_compiles")
            while len(_programs) > config.cache_size:
                old = _programs.pop(min(_programs, key=lambda k: _programs[k].used))
                for other in _recipes.values():
                    other.bound = [b for b in other.bound if b.program is not old]
        sizes = (len(trace.leaves), len(trace.floats), len(trace.ints), len(trace.doubles))
        aside = canonicalize(recipe.signature, tuple(sorted(apart)), [], frozenset()) if apart else None
        bound = Bound(canonical, union, main_live, program, sizes, aside)
        bound.tested = unverified
        recipe.bound.append(bound)
        return bound, fresh


def touch(bound: Bound) -> None:
    """Mark a program as recently used."""
    bound.program.used = next(clock)


def reduced(recipe: Recipe, live: tuple[int, ...], donated: list[int]) -> Canonical:
    """The recording without dead code, for running it operation by operation."""
    found = recipe.canonical.get(live)
    if found is None:
        if len(recipe.canonical) > 4:
            recipe.canonical.clear()
        found = recipe.canonical[live] = canonicalize(recipe.signature, live, donated)
    return found


ENTRIES = 4096
_swept_at = [0]  # entries left by the last sweep


def tidy(pending: list[Any]) -> None:
    """Between runs: forget operations of forgotten programs once there are many. `pending`: traces not yet run."""
    if len(HEADS) < _swept_at[0] * 1.5:
        return
    with _lock:
        needed = {instr[0] for recipe in _recipes.values() for instr in recipe.signature if type(instr) is tuple}
        for trace in pending:
            needed.update(v.instr[0] for v in list(trace.values) if type(v.instr) is tuple)
        sweep(needed)
        _swept_at[0] = len(HEADS)


def programs() -> list[Program]:
    with _lock:
        return list(_programs.values())


def clear() -> None:
    """Forget every program and recipe."""
    with _lock:
        _recipes.clear()
        _programs.clear()
