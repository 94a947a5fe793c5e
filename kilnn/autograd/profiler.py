"""kilnn.profiler and kilnn.autograd.profiler: how long named blocks take, and what the engine does in them."""

from __future__ import annotations

import functools
import json
import os
import threading
import time
from collections.abc import Callable, Iterable
from enum import Enum
from types import TracebackType
from typing import Any

from kilnn.engine.expect import synchronize
from kilnn.engine.stats import stats


class ProfilerActivity(Enum):
    """What is watched.

    Source: https://docs.pytorch.org/docs/2.13/profiler.html#torch.profiler.ProfilerActivity
    """

    CPU = 0
    XPU = 1
    CUDA = 2


class ProfilerAction(Enum):
    """What a profiler does in a step.

    Source: https://docs.pytorch.org/docs/2.13/profiler.html#torch.profiler.ProfilerAction
    """

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, skip_first_wait: int = 0
) -> Callable[[int], ProfilerAction]:
    """A schedule: skip_first steps, then rounds of wait, warmup and active steps.

    Args:
        wait, warmup, active: steps of a round in which nothing is done, the profiler warms up, it records.
        repeat: number of rounds; 0 for no end.
        skip_first: steps before the first round.
        skip_first_wait: 1 leaves out the first round's wait.

    Returns: a function from a step's number to a `ProfilerAction`.

    Example:
        >>> import kilnn
        >>> plan = kilnn.profiler.schedule(wait=1, warmup=1, active=1)
        >>> [plan(n).name for n in range(4)]
        ['NONE', 'WARMUP', 'RECORD_AND_SAVE', 'NONE']

    Source: https://docs.pytorch.org/docs/2.13/profiler.html#torch.profiler.schedule
    """
    if min(wait, warmup, repeat, skip_first) < 0 or active <= 0:
        raise AssertionError("Invalid profiler schedule arguments")
    length = wait + warmup + active

    def plan(step: int) -> ProfilerAction:
        if step < 0:
            raise AssertionError("step has to be 0 or more")
        if step < skip_first:
            return ProfilerAction.NONE
        step -= skip_first
        if skip_first_wait:
            step += wait
        if repeat and step // length >= repeat:
            return ProfilerAction.NONE
        place = step % length
        if place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD if place < length - 1 else ProfilerAction.RECORD_AND_SAVE

    return plan


class Event:
    """A named block that has run.

    Args:
        name: its name.
        start, end: seconds on the profiler's clock.
        thread: the thread's id.
        counts: what the engine's counters have risen by.
    """

    def __init__(self, name: str, start: float, end: float, thread: int, counts: dict[str, int]) -> None:
        self.name, self.start, self.end, self.thread, self.counts = name, start, end, thread, counts


