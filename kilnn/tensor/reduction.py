"""Tensor methods: reductions, sorting, running sums."""

from __future__ import annotations

from kilnn.tensor.functions import reduction, sorting


class ReductionMethods:
    """Reductions over some or all dimensions."""

    __slots__ = ()

    sum = reduction.sum
    mean = reduction.mean
    nansum = reduction.nansum
    nanmean = reduction.nanmean
    prod = reduction.prod
    amax = reduction.amax
    amin = reduction.amin
    aminmax = reduction.aminmax
    max = reduction.max
    min = reduction.min
    median = reduction.median
    argmax = reduction.argmax
    argmin = reduction.argmin
    var = reduction.var
    std = reduction.std
    norm = reduction.norm
    logsumexp = reduction.logsumexp
    any = reduction.any
    all = reduction.all
    count_nonzero = reduction.count_nonzero
    trace = reduction.trace
    quantile = reduction.quantile
    cov = reduction.cov

    sort = sorting.sort
    argsort = sorting.argsort
    msort = sorting.msort
    topk = sorting.topk
    kthvalue = sorting.kthvalue
    cumsum = sorting.cumsum
    cumprod = sorting.cumprod
    cummax = sorting.cummax
    cummin = sorting.cummin
    diff = sorting.diff
