"""x[...] and what reads or writes by position."""

import numpy as np
import pytest

import kilnn
from tests.tensor.expressions import check, each, programs

BASIC = """
x[0]; x[-1]; x[0, 1]; x[0][1]; x[:]; x[...]; x[None]; x[0:1]; x[5:]; x[:, -5:2]; x[1:, ::2]; x[..., 0]; x[..., None]
x[:, None]; x[..., None, 0]; x[None, None]; cube[0, :, 1]; cube[:, 1]; cube[1, ..., 2]; cube[..., 1:3]
cube[:, ::2, 1:]; cube[None, 0]; cube[:, None, 1]; cube[:, 1, None]; cube[0:0]; cube[1:0]; s[...]; s[None]
cube[-1, -2:, ::3]; cube[1, 2, 3]; cube[:, :, :]; cube[0, None, 1:, None, 2]; x[np.int64(1)]; x[np.array(1)]
x.T[1]; x.T[1:, 0]; cube.permute(2, 0, 1)[1:, 0]; cube[:, 1:][:, 1]; cube[1][1:][0]; x[0:2][1]
"""

READS = """
x[j]; x[[0, 1]]; x[[1, 0, 0]]; x[:, j]; cube[j]; cube[:, j]; cube[..., j]; cube[j, :, j]; cube[j, j]; cube[:, j, j]
cube[0, :, j]; cube[:, j, 0]; cube[j, None, j]; cube[j, 1:, 2]; x[j.int()]; x[-j]; x[[0, 1], [1, 2]]; x[j[:, None], j]
x[np.array([1, 0])]; x[range(2)]; x[(0, 1),]; x[T.zeros(0, dtype=T.int64)]; x[[]]; x[k]; cube[:, k]; cube[k, j]
x[T.tensor([[0, 1], [1, 0]])]
x[b]; x[rows]; cube[b]; cube[:, T.tensor([True, False, True])]; x[x > 0]; x[rows, 1:]; x[rows, j[:1]]; x[b & ~b]
cube[T.tensor([True, False]), :, 1]; cube[b, T.tensor([0, 1, 2])]; x[[True, False]]; x[np.array([True, False])]
x[True]; x[False]; x[yes]; s[s > 0]; x[None, b]; i[i % 2 == 0]; x[byte[:2] > 0]; x[..., b[0]]
x.index_select(0, j); x.index_select(1, T.tensor([2, 0])); T.index_select(cube, -1, j)
x.index_select(dim=0, index=j.int()); x.gather(0, i % 2); x.gather(1, T.zeros(2, 1, dtype=T.int64))
T.gather(x, dim=1, index=T.tensor([[0, 2], [1, 1]])); cube.gather(2, T.zeros(1, 2, 1, dtype=T.int64))
T.take_along_dim(x, i[:, :2] % 3, 1); x.take_along_dim(x.argsort(1), 1)
T.take_along_dim(x, T.tensor([[-1, 0, 1]]), dim=0); x.take(T.tensor([0, -1, 5])); T.take(x, i)
T.masked_select(x, b); x.masked_select(x > 0); x.masked_select(T.tensor([True, False, True])); T.nonzero(b)
i.nonzero(); b.nonzero(as_tuple=True); T.nonzero(x, as_tuple=True); T.where(b); s.nonzero(); s.nonzero(as_tuple=True)
T.argwhere(b)
x.scatter(0, i % 2, y); x.scatter(1, T.tensor([[0], [2]]), 2.5); T.scatter(x, 1, T.tensor([[0, 1]]), T.ones(1, 2))
x.scatter_add(0, i % 2, y); T.scatter_add(x, 1, i % 3, y); T.zeros(3, 5).scatter(1, T.tensor([[1], [0], [4]]), 1.0)
x.scatter(1, i % 3, value=1)
x.index_add(0, j[:2], y); x.index_add(1, T.tensor([0, 2]), T.ones(2, 2), alpha=2)
x.index_copy(0, T.tensor([1, 0]), y); x.index_fill(1, T.tensor([0, 2]), 9.0); i.index_fill(0, T.tensor([1]), 7)
T.index_add(x, 0, j[:2], y); x.index_put((j[:2],), row)
T.index_put(x, (T.tensor([0, 0]), T.tensor([1, 1])), T.tensor([1.0, 2.0]), accumulate=True)
x.masked_scatter(b, T.arange(9.0)); T.select_scatter(x, row, 0, 1); T.slice_scatter(x, T.zeros(2, 2), 1, 0, 2)
T.unique(i % 3); T.unique(j, return_inverse=True, return_counts=True); i.unique(return_counts=True)
T.unique(i % 2, dim=0); T.unique_consecutive(j, return_counts=True, return_inverse=True); T.bincount(j)
j.bincount(minlength=5); T.bincount(j, weights=row); T.histc(x, 4, -1, 1); T.isin(i, T.tensor([1, 2])); T.isin(i, 3)
T.isin(i, T.tensor([1]), invert=True)
"""

