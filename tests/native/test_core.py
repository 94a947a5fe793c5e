"""The hot paths in C do what their Python twins do: the same recordings, the same numbers, nothing kept alive."""

import gc
import json
import os
import shutil
import subprocess
import sys

import pytest

import kilnn
from kilnn.engine.backward import Walk
from kilnn.engine.context import local
from kilnn.engine.entry import HEADS
from kilnn.engine.node import Node
from kilnn.engine.trace import open_trace
from kilnn.engine.values import Storage, Value
from kilnn.native.core import core, why_absent
from kilnn.nn import functional as F
from kilnn.nn.recorded import RECORDED
from kilnn.tensor.gradients import check_gradients

needs_core = pytest.mark.skipif(core is None, reason=f"no compiled core: {why_absent}")

SCRIPT = """
import hashlib, json, warnings
warnings.simplefilter("ignore")
import numpy as np
import kilnn as T
from kilnn import nn
from kilnn.engine import cache
from kilnn.native.core import core
F = nn.functional
T.manual_seed(0)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.cell = nn.Linear(16, 8)
        self.norm = nn.LayerNorm(8)
        self.drop = nn.Dropout(0.25)
        self.head = nn.Linear(8, 5)
    def forward(self, ids):
        h = T.zeros(ids.shape[0], 8)
        for t in range(ids.shape[1]):
            h = T.tanh(self.cell(T.cat([self.embed(ids[:, t]), h], 1))) + 0.5 * h
        h = self.norm(h).view(-1, 2, 4).transpose(1, 2).reshape(-1, 8)
        return self.head(self.drop(h))

net = Net()
optimizer = T.optim.Adam(net.parameters(), lr=1e-2)
schedule = T.optim.lr_scheduler.StepLR(optimizer, 5, 0.5)
rng = np.random.default_rng(0)
losses, errors = [], []
for step in range(20):
    ids, y = T.tensor(rng.integers(0, 11, (6, 3))), T.tensor(rng.integers(0, 5, 6))
    optimizer.zero_grad()
    loss = F.cross_entropy(net(ids), y)
    loss.backward()
    if step % 7 == 3:
        losses.append(loss.item())  # a look in the middle of the step
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()
    schedule.step()
    losses.append(loss.item())
x = T.randn(4, 3, requires_grad=True)
y = x.exp()
y.add_(1)
try:
    y.sum().backward()
except RuntimeError as error:
    errors.append(str(error).split(":")[0])
(gx,) = T.autograd.grad((x**3).sum(), x, create_graph=True)
(ggx,) = T.autograd.grad(gx.sum(), x)
try:
    net(T.tensor([[1, 99, 2]]))
    T.synchronize()
except IndexError as error:
    errors.append(type(error).__name__)
try:
    net.missing
except AttributeError as error:
    errors.append(str(error))
names = [[e if isinstance(e, int) else (T.engine.entry.HEADS[e[0]].name, *e[1:]) for e in r.signature]
         for r in cache._recipes.values()]
stats = T.stats()
print(json.dumps({
    "native": core is not None, "losses": losses, "errors": errors, "ggx": ggx.tolist(),
    "recordings": hashlib.sha256(json.dumps(names).encode()).hexdigest(),
    "counts": {k: stats[k] for k in ("compiles", "step_compiles", "flushes", "recorded_ops", "syncs")},
}))
"""


def outcome(native: bool) -> dict:
    environment = os.environ | {"KILNN_NATIVE": str(int(native))}
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@needs_core
def test_c_and_python_record_the_same():
    compiled, python = outcome(True), outcome(False)
    assert compiled.pop("native") and not python.pop("native")
    assert compiled == python
    assert len(compiled["errors"]) == 3


def test_the_core_is_built_where_there_is_a_compiler():
    if shutil.which("cc") is None or os.environ.get("KILNN_NATIVE") == "0":
        pytest.skip("no C compiler, or switched off")
    assert core is not None, why_absent


