"""Words for errors: what was received, what was expected, how to fix it, and where the user's line is."""

from __future__ import annotations

import os
import sys
from types import FrameType
from typing import NamedTuple

PACKAGE_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class StateLostError(RuntimeError):
    """A step failed while it ran, after its old parameters had been given away: the model's state is gone.

    Errors found before the step starts leave every parameter readable; only a failure during the run (out of memory, a
    failing callback) ends here. Rebuild the model and load a checkpoint.

    Source: docs/engine.md
    """


class LinAlgError(RuntimeError):
    """A matrix does not allow what was asked: it is singular, or not positive-definite.

    Source: https://docs.pytorch.org/docs/2.13/linalg.html
    """


class Site(NamedTuple):
    """A line of the user's program."""

    filename: str
    lineno: int
    function: str

    def __str__(self) -> str:
        return f"{self.filename}:{self.lineno} in {self.function}"


UNKNOWN_SITE = Site("<unknown>", 0, "<unknown>")


def message(what: str, *, received: object = None, expected: object = None, fix: str | None = None) -> str:
    """One error text: the rule that was broken, then what came, what should have come, and what to do.

    `None` leaves a part out. Tuples and lists are printed as they are, so shapes read `(2, 3)`.
    """
    parts = [what.rstrip(".")]
    if received is not None:
        parts.append(f"received {received}")
    if expected is not None:
        parts.append(f"expected {expected}")
    text = "; ".join(parts) + "."
    return f"{text} Fix: {fix.rstrip('.')}." if fix else text


def user_site(depth: int = 1) -> Site:
    """The innermost frame outside the package, `depth` frames above the caller at the least (1 = the caller itself).

    Doctests and notebook cells count as user code: their file names are not inside the package.
    """
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None:
        if not frame.f_code.co_filename.startswith(PACKAGE_FOLDER):
            return Site(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
        frame = frame.f_back
    return UNKNOWN_SITE
