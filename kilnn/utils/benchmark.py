"""kilnn.utils.benchmark: how long a statement takes, with what it records run and waited for."""

from __future__ import annotations

import ast
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from kilnn.engine.expect import synchronize


class Measurement:
    """Times of a statement.

    Args:
        number_per_run: how often it ran for each time.
        raw_times: seconds of each run of that many.
        label, sub_label, description: words for tables.
        num_threads: as it was given.
    """

    def __init__(
        self, number_per_run: int, raw_times: Sequence[float], label: str | None = None, sub_label: str | None = None,
        description: str | None = None, num_threads: int = 1,
    ) -> None:  # fmt: skip
        self.number_per_run = number_per_run
        self.raw_times = list(raw_times)
        self.label, self.sub_label, self.description, self.num_threads = label, sub_label, description, num_threads

    @property
    def times(self) -> list[float]:
        """Seconds of one execution, for each run."""
        return [t / self.number_per_run for t in self.raw_times]

    @property
    def median(self) -> float:
        """Median of the seconds of one execution."""
        return statistics.median(self.times)

    @property
    def mean(self) -> float:
        """Mean of the seconds of one execution."""
        return statistics.fmean(self.times)

    @property
    def iqr(self) -> float:
        """Distance between the first and the third quartile."""
        if len(self.times) < 2:
            return 0.0
        first, _, third = statistics.quantiles(self.times, n=4, method="inclusive")
        return third - first

    @property
    def title(self) -> str:
        """The label with the words beside it."""
        return ": ".join(word for word in (self.label or "[statement]", self.sub_label) if word)

    def __repr__(self) -> str:
        return (
            f"<kilnn.utils.benchmark.Measurement>\n{self.title}\n  Median: {_time(self.median)}\n  IQR:    "
            f"{_time(self.iqr)}\n  {len(self.raw_times)} measurements, {self.number_per_run} runs per measurement, "
            f"{self.num_threads} thread"
        )


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.2f} {unit}"
    return f"{seconds * 1e9:.2f} ns"


class Timer:
    """Measures a statement. After each execution its operations are run and waited for, so that nothing is left out.

    Args:
        stmt: the statement; the value of an expression is kept until it has been computed.
        setup: runs once before.
        global_setup: accepted as empty; it is C++ code.
        timer: the clock, in seconds.
        globals: names for the statement.
        label, sub_label, description: words for tables.
        env: accepted; a word for tables.
        num_threads: accepted as 1; XLA's threads are set once for the process.
        language: "python".

    Example:
        >>> import kilnn
        >>> timer = kilnn.utils.benchmark.Timer("x @ x", globals={"x": kilnn.ones(4, 4)})
        >>> timer.timeit(3).median > 0
        True

    Source: https://docs.pytorch.org/docs/2.13/benchmark_utils.html#torch.utils.benchmark.Timer
    """

    def __init__(
        self, stmt: str = "pass", setup: str = "pass", global_setup: str = "",
        timer: Callable[[], float] = time.perf_counter, globals: dict[str, Any] | None = None,
        label: str | None = None, sub_label: str | None = None, description: str | None = None, env: str | None = None,
        num_threads: int = 1, language: Any = "python",
    ) -> None:  # fmt: skip
        if str(getattr(language, "value", language)).lower() not in ("python", "py", "0"):
            raise NotImplementedError("benchmark.Timer: only Python statements can be measured")
        if global_setup:
            raise ValueError("global_setup is C++ code")
        self._names = dict(globals or {})
        self._setup = compile(setup, "<setup>", "exec")
        tree = ast.parse(stmt.strip())
        if len(tree.body) == 1 and isinstance(tree.body[0], ast.Expr):
            target = ast.Name("_kept", ast.Store())
            tree.body[0] = ast.copy_location(ast.Assign([target], tree.body[0].value), tree.body[0])
            ast.fix_missing_locations(tree)
        self._stmt = compile(tree, "<stmt>", "exec")
        self._timer = timer
        self._words: dict[str, Any] = {
            "label": label or stmt, "sub_label": sub_label, "description": description, "num_threads": num_threads
        }  # fmt: skip

    def _time(self, number: int) -> float:
        names, stmt = self._names, self._stmt
        start = self._timer()
        for _ in range(number):
            exec(stmt, names)
            synchronize()
        return self._timer() - start

    def _prepare(self) -> None:
        exec(self._setup, self._names)
        self._time(3)  # a program is compiled when it is met again

    def timeit(self, number: int = 1000000) -> Measurement:
        """Run it a number of times.

        Args:
            number: how often.
        """
        self._prepare()
        return Measurement(number, [self._time(number)], **self._words)

    def blocked_autorange(self, callback: Any = None, min_run_time: float = 0.2) -> Measurement:
        """Run it in blocks for at least some time.

        Args:
            callback: called with (number, seconds) after each block.
            min_run_time: seconds in all.
        """
        self._prepare()
        number, taken = 1, self._time(1)
        while taken < min_run_time / 1000 and number < 1 << 20:
            number *= 10
            taken = self._time(number)
        times: list[float] = []
        while not times or sum(times) < min_run_time:
            times.append(self._time(number))
            if callback is not None:
                callback(number, times[-1])
        return Measurement(number, times, **self._words)

    def adaptive_autorange(
        self, threshold: float = 0.1, *, min_run_time: float = 0.01, max_run_time: float = 10.0, callback: Any = None
    ) -> Measurement:
        """Run it until the times agree.

        Args:
            threshold: the quartiles' distance over the median at which to stop.
            min_run_time, max_run_time: seconds in all.
            callback: as in `blocked_autorange`.
        """
        start = time.perf_counter()
        found = self.blocked_autorange(callback, min_run_time)
        while time.perf_counter() - start < max_run_time and (
            len(found.raw_times) < 4 or found.iqr > threshold * found.median
        ):
            found.raw_times.append(self._time(found.number_per_run))
        return found


