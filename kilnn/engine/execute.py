"""Flush: run what a trace holds and give its live Values their data.

Execute and publish are one uninterruptible section. The steady path is a single call into C (`core.run`, or `_consume`
over `map(set data, live values, the program's outputs)`), during which Python delivers no signal; the first run of a
program, which traces and compiles in Python, happens on a helper thread that signals do not reach.
"""

from __future__ import annotations

import _thread
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import chain, starmap
from typing import Any

import jax
import numpy as np

from kilnn.base.errors import StateLostError
from kilnn.engine import cache, executables, explain, host, lower, verify
from kilnn.engine.entry import HEADS, Entry
from kilnn.engine.error_word import PENDING
from kilnn.engine.fingerprint import entry_name
from kilnn.engine.garbage import INTERRUPTED, watch_collector
from kilnn.engine.placement import gathered, running_on, several_devices, to_device
from kilnn.engine.stats import count, count_of
from kilnn.engine.values import UNSHARED, Value, live_values, reference_counts
from kilnn.native.core import core

_consume = deque[Any](maxlen=0).extend
_set_data = Value.__dict__["data"].__set__  # a slot is a descriptor: setting it is one call into C
SMALL = 4  # recordings this short are never worth a fused program
NEW_STEPS = 6  # steps in a row that may be compiled although none was met before: known operations in another order
NEW_SHAPES = 36  # the same of steps with operations at shapes that were not met before either
SLOW_COMPILE_SECONDS = 2.0
_seen_once = -2  # Value.index of a host leaf that a program has already read; SEEN_ONCE in core.h

RUNNING: deque[Any] = deque()
OPEN_TRACES: dict[int, Any] = {}
"""Every trace that some thread may still have to run, by id. (Weak containers clean up in Python callbacks, where a
Ctrl-C would be lost.)"""


def run_trace(trace: Any, reason: str = "read") -> None:
    """Compute everything pending on `trace`. Safe to call again after an interrupt."""
    if core is not None and core.flush(trace):
        return
    with trace.lock:
        if trace.done:
            return
        if trace.failure is not None:
            raise trace.failure
        PENDING.raise_first()
        if INTERRUPTED:
            raise INTERRUPTED.pop()
        values = trace.values
        if not values:
            return
        trace.sealed = True
        count_of["flushes"] += 1
        if verify.enabled:
            verify.check_trace(trace)
        trace.leaf_slot.clear()
        live = live_values(values)
        count_of["recorded_ops"] += len(values)
        context = trace.context
        recipe = _note_recipe(context, trace)
        if context.eager or trace.immediate or _not_worth_a_program(context, trace, recipe):
            _run_cold(trace, recipe, live)
        else:
            _run_fused(trace, recipe, live, reason)
        trace.values = []
        trace.leaves = []
        trace.undo = []
        OPEN_TRACES.pop(id(trace), None)
        watch_collector(False)
        if len(HEADS) > cache.ENTRIES:
            cache.tidy(list(OPEN_TRACES.values()))


def _not_worth_a_program(context: Any, trace: Any, recipe: cache.Recipe) -> bool:
    """Whether a recording runs operation by operation: a short one, and one that is met for the first time - but a step
    of training is expected to come again, until many in a row did not (docs/decisions/0020)."""
    first = recipe.met == 1
    if not trace.has_update:
        return first or len(trace.values) <= SMALL
    owner = trace.bundles[0] if trace.bundles else context
    if not first:
        owner.new_steps = 0
        return False
    before = owner.new_steps
    owner.new_steps += 1 if recipe.novel else NEW_SHAPES // NEW_STEPS
    if before <= NEW_SHAPES < owner.new_steps:
        print(
            "kilnn: many steps in a row were all different, so that compiling them does not pay: steps run operation "
            "by operation until one comes again (see kilnn.explain())",
            file=sys.stderr,
        )
    return bool(owner.new_steps > NEW_SHAPES)


def _note_recipe(context: Any, trace: Any) -> cache.Recipe:
    """The recipe of a recording; the one that follows it most recently is what the next recording is compared with."""
    values, previous = trace.values, context.predicted_recipe
    recipe = previous.next if previous is not None else None
    if recipe is not None and recipe.signature is trace.predicted and len(values) == len(recipe.signature):
        cache.met_again(recipe)  # every instruction was compared as it was recorded
    else:
        recipe = cache.recipe_of(tuple([v.instr for v in values]))
        if previous is not None:
            previous.next = recipe
    context.predicted_recipe = recipe
    context.predicted = recipe.next.signature if recipe.next is not None else None
    return recipe


