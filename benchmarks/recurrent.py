"""A training step of LSTM language models beside PyTorch eager: `python -m benchmarks.recurrent [--rounds 15]`."""

import argparse

from benchmarks.cases import CASES, Lstm
from benchmarks.rounds import interleave, table, write_result

LIBRARIES = ("kilnn", "torch", "torch-1")


def run(rounds: int = 15) -> None:
    rows = []
    for case in CASES.values():
        if not isinstance(case, Lstm):
            continue
        timing = interleave(case.name, case.block, rounds, LIBRARIES)
        times = [f"{timing.median(library) * 1e3:.1f}" for library in LIBRARIES]
        rows.append([case.name, *times, f"{timing.ratio_to_torch():.2f}", f"{timing.first_step['kilnn']:.2f}"])
    head = ["Adam step, float32", "kilnn ms", "PyTorch ms", "1 thread ms", "kilnn / PyTorch", "first step s"]
    text = "Medians of interleaved blocks of steps; the ratio is to the faster number of PyTorch threads.\n\n"
    write_result("recurrent", "Time of a training step of LSTM language models", text + table(head, rows))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    run(parser.parse_args().rounds)
