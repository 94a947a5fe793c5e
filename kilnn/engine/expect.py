"""Assertions about what the engine did, and the eager switch."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from kilnn.engine import explain
from kilnn.engine.context import local
from kilnn.engine.error_word import PENDING
from kilnn.engine.execute import wait_for_all
from kilnn.engine.stats import stats
from kilnn.engine.trace import flush


class expect:
    """Assert how many programs a block compiles and how often it reads values.

    Args:
        compiles: exact number of programs compiled inside; None does not care.
        syncs: exact number of reads inside; None does not care.

    Raises:
        AssertionError: with the causes and lines that `kilnn.explain()` knows.

    Example:
        >>> import kilnn
        >>> with kilnn.expect(compiles=0, syncs=1):
        ...     _ = (kilnn.ones(2) + 1).sum().item()
        Traceback (most recent call last):
        ...
        AssertionError: expected 1 reads of values, got 0
    """

    def __init__(self, compiles: int | None = None, syncs: int | None = None) -> None:
        self.wanted = {"compiles": compiles, "syncs": syncs}
        self.before: dict[str, int] = {}

    def __enter__(self) -> expect:
        flush("expect begins")
        self.before = stats()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        flush("expect ends")
        if kind is not None:
            return
        after = stats()
        for name, wanted in self.wanted.items():
            got = after[name] - self.before[name]
            if wanted is not None and got != wanted:
                report = explain.explain()
                if name == "compiles":
                    lines = [f"  {c}" for c in report.compiles[-got:]] if got else []
                    what = "compiled programs"
                else:
                    lines = [f"  {s.where}: {s.times} times" for s in report.syncs] if got else []
                    what = "reads of values"
                raise AssertionError("\n".join([f"expected {wanted} {what}, got {got}", *lines]))


class eager:
    """Run every operation at once inside the block (as KILNN_EAGER=1 does for a whole process), for debugging.

    Integers, booleans and random bits are the same as without it; floats may differ in the last bits, because fused
    programs use fused multiply-add.
    """

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode
        self.before: list[bool] = []

    def __enter__(self) -> None:
        flush("eager mode begins")
        self.before.append(local.context.eager)
        local.context.eager = self.mode

    def __exit__(self, *_: Any) -> None:
        local.context.eager = self.before.pop()


def synchronize() -> None:
    """Run everything recorded by this thread and wait until the devices have finished.

    Use it around timings: without it they measure recording, not computing.
    """
    flush("synchronize")
    wait_for_all()
    PENDING.raise_first()
