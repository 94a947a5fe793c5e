"""`python -m benchmarks.all`: the same as `python -m benchmarks`."""

import sys

from benchmarks.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
