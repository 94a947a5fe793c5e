"""Twenty-four equal blocks: first step cold, and steady step beside one whole-program `jax.jit` step.

`python -m benchmarks.deep_transformer [--rounds 7] [--small]`
"""

import argparse

from benchmarks.cases import CASES
from benchmarks.rounds import LIBRARIES, interleave, table, write_result

FIRST_STEP_LIMIT = 3.0
DEEP, SMALL = "24 blocks of 256, batch 2x32", "2 blocks of 32, batch 2x8"


def run(rounds: int = 7, name: str = DEEP) -> None:
    case = CASES[name]
    timing = interleave(name, case.block, rounds, warm=2)
    rows = [
        [library, f"{timing.first_step.get(library, float('nan')):.2f}", f"{timing.median(library) * 1e3:.1f}"]
        for library in LIBRARIES
    ]
    first, ratio = timing.first_step.get("kilnn", float("nan")), timing.ratio("kilnn", "jax")
    text = (
        f"{name}, Adam, float32. The first step is timed in a fresh process without any cache of programs; it excludes "
        f"imports and the making of the model.\n\n{table(['', 'first step s', 'steady step ms'], rows)}\n\n"
        f"- kilnn's first step: {first:.2f} s (<= {FIRST_STEP_LIMIT}: {'yes' if first <= FIRST_STEP_LIMIT else 'NO'})\n"
        f"- kilnn / whole-program JAX: {ratio:.2f} (<= {case.target}: {'yes' if ratio <= case.target else 'NO'})\n"
        f"- kilnn / PyTorch: {timing.ratio_to_torch():.2f}\n"
    )
    write_result("deep_transformer" if name == DEEP else "small_transformer", "A deep transformer", text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--small", action="store_true", help="two small blocks: checks the harness")
    options = parser.parse_args()
    run(options.rounds, SMALL if options.small else DEEP)
