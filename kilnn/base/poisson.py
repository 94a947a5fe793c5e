"""Counts of events, drawn as PyTorch's CPU code draws them.

Small rates: uniforms are multiplied until the product falls below exp(-rate) (D. E. Knuth, The Art of Computer
Programming, vol. 2, 3.4.1). Rates of 10 and more: W. Hoermann, The transformed rejection method for generating Poisson
random variables, Insurance: Mathematics and Economics 12 (1993), algorithm PTRS.
"""

from __future__ import annotations

import math
from collections.abc import Callable


def poisson(rate: float, uniform: Callable[[], float]) -> int:
    """One count; `uniform` draws from [0, 1)."""
    if rate == 0:
        return 0
    return _rejected(rate, uniform) if rate >= 10 else _multiplied(rate, uniform)


def _multiplied(rate: float, uniform: Callable[[], float]) -> int:
    threshold = math.exp(-rate)
    product = uniform()
    count = 0
    while product > threshold:
        count += 1
        product *= uniform()
    return count


def _rejected(rate: float, uniform: Callable[[], float]) -> int:
    root, log_rate = math.sqrt(rate), math.log(rate)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    accepted_at_once = 0.9277 - 3.6224 / (b - 2)
    while True:
        u, v = uniform() - 0.5, uniform()
        distance = 0.5 - abs(u)
        k = math.floor((2 * a / distance + b) * u + rate + 0.43) if distance else -1
        if distance >= 0.07 and v <= accepted_at_once:
            return k
        if k < 0 or (distance < 0.013 and v > distance):
            continue
        height = math.log(v) if v else -math.inf
        if height + math.log(inverse_alpha) - math.log(a / (distance * distance) + b) <= (
            -rate + k * log_rate - math.lgamma(k + 1)
        ):
            return k
