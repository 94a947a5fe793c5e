"""What every optimizer has from its base: groups, names, hooks, copies, and steps that users write."""

import copy
import importlib
import pickle

import numpy as np
import pytest
import torch

import kilnn

LIBRARIES = (torch, kilnn)


def model_of(T, seed=0):
    rng = np.random.default_rng(seed)
    return [T.tensor(rng.standard_normal(s).astype(np.float32)).requires_grad_() for s in ((3, 2), (4,), (150, 120))]


def pass_through(T, params):
    sum(((p - 0.1) ** 2).sum() for p in params).backward()


def hand_written(T):
    """A momentum method as users write it: state in `self.state`, writes through `.data` and in place."""

    class Descent(T.optim.Optimizer):
        def __init__(self, params, lr=0.1, momentum=0.9):
            super().__init__(params, {"lr": lr, "momentum": momentum})

        @T.no_grad()
        def step(self, closure=None):
            loss = None
            if closure is not None:
                with T.enable_grad():
                    loss = closure()
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    state = self.state[p]
                    if len(state) == 0:
                        state["count"] = 0
                        state["buffer"] = T.zeros_like(p)
                    state["count"] += 1
                    state["buffer"].mul_(group["momentum"]).add_(p.grad)
                    p.data.add_(state["buffer"], alpha=-group["lr"])
            return loss

    return Descent


def test_a_step_of_ones_own_trains_as_in_pytorch():
    results = []
    for T in LIBRARIES:
        params = model_of(T)
        optimizer = hand_written(T)(params, lr=0.05)
        for k in range(6):
            optimizer.zero_grad()
            pass_through(T, params)
            optimizer.param_groups[0]["lr"] = 0.05 / (k + 1)
            optimizer.step()
        results.append([p.detach().numpy() for p in params])
        assert optimizer.state[params[0]]["count"] == 6
        saved = optimizer.state_dict()
        assert set(saved["state"][0]) == {"count", "buffer"} and saved["param_groups"][0]["lr"] == 0.05 / 6
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6)


def test_a_step_of_ones_own_compiles_once():
    params = model_of(kilnn, seed=3)
    optimizer = hand_written(kilnn)(params)

    def step(k):
        optimizer.zero_grad()
        pass_through(kilnn, params)
        optimizer.param_groups[0]["lr"] = 0.05 / (k + 1)
        optimizer.step()

    step(0)  # makes the state
    with kilnn.expect(syncs=0):
        step(1)
        with kilnn.expect(compiles=0):
            for k in range(2, 7):
                step(k)


def test_a_subclass_of_a_finished_optimizer_steps_once():
    calls = []

    class Noted(kilnn.optim.SGD):
        def step(self, closure=None):
            calls.append("before")
            return super().step(closure)

    w = kilnn.ones(2, requires_grad=True)
    optimizer = Noted([w], lr=0.5)
    optimizer.register_step_post_hook(lambda *_: calls.append("after"))
    (w * w).sum().backward()
    optimizer.step()
    assert calls == ["before", "after"] and w.tolist() == [0.0, 0.0] and optimizer._step_count == 1


def test_a_base_has_no_step():
    with pytest.raises(NotImplementedError):
        kilnn.optim.Optimizer([kilnn.ones(1, requires_grad=True)], {}).step()


@pytest.mark.parametrize("T", LIBRARIES, ids=["torch", "kilnn"])
def test_hooks_around_steps(T):
    w = T.ones(1, requires_grad=True)
    optimizer = T.optim.SGD([w], lr=0.1)
    seen = []

    def closure():
        seen.append("closure")
        return w.sum()

    def replace(opt, args, kwargs):
        seen.append(("pre", opt is optimizer, len(args), dict(kwargs)))
        return (args[0],), {"closure": closure}

    module = importlib.import_module(f"{T.__name__}.optim.optimizer")
    handles = [
        optimizer.register_step_pre_hook(replace),
        optimizer.register_step_post_hook(lambda opt, args, kwargs: seen.append(("post", len(args), set(kwargs)))),
        module.register_optimizer_step_pre_hook(lambda *_: seen.append("global pre")),
        module.register_optimizer_step_post_hook(lambda *_: seen.append("global post")),
    ]
    assert optimizer.step().item() == 1
    assert seen == ["global pre", ("pre", True, 1, {}), "closure", ("post", 1, {"closure"}), "global post"]
    for handle in handles:
        handle.remove()
    optimizer.step()
    assert len(seen) == 5
    optimizer.register_step_pre_hook(lambda *_: 3)
    with pytest.raises(RuntimeError, match="must return None or a tuple"):
        optimizer.step()


@pytest.mark.parametrize("T", LIBRARIES, ids=["torch", "kilnn"])
def test_hooks_around_state_dicts(T):
    w = T.ones(2, requires_grad=True)
    optimizer = T.optim.SGD([w], lr=0.1, momentum=0.9)
    w.sum().backward()
    optimizer.step()
    order = []
    optimizer.register_state_dict_pre_hook(lambda o: order.append("second"))
    optimizer.register_state_dict_pre_hook(lambda o: order.append("first"), prepend=True)
    optimizer.register_state_dict_post_hook(lambda o, s: s | {"note": 7})
    saved = optimizer.state_dict()
    assert order == ["first", "second"] and saved["note"] == 7

    def louder(o, s):
        s["param_groups"] = [g | {"lr": 0.7} for g in s["param_groups"]]

    optimizer.register_load_state_dict_pre_hook(louder)
    optimizer.register_load_state_dict_post_hook(lambda o: order.append(o.param_groups[0]["lr"]))
    optimizer.load_state_dict(saved)
    assert order[-1] == 0.7 and saved["param_groups"][0]["lr"] == 0.1


