"""What shape rules said in earlier processes: a rule is JAX tracing a function, which takes milliseconds.

All of them lie in one file. It is read at the first rule, and written with what is new after a program was compiled
and when the process ends. Two processes that write at once may lose each other's news; they are learnt again.
"""

from __future__ import annotations

import atexit
import json
from collections.abc import Callable
from typing import Any

from kilnn.engine import disk, fingerprint
from kilnn.engine.fingerprint import UnnamedError

LIMIT = 20_000  # beyond it, only what this process needed is kept


class _Book:
    """The rules under one key: all that are known, and those that this process asked for or found out."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.known: dict[str, Any] = self._read()
        self.needed: dict[str, Any] = {}
        self.news = False

    def _read(self) -> dict[str, Any]:
        content = disk.read(self.key)
        try:
            found = json.loads(content) if content else {}
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def save(self) -> None:
        if self.news:
            self.news = False
            needed = dict(self.needed)
            everything = self._read() | needed
            disk.write(self.key, json.dumps(everything if len(everything) <= LIMIT else needed).encode())


_books: dict[Any, _Book] = {}  # by folder: the tests have several


def remembered(name: Callable[[], str], rule: Callable[[], Any]) -> Any:
    """What `rule` returns - plain lists, numbers and strings - from an earlier process where one noted it. Exceptions
    are not noted. `name` may raise UnnamedError: nothing is remembered then."""
    book = _book()
    if book is None:
        return rule()
    try:
        key = name()
    except UnnamedError:
        return rule()
    found = book.known.get(key)
    if found is None:
        found = book.known[key] = rule()
        book.news = True
    book.needed[key] = found
    return found


def _book() -> _Book | None:
    place = disk.folder()
    if place is None:
        return None
    found = _books.get(place)
    if found is None:
        sources = fingerprint.sources()
        if not sources:
            return None
        found = _books[place] = _Book(fingerprint.hash_of("rules", sources))
    return found


@atexit.register
def save() -> None:
    """Write what is new."""
    book = _books.get(disk.folder())
    if book is not None:
        book.save()
