"""Training steps on a CUDA device beside hand-written JAX (and PyTorch, where its CUDA build is installed):
`python -m benchmarks.gpu [--rounds 7]`. `--device cpu` tries the script itself on a machine without one."""

import argparse
import os
import sys

import torch

import kilnn
from benchmarks.cases import CASES
from benchmarks.rounds import interleave, table, write_result


def run(rounds: int, device: str) -> None:
    if device != "cpu" and not kilnn.cuda.is_available():
        sys.exit("no CUDA device: install kilnn[cuda13] (or kilnn[cuda12]) on a machine with an NVIDIA GPU")
    os.environ["KILNN_BENCHMARK_DEVICE"] = device
    libraries = ("kilnn", "jax", *(["torch"] if device == "cpu" or torch.cuda.is_available() else []))
    rows = []
    for case in CASES.values():
        timing = interleave(case.name, case.block, rounds, libraries)
        times = [f"{timing.median(library) * 1e3:.3f}" for library in ("kilnn", "jax", "torch")]
        rows.append([case.name, *times, f"{timing.ratio('kilnn', 'jax'):.2f}", f"{timing.ratio('kilnn', 'torch'):.2f}"])
        print(" ".join(rows[-1]), flush=True)
    head = ["Adam step, float32", "kilnn ms", "JAX ms", "PyTorch ms", "kilnn / JAX", "kilnn / PyTorch"]
    name = kilnn.cuda.get_device_name() if device != "cpu" else "the CPU"
    text = "Medians of interleaved blocks of steps.\n\n" + table(head, rows)
    write_result(f"gpu_{device}", f"Time of a training step on {name}", text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()
    run(options.rounds, options.device)
