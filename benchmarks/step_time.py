"""A whole training step beside PyTorch eager and hand-written JAX: `python -m benchmarks.step_time [--rounds 15]`."""

import argparse

from benchmarks.cases import CASES, Mlp
from benchmarks.rounds import LIBRARIES, interleave, table, write_result

JAX_LIMIT = 1.2


def verdict(ratio: float, limit: float) -> str:
    return f"{ratio:.2f} (<= {limit}: {'yes' if ratio <= limit else 'NO'})"


def run(rounds: int = 15) -> None:
    rows = []
    for case in CASES.values():
        if not isinstance(case, Mlp):
            continue
        timing = interleave(case.name, case.block, rounds)
        rows.append(
            [
                case.name,
                *[f"{timing.median(library) * 1e3:.3f}" for library in LIBRARIES],
                verdict(timing.ratio_to_torch(), case.target),
                verdict(timing.ratio("kilnn", "jax"), JAX_LIMIT),
                f"{timing.first_step.get('kilnn', float('nan')):.2f}",
            ]
        )
        print(" ".join(rows[-1]), flush=True)
    times = ["kilnn ms", "PyTorch ms", "1 thread ms", "JAX ms"]
    head = ["Adam step, float32", *times, "kilnn / PyTorch", "kilnn / JAX", "first step s"]
    text = (
        "Medians of interleaved blocks of steps; ratios are medians of the ratios within a round. PyTorch runs with\n"
    )
    text += "its default threads and with one; the ratio is to the faster of the two.\n\n"
    write_result("step_time", "Time of a training step", text + table(head, rows))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    run(parser.parse_args().rounds)
