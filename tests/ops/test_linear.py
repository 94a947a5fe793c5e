"""linear and bilinear against PyTorch."""

import numpy as np
import pytest
import torch.nn.functional as F

from kilnn.ops.linear import bilinear, linear
from tests.ops.nn_harness import compare, data, forward


@pytest.mark.parametrize("lead", [(), (5,), (70,), (2, 3), (2, 3, 4), (0,)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear(lead, bias):
    operands = [data(*lead, 6), data(40, 6, seed=1), data(40, seed=2) if bias else None]
    compare(linear, F.linear, operands, grads=["x", "w", "b"] if bias else ["x", "w"])


def test_linear_with_a_vector_weight():
    compare(linear, F.linear, [data(4, 6), data(6, seed=1)], grads=["x", "w"])


def test_float64_and_half():
    compare(
        linear, F.linear, [data(4, 6, dtype=np.float64), data(3, 6, dtype=np.float64)], grads=["x", "w"], rtol=1e-12
    )
    compare(linear, F.linear, [data(4, 6, dtype=np.float16), data(3, 6, dtype=np.float16)], grads=["x", "w"], rtol=2e-3)


def test_shape_error():
    with pytest.raises(RuntimeError, match=r"mat1 and mat2 shapes cannot be multiplied \(64x256 and 128x10\)"):
        forward(linear, [data(64, 256), data(10, 128)])
    with pytest.raises(RuntimeError, match="same dtype, but got Float and Double"):
        forward(linear, [data(2, 3), data(2, 3, dtype=np.float64)])


def test_bilinear():
    operands = [data(4, 3), data(4, 5, seed=1), data(2, 3, 5, seed=2), data(2, seed=3)]
    compare(bilinear, F.bilinear, operands, grads=["x1", "x2", "w", "b"])
