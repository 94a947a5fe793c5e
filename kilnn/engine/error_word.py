"""Error words of programs that may still be running, and the exceptions they stand for."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import numpy as np

from kilnn.engine import sites
from kilnn.engine.entry import CODE_BIAS, Entry


def error_of(check: Entry, value: int, site: sites.Site | None) -> Exception:
    """PyTorch's exception for a failed condition."""
    checker = check.op.checker if check.op is not None else None
    assert checker is not None
    text = checker.message.format(value=value, **check.attributes)
    if site is None:
        return checker.error(text)
    error = checker.error(f"{text} (recorded at {sites.describe(site)})")
    error.__traceback__ = _frame_at(site)
    return error


def _frame_at(site: sites.Site) -> TracebackType | None:
    """The end of a traceback, as if the recorded line had raised: it is the statement to look at, not the one that
    happened to wait for the result."""
    code, line = site[0], sites.line_of(site)
    stand_in = compile("\n" * (line - 1) + "raise Recorded", code.co_filename, "exec").replace(co_name=code.co_name)
    try:
        exec(stand_in, {"Recorded": RuntimeError, "__name__": "recorded"})
    except RuntimeError as raised:
        traceback = raised.__traceback__
        return traceback.tb_next if traceback is not None else None
    return None


Conditions = dict[int, tuple[Entry, sites.Site | None]]
"""Number of a code in the word -> the condition, and where it was recorded."""


class _Pending:
    """Error words of programs that may still be running."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.words: list[tuple[Any, Conditions, Sequence[Any]]] = []

    def add(self, word: Any, conditions: Conditions, bundles: Sequence[Any] = ()) -> None:
        """`bundles`: whose updates the program leaves out when a condition fails."""
        with self.lock:
            self.words.append((word, conditions, bundles))

    def raise_first(self) -> None:
        """Wait for the words and raise the first error found; every word is looked at once."""
        if not self.words:
            return
        with self.lock:
            words, self.words = self.words, []
        for n, (word, conditions, bundles) in enumerate(words):
            codes = np.atleast_1d(np.asarray(word))
            failed = [k for k in np.flatnonzero(codes).tolist() if k in conditions]
            if failed:
                with self.lock:
                    self.words = words[n + 1 :] + self.words
                for bundle in bundles:
                    bundle.take_back()
                check, site = conditions[failed[0]]
                raise error_of(check, int(codes[failed[0]]) - CODE_BIAS, site)


PENDING = _Pending()
