"""Twenty steps on kilnn and on PyTorch from the same weights: the same losses and the same parameters."""

import itertools

import numpy as np
import pytest
import torch

import kilnn
from tests.oracle import Difference
from tests.parity.runs import RUNS, STEPS

LOSS_RTOL = 1e-4
PARAMETER_TOLERANCE = 1e-3


def compare(ours, theirs) -> None:
    """Losses relative to their size, and the change of each parameter relative to its size."""
    (losses, parameters), (expected_losses, expected) = ours, theirs
    if len(losses) != len(expected_losses):
        raise Difference(f"{len(losses)} losses, PyTorch {len(expected_losses)}")
    scale = max(abs(x) for x in expected_losses)
    for step, (a, b) in enumerate(zip(losses, expected_losses, strict=True)):
        if not abs(a - b) <= LOSS_RTOL * max(abs(b), 0.1 * scale):
            raise Difference(f"loss {step}: {a}, PyTorch {b}")
    if list(parameters) != list(expected):
        raise Difference(f"state {list(parameters)}, PyTorch {list(expected)}")
    for name, b in expected.items():
        a = parameters[name]
        if a.shape != b.shape or a.dtype != b.dtype:
            raise Difference(f"{name}: {a.dtype}{a.shape}, PyTorch {b.dtype}{b.shape}")
        if not np.abs(a - b).max() <= PARAMETER_TOLERANCE * max(np.abs(b).max(), 1e-3):
            raise Difference(f"{name}: differs by {np.abs(a - b).max()}")


@pytest.mark.parametrize("name", RUNS)
def test_lazy_run_equals_pytorch(name):
    compare(RUNS[name](kilnn), RUNS[name](torch))


@pytest.mark.parametrize("name", ["mlp_adam_step_lr", "cnn_batch_norm", "transformer", "wgan_gradient_penalty"])
def test_eager_run_equals_pytorch(name):
    with kilnn.eager():
        ours = RUNS[name](kilnn)
    compare(ours, RUNS[name](torch))


# -- meta-tests


@pytest.mark.parametrize("name", RUNS)
def test_the_run_trains_and_agrees_with_itself(name):
    result = RUNS[name](torch)
    compare(result, RUNS[name](torch))
    losses, parameters = result
    assert len(losses) >= STEPS
    assert np.isfinite(losses).all()
    assert len({round(x, 6) for x in losses}) > 10
    assert parameters


@pytest.mark.parametrize("name", RUNS)
def test_a_slightly_wrong_gradient_is_noticed(name, monkeypatch):
    """Every other gradient is 10 % too large: an optimizer that divides by the gradient's size does not hide it."""
    right = RUNS[name](torch)
    backward, calls = torch.Tensor.backward, itertools.count()
    monkeypatch.setattr(
        torch.Tensor, "backward", lambda self, *a, **k: backward(self * (1 + 0.1 * (next(calls) % 2)), *a, **k)
    )
    with pytest.raises(Difference):
        compare(RUNS[name](torch), right)


def test_a_wrong_loss_a_wrong_parameter_and_a_wrong_dtype_are_noticed():
    losses, parameters = RUNS["mlp_sgd"](torch)
    wrong = list(losses)
    wrong[-1] *= 1 + 3e-4
    with pytest.raises(Difference, match="loss 19"):
        compare((wrong, parameters), (losses, parameters))
    name = next(iter(parameters))
    with pytest.raises(Difference, match="differs"):
        compare((losses, parameters | {name: parameters[name] + 1e-2}), (losses, parameters))
    with pytest.raises(Difference, match="float64"):
        compare((losses, parameters | {name: parameters[name].astype(np.float64)}), (losses, parameters))
