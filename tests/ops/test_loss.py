"""Losses against PyTorch for every reduction, weight, ignored class and label smoothing."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from kilnn.ops import loss as L
from tests.ops.nn_harness import arrays, bad_value, close, compare, data, forward, gradient, together

REDUCTIONS = ["none", "mean", "sum"]
probabilities = abs(data(4, 5)) % 1


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("op,oracle,more", [
    (L.mse_loss, F.mse_loss, []),
    (L.l1_loss, F.l1_loss, []),
    (L.smooth_l1_loss, lambda x, t, beta, reduction: F.smooth_l1_loss(x, t, reduction=reduction, beta=beta), [0.7]),
    (L.huber_loss, lambda x, t, delta, reduction: F.huber_loss(x, t, reduction=reduction, delta=delta), [0.7]),
], ids=["mse", "l1", "smooth_l1", "huber"])  # fmt: skip
def test_distances(op, oracle, more, reduction):
    operands = [data(4, 5), data(4, 5, seed=1), *more]
    compare(op, lambda *a: oracle(*a, reduction=reduction), operands, grads=["x", "target"], reduction=reduction)


@pytest.mark.filterwarnings("ignore:Using a target size")
def test_broadcast_target():
    compare(L.mse_loss, F.mse_loss, [data(4, 5), data(4, 1, seed=1)], grads=["x", "target"], reduction="mean")


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
def test_binary_cross_entropy(reduction, weighted):
    x = abs(data(4, 5, seed=3)) % 1
    x[0, :2] = 0, 1
    operands = [x, probabilities, data(4, 5, seed=2) if weighted else None]
    compare(
        L.binary_cross_entropy, lambda x, t, w: F.binary_cross_entropy(x, t, w, reduction=reduction), operands,
        grads=["x"], reduction=reduction,
    )  # fmt: skip
    operands[0] = probabilities[::-1].copy()
    compare(
        L.binary_cross_entropy, lambda x, t, w: F.binary_cross_entropy(x, t, w, reduction=reduction), operands,
        grads=["x", "target"], reduction=reduction,
    )  # fmt: skip
    assert bad_value(L.binary_cross_entropy, operands, reduction=reduction) is None
    for wrong in (-0.1, 1.1, np.nan):
        bad = bad_value(L.binary_cross_entropy, [np.float32([0.5, wrong]), None], reduction=reduction)
        assert bad == "all elements of input should be between 0 and 1"


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weight,pos_weight", [(False, False), (True, False), (False, True), (True, True)])
def test_binary_cross_entropy_with_logits(reduction, weight, pos_weight):
    operands = [
        data(4, 5) * 5, probabilities, data(4, 5, seed=2) if weight else None, abs(data(5,
            seed=4)) if pos_weight else None
    ]  # fmt: skip
    compare(
        L.binary_cross_entropy_with_logits,
        lambda x, t, w, p: F.binary_cross_entropy_with_logits(x, t, w, reduction=reduction, pos_weight=p),
        operands, grads=["x", "target"], reduction=reduction,
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore:reduction")
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("log_target", [False, True])
def test_kl_div(reduction, log_target):
    target = probabilities if not log_target else np.log(probabilities)
    if not log_target:
        compare(
            L.kl_div, lambda x, t: F.kl_div(x, t, reduction=reduction), [data(4, 5), np.where(target < 0.3, 0, target)],
            grads=["x"], reduction=reduction, log_target=False,
        )  # fmt: skip
    compare(
        L.kl_div, lambda x, t: F.kl_div(x, t, reduction=reduction, log_target=log_target), [data(4, 5), target],
        grads=["x", "target"], reduction=reduction, log_target=log_target,
    )  # fmt: skip


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("shape", [(6, 5), (5,), (2, 5, 2, 3)])
@pytest.mark.parametrize("ignored", [-100, 2])
def test_cross_entropy(reduction, weighted, smoothing, shape, ignored):
    sample = shape[:1] * (len(shape) > 1) + shape[2:]
    target = np.asarray(np.random.default_rng(1).integers(0, 5, sample))
    target.flat[0] = ignored if target.ndim else target
    operands = [data(*shape) * 3, target, abs(data(5)) if weighted else None, smoothing]
    attributes = {"reduction": reduction, "ignore_index": ignored, "smooth": smoothing > 0}
    x = torch.tensor(operands[0], requires_grad=True)
    w = torch.tensor(operands[2]) if weighted else None
    wanted = F.cross_entropy(
        x, torch.tensor(target), w, ignore_index=ignored, reduction=reduction, label_smoothing=smoothing
    )
    ct = np.asarray(data(*wanted.shape) if wanted.ndim else 1.7, np.float32)
    found, (grad,) = together(L.cross_entropy, ["x"], arrays(*operands), (ct,), **attributes)
    close(found[0], wanted)
    wanted.backward(torch.tensor(ct))
    close(grad, x.grad)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(6, 5), (5,), (2, 5, 2, 3)])
def test_nll_loss(reduction, weighted, shape):
    sample = shape[:1] * (len(shape) > 1) + shape[2:]
    target = np.asarray(np.random.default_rng(1).integers(0, 5, sample))
    if target.ndim:
        target.flat[1] = 3
    operands = [data(*shape), target, abs(data(5)) if weighted else None]
    attributes = {"reduction": reduction, "ignore_index": 3}
    x = torch.tensor(operands[0], requires_grad=True)
    wanted = F.nll_loss(
        x, torch.tensor(target), torch.tensor(operands[2]) if weighted else None, reduction=reduction, ignore_index=3
    )
    ct = np.asarray(data(*wanted.shape) if wanted.ndim else 1.7, np.float32)
    found, (grad,) = together(L.nll_loss, ["x"], operands, (ct,), **attributes)
    close(found[0], wanted)
    wanted.backward(torch.tensor(ct))
    close(grad, x.grad)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_all_ignored(smoothing):
    operands = arrays(data(3, 5), np.full(3, 2), None, smoothing)
    attributes = {"reduction": "mean", "ignore_index": 2, "smooth": smoothing > 0}
    found = forward(L.cross_entropy, operands, **attributes)
    assert np.isnan(found[0])
    assert (gradient(L.cross_entropy, "x", operands, found, (np.float32(1),), **attributes) == 0).all()


def test_target_out_of_bounds():
    attributes = {"reduction": "mean", "ignore_index": -100, "smooth": False}
    x = data(3, 10)
    assert bad_value(L.cross_entropy, [x, np.array([0, 9, -100])], **attributes) is None
    assert bad_value(L.cross_entropy, [x, np.array([0, 10, 1])], **attributes) == "Target 10 is out of bounds."
    assert bad_value(L.cross_entropy, [x, np.array([0, 9, -1])], **attributes) == "Target -1 is out of bounds."


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("shape", [(6, 5), (2, 5, 3), (5,)])
def test_soft_cross_entropy(reduction, weighted, smoothing, shape):
    target = abs(data(*shape, seed=5))
    compare(
        L.soft_cross_entropy,
        lambda x, t, w, s: F.cross_entropy(x, t, w, reduction=reduction, label_smoothing=smoothing),
        [data(*shape), target, abs(data(5)) if weighted else None, smoothing], grads=["x", "target"],
        reduction=reduction, smooth=smoothing > 0,
    )  # fmt: skip


def test_shape_and_dtype_errors():
    attributes = {"reduction": "mean", "ignore_index": -100, "smooth": False}
    with pytest.raises(ValueError, match=r"Expected input batch_size \(3\) to match target batch_size \(4\)"):
        forward(L.cross_entropy, arrays(data(3, 5), np.zeros(4, np.int64), None, 0.0), **attributes)
    with pytest.raises(RuntimeError, match="0D or 1D target tensor expected, multi-target not supported"):
        forward(L.cross_entropy, arrays(data(3, 5), np.zeros((3, 1), np.int64), None, 0.0), **attributes)
    with pytest.raises(RuntimeError, match="expected scalar type Long but found Int"):
        forward(L.cross_entropy, arrays(data(3, 5), np.zeros(3, np.int32), None, 0.0), **attributes)