READ_GRADIENTS = """
x[0]; x[1:, ::2]; cube[0, :, None, 1]; x[j]; cube[j, :, j]; cube[:, j]; x[b]; cube[b]; x[rows]
cube[:, T.tensor([True, False, True])]; x[x > 0]; x[0] * x[1]; x.index_select(1, j); x.gather(0, i % 2)
T.take_along_dim(x, i % 2, 0); x.take(T.tensor([0, -1, 5, 0])); T.masked_select(x, b)
x[T.zeros(0, dtype=T.int64)].sum() + x.sum(); x[b & ~b].sum() + x.sum(); x[k]
x.scatter(0, i % 2, y); x.scatter(1, T.tensor([[0], [2]]), 2.5); x.scatter_add(0, i % 2, y); x.index_add(0, j[:2], y)
x.index_copy(0, T.tensor([1, 0]), y); x.index_fill(1, T.tensor([0, 2]), s); x.index_put((T.tensor([1]),), row)
x.masked_scatter(b, y); T.select_scatter(x, row, 0, 1); x[True]; x[-j]
"""

WRITES = """
z = x.clone(); z[0] = 5; z
z = x.clone(); z[0, 1] = 5.5; z
z = x.clone(); z[:, 1:] = y[:, 1:]; z
z = x.clone(); z[...] = 2; z
z = x.clone(); z[:] = row; z
z = x.clone(); z[0] = s; z
z = x.clone(); z[1:, ::2] = 7; z
z = i.clone(); z[0] = 2.7; z
z = i.clone(); z[0] = x[1]; z
z = b.clone(); z[0] = True; z
z = b.clone(); z[0, 0] = 0; z
z = x.clone(); z[0] = i[0]; z
z = cube.clone(); z[0, :, None, 1] = T.ones(3, 1); z
z = x.clone(); z[None] = y; z
z = x.clone(); z[0] = row[None]; z
z = x.clone(); z[j] = row; z
z = x.clone(); z[[0, 1], [1, 2]] = 9.0; z
z = x.clone(); z[:, T.tensor([0, 2])] = y[:, :2]; z
z = x.clone(); z[T.tensor([1, 0])] = y; z
z = cube.clone(); z[0, :, T.tensor([0, 1])] = 1.0; z
z = x.clone(); z[k] = row; z
z = x.clone(); z[j, :2] = 0; z
z = x.clone(); z[-j] = 1.0; z
z = x.clone(); z[b] = 0.0; z
z = x.clone(); z[z > 0] = 1; z
z = x.clone(); z[rows] = row; z
z = x.clone(); z[b] = T.tensor([1.0, 2.0, 3.0]); z
z = x.clone(); z[rows, 1:] = 3.0; z
z = cube.clone(); z[:, T.tensor([True, False, True])] = 0; z
z = cube.clone(); z[b] = T.arange(4.0); z
z = x.clone(); z[b] = s; z
z = i.clone(); z[i > 2] = -1; z
z = x.clone(); z[b] = T.tensor([5.0]); z
z = x.clone(); z[False] = 1.0; z
z = x.clone(); z[True] = 1.0; z
z = x.clone(); z[0] += 1; z
z = x.clone(); z[:, 1] *= 2; z
z = x.clone(); z[j] += 1; z
z = x.clone(); z[b] -= 1; z
z = x.clone(); w = z[0]; w.add_(1); z
z = x.clone(); z.view(6)[2:4] = 0; z
z = x.clone(); z.T[0] = 1; z
z = x.clone(); z[0][1] = 3; z
z = x.clone(); z[k].zero_(); z
z = x.clone(); z.diagonal().fill_(0); z
z = cube.clone(); z[0].T[1:].copy_(T.ones(3, 3)); z
z = x.clone(); z.index_put_((T.tensor([0]),), row); z
z = x.clone(); z.index_put_((j, j), T.ones(3), accumulate=True); z
z = x.clone(); z.index_put_((b,), s); z
z = x.clone(); z.scatter_(1, i % 3, y); z
z = x.clone(); z.scatter_(1, T.tensor([[0], [1]]), 1.0); z
z = x.clone(); z.scatter_add_(0, i % 2, y); z
z = x.clone(); z.index_add_(0, j[:2], y); z
z = x.clone(); z.index_copy_(0, j[:2], y); z
z = x.clone(); z.index_fill_(0, T.tensor([1]), 3.0); z
z = x.clone(); z.masked_scatter_(b, T.arange(6.0)); z
"""

