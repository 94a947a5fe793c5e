"""kilnn.fx: not there, but for `wrap`, which has nothing to do."""

from __future__ import annotations

from typing import Any, NoReturn


def symbolic_trace(*args: Any, **kwargs: Any) -> NoReturn:
    """Not available: raises NotImplementedError.

    Source: https://docs.pytorch.org/docs/2.13/fx.html#torch.fx.symbolic_trace
    """
    raise NotImplementedError("fx.symbolic_trace: kilnn records operations and has no graphs of Python code to rewrite")


def wrap(fn_or_name: Any) -> Any:
    """The function or name itself: it marks functions for symbolic traces, which are not there.

    Source: https://docs.pytorch.org/docs/2.13/fx.html#torch.fx.wrap
    """
    return fn_or_name
