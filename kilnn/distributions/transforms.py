"""Invertible functions with the logarithm of their derivative, for `TransformedDistribution`."""

# mypy: disable-error-code=no-any-return
# Arithmetic on tensors has no types: every result would need a note that it is a tensor.

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from kilnn.distributions import constraints
from kilnn.distributions.distribution import sum_rightmost
from kilnn.tensor.create import zeros_like
from kilnn.tensor.functions.arithmetic import clamp
from kilnn.tensor.tensor import Tensor


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x))."""
    return (-x.abs()).exp().log1p() + x.clamp(min=0)


class Transform:
    """Base: `t(x)`, `t.inv(y)` and `t.log_abs_det_jacobian(x, y)`.

    Args:
        cache_size: accepted; values are not kept, because equal instructions of a program are computed once.

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#torch.distributions.transforms.Transform
    """

    bijective = True
    domain: Any = constraints.real
    codomain: Any = constraints.real
    sign: Any = 1

    def __init__(self, cache_size: int = 0) -> None:
        self._cache_size = cache_size

    @property
    def event_dim(self) -> int:
        """Dimensions of an event."""
        return max(self.domain.event_dim, self.codomain.event_dim)

    @property
    def inv(self) -> Transform:
        """The inverse."""
        return _Inverse(self)

    def __call__(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def _inverse(self, y: Tensor) -> Tensor:
        raise NotImplementedError

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """log |dy / dx|."""
        raise NotImplementedError

    def forward_shape(self, shape: Any) -> Any:
        """Shape of the result."""
        return shape

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class _Inverse(Transform):
    def __init__(self, of: Transform) -> None:
        super().__init__()
        self._of = of
        self.domain, self.codomain, self.sign = of.codomain, of.domain, of.sign

    @property
    def inv(self) -> Transform:
        return self._of

    def __call__(self, x: Tensor) -> Tensor:
        return self._of._inverse(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self._of(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -self._of.log_abs_det_jacobian(y, x)


class ExpTransform(Transform):
    """y = exp(x).

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#torch.distributions.transforms.ExpTransform
    """

    codomain = constraints.positive

    def __call__(self, x: Tensor) -> Tensor:
        return x.exp()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x


class AffineTransform(Transform):
    """y = loc + scale x.

    Args:
        loc, scale: numbers or tensors.
        event_dim: dimensions of an event.
        cache_size: see `Transform`.

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#torch.distributions.transforms.AffineTransform
    """

    def __init__(self, loc: Any, scale: Any, event_dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.loc, self.scale = loc, scale
        self._event_dim = event_dim
        self.sign = scale.sign() if isinstance(scale, Tensor) else 1 if scale > 0 else -1 if scale < 0 else 0

    @property
    def event_dim(self) -> int:
        return self._event_dim

    def __call__(self, x: Tensor) -> Tensor:
        return self.loc + self.scale * x

    def _inverse(self, y: Tensor) -> Tensor:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        scale = self.scale
        each = scale.abs().log() if isinstance(scale, Tensor) else zeros_like(x) + math.log(abs(scale))
        return sum_rightmost(each.expand(x.shape), self._event_dim)


class PowerTransform(Transform):
    """y = x^exponent for x > 0.

    Args:
        exponent: a number or a tensor.
        cache_size: see `Transform`.

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#torch.distributions.transforms.PowerTransform
    """

    domain = codomain = constraints.positive

    def __init__(self, exponent: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.exponent = exponent

    def __call__(self, x: Tensor) -> Tensor:
        return x.pow(self.exponent)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.pow(1 / self.exponent)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return (self.exponent * y / x).abs().log()


class SigmoidTransform(Transform):
    """y = 1 / (1 + exp(-x)).

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#torch.distributions.transforms.SigmoidTransform
    """

    codomain = constraints.unit_interval

    def __call__(self, x: Tensor) -> Tensor:
        return clamp(x.sigmoid(), 1.1754944e-38, 1 - 1.1920929e-07)

    def _inverse(self, y: Tensor) -> Tensor:
        y = clamp(y, 1.1754944e-38, 1 - 1.1920929e-07)
        return y.log() - (-y).log1p()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -softplus(-x) - softplus(x)


class TanhTransform(Transform):
    """y = tanh(x).

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#torch.distributions.transforms.TanhTransform
    """

    codomain = constraints.interval(-1.0, 1.0)

    def __call__(self, x: Tensor) -> Tensor:
        return x.tanh()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.atanh()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return 2.0 * (math.log(2.0) - x - softplus(-2.0 * x))


class SoftplusTransform(Transform):
    """y = log(1 + exp(x)).

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#torch.distributions.transforms.SoftplusTransform
    """

    codomain = constraints.positive

    def __call__(self, x: Tensor) -> Tensor:
        return softplus(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return (-y).expm1().neg().log() + y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -softplus(-x)


class AbsTransform(Transform):
    """y = |x|; its inverse gives the positive x.

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#torch.distributions.transforms.AbsTransform
    """

    bijective = False
    codomain = constraints.positive

    def __call__(self, x: Tensor) -> Tensor:
        return x.abs()

    def _inverse(self, y: Tensor) -> Tensor:
        return y


class SoftmaxTransform(Transform):
    """y = softmax(x) over the last dimension; not invertible, its inverse gives log(y).

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#torch.distributions.transforms.SoftmaxTransform
    """

    bijective = False
    domain = constraints.real_vector
    codomain = constraints.simplex

    def __call__(self, x: Tensor) -> Tensor:
        return x.softmax(-1)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()


class IndependentTransform(Transform):
    """Another transform, for events with more dimensions.

    Args:
        base_transform: the transform.
        reinterpreted_batch_ndims: how many dimensions join the event.
        cache_size: see `Transform`.

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#torch.distributions.transforms.IndependentTransform
    """

    def __init__(self, base_transform: Transform, reinterpreted_batch_ndims: int, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.base_transform = base_transform
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        self.bijective = base_transform.bijective
        self.domain = constraints.independent(base_transform.domain, reinterpreted_batch_ndims)
        self.codomain = constraints.independent(base_transform.codomain, reinterpreted_batch_ndims)

    def __call__(self, x: Tensor) -> Tensor:
        return self.base_transform(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self.base_transform._inverse(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return sum_rightmost(self.base_transform.log_abs_det_jacobian(x, y), self.reinterpreted_batch_ndims)


class ComposeTransform(Transform):
    """Transforms one after the other.

    Args:
        parts: the transforms, the first one first.
        cache_size: see `Transform`.

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#torch.distributions.transforms.ComposeTransform
    """

    def __init__(self, parts: Sequence[Transform], cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.parts = list(parts)
        self.bijective = all(p.bijective for p in self.parts)
        if self.parts:
            self.domain, self.codomain = self.parts[0].domain, self.parts[-1].codomain

    @property
    def event_dim(self) -> int:
        return max((p.event_dim for p in self.parts), default=0)

    def __call__(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = part(x)
        return x

    def _inverse(self, y: Tensor) -> Tensor:
        for part in reversed(self.parts):
            y = part._inverse(y)
        return y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        total: Any = zeros_like(sum_rightmost(x, self.event_dim))
        for part in self.parts:
            following = part(x)
            total = total + sum_rightmost(part.log_abs_det_jacobian(x, following), self.event_dim - part.event_dim)
            x = following
        return total


identity_transform = ComposeTransform([])
