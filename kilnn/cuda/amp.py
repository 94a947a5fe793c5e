"""kilnn.cuda.amp: the older names of `kilnn.amp` for GPUs. Each use warns, as PyTorch's does."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

from kilnn import amp
from kilnn.base import dtypes
from kilnn.base.dtypes import DType


def _warn(name: str) -> None:
    warnings.warn(
        f"`torch.cuda.amp.{name}(args...)` is deprecated. Please use `torch.amp.{name}('cuda', args...)` instead.",
        FutureWarning,
        stacklevel=3,
    )


class autocast(amp.autocast):
    """`kilnn.amp.autocast("cuda", ...)`.

    Args:
        enabled, dtype, cache_enabled: as there.

    Source: https://docs.pytorch.org/docs/2.13/amp.html#torch.cuda.amp.autocast
    """

    def __init__(self, enabled: bool = True, dtype: DType = dtypes.float16, cache_enabled: bool = True) -> None:
        _warn("autocast")
        super().__init__("cuda", dtype=dtype, enabled=enabled, cache_enabled=cache_enabled)


class GradScaler(amp.GradScaler):
    """`kilnn.amp.GradScaler("cuda", ...)`.

    Args:
        init_scale, growth_factor, backoff_factor, growth_interval, enabled: as there.

    Source: https://docs.pytorch.org/docs/2.13/amp.html#torch.cuda.amp.GradScaler
    """

    def __init__(
        self, init_scale: float = 65536.0, growth_factor: float = 2.0, backoff_factor: float = 0.5,
        growth_interval: int = 2000, enabled: bool = True,
    ) -> None:  # fmt: skip
        _warn("GradScaler")
        super().__init__("cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled)


def custom_fwd(fwd: Callable[..., Any] | None = None, *, cast_inputs: DType | None = None) -> Callable[..., Any]:
    """`kilnn.amp.custom_fwd(device_type="cuda")`."""
    _warn("custom_fwd")
    return functools.partial(amp.custom_fwd, device_type="cuda")(fwd, cast_inputs=cast_inputs)


def custom_bwd(bwd: Callable[..., Any]) -> Callable[..., Any]:
    """`kilnn.amp.custom_bwd(device_type="cuda")`."""
    _warn("custom_bwd")
    return functools.partial(amp.custom_bwd, device_type="cuda")(bwd)