def test_steps_keep_nothing_alive():
    model = kilnn.nn.Sequential(kilnn.nn.Linear(4, 8), kilnn.nn.ReLU(), kilnn.nn.Linear(8, 3))
    optimizer = kilnn.optim.Adam(model.parameters())
    x, y = kilnn.randn(5, 4), kilnn.tensor([0, 1, 2, 1, 0])

    def count(steps: int) -> dict:
        for _ in range(steps):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        kilnn.synchronize()
        gc.collect()
        kinds = [type(o) for o in gc.get_objects()]
        return {cls.__name__: kinds.count(cls) for cls in (Value, Storage, kilnn.Tensor, Node, tuple, list)}

    before = count(20)
    after = count(200)
    assert all(after[name] <= before[name] + 20 for name in before), (before, after)


@needs_core
def test_wrong_arguments_raise():
    for call in (
        lambda: core.record(),
        lambda: core.record(None, [1]),
        lambda: core.commit(None, None, None),
        lambda: core.discover((), 0, {}),
        lambda: core.walk(1),
        lambda: core.live(()),
        lambda: core.sole([], [], [], 1),
        lambda: core.ready((), [], []),
        lambda: core.ready([1], [], None),
        lambda: core.intact(()),
        lambda: core.update(None, None, (), (), (), []),
        lambda: core.flush(None),
        lambda: core.start(None, None),
        lambda: core.record_known(None, [1]),
        lambda: core.spread(()),
        lambda: core.replace(None, [], [], [], ()),
        lambda: core.clear_gradients(3),
        lambda: core.setup({}),
        lambda: core.setup_modules(1),
        lambda: core.setup_modules(1, 2, 3, 4),
    ):
        with pytest.raises(TypeError):
            call()


