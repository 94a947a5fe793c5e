"""A child process that holds one case on one library and times steps when it is told to.

`python -m benchmarks.worker LIBRARY CASE`, with LIBRARY one of kilnn, torch, torch-1 (one thread), jax: it answers a
number of steps, one a line on stdin, with the seconds that they took. Its first line is the seconds of the first step,
with all compilation.
"""

import gc
import importlib
import os
import sys
import time

from benchmarks.cases import CASES


def main() -> None:
    library, name = sys.argv[1:3]
    case = CASES[name]
    if library == "jax":
        steps = importlib.import_module("benchmarks.in_jax").build(case)
    else:
        T = importlib.import_module(library.removesuffix("-1"))
        if library == "torch-1":
            T.set_num_threads(1)
        if "KILNN_BENCHMARK_DEVICE" in os.environ:  # otherwise untouched: a default device slows every call of PyTorch
            T.set_default_device(os.environ["KILNN_BENCHMARK_DEVICE"])
        steps = importlib.import_module("benchmarks.in_torch").build(case, T)
        if library == "kilnn":
            T.synchronize()
    start = time.perf_counter()
    steps(1)
    print(time.perf_counter() - start, flush=True)
    gc.collect()
    for line in sys.stdin:
        count = int(line)
        start = time.perf_counter()
        steps(count)
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
