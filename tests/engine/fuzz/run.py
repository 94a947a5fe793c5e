"""Run many generated programs: `python -m tests.engine.fuzz.run --count 10000 --seed 0 [--eager]`.

Prints the number of programs that differ from PyTorch, the differences grouped by cause, and for each cause a smallest
program as a script. Exit status 1 if anything differs.
"""

import argparse
import contextlib
import importlib
import sys
import time
from typing import Any

import torch

from tests.engine.fuzz.machine import Found, compare, minimize, reproduction
from tests.engine.fuzz.programs import write


def search(
    library: Any, seeds: range, *, repeat_every: int = 0, progress: bool = False, wide: bool = False, **options: Any
) -> list[Found]:
    """All differences of these programs, one for each cause, commonest first.

    Every `repeat_every`-th program runs three times, so that it also runs as the fused program of its second sight.
    """
    causes: dict[str, Found] = {}
    start = time.perf_counter()
    for done, seed in enumerate(seeds):
        lines = write(seed, wide)
        runs = 3 if repeat_every and done % repeat_every == 0 else 1
        for _ in range(runs):
            found = compare(lines, library, **options)
            if found is not None:
                break
        if found is not None:
            if found.key in causes:
                causes[found.key].count += 1
            else:
                causes[found.key] = found
        if progress and (done + 1) % 500 == 0:
            total = sum(f.count for f in causes.values())
            print(
                f"{done + 1} programs, {total} differ, {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True
            )
    return sorted(causes.values(), key=lambda f: -f.count)


def report(causes: list[Found], library: Any, *, show: int, **options: Any) -> None:
    for found in causes[:show]:
        smallest = minimize(found, library, **options)
        print(f"\n{'=' * 100}\n# {found.count} x {found.key}\n# {smallest.message}\n")
        print(reproduction(smallest.lines))
    if len(causes) > show:
        print(f"\n{len(causes) - show} more causes:")
        for found in causes[show:]:
            print(f"{found.count:5d} x {found.key}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="the first of `count` consecutive seeds")
    parser.add_argument("--eager", action="store_true", help="run kilnn with every operation at once")
    parser.add_argument("--wide", action="store_true", help="also the statements of wider.py")
    parser.add_argument("--repeat-every", type=int, default=20, help="run every n-th program three times (0: never)")
    parser.add_argument("--versions", action="store_true", help="also compare _version")
    parser.add_argument("--show", type=int, default=10, help="causes to minimize and print")
    parser.add_argument("--library", default="kilnn")
    options = parser.parse_args()

    torch.set_num_threads(1)
    library = importlib.import_module(options.library)
    mode = library.eager() if options.eager else contextlib.nullcontext()
    with mode:
        start = time.perf_counter()
        seeds = range(options.seed, options.seed + options.count)
        repeat_every = 0 if options.eager else options.repeat_every
        how = {"repeat_every": repeat_every, "progress": True, "wide": options.wide}
        causes = search(library, seeds, versions=options.versions, **how)
        report(causes, library, show=options.show, versions=options.versions)
    total = sum(found.count for found in causes)
    seconds = time.perf_counter() - start
    print(f"\n{options.count} programs, {total} differ from PyTorch ({len(causes)} causes), {seconds:.0f} s")
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
