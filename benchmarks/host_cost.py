"""What Python pays for recording: microseconds an operation, milliseconds of `optimizer.step()` with 1,000 parameters.

`python -m benchmarks.host_cost [--library torch]`. The clock stops before the recorded program runs. Python's garbage
collector stays on. With `--library torch` the same code times PyTorch's eager operations (there, recording is running).
"""

import argparse
import gc
import importlib
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("KILNN_TRACE_CAP", "1000000")  # the measured trace is run by a read, outside the clock

from benchmarks.rounds import table, write_result

TRACE, REPEATS = 2_000, 15
LIMITS = {"forward": 2.5, "backward": 5.0, "step": 1.0}


def synchronize(T: Any) -> None:
    if hasattr(T, "synchronize"):
        T.synchronize()


def chain(T: Any, x: Any, w: Any, b: Any, ops: int) -> Any:
    """Four kinds of operations in turn: matmul, add, relu, and multiplication by a number."""
    for _ in range(ops // 4):
        x = x @ w
        x = x + b
        x = T.relu(x)
        x = x * 0.5
    return x


def median_of(timed: Callable[[], float], repeats: int = REPEATS, warm: int = 3) -> float:
    for _ in range(warm):
        timed()
    return statistics.median(timed() for _ in range(repeats))


def computed(x: Any) -> Any:
    """The same values as the result of a program: operations on small host tensors would run in NumPy at once."""
    return (x.requires_grad_() * 1).detach()


def host_cost(T: Any, ops: int = 400) -> float:
    """Microseconds for each operation on small host tensors, which runs at once."""
    x, w, b = T.ones(4, 4), T.eye(4) * 0.5, T.ones(4)

    def timed() -> float:
        start = time.perf_counter()
        chain(T, x, w, b, ops)
        return (time.perf_counter() - start) / ops * 1e6

    return median_of(timed)


def forward_cost(T: Any, ops: int = TRACE) -> float:
    """Microseconds for each operation that is recorded without gradients."""
    x, w, b = computed(T.ones(4, 4)), computed(T.eye(4) * 0.5), computed(T.ones(4))

    def timed() -> float:
        start = time.perf_counter()
        y = chain(T, x, w, b, ops)
        end = time.perf_counter()
        y.sum().item()
        return (end - start) / ops * 1e6

    return median_of(timed)


def backward_cost(T: Any, ops: int = TRACE // 2) -> tuple[float, float]:
    """Microseconds for each operation with its backward, and for its forward alone, with gradients wanted."""
    x, w, b = T.ones(4, 4), (T.eye(4) * 0.5).requires_grad_(), T.ones(4, requires_grad=True)
    forward = []

    def timed() -> float:
        w.grad = b.grad = None
        start = time.perf_counter()
        y = chain(T, x, w, b, ops)
        loss = y.sum()
        middle = time.perf_counter()
        loss.backward()
        end = time.perf_counter()
        loss.item(), b.grad.sum().item()
        forward.append((middle - start) / ops * 1e6)
        return (end - start) / ops * 1e6

    both = median_of(timed)
    return both, statistics.median(forward[3:])


class ProgramClock:
    """Seconds spent inside compiled programs, which are not host cost."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def watch(self) -> None:
        """Time every program that was compiled so far. (PyTorch has none.)"""
        if "kilnn.engine.cache" not in sys.modules:
            return
        for program in sys.modules["kilnn.engine.cache"].programs():
            if not isinstance(program.call, _Timed):
                program.call = _Timed(program.call, self)


class _Timed:
    def __init__(self, call: Callable[..., Any], clock: ProgramClock) -> None:
        self.call, self.clock = call, clock

    def __call__(self, *args: Any) -> Any:
        start = time.perf_counter()
        outs = self.call(*args)
        self.clock.seconds += time.perf_counter() - start
        return outs


def joined(T: Any, params: list[Any]) -> Any:
    return T.cat([p.view(-1) for p in params]).pow(2).sum()


def separate(T: Any, params: list[Any]) -> Any:
    return sum((p * p).sum() for p in params)


def step_cost(T: Any, loss_of: Callable[..., Any] | None = None, count: int = 1_000) -> tuple[float, float]:
    """Milliseconds of `optimizer.step()` for `count` small parameters with Adam: on the host, and with the program.

    loss_of: what the gradients come from, in the same step; None where they are there already."""
    params = [T.full((10, 10), 0.5).requires_grad_() for _ in range(count)]
    optimizer = T.optim.Adam(params, lr=1e-3)
    clock = ProgramClock()
    whole = []
    if loss_of is None:
        for p in params:
            p.grad = T.ones(10, 10)

    def timed() -> float:
        if loss_of is not None:
            optimizer.zero_grad()
            loss_of(T, params).backward()
        else:
            synchronize(T)
        clock.watch()
        clock.seconds = 0.0
        start = time.perf_counter()
        optimizer.step()
        whole.append((time.perf_counter() - start) * 1e3)
        params[0].sum().item()
        return whole[-1] - clock.seconds * 1e3

    host = median_of(timed, repeats=15, warm=4)
    return host, statistics.median(whole[4:])


def run(library: str = "kilnn") -> None:
    T = importlib.import_module(library)
    assert gc.isenabled()
    forward = forward_cost(T)
    both, with_gradients = backward_cost(T)
    steps = {
        "gradients already there": step_cost(T),
        "gradients of the same step, parameters joined": step_cost(T, joined),
        "gradients of the same step, 1,000 terms": step_cost(T, separate),
    }

    def row(what: str, value: float, unit: str, limit: float | None) -> list[str]:
        wanted = "" if limit is None else f"<= {limit}: {'yes' if value <= limit else 'NO'}"
        return [what, f"{value:.2f} {unit}", wanted]

    rows = [
        row(f"one operation, no gradient ({TRACE:,}-operation trace)", forward, "us", LIMITS["forward"]),
        row("one operation on small host tensors (runs at once)", host_cost(T), "us", None),
        row("one operation's forward, gradient wanted", with_gradients, "us", None),
        row("one operation with its backward", both, "us", LIMITS["backward"]),
        *[
            row(
                f"optimizer.step(), 1,000 parameters, {what} ({whole:.2f} ms with the program)",
                host,
                "ms",
                LIMITS["step"],
            )
            for what, (host, whole) in steps.items()
        ],
    ]
    name = "host_cost" if library == "kilnn" else f"host_cost_{library}"
    text = f"Library: {library}. Medians, garbage collector on, the run of the program not counted.\n\n"
    write_result(name, "Host cost of recording", text + table(["", "median", "limit"], rows))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", default="kilnn")
    run(parser.parse_args().library)
