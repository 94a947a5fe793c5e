"""`Distribution`: shapes, validation, and what every distribution answers."""

from __future__ import annotations

from typing import Any

from kilnn.base import dtypes
from kilnn.base.shapes import broadcast_shapes
from kilnn.distributions.constraints import Constraint, _Dependent
from kilnn.engine.grad_mode import no_grad
from kilnn.ops import random as ops
from kilnn.tensor.create import tensor
from kilnn.tensor.doors import record
from kilnn.tensor.functions.shaping import broadcast_tensors
from kilnn.tensor.size import Size
from kilnn.tensor.tensor import Tensor


def as_tensors(*values: Any) -> tuple[Tensor, ...]:
    """Numbers and tensors as tensors of one shape; numbers take the dtype of the first tensor."""
    like = next((v for v in values if isinstance(v, Tensor)), None)
    for v in values:
        if not isinstance(v, Tensor | int | float):
            raise ValueError("Input arguments must all be instances of Number, torch.Tensor or objects implementing "
                             f"__torch_function__. Received {type(v).__name__}")  # fmt: skip
    dtype = dtypes.get_default_dtype() if like is None else like.dtype
    return tuple(broadcast_tensors(*[v if isinstance(v, Tensor) else tensor(v, dtype=dtype) for v in values]))


def require(good: Tensor, text: str) -> None:
    """ValueError unless a condition holds: now if its value is on the host, else no later than the next run."""
    record(ops.require, (good,), (text,))


class Distribution:
    """Base of all distributions.

    Args:
        batch_shape: shape of a set of independent, differently parametrised distributions.
        event_shape: shape of one draw.
        validate_args: check parameters and arguments; None takes the default (`set_default_validate_args`).

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#distribution
    """

    has_rsample = False
    has_enumerate_support = False
    arg_constraints: dict[str, Constraint] = {}  # noqa: RUF012 - PyTorch's form: classes replace it
    _validate_args = True

    def __init__(self, batch_shape: Any = (), event_shape: Any = (), validate_args: bool | None = None) -> None:
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            for name, constraint in self.arg_constraints.items():
                if isinstance(constraint, _Dependent) or name not in self.__dict__:
                    continue
                value = getattr(self, name)
                require(
                    constraint.check(value).all(),
                    f"Expected parameter {name} (Tensor of shape {tuple(value.shape)}) of distribution {self!r} to "
                    f"satisfy the constraint {constraint!r}, but found invalid values",
                )

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Switch the checks of all distributions made from now on."""
        if value not in (True, False):
            raise ValueError
        Distribution._validate_args = value

    @property
    def batch_shape(self) -> Size:
        """Shape of the set of distributions."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """Shape of one draw."""
        return self._event_shape

    @property
    def support(self) -> Any:
        """The values it can take."""
        raise NotImplementedError

    @property
    def mean(self) -> Tensor:
        """Expected value."""
        raise NotImplementedError

    @property
    def mode(self) -> Tensor:
        """Most probable value."""
        raise NotImplementedError(f"{type(self)} does not implement mode")

    @property
    def variance(self) -> Tensor:
        """Expected squared distance from the mean."""
        raise NotImplementedError

    @property
    def stddev(self) -> Tensor:
        """Square root of the variance."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws of shape (*sample_shape, *batch_shape, *event_shape), without gradients."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws that lead gradients to the parameters."""
        raise NotImplementedError

    def log_prob(self, value: Tensor) -> Tensor:
        """Logarithm of the density or mass at a value."""
        raise NotImplementedError

    def cdf(self, value: Tensor) -> Tensor:
        """Probability of values up to this one."""
        raise NotImplementedError

    def icdf(self, value: Tensor) -> Tensor:
        """Inverse of `cdf`."""
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """Expected -log_prob."""
        raise NotImplementedError

    def perplexity(self) -> Tensor:
        """exp(entropy)."""
        return self.entropy().exp()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values of a discrete distribution."""
        raise NotImplementedError

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same distribution with its parameters expanded to another batch shape."""
        new = type(self).__new__(type(self))
        new.__dict__.update(self.__dict__)
        for name in self._parameter_names():
            value = self.__dict__[name]
            event = value.dim() - len(self._batch_shape)
            new.__dict__[name] = value.expand(*batch_shape, *tuple(value.shape)[value.dim() - event :] if event else ())
        new._batch_shape = Size(batch_shape)
        return new

    def _parameter_names(self) -> list[str]:
        return [name for name in self.__dict__ if isinstance(self.__dict__[name], Tensor)]

    def _extended_shape(self, sample_shape: Any = ()) -> tuple[int, ...]:
        return (*tuple(sample_shape), *self._batch_shape, *self._event_shape)

    def _validate_sample(self, value: Any) -> None:
        if not isinstance(value, Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        start = value.dim() - len(self._event_shape)
        if value.shape[start:] != self._event_shape:
            raise ValueError(
                f"The right-most size of value must match event_shape: {value.shape} vs {self._event_shape}."
            )
        whole = (*self._batch_shape, *self._event_shape)
        for i, j in zip(reversed(value.shape), reversed(whole), strict=False):
            if 1 not in (i, j) and i != j:
                raise ValueError(f"Value is not broadcastable with batch_shape+event_shape: {value.shape} vs {whole}.")
        support = self.support
        if isinstance(support, _Dependent):
            return
        require(
            support.check(value).all(),
            f"Expected value argument (Tensor of shape {tuple(value.shape)}) to be within the support ({support!r}) of "
            f"the distribution {self!r}, but found invalid values",
        )

    def __repr__(self) -> str:
        names = [n for n in self.arg_constraints if n in self.__dict__]
        shown = [
            f"{n}: {self.__dict__[n].item() if _plain(self.__dict__[n]) else self.__dict__[n].shape}" for n in names
        ]
        return f"{type(self).__name__}({', '.join(shown)})"


def _plain(value: Tensor) -> bool:
    """A single number on the host: printing it runs nothing."""
    return value.numel() == 1 and value._view is None and value._storage.value.trace is None


def sum_rightmost(value: Tensor, dims: int) -> Tensor:
    """The sum over the last dims."""
    return value.sum(tuple(range(-dims, 0))) if dims else value


def same_shape(*shapes: Any) -> tuple[int, ...]:
    """What shapes broadcast to."""
    return tuple(broadcast_shapes(*[tuple(s) for s in shapes]))
