"""Generate random programs: lists of Python statements that run on any library with PyTorch's names.

The kinds of statements register themselves with the writer; their order here fixes which program a seed gives.
"""

import warnings

from tests.engine.fuzz import gradients, making, reading, viewing, wider, writing  # noqa: F401 - they register statements
from tests.engine.fuzz.writer import Writer


def write(seed: int, wide: bool = False) -> list[str]:
    """The program of this seed; `wide` ones also have the statements of `wider.py`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        writer = Writer(seed, wide)
        return writer.write(writer.rng.randint(4, 26))
