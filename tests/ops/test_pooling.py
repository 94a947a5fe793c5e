"""Pooling of every rank against PyTorch, with ties, NaN, overlapping and dilated windows."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from kilnn.ops.pooling import adaptive_avg_pool, avg_pool, max_pool, max_pool_indices
from tests.ops.nn_harness import compare, data, forward

MAX = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
AVG = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
ADAPTIVE = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}
CASES = [(2, 2, 2, 0, 1), (2, 3, 2, 1, 1), (2, 3, 1, 1, 1), (2, 3, 2, 1, 2), (2, 2, 3, 0, 1), (2, 4, 3, 2, 3)]
CASES += [(1, 3, 2, 1, 1), (1, 2, 2, 0, 1), (3, 2, 2, 0, 1), (3, 3, 2, 1, 1)]


def pairs(padding, rank):
    return ((padding, padding),) * rank


@pytest.mark.parametrize("rank,kernel,stride,padding,dilation", CASES)
def test_max_pool(rank, kernel, stride, padding, dilation):
    x = np.round(data(2, 3, *(11, 10, 9)[:rank]), 1)  # rounding makes ties
    attributes = {
        "kernel": (kernel,) * rank, "stride": (stride,) * rank, "padding": pairs(padding, rank),
        "dilation": (dilation,) * rank,
    }  # fmt: skip
    compare(max_pool, lambda x: MAX[rank](x, kernel, stride, padding, dilation), [x], grads=["x"], **attributes)
    tap = forward(max_pool, [x], **attributes)[1]
    found = forward(max_pool_indices, [tap], size=x.shape[2:], **attributes)[0]
    wanted = MAX[rank](torch.tensor(x), kernel, stride, padding, dilation, return_indices=True)[1]
    np.testing.assert_array_equal(found, wanted)


def test_max_pool_of_nan_and_integers():
    x = data(1, 1, 4, 4)
    x[0, 0, 1, 1] = np.nan
    attributes = {"kernel": (2, 2), "stride": (2, 2), "padding": pairs(0, 2), "dilation": (1, 1)}
    compare(max_pool, lambda x: F.max_pool2d(x, 2), [x], **attributes)
    compare(max_pool, lambda x: F.max_pool2d(x, 2), [np.arange(16).reshape(1, 1, 4, 4)], **attributes)


@pytest.mark.parametrize(
    "rank,kernel,stride,padding", [(2, 2, 2, 0), (2, 3, 2, 1), (2, 3, 1, 1), (1, 3, 2, 1), (3, 2, 2, 1)]
)
@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("divisor", [None, 3])
def test_avg_pool(rank, kernel, stride, padding, include, divisor):
    if rank == 1 and divisor:
        return
    x = data(2, 3, *(11, 10, 9)[:rank])
    more = {"divisor_override": divisor} if divisor else {}
    compare(
        avg_pool, lambda x: AVG[rank](x, kernel, stride, padding, False, include, **more), [x], grads=["x"],
        kernel=(kernel,) * rank, stride=(stride,) * rank, padding=pairs(padding, rank), count_include_pad=include,
        divisor=divisor,
    )  # fmt: skip


@pytest.mark.parametrize("include", [True, False])
def test_avg_pool_ceil_mode(include):
    compare(
        avg_pool, lambda x: F.avg_pool2d(x, 3, 2, 1, True, include), [data(2, 3, 10, 11)], grads=["x"],
        kernel=(3, 3), stride=(2, 2), padding=((1, 2), (1, 1)), count_include_pad=include, divisor=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    "size,out",
    [((8, 6), (1, 1)), ((8, 6), (4, 2)), ((7, 9), (3, 5)), ((3, 3), (7, 7)), ((9,), (4,)), ((6, 5, 4), (2, 3, 4))],
)
@pytest.mark.parametrize("lead", [(2, 3), (3,)])
def test_adaptive_avg_pool(size, out, lead):
    compare(adaptive_avg_pool, lambda x: ADAPTIVE[len(out)](x, out), [data(*lead, *size)], grads=["x"], size=out)


def test_errors():
    attributes = {"kernel": (3, 3), "stride": (3, 3), "padding": pairs(0, 2), "dilation": (1, 1)}
    with pytest.raises(RuntimeError, match=r"Given input size: \(1x2x2\). Calculated output size: \(1x0x0\)"):
        forward(max_pool, [data(1, 1, 2, 2)], **attributes)
    with pytest.raises(RuntimeError, match="Expected 3D or 4D"):
        forward(max_pool, [data(2, 2)], **attributes)
