"""Places where the pending trace is run although nobody looks at a value. They must be stable from one iteration
to the next, or programs would not be found again: none of them cuts a gradient graph that waits for its backward."""

from __future__ import annotations

from kilnn.engine.context import local


def _cut(reason: str) -> None:
    trace = local.context.trace
    if trace is not None and trace.values and not trace.sealed and not trace.grad_open:
        trace.run(reason)


def data_arrives() -> None:
    """The DataLoader hands over a batch: what was recorded before belongs to the last one."""
    _cut("a batch arrives")


def gradients_zeroed() -> bool:
    """`zero_grad()`: a step ends here where no DataLoader says so. Whether nothing is pending now."""
    trace = local.context.trace
    if trace is None or trace.sealed or not trace.values:
        return True
    _cut("zero_grad")
    return not (trace.values and not trace.sealed)


def module_returned() -> None:
    """The outermost module call under no_grad returned: evaluation runs batch by batch."""
    _cut("module call under no_grad returned")
