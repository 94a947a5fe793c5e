"""kilnn.futures: results that another thread is still computing."""

from __future__ import annotations

import concurrent.futures as _standard
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Future", "collect_all", "wait_all"]


class Future:
    """A result to come.

    Args:
        devices: accepted; results know their devices.

    Example:
        >>> import kilnn
        >>> promised = kilnn.futures.Future()
        >>> doubled = promised.then(lambda f: f.wait() * 2)
        >>> promised.set_result(4)
        >>> doubled.wait()
        8

    Source: https://docs.pytorch.org/docs/2.13/futures.html#torch.futures.Future
    """

    def __init__(self, *, devices: Any = None) -> None:
        self._inner: _standard.Future[Any] = _standard.Future()

    def done(self) -> bool:
        """Whether the result, or an exception, is there."""
        return self._inner.done()

    def wait(self) -> Any:
        """Wait for the result; raises the exception if there is one."""
        return self._inner.result()

    def value(self) -> Any:
        """The result; RuntimeError if it is not there yet."""
        if not self.done():
            raise RuntimeError("Future.value(): the result is not there yet; wait() waits for it")
        return self._inner.result()

    def set_result(self, result: Any) -> None:
        """Give the result, once."""
        if self.done():
            raise RuntimeError("Future can only be marked completed once")
        self._inner.set_result(result)

    def set_exception(self, result: BaseException) -> None:
        """Give an exception instead."""
        if not isinstance(result, Exception):
            raise AssertionError(f"{result} is of type {type(result)}, not an Exception.")
        if self.done():
            raise RuntimeError("Future can only be marked completed once")
        self._inner.set_exception(result)

    def add_done_callback(self, callback: Callable[[Future], Any]) -> None:
        """Call `callback(self)` when the result is there."""
        self._inner.add_done_callback(lambda _: callback(self))

    def then(self, callback: Callable[[Future], Any]) -> Future:
        """A future of what `callback(self)` gives."""
        made = Future()

        def follow(_: Any) -> None:
            try:
                made.set_result(callback(self))
            except Exception as error:
                made.set_exception(error)

        self._inner.add_done_callback(follow)
        return made


def collect_all(futures: Sequence[Future]) -> Future:
    """A future of the list of these futures, done when all of them are.

    Source: https://docs.pytorch.org/docs/2.13/futures.html#torch.futures.collect_all
    """
    made, left = Future(), list(futures)

    def follow(_: Any = None) -> None:
        while left and left[-1].done():
            left.pop()
        if left:
            left[-1].add_done_callback(follow)
        else:
            made.set_result(list(futures))

    follow()
    return made


def wait_all(futures: Sequence[Future]) -> list[Any]:
    """The results of all of them.

    Source: https://docs.pytorch.org/docs/2.13/futures.html#torch.futures.wait_all
    """
    return [future.wait() for future in futures]
