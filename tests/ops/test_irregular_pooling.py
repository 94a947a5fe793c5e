"""Adaptive and fractional maxima, unpooling, windows as columns: against PyTorch."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from kilnn.ops.folding import fold_windows, unfold_windows
from kilnn.ops.irregular_pooling import adaptive_max_pool, fractional_max_pool, max_unpool
from tests.ops.nn_harness import bad_value, compare, data, forward

ADAPTIVE = {1: F.adaptive_max_pool1d, 2: F.adaptive_max_pool2d, 3: F.adaptive_max_pool3d}
SIZES = [((7,), (3,)), ((8, 6), (1, 1)), ((8, 6), (4, 2)), ((7, 9), (3, 5)), ((3, 3), (5, 7)), ((6, 5, 4), (2, 3, 4))]


@pytest.mark.parametrize("size,out", SIZES)
def test_adaptive_max_pool(size, out):
    x = np.round(data(2, 3, *size), 1)  # rounding makes ties
    compare(adaptive_max_pool, lambda x: ADAPTIVE[len(out)](x, out), [x], grads=["x"], size=out)
    wanted = ADAPTIVE[len(out)](torch.tensor(x), out, return_indices=True)[1]
    np.testing.assert_array_equal(forward(adaptive_max_pool, [x], size=out)[1], wanted)


@pytest.mark.parametrize("size,out", [((9, 8), (4, 3)), ((9, 8, 7), (4, 3, 5)), ((5, 6), (1, 6))])
def test_fractional_max_pool(size, out):
    x, rank = data(2, 3, *size), len(size)
    kernel = (2, 1, 2)[:rank]
    samples = np.random.default_rng(0).random((2, 3, rank)).astype(np.float32)
    pool = F.fractional_max_pool2d if rank == 2 else F.fractional_max_pool3d
    compare(
        fractional_max_pool, lambda x, s: pool(x, kernel, out, _random_samples=s), [x, samples], grads=["x"],
        kernel=kernel, size=out,
    )  # fmt: skip
    wanted = pool(torch.tensor(x), kernel, out, return_indices=True, _random_samples=torch.tensor(samples))[1]
    np.testing.assert_array_equal(forward(fractional_max_pool, [x, samples], kernel=kernel, size=out)[1], wanted)


def test_max_unpool():
    x = data(2, 3, 4, 6)
    best, where = F.max_pool2d(torch.tensor(x), 2, return_indices=True)
    operands = [best.numpy(), where.numpy()]
    compare(max_unpool, lambda b, i: F.max_unpool2d(b, i, 2), operands, grads=["x"], size=(4, 6))
    assert bad_value(max_unpool, operands, size=(4, 6)) is None
    assert "Found an invalid max index" in bad_value(max_unpool, operands, size=(3, 6))


@pytest.mark.parametrize("kernel,dilation,padding,stride", [
    ((2, 3), (1, 1), (0, 0), (1, 1)), ((2, 2), (2, 1), (1, 2), (2, 3)), ((3, 1), (1, 1), (2, 0), (1, 2)),
])  # fmt: skip
def test_columns(kernel, dilation, padding, stride):
    x = data(2, 3, 7, 8)
    attributes = {"kernel": kernel, "dilation": dilation, "padding": padding, "stride": stride}
    compare(unfold_windows, lambda x: F.unfold(x, *attributes.values()), [x], grads=["x"], **attributes)
    columns = forward(unfold_windows, [x], **attributes)[0]
    compare(
        fold_windows, lambda c: F.fold(c, (7, 8), *attributes.values()), [np.asarray(columns)], grads=["x"],
        size=(7, 8), **attributes,
    )  # fmt: skip


def test_errors():
    with pytest.raises(RuntimeError, match="Expected 3D or 4D"):
        forward(adaptive_max_pool, [data(3, 4)], size=(2, 2))
    with pytest.raises(RuntimeError, match="pool size 3 too large"):
        forward(fractional_max_pool, [data(1, 1, 4, 4), data(1, 1, 2)], kernel=(3, 3), size=(3, 3))
    with pytest.raises(RuntimeError, match="same as that of the input"):
        forward(max_unpool, [data(1, 1, 4), np.zeros((1, 1, 3), np.int64)], size=(8,))
    window = {"kernel": (3, 3), "dilation": (1, 1), "padding": (0, 0), "stride": (1, 1)}
    with pytest.raises(RuntimeError, match="must be at least one"):
        forward(unfold_windows, [data(1, 1, 2, 2)], **window)
    with pytest.raises(RuntimeError, match=r"sliding blocks 2 \* 2 = 4, but got input.size\(2\)=5"):
        forward(fold_windows, [data(1, 9, 5)], size=(4, 4), **window)