def _run_fused(trace: Any, recipe: cache.Recipe, live: tuple[int, ...], reason: str) -> None:
    values = trace.values
    bound = cache.find(recipe, live, trace)
    if bound is None:
        bound, fresh = cache.compile_for(recipe, live, trace)
        if fresh:
            explain.compiled(trace, recipe, bound, reason)
    if not bound.program.first:
        count_of["program_hits"] += 1
    if core is not None and bound.steady and not several_devices and _start(trace, bound):
        return
    if bound.aside is not None:
        outputs = _compute_cold(trace, bound.aside)
        _consume(map(_set_data, [values[i] for i in bound.aside_live], outputs))
    canonical = bound.canonical
    whole = bound.whole
    leaves = trace.leaves if whole[0] else [trace.leaves[s] for s in canonical.leaves]
    args = _arrays(leaves, trace.device)
    if canonical.donated:
        # A leaf is held by the list of leaves, by the undo log, and by the trace's list where that is another one.
        own = 2 if leaves is trace.leaves else 3
        if core is None or not core.sole(leaves, canonical.donated, args, own):
            _unshare(trace, leaves, canonical.donated, args)
    for k, (used, numbers) in enumerate(
        ((canonical.floats, trace.floats), (canonical.ints, trace.ints), (canonical.doubles, trace.doubles))
    ):
        if used:
            chosen = numbers[: len(used)] if whole[k + 1] else [numbers[i] for i in used]
            args.append(_vector(bound.vectors, k, chosen, trace.device))
    targets = [values[i] for i in bound.main_live]
    word: Value | None = None
    if canonical.conditions:
        word = Value()
        word.data = None
        targets.append(word)
    del leaves
    back_pressure(bound.program)
    _execute(trace, bound.program, args, targets, canonical.donated)
    count_of["runs"] += 1
    cache.touch(bound)
    _note_running(targets, trace)
    if word is not None and trace.checks:
        order = {index: k for k, index in enumerate(canonical.conditions)}
        failed = {order[i]: (check, site) for i, check, site in trace.checks if i in order}
        PENDING.add(word.data, failed, trace.bundles)


def _start(trace: Any, bound: cache.Bound) -> bool:
    """The rest of _run_fused in one call into C; False where something has to be done first, and nothing was run."""
    back_pressure(bound.program)
    try:
        outputs = core.start(trace, bound)
    except Exception as error:
        stopped(trace, bound, error)
        return False
    if outputs is None:
        return False
    count_of["runs"] += 1
    cache.touch(bound)
    if outputs:
        RUNNING.append(outputs[0])
    return True


def stopped(trace: Any, bound: cache.Bound, error: Exception) -> None:
    """A program that core started raised `error`. Returns where it can be run from Python instead."""
    if trace.done or _from_outside(error):
        raise error
    if not bound.program.refused(error):
        leaves = trace.leaves if bound.places is None else [trace.leaves[s] for s in bound.places]
        _fail(trace, error, [leaves[n].data for n in bound.donated])


def _arrays(leaves: list[Value], device: str) -> list[Any]:
    """The data of leaves; what is on the host goes to the device when it is read for the second time."""
    arrays = [v.data for v in leaves]
    for n, data in enumerate(arrays):
        if data.__class__ is np.ndarray:
            v = leaves[n]
            if v.index == _seen_once:
                arrays[n] = v.data = to_device(data, v.aval.device)
            else:
                v.index = _seen_once
    return gathered(arrays, device)


VECTOR_DTYPES = (np.float32, np.int64, np.float64)


def _vector(known: list[Any], k: int, numbers: list[Any], device: str) -> Any:
    """The packed scalars of one kind. Those that repeat from step to step (offsets, a constant rate) stay on the
    device; those that change are handed over as they are."""
    before = known[k]
    if before is not None and before[0] == numbers:
        if before[1].__class__ is np.ndarray:
            before = known[k] = (numbers, to_device(before[1], device))
        return before[1]
    made = np.array(numbers, VECTOR_DTYPES[k])
    known[k] = (numbers, made)
    return made


def from_dlpack(source: Any) -> Any:
    """A jax.Array with the values of another library's tensor."""
    with jax.enable_x64(True):
        # JAX shares the memory even with copy=True.
        return jax.dlpack.from_dlpack(source).copy().block_until_ready()


