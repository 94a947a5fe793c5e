"""Functions that answer a call later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def async_execution(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function that returns a `Future`: a call of it has the future's result.

    Source: https://docs.pytorch.org/docs/2.13/rpc.html#torch.distributed.rpc.functions.async_execution
    """
    fn._answers_later = True  # type: ignore[attr-defined]  # a mark on a function
    return fn
