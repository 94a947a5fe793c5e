"""Modules: containers, registration, state, hooks."""

import io

from tests.yardstick.kit import matrix, vector, word


def net(T):
    T.manual_seed(0)
    return T.nn.Sequential(T.nn.Linear(3, 4), T.nn.BatchNorm1d(4), T.nn.ReLU(), T.nn.Linear(4, 2))


def _own(T):
    class Net(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.a = T.nn.Linear(3, 2)
            self.register_buffer("seen", T.zeros(1))
            self.register_buffer("passing", T.ones(1), persistent=False)
            self.register_parameter("scale", T.nn.Parameter(T.ones(2)))
            self.register_parameter("nothing", None)

        def forward(self, x):
            return self.a(x) * self.scale

    T.manual_seed(0)
    return Net()


def _zero_grad(T, **kwargs):
    m = net(T)
    m(matrix(T)).sum().backward()
    before = m[3].weight.grad.clone()
    m.zero_grad(**kwargs)
    return [before, m[3].weight.grad]


def _hooked(T):
    m, seen = net(T), []
    handle = m[0].register_forward_hook(lambda module, args, out: seen.append(out.detach()) or out * 2)
    out = m(matrix(T)).detach()
    handle.remove()
    return [out, seen, m(matrix(T)).detach()]


def _loaded(T):
    m, other = net(T), net(T)
    with T.no_grad():
        other[0].weight.fill_(2)
    told = m.load_state_dict(other.state_dict(), strict=True, assign=False)
    return [m[0].weight.detach(), list(told.missing_keys), list(told.unexpected_keys)]


def _applied(T):
    def fill(module):
        if isinstance(module, T.nn.Linear):
            T.nn.init.ones_(module.weight)

    return net(T).apply(fill)[0].weight.detach()


def _added(T):
    m = net(T)
    m.add_module("extra", T.nn.Tanh())
    return [n for n, _ in m.named_children()]


def _saved(T):
    buffer = io.BytesIO()
    T.save({"w": matrix(T), "n": 3}, f=buffer)
    buffer.seek(0)
    return T.load(f=buffer, map_location="cpu", weights_only=True)


RECIPES = {
    "torch.nn.Module": lambda T: [_own(T)(matrix(T)).detach(), list(_own(T).state_dict())],
    "torch.nn.Sequential": lambda T: [net(T)(matrix(T)).detach(), len(net(T)), net(T)[:2](matrix(T)).detach()],
    "torch.nn.ModuleList": lambda T: [
        len(T.nn.ModuleList([T.nn.ReLU(), T.nn.Tanh()])),
        T.nn.ModuleList([T.nn.Tanh()])[0](vector(T)),
    ],
    "torch.nn.ModuleDict": lambda T: [
        list(T.nn.ModuleDict({"a": T.nn.ReLU()})),
        T.nn.ModuleDict({"a": T.nn.ReLU()})["a"](vector(T)),
    ],
    "torch.nn.ParameterList": lambda T: [p.detach() for p in T.nn.ParameterList([T.nn.Parameter(vector(T))])],
    "torch.nn.Parameter": lambda T: [
        T.nn.Parameter(vector(T)),
        T.nn.Parameter(data=vector(T), requires_grad=False),
        isinstance(T.nn.Parameter(vector(T)), T.Tensor),
    ],
    "torch.nn.Buffer": lambda T: [T.nn.Buffer(vector(T)), T.nn.Buffer(vector(T), persistent=False)],
    "Module.parameters": lambda T: [len(list(net(T).parameters())), len(list(net(T).parameters(recurse=False)))],
    "Module.named_parameters": lambda T: [n for n, _ in net(T).named_parameters()],
    "Module.modules": lambda T: [type(m).__name__ for m in net(T).modules()],
    "Module.named_modules": lambda T: [n for n, _ in net(T).named_modules()],
    "Module.children": lambda T: [type(m).__name__ for m in net(T).children()],
    "Module.named_children": lambda T: [n for n, _ in net(T).named_children()],
    "Module.named_buffers": lambda T: [n for n, _ in net(T).named_buffers()],
    "Module.eval": lambda T: [net(T).eval().training, net(T).eval()(matrix(T)).detach()],
    "Module.train": lambda T: [net(T).train().training, net(T).train(mode=False)[1].training],
    "Module.to": lambda T: [
        word(net(T).to(T.float64)[0].weight.dtype),
        word(net(T).to(device="cpu", dtype=T.bfloat16)[1].running_mean.dtype),
        word(net(T).to(memory_format=T.channels_last)[0].weight.dtype),
    ],
    "Module.float": lambda T: word(net(T).double().float()[0].weight.dtype),
    "Module.half": lambda T: word(net(T).half()[0].weight.dtype),
    "Module.forward": lambda T: net(T).forward(matrix(T)).detach(),
    "Module.state_dict": lambda T: {k: v.detach() for k, v in net(T).state_dict().items()},
    "Module.load_state_dict": _loaded,
    "Module.apply": _applied,
    "Module.add_module": _added,
    "Module.register_buffer": lambda T: [list(_own(T).state_dict()), [n for n, _ in _own(T).named_buffers()]],
    "Module.register_parameter": lambda T: [n for n, _ in _own(T).named_parameters()],
    "Module.register_forward_hook": _hooked,
    "Module.zero_grad": lambda T: [_zero_grad(T), _zero_grad(T, set_to_none=True)],
    "torch.save": _saved,
    "torch.load": _saved,
}