def test_module_attributes_come_from_the_tables():
    class Net(kilnn.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = kilnn.nn.Linear(2, 2)
            self.register_buffer("seen", kilnn.zeros(1))
            self.scale = kilnn.nn.Parameter(kilnn.ones(1))

        @property
        def broken(self):
            return self.nothing_here

    net = Net()
    assert net.layer is net._modules["layer"]
    assert net.seen is net._buffers["seen"]
    assert net.scale is net._parameters["scale"]
    net.__dict__["scale"] = 3  # the instance's own dictionary comes first, as in PyTorch
    assert net.scale == 3
    for name in ("nothing_here", "broken"):
        with pytest.raises(AttributeError, match="nothing_here"):
            getattr(net, name)

    class Outer(kilnn.nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def __getattr__(self, name):
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(self.inner, name)

    assert Outer(net).layer is net.layer


def test_subclasses_may_call_up():
    class Loud(kilnn.nn.Linear):
        calls = 0

        def __call__(self, *args, **kwargs):
            Loud.calls += 1
            return super().__call__(*args, **kwargs)

    assert Loud(2, 3)(input=kilnn.ones(1, 2)).shape == (1, 3)
    assert Loud.calls == 1


def recorded(call) -> list:
    """The operations that a call records."""
    kilnn.synchronize()
    trace = open_trace(local.context)
    first = len(trace.values)
    out = call()
    trace = open_trace(local.context)
    names = [HEADS[v.instr[0]].name for v in trace.values[first:] if type(v.instr) is tuple]
    kilnn.synchronize()
    return [names, out.tolist()]


LAYERS = [
    kilnn.nn.Linear(3, 4),
    kilnn.nn.Linear(3, 4, bias=False),
    kilnn.nn.ReLU(),
    kilnn.nn.Sequential(kilnn.nn.Linear(3, 5), kilnn.nn.ReLU(), kilnn.nn.Dropout(0.0), kilnn.nn.Linear(5, 2)),
    kilnn.nn.Sequential(),
]
CLASSES, SHARES = kilnn.tensor([2, 1]), kilnn.tensor([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]])
LOSSES = [
    kilnn.nn.CrossEntropyLoss(),
    kilnn.nn.CrossEntropyLoss(kilnn.tensor([1.0, 2.0, 0.5]), reduction="none", ignore_index=1),
    kilnn.nn.CrossEntropyLoss(label_smoothing=0.1),
]


def cases():
    for layer in LAYERS:
        yield pytest.param(layer, (), id=str(layer))
    for loss in LOSSES:
        yield pytest.param(loss, (CLASSES,), id=f"{loss} of classes")
        if loss.ignore_index < 0:
            yield pytest.param(loss, (SHARES,), id=f"{loss} of shares")


@pytest.mark.parametrize("layer, more", list(cases()))
def test_a_recorded_forward_is_what_the_function_does(layer, more):
    args = (kilnn.randn(2, 3, requires_grad=True), *more)
    expected = recorded(lambda: layer.forward(*args))
    assert recorded(lambda: layer(*args)) == expected  # the function has been called: operands of known kinds


def test_settings_are_read_at_each_call():
    loss, x, y = kilnn.nn.CrossEntropyLoss(), kilnn.randn(4, 3), kilnn.tensor([0, 1, 2, 1])
    mean = loss(x, y).item()
    loss.reduction = "sum"
    assert loss(x, y).item() == pytest.approx(4 * mean)
    for wrong, error in (("average", ValueError), ([], (TypeError, ValueError))):
        loss.reduction = wrong
        with pytest.raises(error):
            loss(x, y)
    del loss.reduction
    with pytest.raises(AttributeError, match="reduction"):
        loss(x, y)


def test_every_recorded_forward_is_tested():
    assert set(RECORDED) <= {type(layer).forward for layer in LAYERS + LOSSES}


def test_a_switch_leaves_the_recorded_forward():
    x = kilnn.tensor([-1.0, 2.0])
    assert kilnn.nn.ReLU(inplace=True)(x) is x
    assert x.tolist() == [0.0, 2.0]


def test_own_forwards_and_hooks_come_first():
    class Doubled(kilnn.nn.Linear):
        def forward(self, input):
            return 2 * super().forward(input)

    x = kilnn.ones(1, 2)
    layer = Doubled(2, 1)
    assert layer(x).tolist() == (2 * F.linear(x, layer.weight, layer.bias)).tolist()
    plain = kilnn.nn.Linear(2, 1)
    plain.forward = lambda input: input + 1
    assert kilnn.nn.Sequential(plain)(x).tolist() == [[2.0, 2.0]]
    seen = []
    hooked = kilnn.nn.Linear(2, 1)
    hooked.register_forward_hook(lambda module, args, out: seen.append(out.shape))
    kilnn.nn.Sequential(hooked)(x)
    assert seen == [(1, 1)]


def graph(x, w):
    """Shared nodes and leaves, several outputs, a hook, a retained gradient, a Function."""

    class Triple(kilnn.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return 3 * a

        @staticmethod
        def backward(ctx, g):
            return 3 * g

    h = kilnn.tanh(x @ w)
    h.retain_grad()
    a, b = h.split(2, dim=1)
    c = Triple.apply(a) * b + a
    c.register_hook(lambda g: g * 2)
    return h, (c @ w.t()[:2, :2]).logsumexp(1).sum() + (w * w).sum()


@needs_core
def test_backward_from_one_root_in_c_and_in_python():
    kilnn.manual_seed(3)
    x, w = kilnn.randn(3, 2, requires_grad=True), kilnn.randn(2, 4, requires_grad=True)
    outcomes = []
    for start in (lambda root: root.backward(), lambda root: Walk(check_gradients([root], [None]), **USUAL).run()):
        x.grad = w.grad = None
        h, root = graph(x, w)
        start(root)
        outcomes.append([t.tolist() for t in (x.grad, w.grad, h.grad)])
        assert kilnn.is_grad_enabled()
    assert outcomes[0] == outcomes[1]


USUAL = {"retain": False, "create_graph": False, "inputs": None, "capture": False}


@needs_core
def test_a_hook_that_raises_leaves_the_gradient_mode():
    x = kilnn.ones(2, requires_grad=True)
    y = x.exp()

    def fail(gradient):
        raise ValueError("from the hook")

    handle = y.register_hook(fail)
    with pytest.raises(ValueError, match="from the hook"):
        y.sum().backward()
    assert kilnn.is_grad_enabled()
    assert x.grad is None
    handle.remove()
    (x * 2).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]