def _unshare(trace: Any, leaves: list[Value], donated: tuple[int, ...], args: list[Any]) -> None:
    """Copy buffers that are to be reused but that somebody else still refers to (clone, state_dict, saved values, a
    jax.Array handed out); the program itself never changes for them."""
    if not donated:
        return
    chosen = [leaves[n] for n in donated]
    # Two lists and the trace's undo log refer to each; anything more is a user.
    extra = 1 + (1 if leaves is not trace.leaves else 0)
    undone = {id(v) for _, v in trace.undo}
    seen: set[int] = set()
    for n, v, refs in zip(donated, chosen, reference_counts(chosen), strict=True):
        data = args[n]
        shared = refs > UNSHARED + extra + (id(v) in undone)
        if not shared:
            shared = sys.getrefcount(data) > _DATA_REFERENCES
        if shared or id(data) in seen or data.__class__ is np.ndarray:
            with running_on(trace.device):
                args[n] = jax.numpy.array(data, copy=True)
        seen.add(id(data))


def _data_references() -> int:
    """getrefcount of an array that one Value, the argument list and one local name refer to."""
    v = Value()
    v.data = object()
    args = [v.data]
    for _n, data in enumerate(args):
        return sys.getrefcount(data)
    raise AssertionError


_DATA_REFERENCES = _data_references()


_set_done: Any = None  # sets Trace.done in one call into C; known with the first trace


def _execute(
    trace: Any, program: cache.Program, args: list[Any], targets: list[Value], donated: tuple[int, ...]
) -> None:  # fmt: skip
    global _set_done  # noqa: PLW0603 - see above
    if _set_done is None:
        _set_done = type(trace).done.__set__
    published = map(_set_data, targets, chain.from_iterable(starmap(program.call, (args,))))
    publish_and_note = chain(published, map(_set_done, (trace,), (True,)))
    try:
        if program.first or program.segmented:
            _execute_aside(program, publish_and_note, trace.device)
        else:
            with running_on(trace.device):
                _consume(publish_and_note)
    except Exception as error:
        if trace.done or (not program.first and not program.segmented and _from_outside(error)):
            raise  # a signal handler's exception, before or after the program ran: nothing is lost, the trace can run
        if program.refused(error):
            _execute(trace, program, args, targets, donated)
            return
        _fail(trace, error, [args[n] for n in donated])


def _execute_aside(program: cache.Program, work: Any, device: str) -> None:
    """A run that is more than one call into C: on a helper thread. Tells of slow compiles."""

    def run() -> None:
        with running_on(device):
            _consume(work)

    started = time.perf_counter()
    uninterruptible(run)
    seconds = time.perf_counter() - started
    if program.first and seconds > SLOW_COMPILE_SECONDS:
        kind = "step program" if program.step else "program"
        print(f"kilnn: compiled a {kind} of {program.instructions} operations in {seconds:.1f} s", file=sys.stderr)
    program.first = False


def _from_outside(error: BaseException) -> bool:
    """Whether the exception was raised by code that is neither kilnn's nor JAX's: a signal handler."""
    tb = error.__traceback__
    while tb is not None and tb.tb_next is not None:
        tb = tb.tb_next
    if tb is None:
        return False
    name = tb.tb_frame.f_globals.get("__name__", "")
    return name.split(".")[0] not in ("kilnn", "jax", "jaxlib", "numpy", "threading")


def _fail(trace: Any, error: BaseException, donated: list[Any]) -> None:
    """The program did not run. Before donation everything is put back; after it the state is gone, and says so."""
    lost = any(getattr(a, "is_deleted", lambda: False)() for a in donated)
    if lost:
        trace.failure = StateLostError(
            "a step's program failed after its parameter buffers had been handed over, so the state of this step is "
            f"lost; restore it from a checkpoint. Cause: {type(error).__name__}: {error}"
        )
    else:
        for owner, old in reversed(trace.undo):
            owner.restore(old)
        for bundle in trace.bundles:
            bundle.take_back()
        trace.failure = RuntimeError(f"a recorded program could not run: {type(error).__name__}: {error}")
    trace.failure.__cause__ = error
    raise trace.failure


def uninterruptible(work: Callable[[], None]) -> None:
    """Run `work` where no signal can stop it half-way; a Ctrl-C meanwhile is raised afterwards."""
    errors: list[BaseException] = []
    finished = threading.Event()
    once = threading.Lock()

    def target() -> None:
        if not once.acquire(blocking=False):
            return  # started twice: the interrupt came between the start and its note
        try:
            work()
        except BaseException as error:
            errors.append(error)
        finally:
            finished.set()

    pending: BaseException | None = None
    started = 0
    while not finished.is_set():
        try:
            if not started:
                started = _thread.start_new_thread(target, ())
            finished.wait()
        except BaseException as error:
            pending = error
    if errors:
        raise errors[0]
    if pending is not None:
        raise pending


