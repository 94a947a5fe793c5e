"""Convolutions of every rank, stride, padding, dilation and grouping against PyTorch."""

import itertools

import numpy as np
import pytest
import torch.nn.functional as F

from kilnn.ops.convolution import conv, conv_transpose
from tests.ops.nn_harness import compare, data, forward

CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
CASES = [
    (2, 1, 0, 1, 1), (2, 2, 1, 1, 1), (2, 1, 2, 2, 1), (2, 3, 1, 2, 2), (2, 1, 1, 1, 4),
    (1, 1, 0, 1, 1), (1, 2, 3, 2, 2), (3, 1, 1, 1, 1), (3, 2, 0, 2, 2),
]  # fmt: skip


@pytest.mark.parametrize("rank,stride,padding,dilation,groups", CASES)
@pytest.mark.parametrize("batched", [True, False])
def test_conv(rank, stride, padding, dilation, groups, batched):
    size = (9, 8, 7)[:rank]
    x = data(*((3,) if batched else ()), 4, *size)
    w = data(8, 4 // groups, *(3, 2, 3)[:rank], seed=1)
    compare(
        conv, lambda x, w, b: CONV[rank](x, w, b, stride, padding, dilation, groups), [x, w, data(8)],
        grads=["x", "w", "b"], stride=(stride,) * rank, padding=((padding, padding),) * rank,
        dilation=(dilation,) * rank, groups=groups,
    )  # fmt: skip


@pytest.mark.parametrize("rank,stride,padding,dilation,groups", CASES)
@pytest.mark.parametrize("extra", [0, 1])
def test_conv_transpose(rank, stride, padding, dilation, groups, extra):
    if extra and max(stride, dilation) < 2:
        return
    x = data(3, 4, *(5, 4, 6)[:rank])
    w = data(4, 8 // groups, *(3, 2, 3)[:rank], seed=1)
    compare(
        conv_transpose, lambda x, w, b: TRANSPOSED[rank](x, w, b, stride, padding, extra, groups, dilation),
        [x, w, data(8)], grads=["x", "w", "b"], stride=(stride,) * rank, padding=(padding,) * rank,
        output_padding=(extra,) * rank, dilation=(dilation,) * rank, groups=groups,
    )  # fmt: skip


@pytest.mark.parametrize(
    "rank,stride,padding,dilation", [(2, 1, 1, 1), (2, 2, 0, 1), (2, 3, 2, 2), (1, 2, 1, 1), (3, 1, 1, 1)]
)
def test_depthwise(rank, stride, padding, dilation):
    size = (9, 8, 7)[:rank]
    compare(
        conv, lambda x, w, b: CONV[rank](x, w, b, stride, padding, dilation, 5),
        [data(2, 5, *size), data(5, 1, *(3, 2, 3)[:rank], seed=1), data(5)], grads=["x", "w", "b"],
        stride=(stride,) * rank, padding=((padding, padding),) * rank, dilation=(dilation,) * rank, groups=5,
    )  # fmt: skip
    compare(
        conv_transpose, lambda x, w: TRANSPOSED[rank](x, w, None, stride, padding, 0, 5, dilation),
        [data(2, 5, *size), data(5, 1, *(3, 2, 3)[:rank], seed=1)], grads=["x", "w"], stride=(stride,) * rank,
        padding=(padding,) * rank, output_padding=(0,) * rank, dilation=(dilation,) * rank, groups=5,
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore:Using padding")
def test_mixed_sizes_and_same_padding():
    for stride, (low, high) in itertools.product(((2, 1), (1, 3)), ((1, 1), (2, 2))):
        compare(
            conv, lambda x, w: F.conv2d(x, w, None, stride, (low, high)), [data(2, 3, 10, 11), data(5, 3, 4, 3)],
            grads=["x", "w"], stride=stride, padding=((low, low), (high, high)), dilation=(1, 1), groups=1,
        )  # fmt: skip
    compare(
        conv, lambda x, w: F.conv2d(x, w, padding="same"), [data(2, 3, 10, 11), data(5, 3, 4, 3)],
        grads=["x", "w"], stride=(1, 1), padding=((1, 2), (1, 1)), dilation=(1, 1), groups=1,
    )  # fmt: skip


def test_float64():
    operands = [data(2, 3, 6, 6, dtype=np.float64), data(4, 3, 3, 3, dtype=np.float64)]
    compare(
        conv, F.conv2d, operands, grads=["x", "w"], rtol=1e-12, stride=(1, 1), padding=((0, 0),) * 2,
        dilation=(1, 1), groups=1,
    )  # fmt: skip


def test_errors():
    plain = {"stride": (1, 1), "padding": ((0, 0),) * 2, "dilation": (1, 1), "groups": 1}
    with pytest.raises(RuntimeError, match=r"expected input\[1, 1, 28, 28\] to have 3 channels, but got 1 channels"):
        forward(conv, [data(1, 1, 28, 28), data(6, 3, 5, 5)], **plain)
    with pytest.raises(RuntimeError, match=r"Expected 3D \(unbatched\) or 4D \(batched\) input to conv2d"):
        forward(conv, [data(28, 28), data(6, 3, 5, 5)], **plain)
    with pytest.raises(RuntimeError, match=r"size per channel: \(2 x 2\)\. Kernel size: \(5 x 5\)"):
        forward(conv, [data(1, 3, 2, 2), data(6, 3, 5, 5)], **plain)
