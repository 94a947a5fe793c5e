"""Distributions made of others: with more dimensions in an event, transformed, mixed."""

# mypy: disable-error-code=no-any-return
# Arithmetic on tensors has no types: every result would need a note that it is a tensor.

from __future__ import annotations

from typing import Any

from kilnn.distributions import constraints
from kilnn.distributions.continuous import Normal
from kilnn.distributions.discrete import Categorical
from kilnn.distributions.distribution import Distribution, sum_rightmost
from kilnn.distributions.transforms import ComposeTransform, ExpTransform, Transform
from kilnn.engine.grad_mode import no_grad
from kilnn.tensor.create import ones_like
from kilnn.tensor.tensor import Tensor


class Independent(Distribution):
    """A distribution whose last batch dimensions count as dimensions of the event: log_prob sums over them.

    Args:
        base_distribution: the distribution.
        reinterpreted_batch_ndims: how many dimensions.
        validate_args: see `Distribution`.

    Example:
        >>> import kilnn
        >>> d = kilnn.distributions.Independent(kilnn.distributions.Normal(kilnn.zeros(3), kilnn.ones(3)), 1)
        >>> d.batch_shape, d.event_shape
        (kilnn.Size([]), kilnn.Size([3]))

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#independent
    """

    def __init__(
        self, base_distribution: Any, reinterpreted_batch_ndims: int, validate_args: bool | None = None
    ) -> None:
        batch = base_distribution.batch_shape
        if reinterpreted_batch_ndims > len(batch):
            raise ValueError(
                "Expected reinterpreted_batch_ndims <= len(base_distribution.batch_shape), actual "
                f"{reinterpreted_batch_ndims} vs {len(batch)}"
            )
        shape = (*batch, *base_distribution.event_shape)
        dims = reinterpreted_batch_ndims + len(base_distribution.event_shape)
        self.base_dist = base_distribution
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        self.has_rsample = base_distribution.has_rsample
        super().__init__(shape[: len(shape) - dims], shape[len(shape) - dims :], validate_args=validate_args)

    @property
    def support(self) -> Any:
        base = self.base_dist.support
        dims = self.reinterpreted_batch_ndims
        return constraints.independent(base, dims) if dims else base

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        kept = self._event_shape[: self.reinterpreted_batch_ndims]
        return Independent(
            self.base_dist.expand((*batch_shape, *kept)), self.reinterpreted_batch_ndims, validate_args=False
        )

    @property
    def mean(self) -> Tensor:
        return self.base_dist.mean

    @property
    def mode(self) -> Tensor:
        return self.base_dist.mode

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        return sum_rightmost(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Tensor:
        return sum_rightmost(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def __repr__(self) -> str:
        return f"Independent({self.base_dist!r}, {self.reinterpreted_batch_ndims})"


class TransformedDistribution(Distribution):
    """The distribution of f(x) for an x of a base distribution.

    Args:
        base_distribution: of x.
        transforms: f, a `Transform` or a list of them.
        validate_args: see `Distribution`.

    Example:
        >>> import kilnn
        >>> from kilnn.distributions import Normal, TransformedDistribution, transforms
        >>> d = TransformedDistribution(Normal(0.0, 1.0), transforms.ExpTransform())
        >>> round(d.log_prob(kilnn.tensor(1.0)).item(), 4)
        -0.9189

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#transformeddistribution
    """

    def __init__(self, base_distribution: Any, transforms: Any, validate_args: bool | None = None) -> None:
        parts = [transforms] if isinstance(transforms, Transform) else transforms
        if not isinstance(parts, list) or not all(isinstance(t, Transform) for t in parts):
            raise ValueError(f"transforms must be a Transform or a list, but was {transforms}")
        self.transforms = parts
        whole = ComposeTransform(parts)
        missing = whole.event_dim - len(base_distribution.event_shape)
        if missing > 0:
            base_distribution = Independent(base_distribution, missing)
        self.base_dist = base_distribution
        self.has_rsample = base_distribution.has_rsample
        super().__init__(base_distribution.batch_shape, base_distribution.event_shape, validate_args=validate_args)

    @property
    def support(self) -> Any:
        if not self.transforms:
            return self.base_dist.support
        found = self.transforms[-1].codomain
        dims = len(self._event_shape) - found.event_dim
        return constraints.independent(found, dims) if dims > 0 else found

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape)
        new.base_dist = self.base_dist.expand(batch_shape)
        return new

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return self._forward(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self._forward(self.base_dist.rsample(sample_shape))

    def _forward(self, x: Tensor) -> Tensor:
        for transform in self.transforms:
            x = transform(x)
        return x

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        dims = len(self._event_shape)
        total: Any = 0.0
        y = value
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            total = total - sum_rightmost(transform.log_abs_det_jacobian(x, y), dims - transform.event_dim)
            y = x
        return total + sum_rightmost(self.base_dist.log_prob(y), dims - len(self.base_dist.event_shape))

    def _monotone(self, value: Tensor) -> Any:
        sign: Any = 1
        for transform in self.transforms:
            sign = sign * transform.sign
        return sign

    def cdf(self, value: Tensor) -> Tensor:
        sign = self._monotone(value)
        for transform in reversed(self.transforms):
            value = transform.inv(value)
        found = self.base_dist.cdf(value)
        return found if isinstance(sign, int) and sign == 1 else sign * (found - 0.5) + 0.5

    def icdf(self, value: Tensor) -> Tensor:
        sign = self._monotone(value)
        value = value if isinstance(sign, int) and sign == 1 else sign * (value - 0.5) + 0.5
        return self._forward(self.base_dist.icdf(value))

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class LogNormal(TransformedDistribution):
    """exp(x) of a normal x.

    Args:
        loc, scale: mean and standard deviation of x.
        validate_args: see `Distribution`.

    Example:
        >>> import kilnn
        >>> kilnn.distributions.LogNormal(0.0, 1.0).mode.item() < 0.368
        True

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#lognormal
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}  # noqa: RUF012

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Normal(loc, scale, validate_args=validate_args), ExpTransform(), validate_args=validate_args)

    @property
    def loc(self) -> Tensor:
        """Mean of the logarithm."""
        return self.base_dist.loc

    @property
    def scale(self) -> Tensor:
        """Standard deviation of the logarithm."""
        return self.base_dist.scale

    @property
    def mean(self) -> Tensor:
        return (self.loc + self.scale.pow(2) / 2).exp()

    @property
    def mode(self) -> Tensor:
        return (self.loc - self.scale.square()).exp()

    @property
    def variance(self) -> Tensor:
        squared = self.scale.pow(2)
        return squared.expm1() * (2 * self.loc + squared).exp()

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() + self.loc


class MixtureSameFamily(Distribution):
    """A mixture: the component is drawn first, then a value of it.

    Args:
        mixture_distribution: a `Categorical` over K components.
        component_distribution: a distribution whose last batch dimension is K.
        validate_args: see `Distribution`.

    Example:
        >>> import kilnn
        >>> from kilnn.distributions import Categorical, MixtureSameFamily, Normal
        >>> parts = Normal(kilnn.tensor([-1.0, 3.0]), kilnn.ones(2))
        >>> MixtureSameFamily(Categorical(kilnn.ones(2)), parts).mean.item()
        1.0

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#mixturesamefamily
    """

    def __init__(
        self, mixture_distribution: Categorical, component_distribution: Any, validate_args: bool | None = None
    ) -> None:
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(" The Mixture distribution needs to be an instance of torch.distributions.Categorical")
        if not isinstance(component_distribution, Distribution):
            raise ValueError("The Component distribution need to be an instance of torch.distributions.Distribution")
        count = mixture_distribution.logits.size(-1)
        if component_distribution.batch_shape[-1] != count:
            raise ValueError(
                f"`mixture_distribution component` ({count}) does not equal `component_distribution.batch_shape[-1]` "
                f"({component_distribution.batch_shape[-1]})"
            )
        self.mixture_distribution = mixture_distribution
        self.component_distribution = component_distribution
        super().__init__(
            component_distribution.batch_shape[:-1], component_distribution.event_shape, validate_args=validate_args
        )

    @property
    def support(self) -> Any:
        return self.component_distribution.support

    def _weights(self) -> Tensor:
        probs = self.mixture_distribution.probs
        return probs.reshape(*probs.shape, *[1] * len(self._event_shape))

    @property
    def _component_dim(self) -> int:
        return -1 - len(self._event_shape)

    @property
    def mean(self) -> Tensor:
        return (self._weights() * self.component_distribution.mean).sum(self._component_dim)

    @property
    def variance(self) -> Tensor:
        w, parts, dim = self._weights(), self.component_distribution, self._component_dim
        within = (w * parts.variance).sum(dim)
        return within + (w * (parts.mean - self.mean.unsqueeze(dim)).pow(2)).sum(dim)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logs = self.component_distribution.log_prob(value.unsqueeze(self._component_dim))
        return (logs + self.mixture_distribution.logits.log_softmax(-1)).logsumexp(-1)

    def cdf(self, value: Tensor) -> Tensor:
        found = self.component_distribution.cdf(value.unsqueeze(self._component_dim))
        return (found * self.mixture_distribution.probs).sum(-1)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            chosen = self.mixture_distribution.sample(sample_shape)
            values = self.component_distribution.sample(sample_shape)
            dim = values.dim() + self._component_dim
            index = chosen.reshape(*chosen.shape, *[1] * (1 + len(self._event_shape)))
            index = index * ones_like(values.narrow(dim, 0, 1), dtype=chosen.dtype)
            return values.gather(dim, index).squeeze(dim)
