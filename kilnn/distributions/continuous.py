"""Distributions of one real number given by location and scale, or by bounds."""

from __future__ import annotations

import math
from typing import Any

from kilnn.distributions import constraints
from kilnn.distributions.distribution import Distribution, as_tensors, require
from kilnn.engine.grad_mode import no_grad
from kilnn.tensor.create import full_like, ones_like, zeros
from kilnn.tensor.functions.arithmetic import clamp
from kilnn.tensor.functions.random import normal, rand, randn
from kilnn.tensor.tensor import Tensor


class _LocScale(Distribution):
    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}  # noqa: RUF012
    support = constraints.real
    has_rsample = True

    loc: Tensor
    scale: Tensor

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = as_tensors(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    def _standard(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return (value - self.loc) / self.scale


class Normal(_LocScale):
    """Normal distribution: density exp(-(x - loc)^2 / (2 scale^2)) / (scale sqrt(2 pi)).

    Args:
        loc: mean, a number or a tensor.
        scale: standard deviation > 0.
        validate_args: see `Distribution`.

    Raises: ValueError for invalid parameters and values.

    Example:
        >>> import kilnn
        >>> kilnn.distributions.Normal(0.0, 1.0).log_prob(kilnn.tensor(0.0)).item()
        -0.9189385175704956

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#normal
    """

    @property
    def variance(self) -> Tensor:
        return self.scale.pow(2)

    @property
    def stddev(self) -> Tensor:
        return self.scale

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return normal(self.loc.expand(shape), self.scale.expand(shape))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.loc + randn(self._extended_shape(sample_shape), dtype=self.loc.dtype) * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return -((value - self.loc) ** 2) / (2 * self.scale**2) - self.scale.log() - math.log(math.sqrt(2 * math.pi))

    def cdf(self, value: Tensor) -> Tensor:
        return 0.5 * (1 + (self._standard(value) / math.sqrt(2)).erf())

    def icdf(self, value: Tensor) -> Tensor:
        return self.loc + self.scale * (2 * value - 1).erfinv() * math.sqrt(2)

    def entropy(self) -> Tensor:
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()


class Laplace(_LocScale):
    """Laplace distribution: density exp(-|x - loc| / scale) / (2 scale).

    Args:
        loc: mean.
        scale: > 0.
        validate_args: see `Distribution`.

    Example:
        >>> import kilnn
        >>> kilnn.distributions.Laplace(0.0, 1.0).variance.item()
        2.0

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#laplace
    """

    @property
    def variance(self) -> Tensor:
        return 2 * self.scale.pow(2)

    @property
    def stddev(self) -> Tensor:
        return self.scale * math.sqrt(2)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        tiny = 1.2e-7 if self.loc.dtype.itemsize == 4 else 2.3e-16
        u = rand(self._extended_shape(sample_shape), dtype=self.loc.dtype) * (2 - tiny) + (tiny - 1)
        return self.loc - self.scale * u.sign() * (-u.abs()).log1p()

    def log_prob(self, value: Tensor) -> Tensor:
        return -(2 * self.scale).log() - self._standard(value).abs()

    def cdf(self, value: Tensor) -> Tensor:
        z = self._standard(value)
        return 0.5 - 0.5 * z.sign() * (-z.abs()).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        term = value - 0.5
        return self.loc - self.scale * term.sign() * (-2 * term.abs()).log1p()

    def entropy(self) -> Tensor:
        return 1 + (2 * self.scale).log()


class Cauchy(_LocScale):
    """Cauchy distribution: density 1 / (pi scale (1 + ((x - loc) / scale)^2)). It has no mean.

    Args:
        loc: median.
        scale: half width at half maximum, > 0.
        validate_args: see `Distribution`.

    Example:
        >>> import kilnn
        >>> kilnn.distributions.Cauchy(0.0, 1.0).cdf(kilnn.tensor(0.0)).item()
        0.5

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#cauchy
    """

    @property
    def mean(self) -> Tensor:
        return full_like(self.loc, math.nan)

    @property
    def variance(self) -> Tensor:
        return full_like(self.loc, math.inf)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        return self.loc + zeros(shape, dtype=self.loc.dtype).cauchy_() * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        return -math.log(math.pi) - self.scale.log() - (self._standard(value) ** 2).log1p()

    def cdf(self, value: Tensor) -> Tensor:
        return self._standard(value).atan() / math.pi + 0.5

    def icdf(self, value: Tensor) -> Tensor:
        return (math.pi * (value - 0.5)).tan() * self.scale + self.loc

    def entropy(self) -> Tensor:
        return math.log(4 * math.pi) + self.scale.log()


class Gumbel(_LocScale):
    """Gumbel distribution: cdf exp(-exp(-(x - loc) / scale)).

    Args:
        loc: mode.
        scale: > 0.
        validate_args: see `Distribution`.

    Example:
        >>> import kilnn
        >>> kilnn.distributions.Gumbel(0.0, 1.0).mean.item()
        0.5772156715393066

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#gumbel
    """

    @property
    def mean(self) -> Tensor:
        return self.loc + self.scale * 0.57721566490153286060

    @property
    def stddev(self) -> Tensor:
        return (math.pi / math.sqrt(6)) * self.scale

    @property
    def variance(self) -> Tensor:
        return self.stddev.pow(2)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = rand(self._extended_shape(sample_shape), dtype=self.loc.dtype)
        return self.loc - self.scale * (-clamp(u, 1.2e-38, 1 - 6e-8).log()).log()

    def log_prob(self, value: Tensor) -> Tensor:
        y = -self._standard(value)
        return (y - y.exp()) - self.scale.log()

    def cdf(self, value: Tensor) -> Tensor:
        return (-(-self._standard(value)).exp()).exp()

    def icdf(self, value: Tensor) -> Tensor:
        return self.loc - self.scale * (-value.log()).log()

    def entropy(self) -> Tensor:
        return self.scale.log() + (1 + 0.57721566490153286060)


class Uniform(Distribution):
    """Uniform distribution on [low, high).

    Args:
        low, high: the bounds, low < high.
        validate_args: see `Distribution`.

    Example:
        >>> import kilnn
        >>> kilnn.distributions.Uniform(0.0, 4.0).mean.item()
        2.0

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#uniform
    """

    arg_constraints = {"low": constraints.dependent, "high": constraints.dependent}  # noqa: RUF012
    has_rsample = True

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None) -> None:
        self.low, self.high = as_tensors(low, high)
        super().__init__(self.low.shape, validate_args=validate_args)
        if self._validate_args:
            require((self.low < self.high).all(), "Uniform is not defined when low>= high")

    @property
    def support(self) -> Any:
        return constraints.interval(self.low, self.high)

    @property
    def mean(self) -> Tensor:
        return (self.high + self.low) / 2

    @property
    def mode(self) -> Tensor:
        return full_like(self.low, math.nan)

    @property
    def stddev(self) -> Tensor:
        return (self.high - self.low) / math.sqrt(12)

    @property
    def variance(self) -> Tensor:
        return (self.high - self.low).pow(2) / 12

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.low + rand(self._extended_shape(sample_shape), dtype=self.low.dtype) * (self.high - self.low)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        inside = ((self.low <= value) & (self.high > value)).to(self.low.dtype)
        return inside.log() - (self.high - self.low).log()

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return ((value - self.low) / (self.high - self.low)).clamp(0, 1)

    def icdf(self, value: Tensor) -> Tensor:
        return value * (self.high - self.low) + self.low

    def entropy(self) -> Tensor:
        return (self.high - self.low).log()


class HalfNormal(Distribution):
    """|x| of a normal x with mean 0.

    Args:
        scale: standard deviation of x, > 0.
        validate_args: see `Distribution`.

    Example:
        >>> import kilnn
        >>> kilnn.distributions.HalfNormal(1.0).mean.item()
        0.7978845834732056

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#halfnormal
    """

    arg_constraints = {"scale": constraints.positive}  # noqa: RUF012
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        (self.scale,) = as_tensors(scale)
        super().__init__(self.scale.shape, validate_args=validate_args)

    def _whole(self) -> Normal:
        return Normal(self.scale * 0, self.scale, validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def mode(self) -> Tensor:
        return self.scale * 0

    @property
    def variance(self) -> Tensor:
        return self.scale.pow(2) * (1 - 2 / math.pi)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self._whole().rsample(sample_shape).abs()

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        inside = self._whole().log_prob(value) + math.log(2)
        return inside.masked_fill(value < 0, -math.inf)

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return 2 * self._whole().cdf(value) - 1

    def icdf(self, value: Tensor) -> Tensor:
        return self._whole().icdf((value + 1) / 2)

    def entropy(self) -> Tensor:
        return self._whole().entropy() - math.log(2)


class Exponential(Distribution):
    """Exponential distribution: density rate exp(-rate x) for x >= 0.

    Args:
        rate: > 0.
        validate_args: see `Distribution`.

    Example:
        >>> import kilnn
        >>> kilnn.distributions.Exponential(2.0).mean.item()
        0.5

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#exponential
    """

    arg_constraints = {"rate": constraints.positive}  # noqa: RUF012
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = as_tensors(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.rate.reciprocal()

    @property
    def mode(self) -> Tensor:
        return self.rate * 0

    @property
    def stddev(self) -> Tensor:
        return self.rate.reciprocal()

    @property
    def variance(self) -> Tensor:
        return self.rate.pow(-2)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return zeros(self._extended_shape(sample_shape), dtype=self.rate.dtype).exponential_() / self.rate

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return self.rate.log() - self.rate * value

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return ones_like(value) - (-self.rate * value).exp()

    def icdf(self, value: Tensor) -> Tensor:
        return -(-value).log1p() / self.rate

    def entropy(self) -> Tensor:
        return 1.0 - self.rate.log()
