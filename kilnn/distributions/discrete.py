"""Distributions of whole numbers, classes and counts."""

# mypy: disable-error-code=no-any-return
# Arithmetic on tensors has no types: every result would need a note that it is a tensor.

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kilnn.base import dtypes
from kilnn.distributions import constraints
from kilnn.distributions.distribution import Distribution, as_tensors
from kilnn.engine.grad_mode import no_grad
from kilnn.tensor.create import arange, eye, full_like
from kilnn.tensor.functions.arithmetic import clamp
from kilnn.tensor.functions.random import bernoulli, multinomial, poisson, rand
from kilnn.tensor.functions.shaping import broadcast_tensors
from kilnn.tensor.tensor import Tensor


def _softplus(x: Tensor) -> Tensor:
    return (-x.abs()).exp().log1p() + x.clamp(min=0)


def _clamped(probs: Tensor) -> Tensor:
    eps = float(np.finfo(np.float32 if probs.dtype.itemsize <= 4 else np.float64).eps)
    return clamp(probs, eps, 1 - eps)


class _Chances(Distribution):
    """Given by probabilities or by logits; the other is computed when it is asked for."""

    _binary = True
    _given: str

    def _take(self, probs: Any, logits: Any, name: str) -> None:
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        self._given = "logits" if probs is None else "probs"
        (value,) = as_tensors(logits if probs is None else probs)
        self.__dict__[self._given] = value

    @property
    def _param(self) -> Tensor:
        return self.__dict__[self._given]

    def __getattr__(self, name: str) -> Any:
        if name == "probs" and "logits" in self.__dict__:
            logits = self.__dict__["logits"]
            return logits.sigmoid() if self._binary else logits.softmax(-1)
        if name == "logits" and "probs" in self.__dict__:
            clamped = _clamped(self.__dict__["probs"])
            return clamped.log() - (-clamped).log1p() if self._binary else clamped.log()
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


