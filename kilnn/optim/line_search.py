"""A step length that satisfies the strong Wolfe conditions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Point(NamedTuple):
    """A point on the line: the step length, the loss there, its slope along the line, and what the caller notes."""

    t: float
    loss: float
    slope: float
    note: Any


def minimum_between(a: Point, b: Point, bounds: tuple[float, float] | None = None) -> float:
    """Where the cubic through two points, with their slopes, is smallest; within bounds, by default the points."""
    low, high = bounds if bounds is not None else (min(a.t, b.t), max(a.t, b.t))
    left, right = (a, b) if a.t <= b.t else (b, a)
    with np.errstate(all="ignore"):  # a loss that is infinite or missing: the middle, or a bound
        slope_a, slope_b = np.float64(a.slope), np.float64(b.slope)
        bend = slope_a + slope_b - 3 * np.float64(a.loss - b.loss) / (a.t - b.t)
        square = bend * bend - slope_a * slope_b
        if not square >= 0:
            return (low + high) / 2
        root = np.sqrt(square)
        share = (right.slope + root - bend) / (right.slope - left.slope + 2 * root)
        return float(min(max(right.t - (right.t - left.t) * share, low), high))


def strong_wolfe(
    evaluate: Callable[[float], Point], start: Point, t: float, size: float, *, most: int, narrow: float,
    decrease: float = 1e-4, flatten: float = 0.9,
) -> tuple[Point, int]:  # fmt: skip
    """A point where the loss has fallen by `decrease` of what the slope at the start promised, and where the slope is
    below `flatten` of that at the start; and how many points were evaluated.

    Args:
        evaluate: the point at a step length.
        start: the point at 0, where the slope is negative.
        t: the first step length to try.
        size: the largest entry of the direction; a bracket narrower than `narrow / size` is not searched further.
        most: evaluations after the first.

    Source: Nocedal and Wright, Numerical Optimization, 2006, algorithms 3.5 and 3.6, with the safeguards of minFunc.
    """

    def high(point: Point) -> bool:
        return point.loss > start.loss + decrease * point.t * start.slope

    def flat(point: Point) -> bool:
        return abs(point.slope) <= -flatten * start.slope

    # Outwards, until two points have a good one between them.
    before, point, tried = start, evaluate(t), 0
    bracket: list[Point] = []
    while tried < most:
        if high(point) or (tried > 1 and point.loss >= before.loss):
            bracket = [before, point]
            break
        if flat(point):
            return point, tried + 1
        if point.slope >= 0:
            bracket = [before, point]
            break
        step = point.t - before.t
        t = minimum_between(before, point, (point.t + 0.01 * step, point.t * 10))
        before, point = point, evaluate(t)
        tried += 1
    if not bracket:
        bracket = [start, point]

    # Inwards. `low` is the place of the better end; the other is 1 - low.
    low = 0 if bracket[0].loss <= bracket[1].loss else 1
    slow = False
    while tried < most:
        left, right = sorted(p.t for p in bracket)
        if (right - left) * size < narrow:
            break
        t = minimum_between(bracket[0], bracket[1])
        margin = 0.1 * (right - left)
        if min(right - t, t - left) < margin:
            # Too near to an end for the second time, or on it: a tenth inwards.
            if slow or t >= right or t <= left:
                t = right - margin if abs(t - right) < abs(t - left) else left + margin
                slow = False
            else:
                slow = True
        else:
            slow = False
        point = evaluate(t)
        tried += 1
        if high(point) or point.loss >= bracket[low].loss:
            bracket[1 - low] = point
            low = 0 if bracket[0].loss <= bracket[1].loss else 1
            continue
        if not flat(point) and point.slope * (bracket[1 - low].t - bracket[low].t) >= 0:
            bracket[1 - low] = bracket[low]
        bracket[low] = point
        if flat(point):
            break
    return bracket[low], tried + 1
