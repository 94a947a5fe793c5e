"""Sets of values that parameters and samples may have."""

# mypy: disable-error-code=no-any-return
# Arithmetic on tensors has no types: every result would need a note that it is a tensor.

from __future__ import annotations

from typing import Any

from kilnn.linalg import eigvalsh
from kilnn.tensor.tensor import Tensor


class Constraint:
    """A set: `check(value)` is true, element by element or event by event, where a value lies in it."""

    is_discrete = False
    event_dim = 0

    def check(self, value: Tensor) -> Tensor:
        """Whether each value is in the set."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return type(self).__name__.lstrip("_") + "()"


class _Dependent(Constraint):
    """A set that depends on other parameters."""

    def __init__(self, is_discrete: bool = False, event_dim: int = 0) -> None:
        self.is_discrete, self.event_dim = is_discrete, event_dim

    def check(self, value: Tensor) -> Tensor:
        raise ValueError("Cannot determine validity of dependent constraint")


class _Real(Constraint):
    def check(self, value: Tensor) -> Tensor:
        return value.eq(value)  # false for nan


class _Boolean(Constraint):
    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        return (value == 0) | (value == 1)


class _OneHot(Constraint):
    is_discrete = True
    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        return ((value == 0) | (value == 1)).all(-1) & (value.sum(-1) == 1)


class _Bounded(Constraint):
    """Bounds on either side; `name` and `words` are how PyTorch prints it."""

    def __init__(self, lower: Any = None, upper: Any = None, strict: bool = False, integer: bool = False) -> None:
        self.lower_bound, self.upper_bound = lower, upper
        self.strict = strict
        self.is_discrete = integer

    def check(self, value: Tensor) -> Tensor:
        good = value % 1 == 0 if self.is_discrete else value.eq(value)
        if self.lower_bound is not None:
            good = good & (value > self.lower_bound if self.strict else value >= self.lower_bound)
        if self.upper_bound is not None:
            good = good & (value < self.upper_bound if self.strict else value <= self.upper_bound)
        return good

    def __repr__(self) -> str:
        kind = "Integer" if self.is_discrete else ""
        lower, upper = self.lower_bound, self.upper_bound
        if lower is not None and upper is not None:
            return f"{kind}Interval(lower_bound={lower}, upper_bound={upper})"
        if lower is not None:
            return f"{kind}GreaterThan{'' if self.strict else 'Eq' if not kind else ''}(lower_bound={lower})"
        return f"{kind}LessThan{'' if self.strict else 'Eq'}(upper_bound={upper})"


class _Simplex(Constraint):
    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        return (value >= 0).all(-1) & ((value.sum(-1) - 1).abs() < 1e-6)


class _Multinomial(Constraint):
    is_discrete = True
    event_dim = 1

    def __init__(self, upper_bound: int) -> None:
        self.upper_bound = upper_bound

    def check(self, value: Tensor) -> Tensor:
        return (value >= 0).all(-1) & (value.sum(-1) <= self.upper_bound)


class _LowerCholesky(Constraint):
    event_dim = 2

    def check(self, value: Tensor) -> Tensor:
        return (value.tril() == value).flatten(-2).all(-1) & (value.diagonal(dim1=-2, dim2=-1) > 0).all(-1)


class _PositiveDefinite(Constraint):
    event_dim = 2

    def check(self, value: Tensor) -> Tensor:
        symmetric = ((value - value.mT).abs() < 1e-6).flatten(-2).all(-1)
        return symmetric & (eigvalsh(value)[..., 0] > 0)


class _Independent(Constraint):
    """Another set, for events with more dimensions."""

    def __init__(self, base: Constraint, dims: int) -> None:
        self.base_constraint, self.reinterpreted_batch_ndims = base, dims
        self.event_dim = base.event_dim + dims
        self.is_discrete = base.is_discrete

    def check(self, value: Tensor) -> Tensor:
        good = self.base_constraint.check(value)
        for _ in range(self.reinterpreted_batch_ndims):
            good = good.all(-1)
        return good

    def __repr__(self) -> str:
        return f"IndependentConstraint({self.base_constraint!r}, {self.reinterpreted_batch_ndims})"


dependent = _Dependent()
real = _Real()
real_vector = _Independent(real, 1)
boolean = _Boolean()
one_hot = _OneHot()
positive = _Bounded(0.0, strict=True)
nonnegative = _Bounded(0.0)
nonnegative_integer = _Bounded(0, integer=True)
positive_integer = _Bounded(1, integer=True)
unit_interval = _Bounded(0.0, 1.0)
simplex = _Simplex()
lower_cholesky = _LowerCholesky()
positive_definite = _PositiveDefinite()
independent = _Independent
multinomial = _Multinomial


def interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """From lower_bound to upper_bound, both included."""
    return _Bounded(lower_bound, upper_bound)


def integer_interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """Whole numbers from lower_bound to upper_bound, both included."""
    return _Bounded(lower_bound, upper_bound, integer=True)


def greater_than(lower_bound: Any) -> Constraint:
    """Above lower_bound."""
    return _Bounded(lower_bound, strict=True)


def greater_than_eq(lower_bound: Any) -> Constraint:
    """lower_bound and above."""
    return _Bounded(lower_bound)


def less_than(upper_bound: Any) -> Constraint:
    """Below upper_bound."""
    return _Bounded(upper=upper_bound, strict=True)
