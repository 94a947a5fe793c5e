"""The gamma distribution and what is made of it: chi-squared, Beta, Dirichlet, Student's t."""

# mypy: disable-error-code=no-any-return
# Arithmetic on tensors has no types: every result would need a note that it is a tensor.

from __future__ import annotations

import math
from typing import Any

from kilnn.base.generator import default_generator
from kilnn.distributions import constraints
from kilnn.distributions.distribution import Distribution, as_tensors
from kilnn.engine.rng import next_offset
from kilnn.ops import random as ops
from kilnn.tensor.create import eye
from kilnn.tensor.doors import record
from kilnn.tensor.functions.arithmetic import where, xlogy
from kilnn.tensor.functions.joining import stack
from kilnn.tensor.functions.random import randn
from kilnn.tensor.tensor import Tensor


def _standard_gamma(concentration: Tensor) -> Tensor:
    """Draws with rate 1, whose gradient by the concentration is the implicit one."""
    seed, offset = next_offset(default_generator)
    return record(ops.standard_gamma, (concentration, seed, offset))


class Gamma(Distribution):
    """Gamma distribution: density rate^a x^(a - 1) exp(-rate x) / Gamma(a), a = concentration.

    Args:
        concentration: shape, > 0.
        rate: inverse scale, > 0.
        validate_args: see `Distribution`.

    Example:
        >>> import kilnn
        >>> kilnn.distributions.Gamma(3.0, 2.0).mean.item()
        1.5

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#gamma
    """

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}  # noqa: RUF012
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self.concentration, self.rate = as_tensors(concentration, rate)
        super().__init__(self.concentration.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate.pow(2)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        return (_standard_gamma(self.concentration.expand(shape)) / self.rate).clamp(min=1.1754944e-38)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        a, b = self.concentration, self.rate
        return xlogy(a, b) + xlogy(a - 1, value) - b * value - a.lgamma()

    def cdf(self, value: Tensor) -> Tensor:
        from kilnn.special import gammainc  # noqa: PLC0415

        if self._validate_args:
            self._validate_sample(value)
        return gammainc(self.concentration, self.rate * value)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - self.rate.log() + a.lgamma() + (1.0 - a) * a.digamma()


class Chi2(Gamma):
    """Chi-squared distribution: Gamma(df / 2, 1 / 2).

    Args:
        df: degrees of freedom, > 0.
        validate_args: see `Distribution`.

    Example:
        >>> import kilnn
        >>> kilnn.distributions.Chi2(3.0).mean.item()
        3.0

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#chi2
    """

    arg_constraints = {"df": constraints.positive}  # noqa: RUF012

    def __init__(self, df: Any, validate_args: bool | None = None) -> None:
        (df,) = as_tensors(df)
        super().__init__(0.5 * df, 0.5, validate_args=validate_args)

    @property
    def df(self) -> Tensor:
        """Degrees of freedom."""
        return self.concentration * 2


class Dirichlet(Distribution):
    """Dirichlet distribution: points of a simplex, density proportional to prod x_k^(a_k - 1).

    Args:
        concentration: (..., K), > 0.
        validate_args: see `Distribution`.

    Example:
        >>> import kilnn
        >>> kilnn.distributions.Dirichlet(kilnn.tensor([1.0, 3.0])).mean.tolist()
        [0.25, 0.75]

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#dirichlet
    """

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}  # noqa: RUF012
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration: Tensor, validate_args: bool | None = None) -> None:
        if concentration.dim() < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self) -> Tensor:
        rest = (self.concentration - 1).clamp(min=0.0)
        mode = rest / rest.sum(-1, True)
        flat = (self.concentration < 1).all(-1, keepdim=True)  # every corner is a peak: PyTorch names the first
        first = eye(self._event_shape[0], dtype=mode.dtype)[0]
        return where(flat, first, mode)

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total.pow(2) * (total + 1))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        draws = _standard_gamma(self.concentration.expand(self._extended_shape(sample_shape))).clamp(min=1.2e-38)
        return draws / draws.sum(-1, True)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        a = self.concentration
        return xlogy(a - 1.0, value).sum(-1) + a.sum(-1).lgamma() - a.lgamma().sum(-1)

    def entropy(self) -> Tensor:
        k, a = self.concentration.size(-1), self.concentration
        total = a.sum(-1)
        return a.lgamma().sum(-1) - total.lgamma() - (k - total) * total.digamma() - ((a - 1.0) * a.digamma()).sum(-1)


class Beta(Distribution):
    """Beta distribution: density proportional to x^(a - 1) (1 - x)^(b - 1) on [0, 1].

    Args:
        concentration1: a > 0.
        concentration0: b > 0.
        validate_args: see `Distribution`.

    Example:
        >>> import kilnn
        >>> kilnn.distributions.Beta(1.0, 3.0).mean.item()
        0.25

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#beta
    """

    arg_constraints = {"concentration1": constraints.positive, "concentration0": constraints.positive}  # noqa: RUF012
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        self.concentration1, self.concentration0 = as_tensors(concentration1, concentration0)
        super().__init__(self.concentration1.shape, validate_args=validate_args)

    def _dirichlet(self) -> Dirichlet:
        return Dirichlet(stack([self.concentration1, self.concentration0], -1), validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self) -> Tensor:
        return self._dirichlet().mode[..., 0]

    @property
    def variance(self) -> Tensor:
        total = self.concentration1 + self.concentration0
        return self.concentration1 * self.concentration0 / (total.pow(2) * (total + 1))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self._dirichlet().rsample(sample_shape).select(-1, 0)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return self._dirichlet().log_prob(stack([value, 1.0 - value], -1))

    def entropy(self) -> Tensor:
        return self._dirichlet().entropy()


class StudentT(Distribution):
    """Student's t: loc + scale z sqrt(df / c) for a normal z and a chi-squared c.

    Args:
        df: degrees of freedom, > 0.
        loc: location.
        scale: > 0.
        validate_args: see `Distribution`.

    Example:
        >>> import kilnn
        >>> kilnn.distributions.StudentT(4.0).variance.item()
        2.0

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#studentt
    """

    arg_constraints = {  # noqa: RUF012
        "df": constraints.positive, "loc": constraints.real, "scale": constraints.positive
    }  # fmt: skip
    support = constraints.real
    has_rsample = True

    def __init__(self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None) -> None:
        self.df, self.loc, self.scale = as_tensors(df, loc, scale)
        super().__init__(self.df.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc.masked_fill(self.df <= 1, math.nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        m = self.scale.pow(2) * self.df / (self.df - 2)
        return m.masked_fill(self.df <= 2, math.inf).masked_fill(self.df <= 1, math.nan)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        z = randn(shape, dtype=self.df.dtype)
        c = Chi2(self.df, validate_args=False).rsample(sample_shape)
        return self.loc + self.scale * (z * (c / self.df).rsqrt())

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        y = (value - self.loc) / self.scale
        norm = (
            self.scale.log() + 0.5 * self.df.log() + 0.5 * math.log(math.pi) + (0.5 * self.df).lgamma()
            - (0.5 * (self.df + 1.0)).lgamma()
        )  # fmt: skip
        return -0.5 * (self.df + 1.0) * (y**2.0 / self.df).log1p() - norm

    def entropy(self) -> Tensor:
        half, more = 0.5 * self.df, 0.5 * (self.df + 1)
        lbeta = half.lgamma() + math.lgamma(0.5) - more.lgamma()
        return self.scale.log() + more * (more.digamma() - half.digamma()) + 0.5 * self.df.log() + lbeta
