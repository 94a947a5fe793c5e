"""How exactly float32 matrix products are computed, and how many threads compute: XLA's switches by PyTorch's words."""

from __future__ import annotations

import os
import warnings

import jax
from jax._src import xla_bridge

from kilnn.engine import cache

_PRECISIONS = {"highest": "highest", "high": "tensorfloat32", "medium": "bfloat16"}


class _State:
    """What was set."""

    precision = "highest"
    threads: int | None = None
    deterministic = False
    warn_only = False


_state = _State()


def set_float32_matmul_precision(precision: str) -> None:
    """Choose how exactly float32 matrix products are computed. CPUs always compute exactly.

    Args:
        precision: "highest" (float32), "high" (TF32) or "medium" (bfloat16).

    Example:
        >>> import kilnn
        >>> kilnn.set_float32_matmul_precision("highest")
        >>> kilnn.get_float32_matmul_precision()
        'highest'

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.set_float32_matmul_precision.html
    """
    if precision not in _PRECISIONS:
        raise RuntimeError(f"Invalid float32 matmul precision: {precision!r}; it is one of {', '.join(_PRECISIONS)}")
    if precision != _state.precision:
        _state.precision = precision
        jax.config.update("jax_default_matmul_precision", _PRECISIONS[precision])  # type: ignore[no-untyped-call]  # JAX leaves it untyped
        cache.clear()  # programs were compiled with the old one


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` was given; "highest" if it never was.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.get_float32_matmul_precision.html
    """
    return _state.precision


def set_num_threads(threads: int) -> None:
    """Choose how many CPU threads run programs. XLA makes them when it starts: later calls cannot change it, and warn.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.set_num_threads.html
    """
    if isinstance(threads, bool) or not isinstance(threads, int):
        raise RuntimeError(f"set_num_threads expects an int, but got {type(threads).__name__}")
    if threads < 1:
        raise RuntimeError("set_num_threads expects a positive integer")
    if threads == get_num_threads():
        return
    if xla_bridge.backends_are_initialized():
        warnings.warn(
            f"set_num_threads({threads}) comes too late: XLA has started with {get_num_threads()} threads. Call it "
            "before the first operation",
            stacklevel=2,
        )
        return
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(mine)[:threads])  # XLA counts the CPUs that it may use
    try:
        jax.devices("cpu")
    finally:
        os.sched_setaffinity(0, mine)
    _state.threads = min(threads, len(mine))


def get_num_threads() -> int:
    """How many CPU threads run programs.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.get_num_threads.html
    """
    return _state.threads or len(os.sched_getaffinity(0))


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for the same bits in every run. On CPUs that is always so; on GPUs XLA needs
    XLA_FLAGS=--xla_gpu_deterministic_ops=true before it starts, and this raises (or warns) if it was not set.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.use_deterministic_algorithms.html
    """
    _state.deterministic, _state.warn_only = bool(mode), bool(warn_only)
    flag = "--xla_gpu_deterministic_ops=true"
    if mode and jax.default_backend() == "gpu" and flag not in os.environ.get("XLA_FLAGS", ""):
        text = f"use_deterministic_algorithms(): set XLA_FLAGS={flag} before the process starts"
        if not warn_only:
            raise RuntimeError(text)
        warnings.warn(text, stacklevel=2)


def are_deterministic_algorithms_enabled() -> bool:
    """Whether `use_deterministic_algorithms` asked for it.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.are_deterministic_algorithms_enabled.html
    """
    return _state.deterministic


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether it asked for warnings only.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.is_deterministic_algorithms_warn_only_enabled.html
    """
    return _state.warn_only