class Bernoulli(_Chances):
    """1 with probability `probs`, else 0.

    Args:
        probs: probability of 1, in [0, 1].
        logits: log(probs / (1 - probs)); give one of the two.
        validate_args: see `Distribution`.

    Example:
        >>> import kilnn
        >>> kilnn.distributions.Bernoulli(0.25).variance.item()
        0.1875

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#bernoulli
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}  # noqa: RUF012
    support = constraints.boolean
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._take(probs, logits, "Bernoulli")
        super().__init__(self._param.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        return (self.probs >= 0.5).to(self.probs.dtype).masked_fill(self.probs == 0.5, math.nan)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_tensors(self.logits, value)
        return -(logits.clamp(min=0) - logits * value + (-logits.abs()).exp().log1p())

    def entropy(self) -> Tensor:
        return _softplus(self.logits) - self.logits * self.probs

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = arange(2, dtype=self._param.dtype).view(-1, *[1] * len(self._batch_shape))
        return values.expand(-1, *self._batch_shape) if expand else values


class Geometric(_Chances):
    """The number of failures before the first success: mass (1 - p)^k p for k = 0, 1, ...

    Args:
        probs: probability of success, in (0, 1].
        logits: log(probs / (1 - probs)); give one of the two.
        validate_args: see `Distribution`.

    Example:
        >>> import kilnn
        >>> kilnn.distributions.Geometric(0.25).mean.item()
        3.0

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#geometric
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}  # noqa: RUF012
    support = constraints.nonnegative_integer

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._take(probs, logits, "Geometric")
        super().__init__(self._param.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return 1.0 / self.probs - 1.0

    @property
    def mode(self) -> Tensor:
        return self.probs * 0

    @property
    def variance(self) -> Tensor:
        return (1.0 / self.probs - 1.0) / self.probs

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with no_grad():
            u = rand(shape, dtype=self._param.dtype).clamp(min=1.1754944e-38)
            return (u.log() / (-self.probs.expand(shape)).log1p()).floor()

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        value, probs = broadcast_tensors(value, self.probs)
        probs = probs.masked_fill((probs == 1) & (value == 0), 0)
        return value * (-probs).log1p() + self.probs.log()

    def entropy(self) -> Tensor:
        p, logits = self.probs, self.logits
        return (_softplus(logits) - logits * p) / p


class Poisson(Distribution):
    """Counts of events: mass rate^k exp(-rate) / k!.

    Args:
        rate: expected count, >= 0.
        validate_args: see `Distribution`.

    Example:
        >>> import kilnn
        >>> kilnn.distributions.Poisson(4.0).stddev.item()
        2.0

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#poisson
    """

    arg_constraints = {"rate": constraints.nonnegative}  # noqa: RUF012
    support = constraints.nonnegative_integer

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = as_tensors(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.rate

    @property
    def mode(self) -> Tensor:
        return self.rate.floor()

    @property
    def variance(self) -> Tensor:
        return self.rate

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        rate, value = broadcast_tensors(self.rate, value)
        return value.xlogy(rate) - rate - (value + 1).lgamma()


class Binomial(_Chances):
    """The number of successes in `total_count` trials.

    Args:
        total_count: number of trials, a whole number or a tensor of them.
        probs: probability of success, in [0, 1].
        logits: log(probs / (1 - probs)); give one of the two.
        validate_args: see `Distribution`.

    Example:
        >>> import kilnn
        >>> kilnn.distributions.Binomial(10, 0.5).mean.item()
        5.0

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#binomial
    """

    arg_constraints = {  # noqa: RUF012
        "total_count": constraints.nonnegative_integer, "probs": constraints.unit_interval, "logits": constraints.real
    }  # fmt: skip

    def __init__(
        self, total_count: Any = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self._take(probs, logits, "Binomial")
        count, value = as_tensors(total_count, self._param)
        self.total_count = count.to(value.dtype)
        self.__dict__[self._given] = value
        super().__init__(value.shape, validate_args=validate_args)

    @property
    def support(self) -> Any:
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        return ((self.total_count + 1) * self.probs).floor().minimum(self.total_count)

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        most = int(self.total_count.max().item()) if self.total_count.numel() else 0
        with no_grad():
            trials = rand((most, *shape), dtype=self._param.dtype) < self.probs
            numbers = arange(most, dtype=self._param.dtype).view(-1, *[1] * len(shape))
            return (trials & (numbers < self.total_count)).sum(0).to(self._param.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        n, logits = self.total_count, self.logits
        choices = (n + 1).lgamma() - (value + 1).lgamma() - (n - value + 1).lgamma()
        norm = n * logits.clamp(min=0) + n * (-logits.abs()).exp().log1p()
        return value * logits + choices - norm

    def entropy(self) -> Tensor:
        count = int(self.total_count.max().item())
        if int(self.total_count.min().item()) != count:
            raise NotImplementedError("Inhomogeneous total count not supported by `entropy`.")
        numbers = arange(count + 1, dtype=self._param.dtype).view(-1, *[1] * len(self._batch_shape))
        logs = self.log_prob(numbers)
        return -(logs.exp() * logs).sum(0)


class Categorical(_Chances):
    """A class number, 0 to K - 1.

    Args:
        probs: (..., K) nonnegative weights; they are divided by their sum.
        logits: (..., K) logarithms of weights; give one of the two.
        validate_args: see `Distribution`.

    Example:
        >>> import kilnn
        >>> d = kilnn.distributions.Categorical(kilnn.tensor([1.0, 3.0]))
        >>> d.probs.tolist()
        [0.25, 0.75]

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#categorical
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}  # noqa: RUF012
    has_enumerate_support = True
    _binary = False

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._take(probs, logits, "Categorical")
        if self._param.dim() < 1:
            raise ValueError(f"`{self._given}` parameter must be at least one-dimensional.")
        value = self._param
        self.__dict__[self._given] = (
            value / value.sum(-1, keepdim=True) if probs is not None else value - value.logsumexp(-1, keepdim=True)
        )
        self._num_events = value.size(-1)
        super().__init__(value.shape[:-1], validate_args=validate_args)

    def _parameter_names(self) -> list[str]:
        return [self._given]

    @property
    def support(self) -> Any:
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def param_shape(self) -> Any:
        """Shape of the parameter."""
        return self._param.shape

    @property
    def mean(self) -> Tensor:
        return full_like(self._param[..., 0], math.nan)

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(-1)

    @property
    def variance(self) -> Tensor:
        return full_like(self._param[..., 0], math.nan)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        count = math.prod(tuple(sample_shape))
        with no_grad():
            rows = self.probs.reshape(-1, self._num_events)
            return multinomial(rows, count, True).t().reshape(self._extended_shape(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        value = value.long().unsqueeze(-1)
        value, logits = broadcast_tensors(value, self.logits)
        return logits.gather(-1, value[..., :1]).squeeze(-1)

    def entropy(self) -> Tensor:
        lowest = float(np.finfo(np.float32).min)
        return -(self.logits.clamp(min=lowest) * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = arange(self._num_events, dtype=dtypes.int64).view(-1, *[1] * len(self._batch_shape))
        return values.expand(-1, *self._batch_shape) if expand else values


class OneHotCategorical(Distribution):
    """A class as a vector with a single 1.

    Args:
        probs, logits: as in `Categorical`.
        validate_args: see `Distribution`.

    Example:
        >>> import kilnn
        >>> kilnn.distributions.OneHotCategorical(kilnn.tensor([0.0, 1.0])).sample().tolist()
        [0.0, 1.0]

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#onehotcategorical
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}  # noqa: RUF012
    support = constraints.one_hot
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._categorical = Categorical(probs, logits, validate_args)
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape)
        new._categorical = self._categorical.expand(batch_shape)
        return new

    @property
    def probs(self) -> Tensor:
        """Probabilities of the classes."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """Their logarithms."""
        return self._categorical.logits

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        return self._hot(self.probs.argmax(-1))

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def _hot(self, numbers: Tensor) -> Tensor:
        return eye(self._event_shape[0], dtype=self.probs.dtype)[numbers]

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return self._hot(self._categorical.sample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return self._categorical.log_prob(value.argmax(-1))

    def entropy(self) -> Tensor:
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        n = self._event_shape[0]
        values = eye(n, dtype=self.probs.dtype).view(n, *[1] * len(self._batch_shape), n)
        return values.expand(n, *self._batch_shape, n) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """`OneHotCategorical` whose draws pass their gradients to the probabilities.

    Args:
        probs, logits, validate_args: as there.

    Example:
        >>> import kilnn
        >>> p = kilnn.tensor([0.0, 1.0], requires_grad=True)
        >>> kilnn.distributions.OneHotCategoricalStraightThrough(p).rsample().requires_grad
        True

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#torch.distributions.one_hot_categorical.OneHotCategoricalStraightThrough
    """

    has_rsample = True

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.sample(sample_shape) + (self.probs - self.probs.detach())


class Multinomial(Distribution):
    """How often each class is drawn in `total_count` draws.

    Args:
        total_count: number of draws, one whole number.
        probs, logits: as in `Categorical`.
        validate_args: see `Distribution`.

    Example:
        >>> import kilnn
        >>> kilnn.distributions.Multinomial(8, kilnn.tensor([1.0, 3.0])).mean.tolist()
        [2.0, 6.0]

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#multinomial
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}  # noqa: RUF012

    def __init__(
        self, total_count: int = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        self._categorical = Categorical(probs, logits, validate_args)
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape)
        new._categorical = self._categorical.expand(batch_shape)
        return new

    @property
    def support(self) -> Any:
        return constraints.multinomial(self.total_count)

    @property
    def probs(self) -> Tensor:
        """Probabilities of the classes."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """Their logarithms."""
        return self._categorical.logits

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        draws = self._categorical.sample((self.total_count, *tuple(sample_shape)))
        hot = eye(self._event_shape[0], dtype=self.probs.dtype)[draws]
        return hot.sum(0)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_tensors(self.logits, value)
        logits = logits.masked_fill((value == 0) & (logits == -math.inf), 0)
        return (value.sum(-1) + 1).lgamma() - (value + 1).lgamma().sum(-1) + (logits * value).sum(-1)

    def entropy(self) -> Tensor:
        n = float(self.total_count)
        each = Binomial(self.total_count, self.probs, validate_args=False)
        numbers = arange(self.total_count + 1, dtype=self.probs.dtype).view(-1, *[1] * (len(self._batch_shape) + 1))[1:]
        weights = each.log_prob(numbers).exp()
        factorials = (weights * (numbers + 1).lgamma()).sum((0, -1))
        return n * self._categorical.entropy() - math.lgamma(n + 1) + factorials
