"""kilnn.compiler: PyTorch's words for compiling. There is nothing to switch on: every step is compiled already."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import TracebackType
from typing import Any

from kilnn.base.config import config
from kilnn.engine import cache
from kilnn.engine.context import local
from kilnn.engine.trace import flush

_MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")
_STANCES = (
    "default",
    "force_eager",
    "eager_on_recompile",
    "fail_on_recompile",
    "eager_then_compile",
    "aot_eager_then_compile",
)


def compile(
    model: Any = None, *, fullgraph: bool = False, dynamic: bool | None = None, backend: str | Callable[..., Any] = "",
    mode: str | None = None, options: dict[str, Any] | None = None, disable: bool = False,
) -> Any:  # fmt: skip
    """The model or function itself: kilnn compiles what it records without being asked.

    Args:
        model: a module or a function; without it, a decorator.
        fullgraph, dynamic: accepted; there are no graph breaks, and every new shape is a program of its own.
        backend: accepted as a name; the backend is XLA.
        mode: one of PyTorch's modes; they change nothing.
        options: accepted, not together with mode.
        disable: accepted.

    Raises: RuntimeError for mode and options together and for an unknown mode, NotImplementedError for a function as
        backend, because it would expect PyTorch's graphs.

    Example:
        >>> import kilnn
        >>> net = kilnn.nn.Linear(2, 2)
        >>> kilnn.compile(net) is net
        True

    Differs from PyTorch: names of parameters get no prefix.
    Source: https://docs.pytorch.org/docs/2.13/generated/torch.compile.html
    """
    if mode is not None and options is not None:
        raise RuntimeError("Either mode or options can be specified, but both can't be specified at the same time.")
    if mode is not None and mode not in _MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(_MODES)}")
    if not isinstance(backend, str):
        raise NotImplementedError("compile: a function as backend expects PyTorch's graphs; kilnn's backend is XLA")
    if model is None:
        return lambda chosen: compile(
            chosen, fullgraph=fullgraph, dynamic=dynamic, mode=mode, options=options, disable=disable
        )
    if not callable(model):
        raise RuntimeError(f"compile: expected a module or a function, got {type(model).__name__}")
    return model


def is_compiling() -> bool:
    """Always False: Python runs every iteration, no code is looked at ahead of its run.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.compiler.is_compiling.html
    """
    return False


def is_dynamo_compiling() -> bool:
    """Always False, as `is_compiling`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.compiler.is_dynamo_compiling.html
    """
    return False


def is_exporting() -> bool:
    """Always False, as `is_compiling`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.compiler.is_exporting.html
    """
    return False


def disable(fn: Callable[..., Any] | None = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """The function itself. To run operations one by one use `with kilnn.eager():`.

    Args:
        fn: a function or a module; without it, a decorator.
        recursive, reason: accepted.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.compiler.disable.html
    """
    return fn if fn is not None else (lambda chosen: chosen)


def allow_in_graph(fn: Any) -> Any:
    """The function itself.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.compiler.allow_in_graph.html
    """
    return fn


def assume_constant_result(fn: Any) -> Any:
    """The function itself: it is called every time.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.compiler.assume_constant_result.html
    """
    return fn


def reset() -> None:
    """Forget all compiled programs; they are compiled again when they are needed.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.compiler.reset.html
    """
    cache.clear()


def list_backends() -> list[str]:
    """The one backend there is.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.compiler.list_backends.html
    """
    return ["xla"]


def cudagraph_mark_step_begin() -> None:
    """Nothing: a step's buffers are never overwritten while somebody can see them.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.compiler.cudagraph_mark_step_begin.html
    """


def _run_at_once(mode: bool) -> bool:
    """Switch the engine; what it was before."""
    flush("compiler.set_stance")
    before, local.context.eager = local.context.eager, mode
    return before


class set_stance:
    """Whether operations are recorded and run together, from this call on: a call, a `with` block or a decorator.

    Args:
        stance: "default" records; "force_eager" runs every operation at once, as `kilnn.eager()` does.
        skip_guard_eval_unsafe: accepted as False.
        force_backend: accepted as None.

    Raises: NotImplementedError for PyTorch's other stances, RuntimeError for an unknown one.

    Example:
        >>> import kilnn
        >>> with kilnn.compiler.set_stance("force_eager"):
        ...     x = kilnn.ones(2) + 1  # computed here, not with what follows

    Differs from PyTorch: it is a matter of the calling thread.
    Source: https://docs.pytorch.org/docs/2.13/generated/torch.compiler.set_stance.html
    """

    def __init__(
        self, stance: str = "default", *, skip_guard_eval_unsafe: bool = False, force_backend: Any = None
    ) -> None:
        if stance not in _STANCES:
            raise RuntimeError(f"invalid torch.compile stance '{stance}'. Choose one of {', '.join(_STANCES)}")
        if stance not in ("default", "force_eager") or skip_guard_eval_unsafe or force_backend is not None:
            raise NotImplementedError(
                f"compiler.set_stance({stance!r}): programs are recorded and run in one way. To fail on a recompile "
                "use `with kilnn.expect(compiles=0):`"
            )
        self.stance = stance
        self._at_once = stance == "force_eager" or bool(config.eager)
        self._before = _run_at_once(self._at_once)

    def __call__(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """As a decorator it holds during calls of the function, and not since the line of the decorator."""
        _run_at_once(self._before)

        @functools.wraps(fn)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with set_stance(self.stance):
                return fn(*args, **kwargs)

        return inside

    def __enter__(self) -> None:
        _run_at_once(self._at_once)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        _run_at_once(self._before)
