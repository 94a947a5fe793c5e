"""kilnn.jit: PyTorch's words for TorchScript. Python is the only language here: they give back what they are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn

from kilnn.nn.module import Module

__all__ = [
    "Final", "ScriptModule", "annotate", "export", "fork", "freeze", "ignore", "interface", "is_scripting",
    "is_tracing", "load", "optimize_for_inference", "save", "script", "script_if_tracing", "script_method", "trace",
    "trace_module", "unused", "wait",
]  # fmt: skip

_NO_SCRIPT = (
    "kilnn runs Python and has no TorchScript: save model.state_dict() with kilnn.save, and load it into the class"
)


def script(obj: Any, optimize: Any = None, _frames_up: int = 0, _rcb: Any = None, example_inputs: Any = None) -> Any:
    """The function, class or module itself; it is compiled when it runs.

    Args:
        obj: a function, class or module.
        optimize, _frames_up, _rcb, example_inputs: accepted.

    Example:
        >>> import kilnn
        >>> @kilnn.jit.script
        ... def double(x):
        ...     return x * 2
        >>> double(kilnn.ones(1)).item()
        2.0

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.jit.script.html
    """
    if not callable(obj):
        raise RuntimeError(f"jit.script: expected a function, a class or a module, got {type(obj).__name__}")
    return obj


def trace(func: Any, example_inputs: Any = None, *args: Any, **kwargs: Any) -> Any:
    """The function or module itself. It is not frozen: branches are taken anew in every call.

    Args:
        func: a function or a module.
        example_inputs: accepted; nothing is run.
        args, kwargs: PyTorch's other arguments; accepted.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.jit.trace.html
    """
    if not callable(func):
        raise RuntimeError(f"jit.trace: expected a function or a module, got {type(func).__name__}")
    return func


def trace_module(mod: Module, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Module:
    """The module itself, as `trace`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.jit.trace_module.html
    """
    return mod


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """The function itself; also a decorator with arguments.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.jit.ignore.html
    """
    return drop if callable(drop) else (lambda fn: fn)


def unused(fn: Any) -> Any:
    """The function itself.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.jit.unused.html
    """
    return fn


def export(fn: Any) -> Any:
    """The method itself.

    Source: https://docs.pytorch.org/docs/2.13/jit.html#torch.jit.export
    """
    return fn


def script_method(fn: Any) -> Any:
    """The method itself.

    Source: https://docs.pytorch.org/docs/2.13/jit.html
    """
    return fn


def script_if_tracing(fn: Any) -> Any:
    """The function itself.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.jit.script_if_tracing.html
    """
    return fn


_script_if_tracing = script_if_tracing


def interface(obj: Any) -> Any:
    """The class itself.

    Source: https://docs.pytorch.org/docs/2.13/jit.html
    """
    return obj


def annotate(the_type: Any, the_value: Any) -> Any:
    """The value itself.

    Args:
        the_type: what it is, for readers.
        the_value: the value.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.jit.annotate.html
    """
    return the_value


def is_scripting() -> bool:
    """Always False: this is Python.

    Source: https://docs.pytorch.org/docs/2.13/jit_language_reference.html#torch.jit.is_scripting
    """
    return False


def is_tracing() -> bool:
    """Always False: nothing is frozen.

    Source: https://docs.pytorch.org/docs/2.13/jit_language_reference.html#torch.jit.is_tracing
    """
    return False


def freeze(mod: Any, *args: Any, **kwargs: Any) -> Any:
    """The module itself.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.jit.freeze.html
    """
    return mod


def optimize_for_inference(mod: Any, *args: Any, **kwargs: Any) -> Any:
    """The module itself.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.jit.optimize_for_inference.html
    """
    return mod


def save(m: Any, f: Any, _extra_files: Any = None) -> NoReturn:
    """Not available: raises NotImplementedError.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.jit.save.html
    """
    raise NotImplementedError(f"jit.save: {_NO_SCRIPT}")


def load(f: Any, map_location: Any = None, _extra_files: Any = None, _restore_shapes: bool = False) -> NoReturn:
    """Not available: raises NotImplementedError.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.jit.load.html
    """
    raise NotImplementedError(f"jit.load: {_NO_SCRIPT}")


def fork(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call the function now; `wait` gives its result. Operations are recorded, so there is nothing to overlap.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.jit.fork.html
    """
    return func(*args, **kwargs)


def wait(future: Any) -> Any:
    """The result of `fork`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.jit.wait.html
    """
    return future


ScriptModule = Module
