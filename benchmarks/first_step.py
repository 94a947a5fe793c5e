"""Seconds to the first loss after the imports, in a process that finds nothing on disk and in the next one.

`python -m benchmarks.first_step [--rounds 7]`. The clock starts when `import kilnn` (or torch) is done and stops when
the first step's loss has been read: making model and optimizer, recording, compiling or loading, running. Each is the
median over fresh processes; a second process follows one that left its programs on disk.
"""

import argparse
import importlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.rounds import table, write_result

CASES = {
    # name: (shape of a batch, cold limit, limit of the second process)
    "MLP 784-128-10, batch 64": ((64, 784), 1.0, 0.4),
    "CNN, 2 convolutions, BatchNorm, dropout, batch 64": ((64, 1, 28, 28), 2.5, 0.8),
}


def model_of(T: Any, case: str) -> Any:
    nn = T.nn
    if case.startswith("MLP"):
        return nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Dropout(0.25), nn.Linear(64 * 49, 128), nn.ReLU(), nn.Linear(128, 10)),
    )


def child(library: str, case: str) -> None:
    """Train one step and print: seconds of the imports, seconds and CPU seconds to the first loss, compiles."""
    began = time.perf_counter()
    T = importlib.import_module(library)
    F = importlib.import_module(f"{library}.nn.functional")
    importlib.import_module(f"{library}.optim")
    imported, worked = time.perf_counter(), time.process_time()
    T.manual_seed(0)
    model = model_of(T, case)
    optimizer = T.optim.Adam(model.parameters(), lr=1e-3)
    x, y = T.randn(*CASES[case][0]), T.randint(0, 10, (64,))
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    loss.item()
    seconds, cpu = time.perf_counter() - imported, time.process_time() - worked
    compiled = 0
    if library == "kilnn":
        stats = T.stats()
        compiled = stats["compiles"] + stats["op_compiles"] - stats["program_loads"] - stats["op_loads"]
    print(imported - began, seconds, cpu, compiled)


def measure(library: str, case: str, cache: str) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.first_step", "--child", library, case],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"KILNN_DISK_CACHE": "1", "KILNN_DISK_CACHE_DIR": cache},
        cwd=Path(__file__).parent.parent,
    )
    if done.returncode:
        raise RuntimeError(f"{library}, {case}:\n{done.stderr[-3000:]}")
    return [float(x) for x in done.stdout.splitlines()[-1].split()]


def run(rounds: int = 7) -> None:
    rows = []
    for case, (_, cold_limit, second_limit) in CASES.items():
        cold, second, torch = [], [], []
        for _ in range(rounds):  # in turn, so that a drift of the machine hits all of them
            with tempfile.TemporaryDirectory() as cache:
                first = measure("kilnn", case, cache)
                again = measure("kilnn", case, cache)
            assert first[3] > 0 and again[3] == 0, "the second process compiled something"
            cold.append(first)
            second.append(again)
            torch.append(measure("torch", case, ""))
        kinds = {
            "kilnn, nothing on disk": (cold, cold_limit),
            "kilnn, second process": (second, second_limit),
            "PyTorch eager": (torch, None),
        }
        for kind, (measured, limit) in kinds.items():
            imports, seconds, cpu = (statistics.median(one[k] for one in measured) for k in range(3))
            verdict = "" if limit is None else f"<= {limit}: {'yes' if seconds <= limit else 'NO'}"
            rows.append([case, kind, f"{seconds:.2f}", verdict, f"{cpu:.2f}", f"{imports:.2f}"])
            print(" ".join(rows[-1]), flush=True)
    head = ["to the first loss", "", "seconds", "limit", "CPU seconds", "imports before"]
    text = (
        f"Medians of {rounds} fresh processes each, taken in turn; from the end of the imports to the first loss. CPU\n"
        "seconds are those of all threads together: what the first step costs where other processes slow the clock.\n"
        f"Load average at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.\n\n"
    )
    write_result("first_step", "The first step of a process", text + table(head, rows))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--child", nargs=2, metavar=("LIBRARY", "CASE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(*arguments.child)
    else:
        run(arguments.rounds)
