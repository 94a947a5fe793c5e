"""The normal distribution of vectors."""

# mypy: disable-error-code=no-any-return
# Arithmetic on tensors has no types: every result would need a note that it is a tensor.

from __future__ import annotations

import math
from typing import Any

from kilnn.base.errors import LinAlgError
from kilnn.distributions import constraints
from kilnn.distributions.distribution import Distribution, same_shape
from kilnn.linalg import cholesky, solve_triangular
from kilnn.tensor.create import eye
from kilnn.tensor.functions.random import randn
from kilnn.tensor.tensor import Tensor


class MultivariateNormal(Distribution):
    """Normal distribution of vectors, given by its mean and one of three matrices.

    Args:
        loc: mean, (..., D).
        covariance_matrix: (..., D, D), positive definite.
        precision_matrix: its inverse.
        scale_tril: its lower Cholesky factor, with a positive diagonal.
        validate_args: see `Distribution`.

    Example:
        >>> import kilnn
        >>> d = kilnn.distributions.MultivariateNormal(kilnn.zeros(2), kilnn.eye(2))
        >>> round(d.log_prob(kilnn.zeros(2)).item(), 4)
        -1.8379

    Source: https://docs.pytorch.org/docs/2.13/distributions.html#multivariatenormal
    """

    arg_constraints = {  # noqa: RUF012
        "loc": constraints.real_vector, "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite, "scale_tril": constraints.lower_cholesky,
    }  # fmt: skip
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self, loc: Tensor, covariance_matrix: Tensor | None = None, precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None, validate_args: bool | None = None,
    ) -> None:  # fmt: skip
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        given = {
            "covariance_matrix": covariance_matrix, "precision_matrix": precision_matrix, "scale_tril": scale_tril
        }  # fmt: skip
        chosen = {name: value for name, value in given.items() if value is not None}
        if len(chosen) != 1:
            raise ValueError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        ((name, matrix),) = chosen.items()
        if matrix.dim() < 2:
            raise ValueError(f"{name} must be at least two-dimensional, with optional leading batch dimensions")
        batch = same_shape(matrix.shape[:-2], loc.shape[:-1])
        self.loc = loc.expand(*batch, loc.size(-1))
        self.__dict__[name] = matrix = matrix.expand(*batch, *matrix.shape[-2:])
        super().__init__(batch, loc.shape[-1:], validate_args=validate_args)
        try:
            factor = cholesky(matrix) if name == "covariance_matrix" else matrix
            self._unbroadcasted_scale_tril = _factor(matrix) if name == "precision_matrix" else factor
        except LinAlgError as error:
            raise ValueError(
                f"Expected parameter {name} (Tensor of shape {tuple(matrix.shape)}) to satisfy the constraint "
                f"PositiveDefinite(), but found invalid values: {error}"
            ) from error

    def __getattr__(self, name: str) -> Any:
        if name in ("scale_tril", "covariance_matrix", "precision_matrix"):
            factor = self.__dict__["_unbroadcasted_scale_tril"]
            if name == "scale_tril":
                return factor
            covariance = factor @ factor.mT
            return covariance if name == "covariance_matrix" else covariance.inverse()
        raise AttributeError(f"'MultivariateNormal' object has no attribute {name!r}")

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return self.scale_tril.pow(2).sum(-1)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        z = randn(self._extended_shape(sample_shape), dtype=self.loc.dtype)
        return self.loc + (self.scale_tril @ z.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        difference = (value - self.loc).unsqueeze(-1)
        factor = self.scale_tril.expand(*difference.shape[:-2], *self.scale_tril.shape[-2:])
        distance = solve_triangular(factor, difference, upper=False).squeeze(-1).pow(2).sum(-1)
        half_log_det = self.scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + distance) - half_log_det

    def entropy(self) -> Tensor:
        half_log_det = self.scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + half_log_det


def _factor(precision: Tensor) -> Tensor:
    """The lower Cholesky factor of a matrix's inverse, from the matrix."""
    turned = cholesky(precision.flip((-2, -1))).flip((-2, -1)).mT
    identity = eye(precision.size(-1), dtype=precision.dtype).expand(precision.shape)
    return solve_triangular(turned, identity, upper=False)
