"""Tensor methods: random fills and draws."""

from __future__ import annotations

from kilnn.tensor.functions import random


class RandomMethods:
    """Random fills and draws."""

    __slots__ = ()

    normal_ = random.normal_
    uniform_ = random.uniform_
    random_ = random.random_
    exponential_ = random.exponential_
    geometric_ = random.geometric_
    log_normal_ = random.log_normal_
    cauchy_ = random.cauchy_
    bernoulli_ = random.bernoulli_
    bernoulli = random.bernoulli
    multinomial = random.multinomial
