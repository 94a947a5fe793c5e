"""Sums, means, extremes, moments and norms over some or all dimensions. `axis` and `keepdims` are NumPy's names."""

from __future__ import annotations

import builtins
import math
from typing import TYPE_CHECKING, Any, NamedTuple

from kilnn.base import dtypes
from kilnn.base.shapes import normalize_dim, normalize_dims
from kilnn.engine.autocast import computed_in_float32
from kilnn.engine.handle import Handle
from kilnn.ops import comparison, linalg, reduction as ops, sorting
from kilnn.tensor.doors import cast, record, record_many, reduced_dims
from kilnn.tensor.functions.arithmetic import maximum, minimum
from kilnn.tensor.functions.results import (
    aminmax as aminmax_result,
    max as max_result,
    median as median_result,
    min as min_result,
)

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor


def _typed(input: Tensor, dtype: dtypes.DType | None) -> Tensor:
    dtype = None if dtype is None else dtypes.as_dtype(dtype)
    """input cast before a sum or product; integers narrower than int64 are summed in int64 and cast after."""
    return input if dtype is None or dtype.category < dtypes.FLOAT else cast(input, dtype)


def sum(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: dtypes.DType | None = None, axis: Any = None,
    keepdims: bool = False,
) -> Tensor:  # fmt: skip
    """The sum over `dim`.

    Args:
        input: tensor; bool and integers are summed in int64.
        dim: a dimension, several, or None for all.
        keepdim: leave dimensions of size 1 in place of the summed ones.
        dtype: cast to this dtype first.

    Example:
        >>> import kilnn
        >>> kilnn.sum(kilnn.tensor([[1, 2], [3, 4]]), dim=0).tolist()
        [4, 6]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.sum.html
    """
    dim = axis if dim is None else dim
    if dtype is None:
        return record(ops.sum_, (input,), (_dims(dim, input), keepdim or keepdims))
    return cast(record(ops.sum_, (_typed(input, dtype),), (_dims(dim, input), keepdim or keepdims)), dtype)


def _dims(dim: Any, input: Tensor) -> tuple[int, ...] | None:
    return None if dim is None else reduced_dims(dim, input.ndim)


def mean(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: dtypes.DType | None = None, axis: Any = None,
    keepdims: bool = False,
) -> Tensor:  # fmt: skip
    """The mean over `dim` (all dimensions by default) of a floating point tensor.

    Args:
        input: tensor.
        dim: a dimension, several, or None for all.
        keepdim: leave dimensions of size 1 in place of the reduced ones.
        dtype: cast to this dtype first.

    Raises: RuntimeError for integers and bool without a floating point `dtype`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.mean.html
    """
    dim = axis if dim is None else dim
    x = cast(input, dtype)
    inexact = x.dtype.is_floating_point or x.dtype.is_complex
    return record(ops.mean, (x,), (_dims(dim, x) if inexact else (), keepdim or keepdims))  # the dtype's error first


def nansum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: dtypes.DType | None = None) -> Tensor:
    """The sum of what is not NaN."""
    return cast(record(ops.nansum, (_typed(input, dtype),), (_dims(dim, input), keepdim)), dtype)


def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: dtypes.DType | None = None) -> Tensor:
    """The mean of what is not NaN."""
    input = cast(input, dtype)
    return nansum(input, dim, keepdim) / sum(
        record(comparison.logical_not, (record(comparison.isnan, (input,)),)), dim, keepdim
    )


def prod(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: dtypes.DType | None = None,
    axis: int | None = None, keepdims: bool = False,
) -> Tensor:  # fmt: skip
    """The product over one dimension, or over all."""
    dim = axis if dim is None else dim
    return cast(record(ops.prod, (_typed(input, dtype),), (_dims(dim, input), keepdim or keepdims)), dtype)


