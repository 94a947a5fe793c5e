"""Anomaly mode: a backward pass that stops at the first operation whose gradient is not a number."""

from __future__ import annotations

from types import TracebackType

MODES: list[tuple[bool, bool]] = [(False, True)]


def is_anomaly_enabled() -> bool:
    """Whether anomaly mode is on.

    Source: https://docs.pytorch.org/docs/2.13/autograd.html#anomaly-detection
    """
    return MODES[-1][0]


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly mode looks for gradients that are not a number."""
    return MODES[-1][1]


def looks_for_nan() -> bool:
    """Whether a backward pass has to look at each gradient."""
    return MODES[-1] == (True, True)


class set_detect_anomaly:
    """Switch anomaly mode on or off: at once, and as a context manager until its end.

    Args:
        mode: whether backward passes raise RuntimeError at the first operation that gives a NaN, naming it. Each
            gradient is read for that, which takes many times as long.
        check_nan: False leaves the reading out.

    Example:
        >>> import kilnn
        >>> x = kilnn.tensor([0.0], requires_grad=True)
        >>> with kilnn.autograd.set_detect_anomaly(True):
        ...     try:
        ...         (x.sqrt() * 0).sum().backward()
        ...     except RuntimeError as error:
        ...         print(error)
        Function 'SqrtBackward0' returned nan values in its 0th output.

    Source: https://docs.pytorch.org/docs/2.13/autograd.html#anomaly-detection
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = MODES[-1]
        MODES[-1] = (bool(mode), bool(check_nan))

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        MODES[-1] = self._before


class detect_anomaly(set_detect_anomaly):
    """Anomaly mode for a block: `with detect_anomaly(): loss.backward()`; see `set_detect_anomaly`.

    Args:
        check_nan: False leaves the reading of gradients out.

    Source: https://docs.pytorch.org/docs/2.13/autograd.html#anomaly-detection
    """

    def __init__(self, check_nan: bool = True) -> None:
        self._check_nan = check_nan

    def __enter__(self) -> None:
        super().__init__(True, self._check_nan)