WRITE_GRADIENTS = """
z = x * 1; z[0] = row; z
z = x * 1; z[:, 1] = 5; z
z = x * 1; z[j[:2]] = y; z
z = x * 1; z[b] = 0.0; z
z = x * 1; z[rows] = row; z
z = x * 1; z[b] = row; z
z = x * 1; z[0] *= y[1]; z
z = x * 1; z[T.tensor([0, 1]), T.tensor([1, 2])] = s; z
z = cube * 1; z[:, 1:][:, 0].mul_(2); z
z = T.zeros(2, 3); z[0] = row; z * x
z = T.zeros(2, 3); z[b] = row; z
z = x * 1; z.T[0].add_(s); z
z = x * 1; z.index_put_((T.tensor([0]),), row); z
z = x * 1; z.scatter_(1, i % 3, y); z
z = x * 1; z.masked_scatter_(b, y * 1); z
z = x * 1; z.index_add_(0, T.tensor([1, 0]), y); z
"""

ERRORS = """
x[5]; x[0, 0, 0]; x[0, 5]; x[::-1]; x[::0]; s[0]; s[:]; x[1.5]; x[T.tensor([0.5])]; x[T.tensor([True])]
x[T.tensor([True, False, True])]; x[:, b]; x[T.tensor([0, 1]), T.tensor([0, 1, 2])]; x[T.tensor([5])]
x[T.tensor([-3])]; x[[0, 7]]; x[-3]; x[k + 4]
x.index_select(0, i); x.index_select(0, x[0]); x.gather(0, j); x.gather(0, x)
x.gather(0, T.zeros(3, 4, dtype=T.int64)); x.scatter(0, i % 2, d); x.masked_select(i); T.take_along_dim(x, j, 0)
x.index_select(0, T.tensor([3])); x.gather(0, T.tensor([[3]])); x.scatter_add(0, T.tensor([[5]]), x)
x.index_add(0, j, y); x.index_copy(0, j, y); x.index_add(0, j[:2], y[:, :2]); x.index_copy(0, j[:2], y[:, :2])
x.index_add(0, T.tensor([0, 5]), y); x.index_fill(0, T.tensor([5]), 1.0); x.index_copy(0, T.tensor([5, 0]), y)
x.masked_scatter(b, row[:1]); x.index_add(0, x[0], y)
"""

ERROR_TYPES = """
x['a']
x.take(T.tensor([7]))
z = x.clone(); z[5] = 1; z
z = x.clone(); z[j[:2]] = d; z
z = x.clone(); z[0] = T.zeros(4); z
del x[0]; x
"""


@pytest.mark.parametrize("source", each(READS))
def test_reads(source):
    check(source, strides=False)


@pytest.mark.parametrize("source", each(BASIC))
def test_basic_reads_are_views_with_pytorch_strides(source):
    check(source)


@pytest.mark.parametrize("source", each(READ_GRADIENTS))
def test_gradients_of_reads(source):
    check(source, gradients=True, strides=False)


@pytest.mark.parametrize("source", programs(WRITES))
def test_writes(source):
    check(source)


@pytest.mark.parametrize("source", programs(WRITE_GRADIENTS))
def test_gradients_of_writes(source):
    check(source, gradients=True, strides=False)


@pytest.mark.parametrize("source", each(ERRORS))
def test_messages(source):
    check(source, text=True)


@pytest.mark.parametrize("source", programs(ERROR_TYPES))
def test_error_types(source):
    check(source)


def test_indices_are_inputs_of_the_program(compiles):
    x = kilnn.tensor(np.random.default_rng(0).standard_normal((200, 300)), dtype=kilnn.float32).requires_grad_(True)
    float((x[0] * x[1, 2:5].sum()).sum())
    float((x[1] * x[2, 3:6].sum()).sum())
    with compiles(exactly=0):
        for n in range(2, 6):
            float((x[n] * x[n + 1, n : n + 3].sum()).sum())


def test_iterating():
    rows = list(kilnn.arange(6).view(3, 2))
    assert [r.tolist() for r in rows] == [[0, 1], [2, 3], [4, 5]]
    assert 3 in kilnn.arange(6)
