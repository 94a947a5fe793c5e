"""Module's registration, walks, modes, moves, hooks and text beside PyTorch's."""

import copy
import gc
import pickle
import weakref
from collections import OrderedDict

import pytest
import torch

import kilnn
from tests.oracle import assert_agrees


def agrees(program):
    assert_agrees(program, kilnn, rtol=1e-4, atol=1e-5)


def net(T):
    class Block(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = T.nn.Linear(3, 3)
            self.register_buffer("scale", T.ones(3))
            self.register_buffer("hidden", T.ones(1), persistent=False)
            self.gain = T.nn.Parameter(T.tensor([2.0]))

        def forward(self, x):
            return self.linear(x) * self.scale * self.gain

    class Net(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = Block()
            self.second = Block()
            self.again = self.first
            self.head = T.nn.Sequential(T.nn.Linear(3, 2), T.nn.ReLU())
            self.none = None
            self.register_parameter("missing", None)

        def forward(self, x):
            return self.head(self.again(self.second(self.first(x))))

    T.manual_seed(1)
    return Net()


def test_walks():
    def program(T):
        m = net(T)
        return (
            [n for n, _ in m.named_parameters()], [n for n, _ in m.named_parameters(remove_duplicate=False)],
            [n for n, _ in m.named_parameters(prefix="x", recurse=False)], [n for n, _ in m.named_buffers()],
            [n for n, _ in m.named_modules()], [n for n, _ in m.named_modules(remove_duplicate=False, prefix="p")],
            [n for n, _ in m.named_children()], len(list(m.children())), len(list(m.modules())),
            len(list(m.parameters())), len(list(m.buffers())), list(m.state_dict()), repr(m),
            sorted(set(dir(m)) & {"first", "head", "missing", "forward"}),
        )  # fmt: skip

    agrees(program)


def test_paths():
    def program(T):
        m = net(T)
        found = m.get_submodule("head.0") is m.head[0], m.get_parameter("first.gain") is m.first.gain
        m.set_submodule("head.1", T.nn.Tanh())
        return found, m.get_buffer("second.scale"), m.get_submodule("") is m, repr(m.head)

    agrees(program)
    for bad in ("nothing", "first.gain", "first.linear.weight.x"):
        agrees(lambda T: net(T).get_submodule(bad))
    agrees(lambda T: net(T).get_parameter("first.scale"))
    agrees(lambda T: net(T).get_parameter("first.absent"))
    agrees(lambda T: net(T).get_buffer("first.gain"))
    agrees(lambda T: net(T).set_submodule("", T.nn.ReLU()))


ASSIGNMENTS = {
    "a number to a parameter": lambda T, m: setattr(m.first, "gain", 3),
    "a tensor to a parameter": lambda T, m: setattr(m.first, "gain", T.ones(1)),
    "None to a parameter": lambda T, m: setattr(m.first, "gain", None),
    "a tensor to a buffer": lambda T, m: setattr(m.first, "scale", T.zeros(3)),
    "a number to a buffer": lambda T, m: setattr(m.first, "scale", 3),
    "a number to a module": lambda T, m: setattr(m, "head", 3),
    "None to a module": lambda T, m: setattr(m, "head", None),
    "a parameter over a buffer": lambda T, m: setattr(m.first, "scale", T.nn.Parameter(T.ones(2))),
    "a parameter over a module": lambda T, m: setattr(m, "head", T.nn.Parameter(T.ones(2))),
    "a module over a parameter": lambda T, m: setattr(m.first, "gain", T.nn.ReLU()),
    "a module over None": lambda T, m: setattr(m, "none", T.nn.ReLU()),
    "a buffer": lambda T, m: setattr(m, "fresh", T.nn.Buffer(T.ones(2))),
    "a hidden buffer": lambda T, m: setattr(m, "fresh", T.nn.Buffer(T.ones(2), persistent=False)),
    "a plain tensor": lambda T, m: setattr(m, "fresh", T.ones(2)),
    "a parameter from None": lambda T, m: setattr(m, "missing", T.nn.Parameter(T.ones(2))),
    "deleting": lambda T, m: (delattr(m.first, "gain"), delattr(m.first, "scale"), delattr(m, "head")),
    "deleting nothing": lambda T, m: delattr(m, "nothing"),
    "register over an attribute": lambda T, m: m.register_parameter("training", T.nn.Parameter(T.ones(1))),
    "register with a dot": lambda T, m: m.register_parameter("a.b", None),
    "register an empty name": lambda T, m: m.register_buffer("", T.ones(1)),
    "register a number as name": lambda T, m: m.register_buffer(3, T.ones(1)),
    "register no tensor": lambda T, m: m.register_buffer("b", 3),
    "register over a module": lambda T, m: m.register_buffer("head", T.ones(1)),
    "register no parameter": lambda T, m: m.register_parameter("p", T.ones(1)),
    "register a result": lambda T, m: m.register_parameter("p", T.nn.Parameter(T.ones(1)) * 2),
    "add no module": lambda T, m: m.add_module("p", 3),
    "add over an attribute": lambda T, m: m.add_module("training", T.nn.ReLU()),
    "add with a dot": lambda T, m: m.add_module("a.b", T.nn.ReLU()),
    "register again": lambda T, m: m.first.register_buffer("scale", T.zeros(1), persistent=False),
}


@pytest.mark.parametrize("case", ASSIGNMENTS)
def test_assignments(case):
    def program(T):
        m = net(T)
        ASSIGNMENTS[case](T, m)
        return (
            [n for n, _ in m.named_parameters()], [n for n, _ in m.named_buffers()], [n for n, _ in m.named_modules()],
            list(m.state_dict()),
        )  # fmt: skip

    agrees(program)


def test_before_init():
    for value in (lambda T: T.nn.Parameter(T.ones(1)), lambda T: T.nn.ReLU(), lambda T: T.nn.Buffer(T.ones(1))):

        def program(T, value=value):
            class Early(T.nn.Module):
                def __init__(self):
                    self.x = value(T)
                    super().__init__()

            Early()

        agrees(program)
    agrees(lambda T: type("Plain", (T.nn.Module,), {"__init__": lambda self: setattr(self, "x", 3)})().x)
    agrees(lambda T: T.nn.Module(bias=True))
    agrees(lambda T: T.nn.Module()(1))


def test_a_property_reports_its_own_error():
    class Net(kilnn.nn.Module):
        @property
        def size(self):
            return self.nothing_here

    with pytest.raises(AttributeError, match="nothing_here"):
        _ = Net().size
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'other'"):
        _ = Net().other


def test_modes_and_requires_grad():
    def program(T):
        m = net(T)
        m.eval()
        states = [x.training for x in m.modules()]
        m.first.train()
        states += [x.training for x in m.modules()]
        m.requires_grad_(False)
        m.head.requires_grad_()
        return states, [p.requires_grad for p in m.parameters()]

    agrees(program)
    agrees(lambda T: net(T).train(3))


def test_moves():
    def program(T):
        m = net(T)
        weight = m.first.linear.weight
        m.first.register_buffer("count", T.tensor(3))
        m(T.ones(2, 3)).sum().backward()
        m.double()
        same = m.first.linear.weight is weight
        out = m(T.ones(2, 3, dtype=T.float64))
        dtypes = [str(t.dtype).split(".")[1] for t in m.state_dict().values()] + [str(weight.grad.dtype).split(".")[1]]
        out.sum().backward()
        m.to(T.float32).to(device="cpu", dtype=T.float32).to(T.ones(1)).cpu().float()
        return same, out, dtypes, m(T.ones(2, 3)), weight.grad, weight.is_leaf, m.first is m.again

    agrees(program)
    agrees(lambda T: net(T).to(T.int64))
    agrees(lambda T: [str(p.dtype).split(".")[1] for p in net(T).half().parameters()])
    agrees(lambda T: [str(p.dtype).split(".")[1] for p in net(T).bfloat16().parameters()])


def test_an_optimizer_sees_a_converted_module():
    def program(T):
        m = T.nn.Linear(2, 2)
        T.nn.init.ones_(m.weight), T.nn.init.ones_(m.bias)
        optimizer = T.optim.SGD(m.parameters(), lr=0.5)
        m.double()
        m(T.ones(1, 2, dtype=T.float64)).sum().backward()
        optimizer.step()
        return m.weight, m.bias

    agrees(program)


def test_zero_grad_and_apply():
    def program(T):
        m = net(T)
        m(T.ones(2, 3)).sum().backward()
        m.zero_grad(set_to_none=False)
        zeros = [p.grad for p in m.parameters()]
        m.zero_grad()
        order = []
        m.apply(lambda x: order.append(type(x).__name__))
        return zeros, [p.grad for p in m.parameters()], order

    agrees(program)


def test_forward_hooks():
    def program(T):
        m = net(T)
        seen = []
        handles = [
            m.second.register_forward_pre_hook(lambda mod, args: seen.append("pre") or (args[0] + 1,)),
            m.second.register_forward_hook(lambda mod, args, out: seen.append("post") or out * 2),
            m.second.register_forward_hook(lambda mod, args, out: seen.append("first"), prepend=True),
            m.head.register_forward_pre_hook(
                lambda mod, args, kwargs: (seen.append(sorted(kwargs)), (args, kwargs))[1], with_kwargs=True
            ),
            m.head.register_forward_hook(lambda mod, args, kwargs, out: seen.append(len(args)), with_kwargs=True),
        ]
        hooked = m(T.ones(2, 3))
        for handle in handles:
            handle.remove()
            handle.remove()
        with m.head.register_forward_hook(lambda mod, args, out: out * 0):
            zero = m(T.ones(2, 3))
        return hooked, zero, m(T.ones(2, 3)), seen

    agrees(program)


def test_hooks_that_always_run():
    def program(T):
        m = T.nn.Linear(2, 3)
        seen = []
        m.register_forward_hook(lambda mod, args, out: seen.append(out is None), always_call=True)
        m.register_forward_hook(lambda mod, args, out: seen.append("never"))
        try:
            m(T.ones(1, 5))
        except RuntimeError:
            seen.append("raised")
        return seen

    agrees(program)
    agrees(lambda T: _bad_pre_hook(T))


def _bad_pre_hook(T):
    m = T.nn.Linear(2, 3)
    m.register_forward_pre_hook(lambda mod, args, kwargs: 3, with_kwargs=True)
    m(T.ones(1, 2))


def test_backward_hooks():
    def program(T):
        m = net(T)
        x = T.ones(2, 3, requires_grad=True)
        seen = []
        m.second.register_full_backward_pre_hook(lambda mod, grads: seen.append(("pre", grads)) or (grads[0] * 2,))
        m.second.register_full_backward_hook(lambda mod, gin, gout: seen.append(("post", gin, gout)) or (gin[0] * 3,))
        m.first.register_full_backward_hook(lambda mod, gin, gout: seen.append(("first", gin, gout)))
        m(x).sum().backward()
        return x.grad, [p.grad for p in m.parameters()], [e[0] for e in seen], [e[1:] for e in seen]

    agrees(program)


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
def test_backward_hooks_without_gradients_of_inputs():
    def program(T):
        T.manual_seed(0)
        m = T.nn.Linear(3, 2)
        seen = []
        m.register_full_backward_hook(lambda mod, gin, gout: seen.append((gin, gout)))
        m(T.ones(2, 3)).sum().backward()
        return seen, m.weight.grad

    agrees(program)


def test_global_hooks():
    def program(T):
        hooks = T.nn.modules.module if T is torch else kilnn.nn.hooks
        m = T.nn.Sequential(T.nn.Linear(2, 2), T.nn.ReLU())
        seen = []
        name = lambda mod: type(mod).__name__  # noqa: E731
        handles = [
            hooks.register_module_forward_pre_hook(lambda mod, args: seen.append("pre " + name(mod))),
            hooks.register_module_forward_hook(lambda mod, args, out: seen.append("post " + name(mod))),
            hooks.register_module_full_backward_hook(lambda mod, gin, gout: seen.append("back " + name(mod))),
        ]
        m(T.ones(1, 2, requires_grad=True)).sum().backward()
        for handle in handles:
            handle.remove()
        m(T.ones(1, 2))
        return seen

    agrees(program)


def test_text():
    def program(T):
        class Odd(T.nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = T.nn.Sequential(OrderedDict(a=T.nn.Linear(1, 2), b=T.nn.Sequential()))
                self.list = T.nn.ModuleList([T.nn.ReLU(), T.nn.ReLU(), T.nn.Linear(1, 1)])

            def extra_repr(self):
                return "one\ntwo"

        return repr(Odd()), repr(T.nn.Module()), str(T.nn.Sequential())

    agrees(program)


def test_call_and_freeing():
    m = net(kilnn)
    reference = weakref.ref(m)
    m(kilnn.ones(2, 3))
    del m
    gc.collect()
    assert reference() is None


class Small(kilnn.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = kilnn.nn.Linear(2, 2)
        self.tied = self.linear
        self.note = {"a": [1, 2]}
        self.register_forward_hook(double)

    def forward(self, x):
        return self.tied(self.linear(x))


def double(module, args, out):
    return out * 2


@pytest.mark.parametrize("twin_of", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_keep_ties_and_hooks(twin_of):
    m = Small()
    twin = twin_of(m)
    assert twin.tied is twin.linear and twin.note == m.note and twin.note is not m.note
    x = kilnn.ones(1, 2)
    assert kilnn.equal(m(x), twin(x))
    with kilnn.no_grad():
        m.linear.weight.zero_()
    assert not kilnn.equal(m(x), twin(x))


def test_parameter():
    def program(T):
        data = T.ones(2, 3)
        p = T.nn.Parameter(data, requires_grad=False)
        q = T.nn.Parameter(data)
        with T.no_grad():
            q.add_(1)  # shares the storage of data
        r = copy.deepcopy(q)
        empty = T.nn.Parameter()
        return (
            p.requires_grad, q.requires_grad, q.is_leaf, data, r, isinstance(r, T.nn.Parameter),
            repr(q), list(empty.shape),
            isinstance(q * 2, T.nn.Parameter), isinstance(q.detach(), T.nn.Parameter), isinstance(q, T.Tensor),
        )  # fmt: skip

    agrees(program)
    agrees(lambda T: T.nn.Parameter(T.ones(2, dtype=T.int64)))
