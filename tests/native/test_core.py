"""The hot paths in C do what their Python twins do: the same recordings, the same numbers, nothing kept alive."""

import gc
import json
import os
import shutil
import subprocess
import sys

import pytest

import kilnn
from kilnn.engine.node import Node
from kilnn.engine.values import Storage, Value
from kilnn.native.core import core, why_absent
from kilnn.nn import functional as F

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
        lambda: core.gradients((), (), ()),
        lambda: core.spread(()),
        lambda: core.replace(None, [], [], [], ()),
        lambda: core.run(None, None, None, [], (), (), [], ()),
        lambda: core.unmoved((), ()),
        lambda: core.clear_gradients(()),
        lambda: core.setup({}),
        lambda: core.setup_modules(1),
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
