"""Error words of programs that may still be running, and the exceptions they stand for."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from kilnn.engine import sites
from kilnn.engine.entry import Entry


def error_of(check: Entry, value: int, site: sites.Site | None) -> Exception:
    """PyTorch's exception for a failed condition."""
    checker = check.op.checker if check.op is not None else None
    assert checker is not None
    text = checker.message.format(value=value, **check.attributes)
    where = f" (recorded at {sites.describe(site)})" if site is not None else ""
    return checker.error(text + where)


class _Pending:
    """Error words of programs that may still be running."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.words: list[tuple[Any, dict[int, tuple[Entry, sites.Site | None]]]] = []

    def add(self, word: Any, conditions: dict[int, tuple[Entry, sites.Site | None]]) -> None:
        with self.lock:
            self.words.append((word, conditions))

    def raise_first(self) -> None:
        """Wait for the words and raise the first error found; every word is looked at once."""
        if not self.words:
            return
        with self.lock:
            words, self.words = self.words, []
        for n, (word, conditions) in enumerate(words):
            number, value = (int(x) for x in np.asarray(word))
            if number and number - 1 in conditions:
                with self.lock:
                    self.words = words[n + 1 :] + self.words
                check, site = conditions[number - 1]
                raise error_of(check, value, site)


PENDING = _Pending()
