"""Randomness inside the step: every draw has its own counter, so no two share a key and the program does not change
from step to step."""

from __future__ import annotations

from kilnn.base.generator import Generator, default_generator

_MASK = (1 << 63) - 1


def next_offset(generator: Generator | None = None) -> tuple[int, int]:
    """(seed, counter) for one draw inside the step; both are run-time inputs of the program."""
    source = default_generator if generator is None else generator
    return source.initial_seed() & _MASK, source.take_offset(1)
