"""Time several libraries in turn: each in its own process, a block of steps each, round after round.

A shared machine drifts; libraries that take turns drift together, so that the ratio of two of them within a round is
steadier than either time. The ratio reported is the median over rounds.
"""

import os
import platform
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
LIBRARIES = ("kilnn", "torch", "torch-1", "jax")


class Child:
    """One library running one case in its own process."""

    def __init__(self, library: str, case: str, cache: str):
        environment = os.environ | {"JAX_ENABLE_COMPILATION_CACHE": "false", "XDG_CACHE_HOME": cache}
        self.library = library
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", library, case],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=Path(__file__).parent.parent,
        )
        self.first_step = self._answer()

    def _answer(self) -> float:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.library} failed:\n{self.process.stderr.read()[-3000:]}")
        return float(line)

    def time(self, steps: int) -> float:
        """Seconds a step, over a block of steps."""
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        return self._answer() / steps

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=60)


@dataclass
class Timing:
    """All blocks of one case."""

    case: str
    first_step: dict[str, float]
    blocks: dict[str, list[float]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def median(self, library: str) -> float:
        return statistics.median(self.blocks[library]) if library in self.blocks else float("nan")

    def ratio(self, of: str, to: str) -> float:
        if of not in self.blocks or to not in self.blocks:
            return float("nan")
        return statistics.median(a / b for a, b in zip(self.blocks[of], self.blocks[to], strict=True))

    def ratio_to_torch(self) -> float:
        """kilnn beside PyTorch at its faster number of threads."""
        return max(self.ratio("kilnn", "torch"), self.ratio("kilnn", "torch-1"))


def interleave(case: str, block: int, rounds: int, libraries: tuple[str, ...] = LIBRARIES, warm: int = 3) -> Timing:
    with tempfile.TemporaryDirectory() as cache:
        children, timing = [], Timing(case, {})
        for library in libraries:  # one after the other: a first step is timed alone
            try:
                child = Child(library, case, cache)
            except (RuntimeError, ValueError) as error:
                timing.failed[library] = str(error).strip().rsplit("\n", 1)[-1]
                print(f"{case}: {error}", file=sys.stderr)
                continue
            timing.first_step[library] = child.first_step
            children.append(child)
        for child in children:
            for _ in range(warm):
                child.time(block)
        for _ in range(rounds):
            for child in children:
                timing.blocks.setdefault(child.library, []).append(child.time(block))
        for child in children:
            child.close()
    return timing


def table(head: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = [head, ["-" * w for w in widths], *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |" for line in lines
    )


def machine() -> str:
    names = []
    for package in ("torch", "jax", "numpy"):
        try:
            names.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    model = next((s.split(":")[1].strip() for s in _cpuinfo() if s.startswith("model name")), platform.processor())
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, {', '.join(names)}"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def write_result(name: str, title: str, body: str) -> Path:
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.md"
    path.write_text(f"# {title}\n\n{body.rstrip()}\n\nMachine: {machine()}.\n")
    print(path.read_text())
    return path
