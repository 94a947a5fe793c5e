"""no_grad, enable_grad, set_grad_enabled, inference_mode: whether operations record gradients, per thread."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Any, TypeVar

from kilnn.engine.context import local

F = TypeVar("F", bound=Callable[..., Any])


def is_grad_enabled() -> bool:
    """True when operations on tensors that require gradients are recorded for the backward pass."""
    return local.context.grad


def is_inference_mode_enabled() -> bool:
    """True inside `inference_mode()`."""
    return local.context.inference


class _Mode:
    """Context manager and decorator that sets the gradient mode and puts the old one back."""

    def __init__(self, grad: bool, inference: bool | None = None) -> None:
        self.grad = grad
        self.inference = inference
        self._saved: list[tuple[bool, bool]] = []

    def __enter__(self) -> None:
        context = local.context
        self._saved.append((context.grad, context.inference))
        context.grad = self.grad
        if self.inference is not None:
            context.inference = self.inference

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        local.context.grad, local.context.inference = self._saved.pop()

    def clone(self) -> _Mode:
        return _Mode(self.grad, self.inference)

    def __call__(self, function: F) -> F:
        if inspect.isgeneratorfunction(function):
            return _wrap_generator(self, function)

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self.clone():
                return function(*args, **kwargs)

        return wrapped  # type: ignore[return-value]  # same signature by functools.wraps


def _wrap_generator(mode: _Mode, function: F) -> F:
    """The mode holds while the generator runs, not while its caller does."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        generator = function(*args, **kwargs)
        sent: Any = None
        while True:
            try:
                with mode.clone():
                    item = generator.send(sent)
            except StopIteration as stop:
                return stop.value
            sent = yield item

    return wrapped  # type: ignore[return-value]  # same signature by functools.wraps


class no_grad(_Mode):
    """Operations inside are not recorded for the backward pass. Context manager and decorator.

    Example:
        >>> import kilnn
        >>> w = kilnn.ones(2, requires_grad=True)
        >>> with kilnn.no_grad():
        ...     y = w * 2
        >>> y.requires_grad
        False

    Source: https://pytorch.org/docs/stable/generated/torch.no_grad.html
    """

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        if function is not None:
            return _Mode(False)(function)
        return super().__new__(cls)

    def __init__(self, function: Callable[..., Any] | None = None) -> None:
        super().__init__(False)


class enable_grad(_Mode):
    """Operations inside are recorded even within `no_grad`. Context manager and decorator.

    Source: https://pytorch.org/docs/stable/generated/torch.enable_grad.html
    """

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        if function is not None:
            return _Mode(True)(function)
        return super().__new__(cls)

    def __init__(self, function: Callable[..., Any] | None = None) -> None:
        super().__init__(True)


class set_grad_enabled(_Mode):
    """Set the gradient mode at once; as a context manager put the old one back at the end.

    Args:
        mode: True records, False does not.

    Source: https://pytorch.org/docs/stable/generated/torch.autograd.grad_mode.set_grad_enabled.html
    """

    def __init__(self, mode: bool) -> None:
        super().__init__(bool(mode))
        self._before = local.context.grad
        local.context.grad = bool(mode)

    def __enter__(self) -> None:
        super().__enter__()
        self._saved[-1] = (self._before, self._saved[-1][1])

    def __call__(self, function: F) -> F:
        local.context.grad = self._before
        return super().__call__(function)


class inference_mode(_Mode):
    """Like `no_grad`; kilnn's tensors need no extra bookkeeping to skip, so results stay ordinary tensors.

    Args:
        mode: True switches gradients off, False switches them on inside an outer inference mode.

    Differs from PyTorch: results may later be used where gradients are recorded.
    Source: https://pytorch.org/docs/stable/generated/torch.autograd.grad_mode.inference_mode.html
    """

    def __new__(cls, mode: bool | Callable[..., Any] = True) -> Any:
        if callable(mode):
            return _Mode(False, True)(mode)
        return super().__new__(cls)

    def __init__(self, mode: bool | Callable[..., Any] = True) -> None:
        super().__init__(not mode, bool(mode))
