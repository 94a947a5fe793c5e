"""Reductions, sorting and running sums as methods and free functions."""

import pytest

import kilnn
from tests.tensor.expressions import check, each

FORWARD = """
x.sum(); x.sum(0); x.sum(dim=1, keepdim=True); x.sum((0, 1)); x.sum(axis=0); T.sum(x, dim=[0]); x.sum(()); x.sum(-1)
i.sum(); b.sum(0); small.sum(); x.sum(dtype=T.float64)
i.sum(dtype=T.float32); small.sum(dtype=T.int32); T.sum(x, 1, True); x.sum(0, keepdims=True); s.sum(0); s.sum()
T.zeros(0).sum(); cube.sum((0, 2)); x.sum(axis=(0, 1))
x.mean(); x.mean(0); x.mean((0, 1), keepdim=True); T.mean(x, dim=1); i.mean(dtype=T.float32); x.mean(axis=1)
x.half().mean(); T.zeros(0).mean()
(x / 0).nansum(); x.nanmean(); T.nansum(x, 0); T.nanmean(T.where(b, nan, x), 1)
x.prod(); x.prod(0); x.prod(1, keepdim=True); i.prod(); b.prod(); small.prod(dtype=T.float64)
x.amax(); x.amax(0); x.amin((0, 1)); T.amax(x, 1, True); T.amin(i); tuple(T.aminmax(x))
tuple(x.aminmax(dim=1, keepdim=True)); x.amax(dim=(0, 1))
x.max(); x.min(); i.max(); b.max(); tuple(x.max(0)); tuple(x.max(dim=1)); tuple(x.min(1, keepdim=True))
x.max(0).values; x.max(0).indices; x.max(1)[0]; T.max(x, y); T.min(x, row); tuple(T.max(x, 0))
tuple(T.min(x, dim=-1)); x.max(y); T.max(x, other=y)
x.argmax(); x.argmax(0); x.argmin(dim=1, keepdim=True); T.argmax(x, dim=-1); T.argmin(x); x.argmax(keepdim=True)
x.argmax(axis=1); s.argmax()
x.var(); x.var(0); x.var(unbiased=False); x.var(False); x.var(1, False); x.var(1, False, True)
x.var((0, 1), correction=0, keepdim=True); T.var(x, dim=1); x.std(); x.std(0); T.std(x, False)
x.std(dim=0, unbiased=False, keepdim=True); T.std(cube, (0, 2)); tuple(T.var_mean(x, 1)); tuple(T.std_mean(x))
x.std(axis=0)
x.norm(); x.norm(1); x.norm(dim=1); x.norm(p=2, dim=1, keepdim=True); x.norm(inf); T.norm(x); T.norm(x, p=1, dim=0)
x.norm(0); x.norm('fro'); x.norm(3, (0, 1)); x.norm(2.5); T.norm(x, p='fro', dim=(0, 1)); T.norm(x, dtype=T.float64)
x.logsumexp(0); T.logsumexp(x, (0, 1)); x.logsumexp(dim=1, keepdim=True); i.logsumexp(0)
x.any(); x.any(0); b.all(); b.all(1); T.any(b, dim=0, keepdim=True); T.all(x > 0); byte.any(); x.any((0, 1))
x.all(()); T.count_nonzero(i); i.count_nonzero(dim=1); T.count_nonzero(x, (0, 1)); rows.any()
square.trace(); T.trace(square); x.median(); tuple(x.median(1)); tuple(T.median(x, dim=0, keepdim=True)); i.median()
x.quantile(0.5); x.quantile(0.3, dim=1); T.quantile(x, T.tensor([0.1, 0.5])); T.quantile(x, 0.5, dim=0, keepdim=True)
T.quantile(x, T.tensor([0.1, 0.5]), dim=1); T.cov(x); x.quantile(0.4, interpolation='lower')
tuple(x.sort()); tuple(x.sort(0)); tuple(x.sort(1, descending=True)); tuple(T.sort(x, dim=0)); x.argsort()
x.argsort(dim=0, descending=True); T.argsort(x, stable=True); T.msort(x); x.sort()[0]; x.sort().values
tuple(b.sort()); tuple(T.sort(s))
tuple(x.topk(2)); tuple(x.topk(1, dim=0)); tuple(T.topk(x, 2, largest=False)); x.topk(k=2, dim=1).indices
tuple(T.kthvalue(x, 2)); tuple(x.kthvalue(1, dim=0, keepdim=True))
x.cumsum(0); x.cumsum(dim=1); i.cumsum(0); b.cumsum(1); T.cumsum(x, -1, dtype=T.float64); x.cumprod(1)
T.cumprod(i, 0); tuple(T.cummax(x, 1)); tuple(x.cummin(0)); x.diff(); T.diff(x, dim=0); T.diff(i, n=2); b.diff()
T.diff(row, prepend=row[:1]); small.cumsum(0); x.cumsum(axis=0)
T.searchsorted(T.tensor([1.0, 2.0, 3.0]), T.tensor([0.5, 2.0, 9.0]))
T.searchsorted(T.tensor([1.0, 2.0, 3.0]), 2.0, right=True); T.bucketize(x, T.tensor([-0.5, 0.5]))
T.searchsorted(T.tensor([[1, 3], [2, 4]]), T.tensor([[2, 3], [2, 9]]))
T.bucketize(x, T.tensor([-0.5, 0.5]), right=True, out_int32=True)
"""

GRADIENTS = """
x.sum(); cube.sum((0, 2)); x.mean(1); cube.mean((0, 1), keepdim=True); x.prod(); x.amax(0); x.max(); x.max(1).values
x.min(0)[0]; x.var(1); x.std((0, 1)); x.norm(); x.norm(1, 1); x.logsumexp(1)
x.sort(1).values; x.topk(2).values; x.cumsum(1); x.cumprod(1); x.median(1).values; x.median()
T.aminmax(x)[0] + T.aminmax(x)[1]; T.cummax(x, 1).values; x.quantile(0.3, dim=1); T.diff(x); square.trace()
T.var_mean(x, 1); x.nanmean(); T.kthvalue(x, 2).values
"""

ERRORS = """
i.mean(); b.mean(); x.sum(5); x.sum((0, 0)); i.var(); b.std(); i.norm(); T.zeros(0).max(); T.zeros(0).amax()
T.zeros(0, 3).amax(0); T.zeros(0, 3).max(0); T.zeros(0).argmax(); T.zeros(0, 3).argmax(0); b.argmax(); x.topk(5)
b.topk(1); x.topk(2, dim=3); x.trace().trace()
"""


@pytest.mark.parametrize("source", each(FORWARD))
def test_values(source):
    check(source)


@pytest.mark.parametrize("source", each(GRADIENTS))
def test_gradients(source):
    check(source, gradients=True)


@pytest.mark.parametrize("source", each(ERRORS))
def test_errors(source):
    check(source, text="trace" not in source)


@pytest.mark.parametrize("source", ["x.max(0.5)", "T.max(x, 'a')", "x.cumsum()", "x.norm('x')"])
def test_error_types(source):
    check(source)


def test_results_are_named():
    found = kilnn.tensor([[3.0, 1.0]]).max(1)
    values, indices = found
    assert type(found).__name__ == "max" and values is found.values and indices is found[1]
