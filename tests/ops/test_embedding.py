"""Embedding against PyTorch: repeated and padding indices, the range check."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from kilnn.ops.embedding import embedding, renorm_rows
from tests.ops.nn_harness import arrays, bad_value, close, compare, data, forward, gradient

INDEX = np.array([[1, 2, 2], [5, 0, 1]])


@pytest.mark.parametrize("padding_idx", [None, 2])
@pytest.mark.parametrize("by_frequency", [False, True])
@pytest.mark.parametrize("dtype", [np.int64, np.int32])
def test_embedding(padding_idx, by_frequency, dtype):
    weight, index = data(6, 3), INDEX.astype(dtype)
    attributes = {"padding_idx": padding_idx, "by_frequency": by_frequency}
    t = torch.tensor(weight, requires_grad=True)
    out = F.embedding(torch.tensor(index), t, padding_idx, scale_grad_by_freq=by_frequency)
    found = forward(embedding, [weight, index], **attributes)
    close(found[0], out)
    ct = data(*out.shape)
    out.backward(torch.tensor(ct))
    close(gradient(embedding, "weight", [weight, index], found, (ct,), **attributes), t.grad)


def test_index_out_of_range_is_reported_and_clamped():
    attributes = {"padding_idx": None, "by_frequency": False}
    assert bad_value(embedding, [data(6, 3), INDEX], **attributes) is None
    for wrong in (-1, 6):
        assert bad_value(embedding, [data(6, 3), np.array([0, wrong])], **attributes) == "index out of range in self"
    found = forward(embedding, [data(6, 3), np.array([9])], **attributes)[0]
    np.testing.assert_array_equal(found, data(6, 3)[5:])


@pytest.mark.parametrize("order", [2.0, 1.0, np.inf])
def test_renorm_rows(order):
    weight = torch.tensor(data(6, 3) * 3)
    found = forward(renorm_rows, arrays(weight.numpy().copy(), INDEX, 1.0), ord=order)[0]
    F.embedding(torch.tensor(INDEX), weight, max_norm=1.0, norm_type=order)
    close(found, weight, rtol=1e-5)


def test_dtype_error():
    with pytest.raises(RuntimeError, match="scalar types: Long, Int; but got FloatTensor"):
        forward(embedding, [data(6, 3), data(2)], padding_idx=None, by_frequency=False)


def test_compare_helper_sees_a_wrong_gradient():
    with pytest.raises(AssertionError):
        compare(
            embedding, lambda w, i: F.embedding(i, w) * 2, [data(6, 3), INDEX], padding_idx=None, by_frequency=False
        )
