"""Statistics and numerical integrals beyond the common reductions."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from kilnn.base import dtypes
from kilnn.base.shapes import normalize_dim
from kilnn.engine.handle import Handle
from kilnn.ops import arithmetic, sorting as ops
from kilnn.tensor.convert import observed
from kilnn.tensor.create import from_host
from kilnn.tensor.doors import record
from kilnn.tensor.functions import joining, results
from kilnn.tensor.functions.reduction import between, cov
from kilnn.tensor.functions.sorting import cummax, sort

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor


def _line(input: Tensor, dim: int) -> tuple[Tensor, int]:
    """The tensor with one dimension moved to the end, and where it was."""
    place = normalize_dim(dim, input.ndim)
    return (input.movedim(place, -1) if input.ndim else input.reshape(1)), place


def _back(found: Tensor, input: Tensor, place: int, keepdim: bool) -> Tensor:
    if not input.ndim:
        return found.reshape(())
    return found.unsqueeze(place) if keepdim else found


def _at(line: Tensor, index: Tensor) -> Tensor:
    return line.gather(-1, index.unsqueeze(-1)).squeeze(-1)


def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> results.mode:
    """The most frequent element along `dim` (the smallest of several), and where it is.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.mode.html
    """
    line, place = _line(input, dim)
    values, order = sort(line)
    count = line.shape[-1]
    places = line.new_tensor(range(count), dtype=dtypes.int64).expand(line.shape)
    fresh = joining.cat([places[..., :1] == 0, values[..., 1:] != values[..., :-1]], -1)
    starts = cummax(places * fresh, -1)[0]
    best = (places - starts).argmax(-1)
    index = _at(order, best)
    return results.mode(_back(_at(line, index), input, place, keepdim), _back(index, input, place, keepdim))


def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower median of what is not NaN; with `dim`, the pair (values, indices).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nanmedian.html
    """
    line, place = _line(input.reshape(-1) if dim is None else input, -1 if dim is None else dim)
    values, order = sort(line)
    count = line.shape[-1] - line.isnan().sum(-1)
    middle = (count - 1).clamp(min=0).div(2, rounding_mode="floor")
    if dim is None:
        return _at(values, middle)
    index = _at(order, middle)
    return results.nanmedian(_back(_at(values, middle), input, place, keepdim), _back(index, input, place, keepdim))


def nanquantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """`quantile` of what is not NaN.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nanquantile.html
    """
    if interpolation not in ("linear", "lower", "higher", "nearest", "midpoint"):
        raise RuntimeError(
            "nanquantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but got "
            f"{interpolation}"
        )
    line, place = _line(input.reshape(-1) if dim is None else input, -1 if dim is None else dim)
    values = sort(line).values
    last = (line.shape[-1] - line.isnan().sum(-1, keepdim=True) - 1).to(input.dtype)
    chances = q if isinstance(q, Handle) else input.new_tensor(q)
    position = (last * chances.reshape(-1)).clamp(min=0)  # type: ignore[attr-defined]  # a Tensor
    low, high, weight = between(position, interpolation)
    found = values.gather(-1, low.long()).lerp(values.gather(-1, high.long()), weight)
    several = isinstance(q, Handle) and q.ndim == 1  # type: ignore[attr-defined]  # a Tensor
    found = found.movedim(-1, 0) if several else found.squeeze(-1)
    if keepdim and input.ndim:
        lead = int(several)
        rank = input.ndim
        found = found.reshape((*found.shape[:lead], *(1,) * rank)) if dim is None else found.unsqueeze(place + lead)
    return found


def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """log(cumsum(exp(x))) along `dim`, without overflow.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.logcumsumexp.html
    """
    return record(ops.logcumsumexp, (input,), (normalize_dim(dim, input.ndim),))


def corrcoef(input: Tensor) -> Tensor:
    """The correlation coefficients of variables in rows, observations in columns.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.corrcoef.html
    """
    if input.ndim > 2:
        raise RuntimeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions"
        )
    matrix = cov(input)
    if not matrix.ndim:
        return matrix / matrix
    scale = matrix.diagonal().sqrt()
    return (matrix / scale.unsqueeze(1) / scale.unsqueeze(0)).clamp(-1, 1)


def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """The slices along `dim` scaled down to a p-norm of at most maxnorm.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.renorm.html
    """
    if input.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {input.ndim} dimensions")
    place = normalize_dim(dim, input.ndim)
    others = [d for d in range(input.ndim) if d != place]
    norms: Tensor = input.norm(p, others, keepdim=True)
    # PyTorch adds 1e-7 where it divides.
    return input * (maxnorm / (norms + 1e-7)).where(norms > maxnorm, norms.new_ones(()))