def amax(input: Tensor, dim: Any = (), keepdim: bool = False, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The largest over `dim`; equal elements share the gradient."""
    return record(ops.amax, (input,), (_dims(dim if axis is None else axis, input), keepdim or keepdims))


def amin(input: Tensor, dim: Any = (), keepdim: bool = False, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The smallest over `dim`; equal elements share the gradient."""
    return record(ops.amin, (input,), (_dims(dim if axis is None else axis, input), keepdim or keepdims))


def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """The pair (min, max) over one dimension, or over all."""
    return aminmax_result(
        amin(input, () if dim is None else dim, keepdim), amax(input, () if dim is None else dim, keepdim)
    )


def _extreme(
    name: str, input: Tensor, dim: Any, keepdim: bool, all_op: Any, dim_op: Any, pairwise: Any, result: Any
) -> Any:
    if dim is None:
        return record(all_op, (input,))
    if isinstance(dim, Handle):
        return pairwise(input, dim)
    if isinstance(dim, bool) or not isinstance(dim, int):
        raise TypeError(
            f"{name}() takes (input), (input, other tensor) or (input, int dim, bool keepdim), "
            f"but got {type(dim).__name__} as its second argument"
        )
    return result(*record_many(dim_op, (input,), (normalize_dim(dim, input.ndim), keepdim)))


def max(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Tensor | None = None, axis: int | None = None,
    keepdims: bool = False,
) -> Any:  # fmt: skip
    """The largest element; or, with `dim`, the pair (values, indices) along it; or, with a tensor, `maximum`.

    Args:
        input: tensor.
        dim: dimension, or another tensor.
        keepdim: leave a dimension of size 1 in place of the reduced one.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.max.html
    """
    dim = next((x for x in (dim, axis, other) if x is not None), None)
    return _extreme("max", input, dim, keepdim or keepdims, ops.max_, sorting.max_dim, maximum, max_result)


def min(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Tensor | None = None, axis: int | None = None,
    keepdims: bool = False,
) -> Any:  # fmt: skip
    """The smallest element; or, with `dim`, the pair (values, indices) along it; or, with a tensor, `minimum`.

    Args:
        input: tensor.
        dim: dimension, or another tensor.
        keepdim: leave a dimension of size 1 in place of the reduced one.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.min.html
    """
    dim = next((x for x in (dim, axis, other) if x is not None), None)
    return _extreme("min", input, dim, keepdim or keepdims, ops.min_, sorting.min_dim, minimum, min_result)


def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower median of all elements; or, with `dim`, the pair (values, indices) along it."""
    if dim is None:
        return record(sorting.median, (input,))
    return median_result(*record_many(sorting.median_dim, (input,), (normalize_dim(dim, input.ndim), keepdim)))


def argmax(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, axis: int | None = None, keepdims: bool = False
) -> Tensor:
    """The index of the largest element along `dim`, or in the flattened tensor."""
    dim = axis if dim is None else dim
    place = None if dim is None else normalize_dim(dim, input.ndim)
    return record(sorting.argmax, (input,), (place, keepdim or keepdims))


def argmin(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, axis: int | None = None, keepdims: bool = False
) -> Tensor:
    """The index of the smallest element along `dim`, or in the flattened tensor."""
    dim = axis if dim is None else dim
    place = None if dim is None else normalize_dim(dim, input.ndim)
    return record(sorting.argmin, (input,), (place, keepdim or keepdims))


class _Moment(NamedTuple):
    """The arguments of var and std after PyTorch's overloads are told apart."""

    dims: tuple[int, ...] | None
    correction: float
    keepdim: bool


def _moment(input: Tensor, dim: Any, unbiased: Any, keepdim: bool, correction: Any) -> _Moment:
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None:
        correction = int(unbiased)
    if not (input.is_floating_point() or input.is_complex()):
        raise RuntimeError("std and var only support floating point and complex dtypes")
    return _Moment(_dims(dim, input), 1 if correction is None else correction, keepdim)


def var(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: float | None = None, axis: Any = None, keepdims: bool = False,
) -> Tensor:  # fmt: skip
    """The variance over `dim`: squared distances from the mean, divided by n - correction.

    Args:
        input: floating point tensor.
        dim: a dimension, several, or None for all.
        unbiased: True for a correction of 1, False for 0.
        keepdim: leave dimensions of size 1 in place of the reduced ones.
        correction: default 1.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.var.html
    """
    m = _moment(input, axis if dim is None else dim, unbiased, keepdim or keepdims, correction)
    return record(ops.var, (input,), (m.dims, m.correction, m.keepdim))


def std(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: float | None = None, axis: Any = None, keepdims: bool = False,
) -> Tensor:  # fmt: skip
    """The square root of the variance; arguments as in `var`."""
    m = _moment(input, axis if dim is None else dim, unbiased, keepdim or keepdims, correction)
    return record(ops.std, (input,), (m.dims, m.correction, m.keepdim))


def var_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """The pair (variance, mean)."""
    m = _moment(input, dim, unbiased, keepdim, correction)
    return record(ops.var, (input,), (m.dims, m.correction, m.keepdim)), record(ops.mean, (input,), (m.dims, m.keepdim))


def std_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """The pair (standard deviation, mean)."""
    m = _moment(input, dim, unbiased, keepdim, correction)
    return record(ops.std, (input,), (m.dims, m.correction, m.keepdim)), record(ops.mean, (input,), (m.dims, m.keepdim))


def norm(
    input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: dtypes.DType | None = None
) -> Tensor:
    """The p-norm of the elements over `dim`: (sum |x|**p) ** (1 / p).

    Args:
        input: floating point tensor.
        p: number, inf, -inf, "fro" (2), or "nuc": the sum of the singular values of matrices.
        dim: a dimension, several, or None for all.
        keepdim: leave dimensions of size 1 in place of the reduced ones.
        dtype: cast to this dtype first.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.norm.html
    """
    if p == "nuc":
        matrix = cast(input, dtype)
        row, column = normalize_dims(tuple(range(input.ndim) if dim is None else dim), input.ndim)
        found = sum(record(linalg.svdvals, (matrix.movedim((row, column), (-2, -1)),)), -1)
        for place in sorted((row, column)) if keepdim else ():
            found = found.unsqueeze(place)
        return found
    if isinstance(p, str) and p != "fro":
        raise RuntimeError(f"linalg.matrix_norm: Order {p} not supported.")
    order = 2.0 if p in ("fro", None) else float(p)
    return record(ops.norm, (cast(input, dtype),), (order, _dims(dim, input), keepdim))


def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """log(sum(exp(x))) over `dim`, without overflow."""
    return record(ops.logsumexp, (input,), (_dims(dim, input), keepdim))


def _logic(op: Any, input: Tensor, dim: Any, keepdim: bool) -> Tensor:
    if isinstance(dim, list | tuple) and not dim:
        return record(comparison.ne, (input, 0))  # no dimension is reduced; `any` and `all` differ from `sum` here
    return record(op, (input,), (_dims(dim, input), keepdim))


def any(input: Tensor, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Whether some element is nonzero."""
    return _logic(ops.any_, input, axis if dim is None else dim, keepdim or keepdims)


def all(input: Tensor, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Whether every element is nonzero."""
    return _logic(ops.all_, input, axis if dim is None else dim, keepdim or keepdims)


def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """How many elements are nonzero."""
    return record(ops.count_nonzero, (input,), (_dims(dim, input),))


@computed_in_float32
def trace(input: Tensor) -> Tensor:
    """The sum of the diagonal of a matrix."""
    if input.ndim != 2:
        raise RuntimeError("trace: expected a matrix")
    return sum(input.diagonal())


@computed_in_float32
def quantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """The q-th quantiles of the sorted elements along `dim` (of all elements by default).

    Args:
        input: floating point tensor.
        q: number or one-dimensional tensor in [0, 1].
        dim: dimension or None.
        keepdim: leave a dimension of size 1 in place of the reduced one.
        interpolation: "linear", "lower", "higher", "nearest" or "midpoint" between neighbours.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.quantile.html
    """
    if not isinstance(q, Handle) and not 0 <= q <= 1:
        raise RuntimeError(f"quantile() q must be in the range [0, 1] but got {q}")
    line = input.reshape(-1) if dim is None or not input.ndim else input.movedim(dim, -1)
    values = record_many(sorting.sort, (line,), (line.ndim - 1, False))[0]
    if isinstance(q, Handle):
        low, high, weight = between(q * (line.shape[-1] - 1), interpolation)
        picked = (values.index_select(-1, place.reshape(-1).long()) for place in (low, high))
        found = next(picked).lerp(next(picked), weight.to(values.dtype))
        found = found.movedim(-1, 0) if q.ndim else found.squeeze(-1)  # type: ignore[attr-defined]  # a Tensor
    else:
        position = q * (line.shape[-1] - 1)
        start = math.floor(position)
        pair = values.select(-1, start), values.select(-1, builtins.min(start + 1, line.shape[-1] - 1))
        part: Any = position - start
        part = {"linear": part, "lower": 0.0, "higher": float(part > 0), "midpoint": 0.5 * (part > 0)}.get(
            interpolation, float(builtins.round(position) - start)
        )
        found = pair[0].lerp(pair[1], part)
    if keepdim and input.ndim:
        rank = found.ndim - (0 if dim is None else input.ndim - 1)
        place = rank if dim is None else rank + normalize_dim(dim, input.ndim)
        found = found.reshape((*found.shape, *(1,) * input.ndim)) if dim is None else found.unsqueeze(place)
    return found


def between(position: Any, interpolation: str) -> tuple[Any, Any, Any]:
    """The places below and above a fractional one, and the weight of the upper; only "linear" passes gradients on."""
    low, high = position.detach().floor(), position.detach().ceil()
    if interpolation == "linear":
        return low, high, position - low
    fixed = position.detach()
    weights = {"lower": fixed * 0, "higher": high - low, "midpoint": (high - low) * 0.5, "nearest": fixed.round() - low}
    return low, high, weights[interpolation]


def cov(
    input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
) -> Tensor:
    """The covariance matrix of variables in rows, observations in columns; one variable has a variance, a number.

    Args:
        input: tensor of at most two dimensions; whole numbers are taken as floats.
        correction: 1 divides by n - 1, 0 by n.
        fweights: how often each observation was made: whole numbers.
        aweights: the importance of each observation.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cov.html
    """
    if input.ndim > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions"
        )
    rows = input.reshape(1, -1) if input.ndim < 2 else input
    if rows.dtype.category < dtypes.FLOAT:
        rows = rows.to(dtypes.get_default_dtype())
    _check_weights(fweights, aweights, rows.shape[1])
    weights = fweights if aweights is None else aweights if fweights is None else fweights * aweights
    total: Any = rows.shape[1] if weights is None else weights.sum()
    average = rows.sum(1, keepdim=True) / total if weights is None else (rows * weights).sum(1, keepdim=True) / total
    away = rows - average
    if weights is None or aweights is None or not correction:
        count = total - correction
    else:
        count = total - correction * (weights * aweights).sum() / total
    count = count.clamp(min=0) if weights is not None else builtins.max(count, 0)
    matrix: Tensor = away @ (away if weights is None else away * weights).t().conj() / count
    return matrix.squeeze()


def _check_weights(fweights: Any, aweights: Any, observations: int) -> None:
    for name, weights in (("fweights", fweights), ("aweights", aweights)):
        if weights is None:
            continue
        if weights.ndim > 1:
            raise RuntimeError(
                f"cov(): expected {name} to have one or fewer dimensions but got {name} with {weights.ndim} dimensions"
            )
        if (weights.dtype.category >= dtypes.FLOAT) != (name == "aweights"):
            kind = "a floating point" if name == "aweights" else "an integral"
            raise RuntimeError(
                f"cov(): expected {name} to have {kind} dtype but got {name} with {dtypes.word_of(weights.dtype)} dtype"
            )
        if weights.numel() != observations:
            raise RuntimeError(
                f"cov(): expected {name} to have the same numel as there are observations in the input but got "
                f"{weights.numel()} != {observations}"
            )
        if observations and (weights < 0).any().item():
            raise RuntimeError(f"cov(): {name} cannot be negative")
