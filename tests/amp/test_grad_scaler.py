"""GradScaler beside PyTorch's: scales, skipped steps, state, errors; and what it costs in programs."""

import warnings

import numpy as np
import pytest
import torch

import kilnn

BOTH = [torch, kilnn]
BAD = {2: float("inf"), 5: float("nan")}
"""Steps whose loss is not finite."""


def run(T, steps=9, clip=False, **options):
    weight = T.tensor([[0.5, -1.0], [2.0, 0.25]], requires_grad=True)
    bias = T.zeros(2, requires_grad=True)
    unused = T.ones(1, requires_grad=True)
    optimizer = T.optim.Adam([{"params": [weight, unused]}, {"params": [bias], "lr": 0.2}], lr=0.1)
    schedule = T.optim.lr_scheduler.StepLR(optimizer, 3)
    scaler = T.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=2, **options)
    x = T.tensor([[1.0, 2.0], [3.0, -1.0]])
    history = []
    for number in range(steps):
        optimizer.zero_grad()
        loss = (x @ weight + bias).square().mean() * BAD.get(number, 1.0)
        scaler.scale(loss).backward()
        if clip:
            scaler.unscale_(optimizer)
            T.nn.utils.clip_grad_norm_([weight, bias], 0.5)
        scaler.step(optimizer)
        scaler.update()
        with warnings.catch_warnings():
            # PyTorch warns of a skipped first step, as if step had not been called.
            warnings.simplefilter("ignore" if T is torch else "error")
            schedule.step()
        history.append((scaler.get_scale(), weight.tolist(), bias.tolist()))
    return history, scaler.state_dict()


@pytest.mark.parametrize("clip", [False, True])
def test_scales_and_parameters(clip):
    (theirs, state), (ours, our_state) = run(torch, clip=clip), run(kilnn, clip=clip)
    for a, b in zip(ours, theirs, strict=True):
        assert a[0] == b[0]
        assert np.allclose(a[1], b[1], rtol=1e-5, atol=1e-6) and np.allclose(a[2], b[2], rtol=1e-5, atol=1e-6)
    assert our_state == state and len({scale for scale, *_ in ours}) > 1
    assert ours[2][1] == ours[1][1] and ours[3][1] != ours[2][1]  # the bad step was skipped


def test_odd_factors():
    options = {"growth_factor": 1.7, "backoff_factor": 0.3}
    assert [s for s, *_ in run(kilnn, **options)[0]] == [s for s, *_ in run(torch, **options)[0]]


def test_a_skipped_first_step_makes_no_warning():
    BAD[0] = float("inf")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            history = run(kilnn, 1)[0]
    finally:
        del BAD[0]
    assert history and [str(w.message) for w in caught] == []


def test_programs(compiles):
    run(kilnn)
    with compiles(exactly=0):
        run(kilnn)


def test_what_is_scaled():
    for T in BOTH:
        scaler = T.amp.GradScaler("cpu", init_scale=4.0)
        one, (two, (three,)) = scaler.scale([T.ones(2), (T.ones(1), [T.ones(()).half()])])
        assert one.tolist() == [4, 4] and two.tolist() == [4]
        assert three.item() == 4 and str(three.dtype).endswith("float32")
        with pytest.raises(ValueError, match="outputs must be a Tensor or an iterable of Tensors"):
            scaler.scale(3)


def test_errors():
    for T in BOTH:
        weight = T.ones(1, requires_grad=True)
        optimizer = T.optim.SGD([weight], lr=0.1)
        scaler = T.amp.GradScaler("cpu", init_scale=2.0)
        with pytest.raises(AssertionError):
            scaler.update()
        scaler.scale(weight.sum()).backward()
        scaler.unscale_(optimizer)
        assert weight.grad.item() == 1
        with pytest.raises(RuntimeError, match="unscale_\\(\\) has already been called on this optimizer"):
            scaler.unscale_(optimizer)
        scaler.step(optimizer)
        with pytest.raises(RuntimeError, match="step\\(\\) has already been called since the last update"):
            scaler.step(optimizer)
        with pytest.raises(RuntimeError, match="unscale_\\(\\) is being called after step"):
            scaler.unscale_(optimizer)
        with pytest.raises(RuntimeError, match="Closure use is not currently supported"):
            scaler.step(optimizer, closure=lambda: 0)
        scaler.update()
        optimizer.zero_grad()
        with pytest.raises(AssertionError, match="No inf checks were recorded for this optimizer"):
            scaler.step(optimizer)
        half = T.ones(1, requires_grad=True, dtype=T.float16)
        half.sum().backward()
        with pytest.raises(ValueError, match="Attempting to unscale FP16 gradients"):
            scaler.unscale_(T.optim.SGD([half], lr=0.1))
        with pytest.raises(AssertionError, match=r"The growth factor must be > 1\.0"):
            T.amp.GradScaler("cpu", growth_factor=1.0)
        with pytest.raises(AssertionError, match=r"The backoff factor must be < 1\.0"):
            T.amp.GradScaler("cpu", backoff_factor=1.0)


def test_state():
    for T in BOTH:
        scaler = T.amp.GradScaler("cpu", init_scale=8.0)
        scaler.scale(T.ones(1))
        scaler.update(2.0)
        scaler.update(T.tensor(4.0))
        assert scaler.get_scale() == 4 and scaler.is_enabled()
        other = T.amp.GradScaler("cpu")
        other.set_growth_factor(3.0)
        other.set_backoff_factor(0.1)
        other.set_growth_interval(7)
        other.load_state_dict(scaler.state_dict())
        assert other.get_scale() == 4 and other.get_growth_factor() == 2 and other.get_backoff_factor() == 0.5
        assert other.get_growth_interval() == 2000
        with pytest.raises(RuntimeError, match="The source state dict is empty"):
            other.load_state_dict({})


def test_disabled():
    for T in BOTH:
        scaler = T.amp.GradScaler("cpu", enabled=False)
        weight = T.ones(1, requires_grad=True)
        optimizer = T.optim.SGD([weight], lr=0.5)
        loss = weight.sum()
        assert scaler.scale(loss) is loss and scaler.get_scale() == 1.0 and scaler.state_dict() == {}
        loss.backward()
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        scaler.load_state_dict({})
        assert weight.item() == 0.5 and not scaler.is_enabled()