def histogram(
    input: Tensor, bins: Any, *, range: Any = None, weight: Tensor | None = None, density: bool = False
) -> results.histogram:
    """How many elements lie in each bin (or the sum of their weights), and the bins' edges. Reads the values.

    Args:
        input: floating point tensor.
        bins: a number of equal bins, or a tensor of rising edges.
        range: (low, high) for equal bins; by default the extremes.
        weight: a weight for each element.
        density: divide by the total and by the bins' widths.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.histogram.html
    """
    array = observed(input).reshape(-1)
    weights = None if weight is None else observed(weight).reshape(-1)
    if isinstance(bins, Handle):
        edges: Any = observed(bins)
        found = np.histogram(array, edges, weights=weights, density=density)[0]
    else:
        low, high = (array.min(), array.max()) if range is None and array.size else range or (0, 1)
        low, high = (low - 0.5, high + 0.5) if low == high else (low, high)
        edges = np.linspace(low, high, bins + 1)
        found = np.histogram(array, bins, (low, high), weights=weights, density=density)[0]
    device = input.aval.device
    return results.histogram(*[from_host(np.asarray(a).astype(array.dtype), device=device) for a in (found, edges)])


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """The integral along `dim` by the trapezoidal rule: samples at x, or dx apart.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.trapezoid.html
    """
    return _areas(y, x, dx, dim).sum(dim)


trapz = trapezoid


def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """The running integral along `dim` by the trapezoidal rule.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cumulative_trapezoid.html
    """
    return _areas(y, x, dx, dim).cumsum(dim)


def _areas(y: Tensor, x: Tensor | None, dx: Any, dim: int) -> Tensor:
    place = normalize_dim(dim, y.ndim)
    n = y.shape[place]
    heights = y.narrow(place, 1, max(n - 1, 0)) + y.narrow(place, 0, max(n - 1, 0))
    if x is None:
        return record(arithmetic.mul, (heights, dx / 2))
    if x.ndim == 1:
        x = x.reshape([-1 if d == place else 1 for d in range(y.ndim)])
    steps = x.narrow(place, 1, max(n - 1, 0)) - x.narrow(place, 0, max(n - 1, 0))
    return heights * steps / 2


def gradient(input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1) -> list[Tensor]:
    """Derivatives of a sampled function along each of `dim`: central differences inside, one-sided ones at the edges.

    Args:
        input: samples.
        spacing: distance of the samples, or for each dimension a distance or a tensor of coordinates.
        dim: dimensions, all by default.
        edge_order: 1 or 2: the order of the differences at the edges.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.gradient.html
    """
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    dims = range(input.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    places = [normalize_dim(d, input.ndim) for d in dims]
    if len(set(places)) < len(places):
        raise RuntimeError(f"dim {places[-1]} appears multiple times in the list of dims")
    spacing = 1 if spacing is None else spacing
    steps = list(spacing) if isinstance(spacing, list | tuple) else [spacing] * len(places)
    if len(steps) != len(places):
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim arguments to have the "
            f"same length, but got a spacing argument of length {len(steps)} for {len(places)} dimensions."
        )
    return [_derivative(input, place, step, edge_order) for place, step in zip(places, steps, strict=True)]


def _derivative(y: Tensor, dim: int, step: Any, order: int) -> Tensor:
    n = y.shape[dim]
    if n < order + 1:
        raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
    if isinstance(step, Handle) and step.ndim:  # type: ignore[attr-defined]  # a Tensor
        gaps = step.diff().reshape([-1 if d == dim else 1 for d in range(y.ndim)])  # type: ignore[attr-defined]  # a Tensor
    else:
        gaps = y.new_ones([n - 1 if d == dim else 1 for d in range(y.ndim)]) * step

    def part(x: Tensor, start: int, length: int) -> Tensor:
        return x.narrow(dim, start, length)

    slopes = (part(y, 1, n - 1) - part(y, 0, n - 1)) / gaps
    a, b = part(gaps, 0, n - 2), part(gaps, 1, n - 2)
    inner = (part(slopes, 0, n - 2) * b + part(slopes, 1, n - 2) * a) / (a + b)
    first, last = part(slopes, 0, 1), part(slopes, n - 2, 1)
    if order == 2:
        c, d = part(gaps, 0, 1), part(gaps, 1, 1)
        first = first - c * (part(slopes, 1, 1) - first) / (c + d)
        c, d = part(gaps, n - 2, 1), part(gaps, n - 3, 1)
        last = last + c * (last - part(slopes, n - 3, 1)) / (c + d)
    return joining.cat([first, inner, last], dim)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All selections of r elements of a vector, one row each.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.combinations.html
    """
    if input.ndim != 1:
        raise RuntimeError("Expect a 1D vector, but got shape " + str(list(input.shape)))
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = np.array(list(choose(range(input.shape[0]), r)), np.int64).reshape(-1, r)
    return input[from_host(rows)] if r else input.new_empty(0)


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers N - 1, ..., 1, 0 of each element of a vector, in rows.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.vander.html
    """
    count = x.shape[0] if N is None else N
    kind = x if x.dtype.category >= dtypes.FLOAT else x.long()
    powers = [kind.new_ones((x.shape[0], 1))]
    if count > 1:
        powers.append(kind.unsqueeze(1).expand(x.shape[0], count - 1).cumprod(1))
    found = joining.cat(powers, 1)[:, :count]
    return found if increasing else found.flip(1)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The distances of all pairs of rows, in the order (0, 1), (0, 2), ...

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.pdist.html
    """
    rows, columns = np.triu_indices(input.shape[0], 1)
    return (input[from_host(rows)] - input[from_host(columns)]).norm(p, 1)
