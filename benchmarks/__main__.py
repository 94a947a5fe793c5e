"""Every benchmark, one after the other, each in a fresh process: `python -m benchmarks.all [--quick]`."""

import argparse
import subprocess
import sys

RUNS = {
    "benchmarks.host_cost": ([], []),
    "benchmarks.step_time": ([], ["--rounds", "3"]),
    "benchmarks.first_step": ([], ["--rounds", "3"]),
    "benchmarks.deep_transformer": ([], ["--rounds", "2"]),
    "benchmarks.recurrent": ([], ["--rounds", "3"]),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds")
    quick = parser.parse_args().quick
    failed = []
    for module, (normal, short) in RUNS.items():
        done = subprocess.run([sys.executable, "-m", module, *(short if quick else normal)], check=False)
        if done.returncode:
            failed.append(module)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
