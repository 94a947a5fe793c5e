"""What shares a parameter's buffer keeps its value when steps reuse it; traces obey their rules; JAX sees through."""

import copy

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kilnn as T
from kilnn.engine import verify
from kilnn.engine.context import local


def model_and_optimizer():
    T.manual_seed(0)
    net = T.nn.Sequential(T.nn.Linear(6, 8), T.nn.Tanh(), T.nn.Linear(8, 2))
    return net, T.optim.Adam(net.parameters(), lr=0.05)


def step(net, optimizer):
    optimizer.zero_grad()
    net(T.ones(3, 6)).square().sum().backward()
    optimizer.step()


SNAPSHOTS = {
    "clone": lambda net: [p.detach().clone() for p in net.parameters()],
    "deepcopy": lambda net: list(copy.deepcopy(net).parameters()),
    "state_dict copy": lambda net: [v.clone() for v in net.state_dict().values()],
    "numpy": lambda net: [p.detach().numpy() for p in net.parameters()],
    "jax": lambda net: [p.detach().jax() for p in net.parameters()],
    "computed": lambda net: [p.detach() * 1 for p in net.parameters()],
}


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_a_snapshot_survives_later_steps(name, compiles):
    net, optimizer = model_and_optimizer()
    for _ in range(2):
        step(net, optimizer)
    with compiles(step=0):
        kept = SNAPSHOTS[name](net)
        values = [p.detach().numpy() for p in net.parameters()]
        for _ in range(3):
            step(net, optimizer)
    for snapshot, value in zip(kept, values, strict=True):
        np.testing.assert_array_equal(
            np.asarray(snapshot if not isinstance(snapshot, T.Tensor) else snapshot.detach()), value
        )
    assert any((p.detach().numpy() != v).any() for p, v in zip(net.parameters(), values, strict=True))


def test_aliases_see_steps():
    net, optimizer = model_and_optimizer()
    aliases = [p.detach() for p in net.parameters()]
    step(net, optimizer)
    for alias, p in zip(aliases, net.parameters(), strict=True):
        np.testing.assert_array_equal(alias.numpy(), p.detach().numpy())


def test_loading_into_a_target_network_does_not_tie_it():
    net, optimizer = model_and_optimizer()
    target, _ = model_and_optimizer()
    step(net, optimizer)
    target.load_state_dict(net.state_dict())
    before = [p.detach().numpy() for p in target.parameters()]
    step(net, optimizer)
    for p, value in zip(target.parameters(), before, strict=True):
        np.testing.assert_array_equal(p.detach().numpy(), value)


def test_the_verifier_finds_a_broken_trace():
    x = T.ones(300, 300, requires_grad=True)
    y = x * 2 + x
    trace = local.context.trace
    verify.check_trace(trace)
    value = trace.values[-1]
    good = value.instr
    value.instr = (good[0], good[1], len(trace.values) + 3)
    with pytest.raises(verify.TraceError, match="not earlier"):
        verify.check_trace(trace)
    value.instr = good
    assert y.sum().item() == 3 * 300 * 300


def test_recording_on_jax_tracers_runs_at_once():
    def f(a):
        t = T.from_jax(a)
        return ((t * t).sum() + t.exp().mean()).jax()

    a = jnp.arange(5.0)
    np.testing.assert_allclose(jax.jit(f)(a), f(a), rtol=1e-6)
    np.testing.assert_allclose(jax.grad(f)(a), 2 * a + jnp.exp(a) / 5, rtol=1e-5)
