"""state_dict and load_state_dict beside PyTorch's: names, sharing, strictness, one gathered error, hooks."""

from collections import OrderedDict

import pytest
import torch

import kilnn
from tests.oracle import assert_agrees, assert_same


def agrees(program):
    assert_agrees(program, kilnn, rtol=0, atol=0)


def make(T, width=3):
    T.manual_seed(width)
    return T.nn.Sequential(
        OrderedDict(a=T.nn.Linear(2, width), n=T.nn.BatchNorm1d(width), b=T.nn.Sequential(T.nn.Linear(width, 1)))
    )


def test_names_values_and_sharing():
    def program(T):
        m = make(T)
        state = m.state_dict()
        with T.no_grad():
            m.a.bias.fill_(7)
        kept = m.state_dict(keep_vars=True)["a.bias"] is m.a.bias
        prefixed = list(m.state_dict(prefix="x."))
        into = m.a.state_dict(destination=OrderedDict(z=1), prefix="p.")
        return dict(state), kept, prefixed, list(into), state["a.bias"].requires_grad, state._metadata["n"]["version"]

    agrees(program)


def test_a_loaded_module_is_independent():
    def program(T):
        a, b = make(T), make(T)
        T.nn.init.ones_(a.a.weight)
        report = b.load_state_dict(a.state_dict())
        with T.no_grad():
            a.a.weight.zero_()
        x = T.ones(2, 2)
        a.eval(), b.eval()
        return repr(report), report.missing_keys, report.unexpected_keys, b.a.weight, b(x), a(x)

    assert_agrees(program, kilnn)


def test_loading_within_training():
    """Values go into the optimizer's parameters, not beside them."""

    def program(T):
        m = T.nn.Linear(2, 1)
        T.nn.init.ones_(m.weight), T.nn.init.ones_(m.bias)
        optimizer = T.optim.Adam(m.parameters(), lr=0.1)
        start = {k: v.clone() for k, v in m.state_dict().items()}
        for step in range(6):
            optimizer.zero_grad()
            m(T.ones(3, 2)).sum().backward()
            optimizer.step()
            if step == 3:
                m.load_state_dict(start)
        return m.weight, m.bias

    assert_agrees(program, kilnn, rtol=1e-5)


def test_pytorchs_values_load():
    theirs = make(torch)
    ours = make(kilnn, 3)
    kilnn.nn.init.zeros_(ours.a.weight)
    ours.load_state_dict({k: kilnn.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    for name, value in theirs.state_dict().items():
        assert_same(ours.state_dict()[name], value, 0, 0)


PROBLEMS = {
    "missing": lambda T, s: s.pop("a.weight"),
    "unexpected": lambda T, s: s.update({"a.extra": T.ones(1), "other.x": T.ones(1)}),
    "shape": lambda T, s: s.update({"a.weight": T.ones(5, 2), "b.0.bias": T.ones(4)}),
    "all": lambda T, s: (s.pop("a.weight"), s.update({"zzz": T.ones(1), "a.bias": T.ones(9)})),
    "no tensor": lambda T, s: s.update({"a.bias": 3}),
    "an old checkpoint": lambda T, s: s.pop("n.num_batches_tracked"),
    "nothing": lambda T, s: None,
}


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("case", PROBLEMS)
def test_problems(case, strict):
    def program(T):
        m = make(T)
        state = m.state_dict()
        PROBLEMS[case](T, state)
        report = make(T).load_state_dict(state, strict=strict)
        return report.missing_keys, report.unexpected_keys

    agrees(program)


def test_the_error_gathers_everything_in_pytorchs_words():
    texts = []
    for T in (kilnn, torch):
        state = make(T).state_dict()
        PROBLEMS["all"](T, state)
        with pytest.raises(RuntimeError) as caught:
            make(T).load_state_dict(state)
        texts.append(str(caught.value).replace("kilnn.Size", "torch.Size"))
    assert texts[0] == texts[1]


def test_a_failed_load_says_so_and_loads_the_rest():
    def program(T):
        m = make(T)
        state = {k: T.ones_like(v) for k, v in m.state_dict().items()}
        state["a.weight"] = T.ones(9)
        try:
            m.load_state_dict(state)
        except RuntimeError:
            pass
        return m.a.bias

    agrees(program)


def test_one_element_for_a_scalar_and_no_mapping():
    def program(T):
        m = T.nn.Module()
        m.p = T.nn.Parameter(T.tensor(3.0))
        m.load_state_dict({"p": T.tensor([5.0])})
        return m.p

    agrees(program)
    agrees(lambda T: make(T).load_state_dict([1, 2]))


def test_assign():
    def program(T):
        m = make(T)
        state = {k: v.clone() + 1 for k, v in m.state_dict().items()}
        m.a.weight.requires_grad_(False)
        m.load_state_dict(state, assign=True)
        with T.no_grad():
            state["a.bias"].fill_(9)
        return m.a.bias, m.a.weight.requires_grad, m.a.bias.requires_grad, isinstance(m.a.bias, T.nn.Parameter)

    agrees(program)


def test_hooks():
    def program(T):
        m = make(T)
        seen = []
        m.a.register_state_dict_pre_hook(lambda mod, prefix, keep: seen.append(("save pre", prefix, keep)))
        m.a.register_state_dict_post_hook(
            lambda mod, state, prefix, meta: seen.append(("save post", prefix, len(state)))
        )
        m.a.register_load_state_dict_pre_hook(lambda mod, state, prefix, *rest: seen.append(("load pre", prefix)))
        m.register_load_state_dict_post_hook(lambda mod, report: report.missing_keys.clear())
        state = m.state_dict()
        state.pop("b.0.bias")
        report = m.load_state_dict(state)
        return seen, report.missing_keys

    agrees(program)


def test_extra_state():
    def program(T):
        class Counter(T.nn.Module):
            def __init__(self):
                super().__init__()
                self.count = 0

            def get_extra_state(self):
                return {"count": self.count}

            def set_extra_state(self, state):
                self.count = state["count"]

        a, b = T.nn.Sequential(Counter()), T.nn.Sequential(Counter())
        a[0].count = 5
        b.load_state_dict(a.state_dict())
        return a.state_dict(), b[0].count

    agrees(program)


def test_subclass_overrides():
    def program(T):
        class Renamed(T.nn.Linear):
            def _load_from_state_dict(self, state_dict, prefix, *args):
                if prefix + "w" in state_dict:
                    state_dict[prefix + "weight"] = state_dict.pop(prefix + "w")
                super()._load_from_state_dict(state_dict, prefix, *args)

        m = T.nn.Sequential(Renamed(2, 2))
        m.load_state_dict({"0.w": T.ones(2, 2), "0.bias": T.zeros(2)})
        return m[0].weight

    agrees(program)
