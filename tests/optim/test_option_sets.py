"""Every option set of PyTorch's OptimizerInfo records: twenty steps beside PyTorch, its errors, its state."""

import warnings

import numpy as np
import pytest
import torch

import kilnn
from tests.optim.records import INFOS, OptimizerErrorEnum, converted

SEPARATE = {"LBFGS", "SparseAdam"}  # needs a closure; is not supported
STEPS = 20
SHAPES = ((3, 2), (5, 4), (130, 140))  # matrices, because Muon takes no others; the last is updated on its own
VECTORS = ((4,), ())


def starts(name):
    rng = np.random.default_rng(0)
    shapes = SHAPES if name == "Muon" else SHAPES + VECTORS
    return [rng.standard_normal(s).astype(d) for d in (np.float32, np.float64) for s in shapes]


def ours(value):
    return kilnn.tensor(value.numpy()) if isinstance(value, torch.Tensor) else value


def make(T, name, options, values):
    params = [T.tensor(v).requires_grad_() for v in values]
    if T is kilnn:
        options = {k: ours(v) for k, v in options.items()}
    lr = options.get("lr", 0.01)
    groups = [{"params": params[::2]}, {"params": params[1::2], "lr": lr * 0.5}]
    return params, getattr(T.optim, name)(groups, **options)


def take_steps(T, name, options, first=0, last=STEPS, made=None):
    values = starts(name)
    params, optimizer = made or make(T, name, options, values)
    rng = np.random.default_rng(1)
    for k in range(last):
        gradients = [(rng.standard_normal(v.shape) + 0.3).astype(v.dtype) for v in values]
        if k < first:
            continue
        for p, g in zip(params, gradients, strict=True):
            p.grad = T.tensor(g)
        for group in optimizer.param_groups:
            if k == 7 and not isinstance(group["lr"], T.Tensor):
                group["lr"] *= 0.8
        optimizer.step()
    return params, optimizer


def near(name, mine, theirs):
    start = starts(name)
    pairs = [(a.detach().numpy(), b.detach().numpy()) for a, b in zip(mine, theirs, strict=True)]
    for k, (a, b) in enumerate(pairs):
        assert a.shape == b.shape and a.dtype == b.dtype
        tolerance = 1e-5 if a.dtype == np.float32 else 1e-10
        if name == "Muon" and len(mine) > 1:  # bfloat16 inside: sums in another order are other second digits
            np.testing.assert_allclose(a, b, rtol=0, atol=0.04 * np.abs(b - start[k]).max())
        else:
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def option_sets():
    for name, info in INFOS.items():
        if name not in SEPARATE:
            for given in info.optim_inputs_func(device="cpu"):
                yield pytest.param(name, given.kwargs, id=f"{name}-{given.desc}")


@pytest.mark.parametrize("name, options", list(option_sets()))
def test_twenty_steps_are_pytorchs_and_compile_once(name, options):
    theirs, reference = take_steps(torch, name, options)
    before = kilnn.stats()["compiles"]
    mine, optimizer = take_steps(kilnn, name, options)
    assert kilnn.stats()["compiles"] - before <= 1  # none where another option set has the same program
    near(name, mine, theirs)
    for p, q in zip(mine, theirs, strict=True):
        state, wanted = optimizer.state[p], reference.state[q]
        assert set(state) == set(wanted)
        near(name, [state[k] for k in wanted], wanted.values())
    assert [set(g) for g in optimizer.param_groups] == [set(g) for g in reference.param_groups]
    assert set(optimizer.state_dict()["param_groups"][0]) == set(reference.state_dict()["param_groups"][0])


@pytest.mark.parametrize("name", [n for n in INFOS if n not in SEPARATE])
def test_state_goes_from_one_library_to_the_other(name):
    options = INFOS[name].optim_inputs_func(device="cpu")[-1].kwargs
    options = {k: v for k, v in options.items() if not isinstance(v, torch.Tensor)}
    wanted, _ = take_steps(torch, name, options)
    for first, second in ((torch, kilnn), (kilnn, torch)):
        params, optimizer = take_steps(first, name, options, last=9)
        saved = converted(optimizer.state_dict(), torch) if second is torch else optimizer.state_dict()
        made = make(second, name, options, [p.detach().numpy() for p in params])
        made[1].load_state_dict(saved)
        assert all(g["lr"] == h["lr"] for g, h in zip(made[1].param_groups, optimizer.param_groups, strict=True))
        resumed, _ = take_steps(second, name, options, first=9, made=made)
        near(name, resumed, wanted)


