"""`kilnn.backends.cudnn`: switches of PyTorch's convolutions on GPUs. XLA times its candidates itself, always."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from kilnn.base.device import devices_of

enabled = True
benchmark = False
deterministic = False
allow_tf32 = True
benchmark_limit: int | None = None
"""Kept as they are set, for programs that read them back. XLA chooses algorithms by its own flags:
`--xla_gpu_deterministic_ops`, `--xla_gpu_autotune_level`."""


def is_available() -> bool:
    """Whether there is a GPU, and so cuDNN.

    Source: https://docs.pytorch.org/docs/2.13/backends.html#torch.backends.cudnn.is_available
    """
    return bool(devices_of("cuda"))


def version() -> int | None:
    """The version of cuDNN that JAX found, such as 91002; None without a GPU.

    Source: https://docs.pytorch.org/docs/2.13/backends.html#torch.backends.cudnn.version
    """
    if not is_available():
        return None
    from jax._src.lib import cuda_versions  # noqa: PLC0415  # only there with a GPU

    return int(cuda_versions.cudnn_get_version()) if cuda_versions is not None else None


_NAMES = ("enabled", "benchmark", "benchmark_limit", "deterministic", "allow_tf32")


@contextlib.contextmanager
def flags(
    enabled: bool = False, benchmark: bool = False, benchmark_limit: int | None = 10, deterministic: bool = False,
    allow_tf32: bool = True,
) -> Iterator[None]:  # fmt: skip
    """The switches set in a `with` block, and put back after it."""
    before: dict[str, Any] = {name: globals()[name] for name in _NAMES}
    globals().update(
        enabled=enabled, benchmark=benchmark, benchmark_limit=benchmark_limit, deterministic=deterministic,
        allow_tf32=allow_tf32,
    )  # fmt: skip
    try:
        yield
    finally:
        globals().update(before)
