"""`kilnn.backends.mkl`: MKL, which XLA computes without."""

from __future__ import annotations


def is_available() -> bool:
    """False: CPU programs are XLA's."""
    return False