@pytest.mark.parametrize("name", [n for n, info in INFOS.items() if info.supports_complex and n not in SEPARATE])
def test_complex_parameters(name):
    rng = np.random.default_rng(2)
    shape = (3, 2)
    value = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.complex64)
    gradients = [(rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.complex64) for _ in range(6)]
    options = {"weight_decay": 0.1} if name != "Rprop" else {}
    results = []
    for T in (torch, kilnn):
        p = T.tensor(value).requires_grad_()
        optimizer = getattr(T.optim, name)([p], **options)
        for g in gradients:
            p.grad = T.tensor(g)
            optimizer.step()
        results.append(p.detach().numpy())
    np.testing.assert_allclose(results[1], results[0], rtol=1e-5, atol=1e-5)


def error_cases():
    for name, info in INFOS.items():
        if name != "SparseAdam":
            for k, case in enumerate(info.optim_error_inputs_func(device="cpu", dtype=torch.float32)):
                yield pytest.param(name, case, id=f"{name}-{k}-{case.optimizer_error_input.desc}")


def ours_everywhere(params):
    """The same structure with our tensors; a tensor that appears twice does so in the result."""
    known = {}

    def convert(x):
        if isinstance(x, torch.Tensor):
            if id(x) not in known:
                made = kilnn.tensor(x.detach().numpy())
                made = made.requires_grad_() if x.requires_grad else made
                if x.grad is not None:
                    made.grad = kilnn.tensor(x.grad.numpy())
                known[id(x)] = made
            return known[id(x)]
        if isinstance(x, dict):
            return {k: convert(v) for k, v in x.items()}
        return type(x)(convert(v) for v in x) if isinstance(x, list | tuple) else x

    return convert(params)


@pytest.mark.parametrize("name, case", list(error_cases()))
def test_errors_are_pytorchs(name, case):
    given = case.optimizer_error_input
    params = [kilnn.ones(2, 3, requires_grad=True)] if given.params is None else ours_everywhere(given.params)
    options = ours_everywhere(given.kwargs)
    cls = getattr(kilnn.optim, name)
    if case.error_type is UserWarning:
        with pytest.warns(UserWarning, match=case.error_regex):
            cls(params, **options)
    elif case.error_on is OptimizerErrorEnum.CONSTRUCTION_ERROR:
        with pytest.raises(case.error_type, match=case.error_regex):
            cls(params, **options)
    else:
        optimizer = cls(params, **options)
        with pytest.raises(case.error_type, match=case.error_regex):
            optimizer.step()


@pytest.mark.parametrize("name", [n for n in INFOS if n != "SparseAdam"])
def test_defaults_and_signatures(name):
    values = [np.ones((2, 3), np.float32)]
    made = [getattr(T.optim, name)([T.tensor(v).requires_grad_() for v in values]) for T in (torch, kilnn)]
    wanted, found = (o.defaults for o in made)
    assert found == wanted
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert repr(made[1]) == repr(made[0])
    accepted = {"foreach": False, "fused": True, "capturable": True}
    options = {k: v for k, v in accepted.items() if k in wanted}
    getattr(kilnn.optim, name)([kilnn.ones(2, 3, requires_grad=True)], **options)
    if "differentiable" in wanted:
        with pytest.raises(NotImplementedError, match="differentiable"):
            getattr(kilnn.optim, name)([kilnn.ones(2, 3, requires_grad=True)], differentiable=True)
    if {"foreach", "fused"} <= set(wanted):
        with pytest.raises(RuntimeError, match="cannot be `True` together"):
            getattr(kilnn.optim, name)([kilnn.ones(2, requires_grad=True)], foreach=True, fused=True)


def test_sparse_adam_is_not_supported():
    with pytest.raises(NotImplementedError, match="sparse"):
        kilnn.optim.SparseAdam([kilnn.ones(2, requires_grad=True)])


@pytest.mark.parametrize("name", [n for n in INFOS if n not in SEPARATE])
def test_half_precision_stays(name):
    """Ours computes a step in float32 and rounds once; PyTorch rounds after each operation."""
    value = np.linspace(-2, 2, 12).reshape(4, 3).astype(np.float32)
    results = []
    for T in (torch, kilnn):
        p = T.tensor(value).to(T.bfloat16).requires_grad_()
        optimizer = getattr(T.optim, name)([p], lr=0.05)
        for k in range(4):
            p.grad = T.tensor(np.cos(value + k)).to(T.bfloat16)
            optimizer.step()
        kept = [v for key, v in optimizer.state[p].items() if key not in ("step", "mu_product", "eta", "mu")]
        assert p.dtype is T.bfloat16 and all(v.dtype is T.bfloat16 for v in kept)
        results.append(p.detach().float().numpy())
    np.testing.assert_allclose(results[1], results[0], atol=0.04)
