"""Containers beside PyTorch's: order, names, text, errors."""

from collections import OrderedDict

import pytest
import torch

import kilnn
from tests.oracle import assert_agrees


def agrees(program):
    assert_agrees(program, kilnn, rtol=0, atol=0)


def linears(T, count=4):
    return [T.nn.Linear(i + 1, i + 2) for i in range(count)]


def kinds(m):
    return [repr(x) for x in m], list(m.state_dict()), len(m)


SEQUENCES = {
    "slices": lambda T, m: (repr(m[1:3]), repr(m[:-1]), repr(m[-1]), repr(m[::2]), kinds(m)),
    "set": lambda T, m: (m.__setitem__(1, T.nn.ReLU()), m.__setitem__(-1, T.nn.Tanh()), kinds(m))[-1],
    "delete": lambda T, m: (m.__delitem__(0), m.__delitem__(-1), kinds(m), repr(m))[-2:],
    "delete a slice": lambda T, m: (m.__delitem__(slice(1, 3)), kinds(m))[-1],
    "append": lambda T, m: (m.append(T.nn.ReLU()) is m, kinds(m)),
    "insert": lambda T, m: (m.insert(1, T.nn.ReLU()), kinds(m))[-1],
    "insert at the end": lambda T, m: (m.insert(4, T.nn.ReLU()), kinds(m))[-1],
    "extend": lambda T, m: (m.extend([T.nn.ReLU(), T.nn.Tanh()]) is m, kinds(m)),
    "pop": lambda T, m: (repr(m.pop(1)), repr(m.pop(-1)), kinds(m)),
    "out of range": lambda T, m: m[7],
    "out of range below": lambda T, m: m[-5],
    "set out of range": lambda T, m: m.__setitem__(9, T.nn.ReLU()),
    "a word": lambda T, m: m["x"],
    "append no module": lambda T, m: m.append(3),
    "names": lambda T, m: [n for n in dir(m) if n.isdigit()],
}


@pytest.mark.parametrize("kind", ["Sequential", "ModuleList"])
@pytest.mark.parametrize("case", SEQUENCES)
def test_sequences(case, kind):
    def program(T):
        children = linears(T)
        m = T.nn.Sequential(*children) if kind == "Sequential" else T.nn.ModuleList(children)
        return SEQUENCES[case](T, m)

    agrees(program)


def test_sequential():
    def program(T):
        T.manual_seed(0)
        m = T.nn.Sequential(OrderedDict(a=T.nn.Linear(2, 3), b=T.nn.ReLU()))
        named = m.a is m[0], repr(m[:1]), m(T.ones(1, 2)), list(m.state_dict())
        other = T.nn.Sequential(T.nn.Tanh())
        both = m + other
        tripled = other * 3, 2 * other
        m += other
        return named, repr(both), [repr(x) for x in tripled], repr(m), T.nn.Sequential()(5)

    agrees(program)
    agrees(lambda T: T.nn.Sequential(T.nn.ReLU()) + 3)
    agrees(lambda T: T.nn.Sequential(T.nn.ReLU()) * 0)
    agrees(lambda T: T.nn.Sequential(T.nn.ReLU()) * 0.5)
    agrees(lambda T: T.nn.Sequential(T.nn.ReLU()).insert(5, T.nn.ReLU()))
    agrees(lambda T: T.nn.Sequential(3))
    agrees(lambda T: T.nn.Sequential(T.nn.ReLU())(1, 2))


def test_module_list():
    def program(T):
        m = T.nn.ModuleList([T.nn.ReLU() for _ in range(3)])
        m += [T.nn.Linear(1, 1), T.nn.Linear(1, 1)]
        return repr(m), repr(m.__add__([T.nn.Tanh()])), repr(T.nn.ModuleList()), [repr(x) for x in reversed(list(m))]

    agrees(program)
    agrees(lambda T: T.nn.ModuleList(3))
    agrees(lambda T: T.nn.ModuleList()(1))


def test_module_dict():
    def program(T):
        m = T.nn.ModuleDict({"z": T.nn.ReLU(), "a": T.nn.Linear(1, 1)})
        m["b"] = T.nn.Tanh()
        m.update([["c", T.nn.Sigmoid()], ("d", T.nn.ReLU())])
        m.update(T.nn.ModuleDict({"e": T.nn.ReLU()}))
        before = list(m), repr(m), "a" in m, "q" in m, len(m), [k for k, _ in m.items()], list(m.state_dict())
        popped = repr(m.pop("a"))
        del m["b"]
        after = list(m.keys()), [repr(v) for v in m.values()]
        m.clear()
        return before, popped, after, len(m)

    agrees(program)
    for bad in (lambda T, m: m.update(3), lambda T, m: m.update([1]), lambda T, m: m.update([(1, 2, 3)]),
                lambda T, m: m["q"], lambda T, m: m.__setitem__("x", 3),
                lambda T, m: m.__setitem__("keys", T.nn.ReLU()), lambda T, m: m(1)):  # fmt: skip
        agrees(lambda T: bad(T, T.nn.ModuleDict()))


def test_parameter_list():
    def program(T):
        m = T.nn.ParameterList([T.ones(2), T.nn.Parameter(T.zeros(2, 3)), 5])
        m.append(T.ones(1))
        m.extend([T.ones(3)])
        m += [T.zeros(1)]
        m[0] = T.zeros(4)
        return (
            repr(m), list(m.state_dict()), len(m), len(list(m.parameters())), m[2], [list(p.shape) for p in m[3:]],
            [isinstance(p, T.nn.Parameter) for p in m],
        )  # fmt: skip

    assert_texts_agree(program)
    agrees(lambda T: T.nn.ParameterList([T.ones(1)])[1])
    agrees(lambda T: T.nn.ParameterList(3))
    agrees(lambda T: T.nn.ParameterList([T.ones(1)])(1))


def test_parameter_dict():
    def program(T):
        m = T.nn.ParameterDict({"z": T.ones(2), "a": T.nn.Parameter(T.zeros(2, 3)), "n": 5})
        m["b"] = T.ones(1)
        m.update(OrderedDict(y=T.ones(1), c=T.ones(2)))
        m.update([("p", T.ones(1))])
        before = repr(m), list(m), list(m.state_dict()), len(m), "z" in m, m.get("q", 3), m.setdefault("s", 4)
        popped = m.pop("z").shape[0], m.popitem()[0]
        del m["a"]
        other = m | T.nn.ParameterDict({"o": T.ones(1)})
        return (
            before,
            popped,
            list(m.keys()),
            list(other),
            list(reversed(m)),
            list(m.fromkeys(["u", "v"], 1)),
            len(m.copy()),
        )

    assert_texts_agree(program)
    for bad in (lambda T, m: m["q"], lambda T, m: m.__setitem__(3, T.ones(1)), lambda T, m: m.update(3),
                lambda T, m: m.update([(1, 2, 3)]), lambda T, m: m(1)):  # fmt: skip
        agrees(lambda T: bad(T, T.nn.ParameterDict()))


def assert_texts_agree(program):
    """Texts name the library's tensor type and dtype."""

    def normal(x):
        if isinstance(x, tuple | list):
            return [normal(y) for y in x]
        return (
            x.replace("torch.float32", "kilnn.float32").replace("torch.FloatTensor", "kilnn.float32")
            if isinstance(x, str)
            else x
        )

    assert normal(program(kilnn)) == normal(program(torch))