def back_pressure(program: cache.Program) -> None:
    """Python must not run ahead of the device without bound. A wait takes as long as recording an operation: where
    many programs may be in flight, it comes once for many."""
    if len(RUNNING) > program.in_flight:
        while len(RUNNING) > cache.FEW_IN_FLIGHT:
            _wait_for_oldest()


def _wait_for_oldest() -> None:
    try:
        oldest = RUNNING.popleft()
        if not oldest.is_deleted():
            oldest.block_until_ready()
    except (IndexError, RuntimeError):
        return  # another thread waited for it, or a later step already took its buffer


def _note_running(targets: list[Value], trace: Any) -> None:
    if targets:
        RUNNING.append(targets[0].data)


def _run_cold(trace: Any, recipe: cache.Recipe, live: tuple[int, ...]) -> None:
    """Operation by operation, with executables that every program shares."""
    canonical = cache.reduced(recipe, live, [])
    in_numpy = len(trace.values) > SMALL and trace.device == "cpu" and not (trace.context.eager or trace.immediate)
    outputs = _compute_cold(trace, canonical, in_numpy)
    _consume(
        chain(
            map(_set_data, [trace.values[i] for i in live], outputs),
            map(type(trace).done.__set__, (trace,), (True,)),
        )
    )


def _compute_cold(trace: Any, canonical: lower.Canonical, in_numpy: bool = False) -> list[Any]:
    """in_numpy: small operations run in NumPy. Not where the same recording may run here again, and shall give the
    same bits."""
    leaves = gathered([trace.leaves[s].data for s in canonical.leaves], trace.device)
    scalars = (
        [np.float32(trace.floats[i]) for i in canonical.floats],
        [np.int64(trace.ints[i]) for i in canonical.ints],
        [np.float64(trace.doubles[i]) for i in canonical.doubles],
    )
    env: list[Any] = []
    last = _last_uses(canonical)
    words: dict[int, Any] = {}
    order = iter(canonical.conditions)
    count("op_runs", len(canonical.code))
    fine = True
    with running_on(trace.device):
        for n, instr in enumerate(canonical.code):
            entry = HEADS[instr[0]]
            operands = lower.operands_of(entry, instr, env, leaves, scalars)
            out = host.in_numpy(entry, operands) if in_numpy and not entry.is_check else None
            if out is None:
                out = _run_single(entry, operands)
            outs = list(out) if isinstance(out, tuple | list) else [out]
            if entry.is_check:
                words[next(order)] = out
            elif entry.is_update and words:
                fine = fine and not any(int(w) for w in words.values())
                if not fine:
                    for k, position in enumerate(entry.state):
                        outs[k] = operands[position]
            env.extend(outs)
            for i in last.get(n, ()):
                env[i] = None
    for index, check, site in trace.checks:
        if index in words:
            PENDING.add(words[index], {0: (check, site)})
    if in_numpy:
        return [
            to_device(x, trace.device) if x.__class__ is np.ndarray else x for x in [env[i] for i in canonical.outputs]
        ]
    return [env[i] for i in canonical.outputs]


def _run_single(entry: Entry, operands: list[Any]) -> Any:
    """One operation, with its own executable."""
    if entry.single is None:
        count("op_compiles")
        made = executables.obtain(lambda: entry_name(entry), entry.jitted, tuple(operands))
        entry.single = made.call
        count("op_loads", made.loaded)
        made.keep()
    elif entry.single is not entry.jitted:
        try:
            return entry.single(*operands)
        except (TypeError, ValueError) as error:
            if not executables.refused(error):
                raise
            entry.single = entry.jitted
    return entry.single(*operands)


def _last_uses(canonical: lower.Canonical) -> dict[int, list[int]]:
    """After which instruction each value that is not an output may be dropped."""
    last: dict[int, int] = {}
    for n, instr in enumerate(canonical.code):
        entry = HEADS[instr[0]]
        for k in range(entry.nout):
            last[canonical.starts[n] + k] = n
        r = 1
        for kind in entry.kinds:
            if kind == 0 and instr[r] >= 0:
                last[instr[r]] = n
            r += kind != 4
    keep = set(canonical.outputs)
    when: dict[int, list[int]] = {}
    for i, n in last.items():
        if i not in keep:
            when.setdefault(n, []).append(i)
    return when


def wait_for_all() -> None:
    """Wait until every program started so far has finished."""
    while RUNNING:
        _wait_for_oldest()
