"""Forwards that record one operation: C records it without calling the function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from kilnn.ops.spec import Op

F = TypeVar("F", bound=Callable[..., Any])


class Recorded(NamedTuple):
    """What a forward does with its `arguments`. operands, attributes: names of the module's own, or constants."""

    op: Op
    operands: tuple[Any, ...]
    attributes: tuple[Any, ...]
    unless: str | None
    arguments: int
    known: bool


RECORDED: dict[Callable[..., Any], Recorded] = {}
"""Function -> what it does. C reads the fields by their places."""


def records(
    op: Op, *operands: Any, attributes: tuple[Any, ...] = (), unless: str | None = None, arguments: int = 1,
    known: bool = False,
) -> Callable[[F], F]:  # fmt: skip
    """Says of a `forward` that it is `record(op, (*arguments, *operands), attributes)`.

    operands, attributes: strings are names of the module's tensors and settings, the rest is taken as it is.
    unless: name of a setting; where it is true or not 0, the function is called.
    arguments: how many the function takes.
    known: where operands of these kinds were not recorded before the function is called, which looks at them more
        closely; of several results it returns the first.
    """

    def note(forward: F) -> F:
        RECORDED[forward] = Recorded(op, operands, attributes, unless, arguments, known)
        return forward

    return note
