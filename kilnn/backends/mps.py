"""`kilnn.backends.mps`: Apple's GPUs, which programs do not run on."""

from __future__ import annotations


def is_available() -> bool:
    """False: programs run on CPUs, NVIDIA GPUs and TPUs."""
    return False


def is_built() -> bool:
    """False: programs run on CPUs, NVIDIA GPUs and TPUs."""
    return False
