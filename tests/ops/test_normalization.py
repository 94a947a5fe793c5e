"""Normalisation against PyTorch: values, gradients, statistics, half precision, errors."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from kilnn.ops.normalization import batch_norm, blend, group_norm, layer_norm, rms_norm
from tests.ops.nn_harness import arrays, close, compare, data, forward

SHAPES = [(6, 4), (3, 4, 5), (3, 4, 5, 6), (2, 4, 3, 2, 3)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("affine", [True, False])
def test_batch_norm_training(shape, affine):
    operands = [
        data(*shape) * 3 + 1,
        *([data(4, seed=1), data(4, seed=2)] if affine else [None, None]),
        None,
        None,
        1e-5,
    ]
    compare(
        batch_norm, lambda x, w, b, m, v, eps: F.batch_norm(x, None, None, w, b, True, 0.1, 1e-5), operands,
        grads=["x", "weight", "bias"] if affine else ["x"], training=True, rtol=1e-4,
    )  # fmt: skip


def test_batch_norm_evaluation():
    operands = [data(3, 4, 5), data(4, seed=1), data(4, seed=2), data(4, seed=3), abs(data(4, seed=4)) + 0.1, 1e-5]
    compare(
        batch_norm, lambda x, w, b, m, v, eps: F.batch_norm(x, m, v, w, b, False, 0.1, 1e-5), operands,
        grads=["x", "weight", "bias"], training=False,
    )  # fmt: skip


def test_running_statistics():
    x, mean, var = data(3, 4, 5), data(4, seed=3), abs(data(4, seed=4))
    _, new_mean, new_var, _ = forward(batch_norm, arrays(x, None, None, None, None, 1e-5), training=True)
    wanted_mean, wanted_var = torch.tensor(mean), torch.tensor(var)
    F.batch_norm(torch.tensor(x), wanted_mean, wanted_var, training=True, momentum=0.3)
    close(forward(blend, arrays(mean, new_mean, 0.3), unbias=0)[0], wanted_mean)
    close(forward(blend, arrays(var, new_var, 0.3), unbias=15)[0], wanted_var)


@pytest.mark.parametrize("shape,dims", [((4, 6), 1), ((2, 3, 40), 1), ((2, 3, 4, 5), 2), ((7,), 1)])
@pytest.mark.parametrize("affine", [True, False])
def test_layer_norm(shape, dims, affine):
    tail = shape[-dims:]
    operands = [data(*shape), *([data(*tail, seed=1), data(*tail, seed=2)] if affine else [None, None]), 1e-5]
    compare(
        layer_norm, lambda x, w, b, eps: F.layer_norm(x, tail, w, b, 1e-5), operands,
        grads=["x", "weight", "bias"] if affine else ["x"], dims=dims, rtol=1e-4,
    )  # fmt: skip


@pytest.mark.parametrize("affine", [True, False])
def test_rms_norm(affine):
    compare(
        rms_norm, lambda x, w, eps: F.rms_norm(x, (5,), w, 1e-6), [data(3, 4, 5), data(5) if affine else None, 1e-6],
        grads=["x", "weight"] if affine else ["x"], dims=1, rtol=1e-4,
    )  # fmt: skip


@pytest.mark.parametrize("shape,groups", [((3, 6), 2), ((3, 6, 5), 3), ((2, 6, 4, 4), 1), ((2, 6, 4, 4), 6)])
@pytest.mark.parametrize("affine", [True, False])
def test_group_norm(shape, groups, affine):
    operands = [data(*shape), *([data(6, seed=1), data(6, seed=2)] if affine else [None, None]), 1e-5]
    compare(
        group_norm, lambda x, w, b, eps: F.group_norm(x, groups, w, b, 1e-5), operands,
        grads=["x", "weight", "bias"] if affine else ["x"], groups=groups, rtol=1e-4,
    )  # fmt: skip


def test_half_is_normalised_in_float32():
    x = data(4, 64, dtype=np.float16) * 100
    found = forward(layer_norm, arrays(x, None, None, 1e-5), dims=1)
    assert found[0].dtype == np.float16 and found[1].dtype == np.float32
    close(found[0], F.layer_norm(torch.tensor(x).float(), (64,)).half(), rtol=2e-3)


def test_errors():
    with pytest.raises(RuntimeError, match="weight should contain 4 elements not 3"):
        forward(batch_norm, arrays(data(2, 4), data(3), None, None, None, 1e-5), training=True)
    with pytest.raises(RuntimeError, match="divisible by num_groups"):
        forward(group_norm, arrays(data(2, 4), None, None, 1e-5), groups=3)