class AverageEvent:
    """The events of one name.

    Args:
        key: the name.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self.count = 0
        self.cpu_time_total = 0.0
        self.counts: dict[str, int] = {}

    @property
    def cpu_time(self) -> float:
        """Microseconds of one event, on average."""
        return self.cpu_time_total / self.count

    self_cpu_time_total = property(lambda self: self.cpu_time_total)


class AverageEvents(list[AverageEvent]):
    """What `key_averages` gives: a list that can print itself."""

    def table(self, sort_by: str | None = None, row_limit: int = 100, **options: Any) -> str:
        """The events as text.

        Args:
            sort_by: "cpu_time_total", "cpu_time" or "count".
            row_limit: at most that many rows; -1 for all.
            options: PyTorch's other options; accepted.
        """
        rows = list(self)
        if sort_by is not None:
            name = sort_by.removeprefix("self_").replace("cuda", "cpu").replace("device", "cpu")
            rows.sort(key=lambda e: -getattr(e, name))
        rows = rows if row_limit < 0 else rows[:row_limit]
        lines = [f"{'Name':<40} {'CPU total':>12} {'CPU avg':>12} {'# of Calls':>11} {'programs':>9} {'compiles':>9}"]
        lines += [
            f"{e.key[:40]:<40} {e.cpu_time_total:>10.1f}us {e.cpu_time:>10.1f}us {e.count:>11} "
            f"{e.counts.get('runs', 0):>9} {e.counts.get('compiles', 0):>9}"
            for e in rows
        ]
        return "\n".join(lines)


_active: list[profile] = []


class record_function:
    """Gives a block a name in the profile. Context manager and decorator.

    Operations are recorded in the block and may run after it; with `sync` they are waited for at its end.

    Args:
        name: the name.
        args: accepted.
        sync: wait for what was recorded while a profiler watches.

    Example:
        >>> import kilnn
        >>> with kilnn.profiler.profile() as prof:
        ...     with kilnn.profiler.record_function("forward"):
        ...         y = kilnn.ones(2) * 2
        >>> [event.key for event in prof.key_averages()]
        ['forward']

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.autograd.profiler.record_function.html
    """

    def __init__(self, name: str, args: str | None = None, *, sync: bool = True) -> None:
        self.name = name
        self.args = args
        self.sync = sync

    def __enter__(self) -> record_function:
        if any(p._recording for p in _active):
            if self.sync:
                synchronize()
            self._before = dict(stats())
            self._start: float | None = time.perf_counter()
        else:
            self._start = None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._start is None:
            return
        if self.sync:
            synchronize()
        end = time.perf_counter()
        counts = {name: count - self._before.get(name, 0) for name, count in stats().items()}
        event = Event(self.name, self._start, end, threading.get_ident(), counts)
        for p in _active:
            if p._recording:
                p._events.append(event)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with record_function(self.name, self.args, sync=self.sync):
                return function(*args, **kwargs)

        return wrapped


class profile:
    """Records how long the blocks named with `record_function` take, and the programs that run in them.

    Single operations have no times of their own here: a step is one program. For what happens inside programs use
    `jax.profiler`.

    Args:
        activities: accepted; both sides of a program are one time.
        schedule: when to record (see `schedule`); None always.
        on_trace_ready: called with the profiler at the end of each recorded round.
        record_shapes, profile_memory, with_stack, with_flops, with_modules, experimental_config,
            execution_trace_observer, acc_events, use_cuda, custom_trace_id_callback, post_processing_timeout_s:
            accepted; there is nothing to show.

    Example:
        >>> import kilnn
        >>> with kilnn.profiler.profile() as prof:
        ...     with kilnn.profiler.record_function("step"):
        ...         _ = kilnn.ones(3).sum().item()
        >>> "step" in prof.key_averages().table()
        True

    Source: https://docs.pytorch.org/docs/2.13/profiler.html#torch.profiler.profile
    """

    def __init__(
        self, activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[[Any], Any] | None = None, record_shapes: bool = False, profile_memory: bool = False,
        with_stack: bool = False, with_flops: bool = False, with_modules: bool = False,
        experimental_config: Any = None, execution_trace_observer: Any = None, acc_events: bool = False,
        use_cuda: bool | None = None, custom_trace_id_callback: Any = None, post_processing_timeout_s: Any = None,
    ) -> None:  # fmt: skip
        self.schedule = schedule
        self.on_trace_ready = on_trace_ready
        self.step_num = 0
        self._events: list[Event] = []
        self._recording = False

    def start(self) -> None:
        """Begin."""
        _active.append(self)
        self._apply(self._action())

    def stop(self) -> None:
        """End; calls on_trace_ready if something was recorded."""
        synchronize()
        _active.remove(self)
        if self._recording and self.on_trace_ready is not None:
            self.on_trace_ready(self)
        self._recording = False

    def step(self) -> None:
        """The next step of the schedule begins."""
        before = self._action()
        self.step_num += 1
        if before is ProfilerAction.RECORD_AND_SAVE:
            synchronize()
            if self.on_trace_ready is not None:
                self.on_trace_ready(self)
            self._recording = False
        self._apply(self._action())

    def _action(self) -> ProfilerAction:
        return ProfilerAction.RECORD if self.schedule is None else self.schedule(self.step_num)

    def _apply(self, action: ProfilerAction) -> None:
        now = action in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)
        if now and not self._recording:
            self._events = []
        self._recording = now

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def events(self) -> list[Event]:
        """The blocks, in the order in which they ended."""
        return list(self._events)

    def key_averages(
        self, group_by_input_shape: bool = False, group_by_stack_n: int = 0, **options: Any
    ) -> AverageEvents:
        """The blocks by name.

        Args:
            group_by_input_shape, group_by_stack_n, options: accepted; blocks have names only.
        """
        found: dict[str, AverageEvent] = {}
        for event in self._events:
            row = found.setdefault(event.name, AverageEvent(event.name))
            row.count += 1
            row.cpu_time_total += (event.end - event.start) * 1e6
            for name, count in event.counts.items():
                row.counts[name] = row.counts.get(name, 0) + count
        return AverageEvents(found.values())

    def export_chrome_trace(self, path: str) -> None:
        """Write the blocks as a file for chrome://tracing.

        Args:
            path: where.
        """
        rows = [
            {"name": e.name, "ph": "X", "ts": e.start * 1e6, "dur": (e.end - e.start) * 1e6, "pid": os.getpid(),
             "tid": e.thread, "args": e.counts}
            for e in self._events
        ]  # fmt: skip
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": rows}, file)


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False
) -> Callable[[profile], None]:
    """For `on_trace_ready`: writes each round as a file into a folder.

    Args:
        dir_name: the folder.
        worker_name: part of the file's name; default this process.
        use_gzip: accepted as False.

    Source: https://docs.pytorch.org/docs/2.13/profiler.html#torch.profiler.tensorboard_trace_handler
    """
    if use_gzip:
        raise NotImplementedError("tensorboard_trace_handler(use_gzip=True): files are written as they are")
    os.makedirs(dir_name, exist_ok=True)

    def write(prof: profile) -> None:
        name = worker_name or f"process_{os.getpid()}"
        prof.export_chrome_trace(os.path.join(dir_name, f"{name}.{prof.step_num}.pt.trace.json"))

    return write