@pytest.mark.parametrize("T", LIBRARIES, ids=["torch", "kilnn"])
def test_named_parameters(T):
    layer = T.nn.Linear(2, 1)
    optimizer = T.optim.SGD(layer.named_parameters(), lr=0.1)
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    saved = optimizer.state_dict()
    assert saved["param_groups"][0]["param_names"] == ["weight", "bias"]
    saved["param_groups"][0]["param_names"] = ["w", "b"]
    optimizer.load_state_dict(saved)
    assert optimizer.param_groups[0]["param_names"] == ["w", "b"]
    optimizer.add_param_group({"params": [("extra", T.ones(1, requires_grad=True))], "lr": 1.0})
    assert optimizer.param_groups[1]["param_names"] == ["extra"] and optimizer.param_groups[1]["momentum"] == 0
    with pytest.raises(ValueError, match="with/without names"):
        optimizer.add_param_group({"params": [T.ones(1, requires_grad=True)]})
    assert len(optimizer.param_groups) == 2


@pytest.mark.parametrize("T", LIBRARIES, ids=["torch", "kilnn"])
def test_wrong_groups(T):
    w = T.ones(1, requires_grad=True)
    for wrong, error in (
        ([], ValueError), ([3], TypeError), ([{"params": {w}}], TypeError), ([w * 2], ValueError), (w, TypeError),
    ):  # fmt: skip
        with pytest.raises(error):
            T.optim.SGD(wrong, lr=0.1)
    optimizer = T.optim.SGD([w], lr=0.1)
    with pytest.raises(TypeError):
        optimizer.add_param_group([w])
    saved = optimizer.state_dict()
    other = T.optim.SGD([T.ones(1, requires_grad=True), T.ones(1, requires_grad=True)], lr=0.3)
    with pytest.raises(ValueError, match="doesn't match the size"):
        other.load_state_dict(saved)
    with pytest.raises(ValueError, match="different number of parameter groups"):
        optimizer.load_state_dict({"state": {}, "param_groups": saved["param_groups"] * 2})
    assert other.param_groups[0]["lr"] == 0.3


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))], ids=["deepcopy", "pickle"])
def test_copies_go_on_alike(copied):
    params = model_of(kilnn)
    optimizer = kilnn.optim.NAdam(params, lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        pass_through(kilnn, params)
        optimizer.step()
    again = copied(optimizer)
    twins = again.param_groups[0]["params"]
    assert not {id(p) for p in twins} & {id(p) for p in params}
    for o, ps in ((optimizer, params), (again, twins)):
        for _ in range(2):
            o.zero_grad()
            pass_through(kilnn, ps)
            o.step()
    for p, q in zip(params, twins, strict=True):
        assert p.tolist() == q.tolist()
        assert optimizer.state[p]["mu_product"].item() == again.state[q]["mu_product"].item()


def test_loaded_state_has_the_parameters_dtype_and_missing_options_their_defaults():
    w = kilnn.ones(2, requires_grad=True, dtype=kilnn.float64)
    optimizer = kilnn.optim.Adam([w])
    saved = {
        "state": {0: {"step": torch.tensor(4.0), "exp_avg": torch.ones(2), "exp_avg_sq": torch.ones(2)}},
        "param_groups": [{"lr": 0.5, "betas": (0.9, 0.99), "eps": 1e-8, "weight_decay": 0, "params": [0]}],
    }
    optimizer.load_state_dict(saved)
    assert optimizer.state[w]["exp_avg"].dtype is kilnn.float64 and optimizer.state[w]["step"].dtype is kilnn.float32
    assert optimizer.param_groups[0]["amsgrad"] is False
    w.sum().backward()
    optimizer.step()
    assert optimizer.state[w]["step"].item() == 5


def test_parameters_exchanged_in_a_group_are_the_ones_updated():
    results = []
    for T in LIBRARIES:
        params = model_of(T)
        optimizer = T.optim.SGD(params, lr=0.1, momentum=0.9)
        for k in range(4):
            if k == 2:
                params = [*params[:1], *model_of(T, seed=5)[1:]]
                optimizer.param_groups[0]["params"] = params
            optimizer.zero_grad()
            pass_through(T, params)
            optimizer.step()
        results.append([p.detach().numpy() for p in params])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6)


def test_gradients_of_tensors_that_do_not_require_them():
    w = kilnn.ones(2)
    w.grad = kilnn.ones(2)
    kilnn.optim.SGD([w], lr=0.25).step()
    assert w.tolist() == [0.75, 0.75]


@pytest.mark.parametrize("name", ["NAdam", "ASGD"])
def test_a_step_whose_condition_failed_leaves_numbers_as_they_were(name):
    table = kilnn.ones(5, 3, requires_grad=True)
    optimizer = getattr(kilnn.optim, name)([table], lr=0.1)

    def step(index):
        optimizer.zero_grad()
        picked = (kilnn.ones(300, 300).sum() * 0).long().reshape(1) + index  # known only when it runs
        kilnn.nn.functional.embedding(picked, table).sum().backward()
        optimizer.step()

    step(1)
    step(2)
    kilnn.synchronize()
    kept = {k: v.tolist() for k, v in optimizer.state[table].items()}
    step(9)
    with pytest.raises(IndexError):
        kilnn.synchronize()
    assert {k: v.tolist() for k, v in optimizer.state[table].items()} == kept


def test_numbers_in_the_state_can_be_written():
    params = model_of(kilnn)
    optimizer = kilnn.optim.ASGD(params, lr=0.1)
    pass_through(kilnn, params)
    optimizer.step()
    optimizer.state[params[0]]["eta"].fill_(0.0)
    before = params[0].tolist()
    optimizer.step()
    assert params[0].tolist() == before and optimizer.state[params[0]]["eta"].item() > 0
