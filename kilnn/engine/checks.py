"""The error word: conditions on values (labels in range, indices in bounds) raise PyTorch's exception, naming the
recorded line, at the latest at the next flush. Conditions on host-held values are tested at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from kilnn.engine import sites
from kilnn.engine.context import Context
from kilnn.engine.emit import commit
from kilnn.engine.entry import Entry, grouped
from kilnn.engine.error_word import error_of
from kilnn.engine.trace import open_trace

HOST_ELEMENTS = 1 << 20


def passes_on_host(check: Entry, operands: list[Any]) -> bool:
    """Test a condition whose operands are on the host: raise its error, or return True; False when they are not."""
    # Values are immutable: a batch that passed once (the same labels in every step) has passed for good.
    if all(check.head in getattr(v, "passed", ()) for v in operands):
        return True
    if not all(isinstance(v.data, np.ndarray) and v.aval.size <= HOST_ELEMENTS for v in operands):
        return False
    assert check.op is not None and check.op.checker is not None
    bad, found = check.op.checker.fn(*grouped([v.data for v in operands], check.widths), **check.attributes)
    if bad.any():
        first = np.broadcast_to(found, bad.shape).reshape(-1)[int(np.argmax(bad.reshape(-1)))]
        raise error_of(check, int(first), None)
    for v in operands:
        v.passed = {check.head, *getattr(v, "passed", ())}
    return True


def record_check(context: Context, entry: Entry, values: list[Any]) -> None:
    """Test the condition now if its operands are on the host; record it in any case, so that the recording does not
    depend on where the batch came from. The program tests what the host could not."""
    check = entry.check
    assert check is not None
    operands = [values[k] for k in check.state]
    verified = passes_on_host(check, operands)
    trace = open_trace(context)
    out = commit(trace, check, operands)
    if not verified:
        out.trace.checks.append((out.index, check, sites.user_site()))
