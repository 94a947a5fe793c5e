"""Where in the user's program something was recorded."""

from __future__ import annotations

import os
import sys
from types import CodeType
from typing import Any

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_ENGINE = os.path.join(_PACKAGE, "engine") + os.sep
_inside: dict[str, bool] = {}

Site = tuple[CodeType, int]
"""(code object, index of the instruction in it): cheap to take, turned into a line only when somebody asks."""


def user_site() -> Site | None:
    """The innermost frame outside kilnn."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        inside = _inside.get(code.co_filename)
        if inside is None:
            inside = _inside[code.co_filename] = code.co_filename.startswith(_PACKAGE)
        if not inside:
            return code, frame.f_lasti
        frame = frame.f_back
    return None


def stack_site() -> tuple[Any, ...]:
    """The whole stack above the engine: equal only when the same call path reaches the same instruction again (a
    loop's back-edge)."""
    path = []
    frame: Any = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_ENGINE):
        frame = frame.f_back
    while frame is not None:
        path.append(frame.f_code)
        path.append(frame.f_lasti)
        frame = frame.f_back
    return tuple(path)


def line_of(site: Site) -> int:
    """The line number of a site."""
    code, lasti = site
    for number, (start, _, _, _) in enumerate(code.co_positions()):
        if number * 2 == lasti:
            return start or code.co_firstlineno
    return code.co_firstlineno


def describe(site: Site | None) -> str:
    """`file.py:31` of a site."""
    return "<unknown>" if site is None else f"{site[0].co_filename}:{line_of(site)}"
