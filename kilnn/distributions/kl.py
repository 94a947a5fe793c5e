"""Kullback-Leibler divergences, by the pair of distributions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from kilnn.distributions.continuous import Exponential, Gumbel, HalfNormal, Laplace, Normal, Uniform
from kilnn.distributions.discrete import Bernoulli, Binomial, Categorical, Geometric, OneHotCategorical, Poisson
from kilnn.distributions.distribution import Distribution, sum_rightmost
from kilnn.distributions.gamma import Beta, Dirichlet, Gamma
from kilnn.distributions.multivariate import MultivariateNormal
from kilnn.distributions.transformed import Independent, TransformedDistribution
from kilnn.linalg import solve_triangular
from kilnn.tensor.functions.arithmetic import where
from kilnn.tensor.tensor import Tensor

_FORMULAS: dict[tuple[type, type], Callable[[Any, Any], Tensor]] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a formula for a pair of classes; the most specific pair is taken.

    Args:
        type_p, type_q: classes of distributions.

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#torch.distributions.kl.register_kl
    """
    for kind in (type_p, type_q):
        if not (isinstance(kind, type) and issubclass(kind, Distribution)):
            raise TypeError(f"Expected type_p and type_q to be Distribution subclasses but got {kind}")

    def register(formula: Callable[..., Any]) -> Callable[..., Any]:
        _FORMULAS[type_p, type_q] = formula
        return formula

    return register


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """The expected value of log p(x) - log q(x) for x from p.

    Args:
        p, q: distributions for which there is a formula.

    Raises: NotImplementedError if there is none.

    Example:
        >>> import kilnn
        >>> from kilnn.distributions import Normal, kl_divergence
        >>> kl_divergence(Normal(0.0, 1.0), Normal(1.0, 1.0)).item()
        0.5

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#torch.distributions.kl.kl_divergence
    """
    for a in type(p).__mro__:
        for b in type(q).__mro__:
            if (a, b) in _FORMULAS:
                return _FORMULAS[a, b](p, q)
    raise NotImplementedError(
        f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}"
    )


@register_kl(Normal, Normal)
def _(p: Normal, q: Normal) -> Any:
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - ratio.log())


@register_kl(Laplace, Laplace)
def _(p: Laplace, q: Laplace) -> Any:
    ratio, distance = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + distance / q.scale + ratio * (-distance / p.scale).exp() - 1


@register_kl(Gumbel, Gumbel)
def _(p: Gumbel, q: Gumbel) -> Any:
    euler = 0.57721566490153286060
    first, second, third = p.scale / q.scale, q.loc / q.scale, p.loc / q.scale
    return -first.log() - second + third + first * euler + (second + (1 + first).lgamma() - third).exp() - (1 + euler)


@register_kl(HalfNormal, HalfNormal)
def _(p: HalfNormal, q: HalfNormal) -> Any:
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio - 1 - ratio.log())


@register_kl(Uniform, Uniform)
def _(p: Uniform, q: Uniform) -> Any:
    found = ((q.high - q.low) / (p.high - p.low)).log()
    return where((q.low > p.low) | (q.high < p.high), math.inf, found)


@register_kl(Uniform, Normal)
def _(p: Uniform, q: Normal) -> Any:
    width = p.high - p.low
    spread = (width.pow(2) / 12 + ((p.high + p.low - 2 * q.loc) / 2).pow(2)) / (2 * q.scale.pow(2))
    return (math.sqrt(2 * math.pi) * q.scale / width).log() + spread


@register_kl(Exponential, Exponential)
def _(p: Exponential, q: Exponential) -> Any:
    ratio = q.rate / p.rate
    return -ratio.log() + ratio - 1


@register_kl(Gamma, Gamma)
def _(p: Gamma, q: Gamma) -> Any:
    return (
        q.concentration * (p.rate / q.rate).log() + q.concentration.lgamma() - p.concentration.lgamma()
        + (p.concentration - q.concentration) * p.concentration.digamma()
        + (q.rate - p.rate) * (p.concentration / p.rate)
    )  # fmt: skip


@register_kl(Beta, Beta)
def _(p: Beta, q: Beta) -> Any:
    a, b, c, d = p.concentration1, p.concentration0, q.concentration1, q.concentration0
    sum_p, sum_q = a + b, c + d
    return (
        c.lgamma() + d.lgamma() + sum_p.lgamma() - (a.lgamma() + b.lgamma() + sum_q.lgamma())
        + (a - c) * a.digamma() + (b - d) * b.digamma() + (sum_q - sum_p) * sum_p.digamma()
    )  # fmt: skip


@register_kl(Dirichlet, Dirichlet)
def _(p: Dirichlet, q: Dirichlet) -> Any:
    total = p.concentration.sum(-1)
    constants = total.lgamma() - q.concentration.sum(-1).lgamma()
    constants = constants - (p.concentration.lgamma() - q.concentration.lgamma()).sum(-1)
    difference = p.concentration.digamma() - total.digamma().unsqueeze(-1)
    return constants + ((p.concentration - q.concentration) * difference).sum(-1)


@register_kl(Bernoulli, Bernoulli)
def _(p: Bernoulli, q: Bernoulli) -> Any:
    def softplus(x: Tensor) -> Tensor:
        return (-x.abs()).exp().log1p() + x.clamp(min=0)

    return (
        p.probs * (softplus(-q.logits) - softplus(-p.logits))
        + (1 - p.probs) * (softplus(q.logits) - softplus(p.logits))
    )  # fmt: skip


@register_kl(Binomial, Binomial)
def _(p: Binomial, q: Binomial) -> Any:
    return p.total_count * (p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p())


@register_kl(Categorical, Categorical)
def _(p: Categorical, q: Categorical) -> Any:
    each = p.probs * (p.logits - q.logits)
    each = where((q.probs == 0).expand(each.shape), math.inf, each)
    return where((p.probs == 0).expand(each.shape), 0.0, each).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _(p: OneHotCategorical, q: OneHotCategorical) -> Any:
    return kl_divergence(p._categorical, q._categorical)


@register_kl(Geometric, Geometric)
def _(p: Geometric, q: Geometric) -> Any:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _(p: Poisson, q: Poisson) -> Any:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(MultivariateNormal, MultivariateNormal)
def _(p: MultivariateNormal, q: MultivariateNormal) -> Any:
    if p.event_shape != q.event_shape:
        raise ValueError(
            "KL-divergence between two Multivariate Normals with different event shapes cannot be computed"
        )

    def half_log_det(d: Any) -> Any:
        return d.scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    n = p.event_shape[0]
    spread = solve_triangular(q.scale_tril, p.scale_tril, upper=False).pow(2).sum((-2, -1))
    shift = solve_triangular(q.scale_tril, (q.loc - p.loc).unsqueeze(-1), upper=False).squeeze(-1).pow(2).sum(-1)
    return half_log_det(q) - half_log_det(p) + 0.5 * (spread + shift - n)


@register_kl(Independent, Independent)
def _(p: Independent, q: Independent) -> Any:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("the two have different reinterpreted_batch_ndims")
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(TransformedDistribution, TransformedDistribution)
def _(p: TransformedDistribution, q: TransformedDistribution) -> Any:
    if [type(t) for t in p.transforms] != [type(t) for t in q.transforms] or p.event_shape != q.event_shape:
        raise NotImplementedError("the two are transformed in different ways")
    return kl_divergence(p.base_dist, q.base_dist)
