"""Streams and events. Programs run in the order in which they were recorded, so every stream is that one queue."""

from __future__ import annotations

import time
from typing import Any

from kilnn.base.device import Device
from kilnn.base.hardware import device_at, number_of
from kilnn.engine import expect


class Stream:
    """A queue of work on a GPU. There is one: work on all streams is done in the order in which it is recorded, which
    is an order that PyTorch's streams allow.

    Args:
        device: which GPU.
        priority: accepted; there is nothing to be preferred to.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.Stream.html
    """

    def __init__(self, device: Any = None, priority: int = 0, **_: Any) -> None:
        device_at(device)
        self.device = Device("cuda", number_of(device))
        self.device_index = self.device.index
        self.priority = priority
        self._outer: list[Stream] = []

    def synchronize(self) -> None:
        """Wait for everything recorded."""
        expect.synchronize()

    def wait_stream(self, stream: Stream) -> None:
        """Nothing to do: the order of recording holds."""

    def wait_event(self, event: Event) -> None:
        """Nothing to do: the order of recording holds."""

    def record_event(self, event: Event | None = None) -> Event:
        """Record an event here."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def query(self) -> bool:
        """Whether everything recorded is done: true, after waiting for it."""
        expect.synchronize()
        return True

    def __enter__(self) -> Stream:
        self._outer.append(_current[-1] if _current else self)
        _current.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        _current.pop()
        self._outer.pop()


_current: list[Stream] = []
"""Streams of the open `with` blocks."""


class Event:
    """A place in the queue, and with `enable_timing` the time at which the GPU came there.

    Args:
        enable_timing: record() waits for the work before it and takes the time.
        blocking, interprocess: accepted; waiting never spins, and events stay in their process.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.Event.html
    """

    def __init__(self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False) -> None:
        device_at(None)
        if interprocess:
            raise NotImplementedError("Event(): interprocess events are not supported")
        self.enable_timing = enable_timing
        self._time: float | None = None

    def record(self, stream: Stream | None = None) -> None:
        """Put the event into the queue."""
        if self.enable_timing:
            expect.synchronize()
        self._time = time.perf_counter()

    def elapsed_time(self, end_event: Event) -> float:
        """Milliseconds between two recorded events."""
        if not (self.enable_timing and end_event.enable_timing):
            raise RuntimeError("Both events must be created with argument 'enable_timing=True'.")
        if self._time is None or end_event._time is None:
            raise RuntimeError("Both events must be recorded before calculating elapsed time.")
        return (end_event._time - self._time) * 1e3

    def synchronize(self) -> None:
        """Wait for the work before the event."""
        expect.synchronize()

    def wait(self, stream: Stream | None = None) -> None:
        """Nothing to do: the order of recording holds."""

    def query(self) -> bool:
        """Whether the work before the event is done: true, after waiting for it."""
        expect.synchronize()
        return True


def current_stream(device: Any = None) -> Stream:
    """The stream of the innermost `with kilnn.cuda.stream(...)`, or the default one.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.current_stream.html
    """
    return _current[-1] if _current else default_stream(device)


def default_stream(device: Any = None) -> Stream:
    """The default stream.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.default_stream.html
    """
    return Stream(device)


def set_stream(stream: Stream | None) -> None:
    """Make a stream the current one.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.set_stream.html
    """
    if stream is not None:
        _current[-1:] = [stream]


class StreamContext:
    """What `kilnn.cuda.stream` returns.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.StreamContext.html
    """

    def __init__(self, stream: Stream | None) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        if self.stream is not None:
            self.stream.__enter__()

    def __exit__(self, *error: object) -> None:
        if self.stream is not None:
            self.stream.__exit__(*error)


def stream(stream: Stream | None) -> StreamContext:
    """`with kilnn.cuda.stream(s):` makes s the current stream in the block; None changes nothing.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.stream.html
    """
    return StreamContext(stream)


class CUDAGraph:
    """Not supported: a recorded step is one compiled program already, which is what graphs are captured for.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.CUDAGraph.html
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("CUDAGraph: steps are compiled programs already; there is nothing to capture")


class graph:
    """Not supported: see `CUDAGraph`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.graph.html
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError("cuda.graph: steps are compiled programs already; there is nothing to capture")
