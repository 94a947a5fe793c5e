"""`kilnn.version`: the release, and the CUDA that JAX was built for."""

from __future__ import annotations

from typing import Any

from kilnn.base.hardware import version_of_cuda

__version__ = "0.1.0"
debug = False
git_version: str | None = None
hip: str | None = None
xpu: str | None = None


def __getattr__(name: str) -> Any:
    """`cuda` is asked for when it is read: JAX looks for GPUs then."""
    if name == "cuda":
        return version_of_cuda()
    raise AttributeError(f"module 'kilnn.version' has no attribute {name!r}")
