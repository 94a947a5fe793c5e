"""Where a tensor comes from, for messages: the line that recorded it, the operation, the nearest parameter."""

from __future__ import annotations

from collections import deque
from typing import Any

from kilnn.engine import sites
from kilnn.engine.entry import HEADS
from kilnn.engine.views import value_of_tensor

_NEAREST = 64  # nodes looked at on the way back to a leaf


def recorded_at(x: Any) -> sites.Site | None:
    """The user's line that recorded a pending tensor; None once it has run, or while a known program is repeated."""
    value = value_of_tensor(x)
    if value.data is not None or value.trace is None:
        return None
    first = value.index - value.instr if isinstance(value.instr, int) else value.index
    site: sites.Site | None = value.trace.sites.get(first)
    return site


def operation(x: Any) -> str | None:
    """The name of the operation that makes x; None for data."""
    if x._node is not None:
        return str(x._node.plan.entry.node_name if x._node.plan else x._node.name()).partition("Backward")[0].lower()
    value = value_of_tensor(x)
    if value.data is not None or not isinstance(value.instr, tuple):
        return None
    return HEADS[value.instr[0]].name


def nearest_leaf(x: Any, wanted: dict[int, Any]) -> tuple[Any, bool] | None:
    """wanted[id of a leaf] for the leaf nearest to x in the gradient graph, and whether x's own operation reads it."""
    if x._node is None:
        return None
    queue, seen = deque([x._node]), {x._node}
    for _ in range(_NEAREST):
        if not queue:
            return None
        node = queue.popleft()
        for target in node.edges[::2]:
            if id(target) in wanted:
                return wanted[id(target)], node is x._node
            if hasattr(target, "edges") and target not in seen:
                seen.add(target)
                queue.append(target)
    return None
