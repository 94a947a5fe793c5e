"""`kilnn.backends.cpu`: what the CPU can do."""

from __future__ import annotations

from pathlib import Path


def get_cpu_capability() -> str:
    """The widest vectors of this CPU, by PyTorch's words: "AVX512", "AVX2" or "DEFAULT"."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        return "DEFAULT"
    return "AVX512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "DEFAULT"