class Compare:
    """A table of measurements: a row for each sub_label, a column for each description.

    Args:
        results: the measurements.

    Example:
        >>> import kilnn
        >>> one = kilnn.utils.benchmark.Measurement(1, [1e-3], "sum", "small", "kilnn")
        >>> print(kilnn.utils.benchmark.Compare([one]))
        [ sum ] times in milliseconds
                       kilnn
        small           1.00

    Source: https://docs.pytorch.org/docs/2.13/benchmark_utils.html#torch.utils.benchmark.Compare
    """

    def __init__(self, results: Sequence[Measurement]) -> None:
        self._results = list(results)

    def extend_results(self, results: Sequence[Measurement]) -> None:
        """More measurements."""
        self._results += results

    def trim_significant_figures(self) -> None:
        """Nothing: times are printed with two decimals."""

    def colorize(self, rowwise: bool = False) -> None:
        """Nothing: tables are plain text."""

    def highlight_warnings(self) -> None:
        """Nothing: tables are plain text."""

    def print(self) -> None:
        """Print the tables."""
        print(self)

    def __str__(self) -> str:
        tables = []
        for label in dict.fromkeys(m.label for m in self._results):
            mine = [m for m in self._results if m.label == label]
            columns = list(dict.fromkeys(m.description or "" for m in mine))
            smallest = min(m.median for m in mine)
            unit, size = next((u, s) for u, s in _UNITS if smallest >= s or u == "nanoseconds")
            lines = [f"[ {label} ] times in {unit}", " " * 12 + "".join(f"{c:>8}" for c in columns)]
            for row in dict.fromkeys(m.sub_label or "" for m in mine):
                cells = []
                for column in columns:
                    found = [m.median for m in mine if (m.sub_label or "") == row and (m.description or "") == column]
                    cells.append(f"{statistics.median(found) / size:>8.2f}" if found else " " * 8)
                lines.append(f"{row:<12}" + "".join(cells))
            tables.append("\n".join(lines))
        return "\n\n".join(tables)


_UNITS = (("seconds", 1.0), ("milliseconds", 1e-3), ("microseconds", 1e-6), ("nanoseconds", 1e-9))
