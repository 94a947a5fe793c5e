"""nn.utils.prune beside PyTorch's."""

import numpy as np
import pytest
import torch
import torch.nn.utils.prune as theirs

import kilnn
import kilnn.nn.utils.prune as ours

BOTH = [(torch, theirs), (kilnn, ours)]


def layer(T):
    made = T.nn.Conv2d(3, 4, 2)
    rng = np.random.default_rng(0)
    with T.no_grad():
        for p in made.parameters():
            p.copy_(T.tensor(rng.standard_normal(tuple(p.shape)).astype(np.float32)))
    return made


def state(module):
    found = {k: v.detach().numpy().copy() for k, v in module.state_dict().items()}
    parameters = [name for name, _ in module.named_parameters()]
    return found | {"now": module.weight.detach().numpy().copy(), "parameters": parameters}


def same(a, b):
    assert a.keys() == b.keys() and a["parameters"] == b["parameters"]
    for key in a.keys() - {"parameters"}:
        np.testing.assert_allclose(a[key], b[key], rtol=1e-6)


PRUNINGS = {
    "l1 share": lambda T, P, m: P.l1_unstructured(m, "weight", amount=0.3),
    "l1 number": lambda T, P, m: P.l1_unstructured(m, "weight", amount=7),
    "l1 nothing": lambda T, P, m: P.l1_unstructured(m, "weight", amount=0),
    "l1 by scores": lambda T, P, m: P.l1_unstructured(m, "weight", 0.5, importance_scores=m.weight.flip(0)),
    "channels": lambda T, P, m: P.ln_structured(m, "weight", amount=0.5, n=2, dim=0),
    "channels, infinite norm": lambda T, P, m: P.ln_structured(m, "weight", amount=1, n=float("inf"), dim=-1),
    "identity": lambda T, P, m: P.identity(m, "weight"),
    "mask": lambda T, P, m: P.custom_from_mask(m, "weight", mask=(m.weight > 0)),
    "bias too": lambda T, P, m: (P.l1_unstructured(m, "weight", 0.5), P.l1_unstructured(m, "bias", 2)),
    "one after the other": lambda T, P, m: (P.l1_unstructured(m, "weight", 0.2), P.l1_unstructured(m, "weight", 0.5)),
    "entries, then channels": lambda T, P, m: (
        P.l1_unstructured(m, "weight", 0.2), P.ln_structured(m, "weight", 2, n=1, dim=1),
    ),
    "channels, then entries, then channels": lambda T, P, m: (
        P.ln_structured(m, "weight", 1, n=2, dim=0), P.l1_unstructured(m, "weight", 0.25),
        P.ln_structured(m, "weight", 1, n=2, dim=0),
    ),
    "all together": lambda T, P, m: P.global_unstructured(
        [(m, "weight"), (m, "bias")], pruning_method=P.L1Unstructured, amount=0.4
    ),
}  # fmt: skip


@pytest.mark.parametrize("prune", PRUNINGS.values(), ids=PRUNINGS.keys())
def test_masks_steps_and_removal_are_pytorchs(prune):
    found = []
    for T, P in BOTH:
        module = layer(T)
        prune(T, P, module)
        states = [state(module)]
        optimizer = T.optim.SGD(module.parameters(), lr=0.1)
        for _ in range(2):
            optimizer.zero_grad()
            module(T.ones(1, 3, 4, 4)).square().sum().backward()
            optimizer.step()
        module(T.ones(1, 3, 4, 4))
        states.append(state(module))
        assert P.is_pruned(T.nn.Sequential(module))
        P.remove(module, "weight")
        states.append(state(module))
        found.append(states)
    for mine, wanted in zip(found[1], found[0], strict=True):
        same(mine, wanted)


def test_a_comparison_sees_another_mask():
    modules = [layer(T) for T, _ in BOTH]
    theirs.l1_unstructured(modules[0], "weight", 7)
    ours.l1_unstructured(modules[1], "weight", 8)
    with pytest.raises(AssertionError):
        same(state(modules[1]), state(modules[0]))


@pytest.mark.parametrize("amount", [0.25, 12])
def test_random_entries_and_channels(amount):
    module = layer(kilnn)
    ours.random_unstructured(module, "weight", amount)
    assert int((module.weight_mask == 0).sum()) == 12
    ours.random_structured(module, "bias_or_weight"[-6:], amount=2, dim=0)
    alive = module.weight_mask.sum(dim=[1, 2, 3]) != 0
    assert int(alive.sum()) == 2


def test_a_tensor_alone():
    t = np.array([[3.0, -1.0], [0.5, 2.0]], np.float32)
    mine, wanted = (P.L1Unstructured(2).prune(T.tensor(t)) for T, P in BOTH[::-1])
    np.testing.assert_array_equal(mine.numpy(), wanted.numpy())


WRONG = {
    "share": lambda T, P, m: P.l1_unstructured(m, "weight", 1.5),
    "negative": lambda T, P, m: P.l1_unstructured(m, "weight", -1),
    "word": lambda T, P, m: P.l1_unstructured(m, "weight", "half"),
    "more than there are": lambda T, P, m: P.l1_unstructured(m, "weight", 1000),
    "channels of a vector": lambda T, P, m: P.ln_structured(m, "bias", 1, 2, dim=0),
    "no such dimension": lambda T, P, m: P.ln_structured(m, "weight", 1, 2, dim=4),
    "no such parameter": lambda T, P, m: P.l1_unstructured(m, "missing", 1),
    "not pruned": lambda T, P, m: P.remove(m, "weight"),
    "structured for all": lambda T, P, m: P.global_unstructured([(m, "weight")], P.RandomStructured, amount=1),
    "no list": lambda T, P, m: P.global_unstructured(3, P.L1Unstructured, amount=1),
    "scores in a list": lambda T, P, m: P.global_unstructured([], P.L1Unstructured, importance_scores=[1], amount=1),
    "scores of another shape": lambda T, P, m: P.l1_unstructured(m, "weight", 1, importance_scores=m.bias),
    "container": lambda T, P, m: P.PruningContainer().add_pruning_method(3),
    "other parameter": lambda T, P, m: P.PruningContainer(P.Identity.apply(m, "weight")).add_pruning_method(
        P.Identity.apply(m, "bias")
    ),
}


@pytest.mark.parametrize("mistake", WRONG.values(), ids=WRONG.keys())
def test_mistakes_raise_as_in_pytorch_and_change_nothing(mistake):
    kinds = []
    for T, P in BOTH:
        module = layer(T)
        before = state(module)
        with pytest.raises(Exception) as caught:  # the same kind as PyTorch's: compared below
            mistake(T, P, module)
        kinds.append(caught.type)
        if not isinstance(module.weight, torch.Tensor) and "weight_orig" not in module._parameters:
            same(state(module), before)
    assert kinds[0] is kinds[1]
