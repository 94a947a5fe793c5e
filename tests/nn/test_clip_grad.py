"""Gradient clipping beside PyTorch's, within the step's one program; parameters as a vector."""

import math

import pytest

import kilnn
from tests.oracle import assert_agrees


def agrees(program):
    assert_agrees(program, kilnn, rtol=1e-5, atol=1e-7)


def weights(T):
    made = [T.ones(2, 3, requires_grad=True), T.ones(4, requires_grad=True), T.ones(2, requires_grad=True)]
    for place, w in enumerate(made[:2]):
        w.grad = T.arange(w.numel(), dtype=T.float32).reshape(w.shape) - 2.5 + place
    return made


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3, math.inf, 0.5])
@pytest.mark.parametrize("max_norm", [1.0, 1000.0])
def test_norm(norm_type, max_norm):
    def program(T):
        w = weights(T)
        total = T.nn.utils.clip_grad_norm_(w, max_norm, norm_type)
        return total, [x.grad for x in w]

    agrees(program)


def test_other_arguments():
    def program(T):
        w = weights(T)
        one = T.nn.utils.clip_grad_norm_(w[0], 0.5)
        generator = T.nn.utils.clip_grad_norm_((x for x in w), 0.25)
        none = T.nn.utils.clip_grad_norm_([], 1.0)
        T.nn.utils.clip_grad_value_(w, 0.05)
        total = T.nn.utils.get_total_norm([x.grad for x in w[:2]])
        T.nn.utils.clip_grads_with_norm_(w, 0.01, total)
        return one, generator, none, total, [x.grad for x in w]

    agrees(program)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("strict", [True, False])
def test_nonfinite(bad, strict):
    def program(T):
        w = T.ones(3, requires_grad=True)
        w.grad = T.tensor([1.0, bad, 2.0])
        return T.nn.utils.clip_grad_norm_([w], 1.0, error_if_nonfinite=strict), w.grad

    agrees(program)


def test_one_program_and_no_reads(compiles):
    model = kilnn.nn.Sequential(kilnn.nn.Linear(4, 8), kilnn.nn.Tanh(), kilnn.nn.Linear(8, 1))
    optimizer = kilnn.optim.SGD(model.parameters(), lr=0.1)
    with compiles(step=1, syncs_at_most=0):
        for step in range(6):
            optimizer.zero_grad()
            model(kilnn.ones(3, 4)).sum().backward()
            kilnn.nn.utils.clip_grad_norm_(model.parameters(), 0.1 * (step + 1))
            optimizer.step()


def test_training_with_clipping():
    def program(T):
        T.manual_seed(0)
        model = T.nn.Sequential(T.nn.Linear(4, 8), T.nn.Tanh(), T.nn.Linear(8, 1))
        optimizer = T.optim.Adam(model.parameters(), lr=0.1)
        norms = []
        for _ in range(5):
            optimizer.zero_grad()
            model(T.ones(3, 4)).pow(2).sum().backward()
            norms.append(T.nn.utils.clip_grad_norm_(model.parameters(), 0.3))
            optimizer.step()
        return norms, list(model.parameters())

    assert_agrees(program, kilnn, rtol=1e-4, atol=1e-5)


def test_vectors():
    def program(T):
        T.manual_seed(0)
        m = T.nn.Linear(2, 3)
        v = T.nn.utils.parameters_to_vector(m.parameters())
        (v * v).sum().backward()
        T.nn.utils.vector_to_parameters(T.arange(9, dtype=T.float32), m.parameters())
        return v, m.weight, m.bias, m.weight.grad

    agrees(program)
    agrees(lambda T: T.nn.utils.vector_to_parameters([1.0], []))
