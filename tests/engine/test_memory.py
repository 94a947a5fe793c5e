"""Long recordings, many programs, and what `import kilnn` costs."""

import gc
import json
import os
import subprocess
import sys
import weakref

import numpy as np
import pytest

import kilnn as T
from kilnn.nn import functional as F

MEGABYTE = 1e6


def resident() -> int:
    gc.collect()
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * 4096


@pytest.mark.parametrize("length", [10_000, 100_000])
def test_a_long_chain_records_differentiates_and_is_freed(length):
    x = T.ones(3, requires_grad=True)
    y = x
    for _ in range(length):
        y = y * 1.0
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]
    del y
    gc.collect()


def test_a_long_chain_is_freed_without_a_backward():
    x = T.ones(3, requires_grad=True)
    y = x
    for _ in range(100_000):
        y = y + 1.0
    assert y.grad_fn is not None
    del y
    gc.collect()
    assert x.grad is None


@pytest.mark.parametrize("start", [lambda: T.zeros(()), lambda: T.zeros((), requires_grad=True).mul(1).detach()])
def test_a_long_chain_of_values_read_at_the_end(start):
    y = start()
    for _ in range(100_000):
        y = y + 1
    assert y.item() == 100_000


def test_a_long_chain_keeps_values_right_across_cuts():
    """Backward over pieces that ran in different programs."""
    x = T.tensor([0.5, 2.0], requires_grad=True)
    y = x
    for i in range(5_000):
        y = y * (2.0 if i % 2 else 0.5)
    (y * y).sum().backward()
    assert x.grad.tolist() == [1.0, 4.0]


@pytest.mark.parametrize("count", [120, pytest.param(1_000, marks=pytest.mark.slow)])
def test_different_programs_plateau_in_memory(count):
    """Each is compiled, used three times (so that it is fused) and forgotten."""

    def program(i):
        x = T.linspace(0, 1, 3 + i % 97)
        for _ in range(3):
            y = T.sin(x)
            for bit in range(10):
                y = y * 2 if (i + 1) >> bit & 1 else y + 1
            y.sum().item()

    first = count * 6 // 10
    for i in range(first):
        program(i)
    before = resident()
    for i in range(first, count):
        program(i)
    per_program = (resident() - before) / (count - first)
    assert per_program < 0.15 * MEGABYTE, f"{per_program / MEGABYTE:.2f} MB a program"


def test_deleted_tensors_make_room_for_the_next():
    """Freed memory may stay with the process, but it is used again."""

    def use():
        big = T.zeros(4_000_000) + 1
        assert big.sum().item() == 4_000_000
        return weakref.ref(big)

    for _ in range(4):
        use()
    before = resident()
    for _ in range(30):
        alive = use()
        gc.collect()
        assert alive() is None
    assert resident() - before < 40 * MEGABYTE


def test_training_keeps_memory_flat():
    model = T.nn.Sequential(T.nn.Linear(64, 128), T.nn.ReLU(), T.nn.Linear(128, 10))
    optimizer = T.optim.Adam(model.parameters(), lr=1e-3)
    rng = np.random.default_rng(0)
    x, y = T.tensor(rng.standard_normal((32, 64)).astype(np.float32)), T.tensor(rng.integers(0, 10, 32))

    def steps(count):
        for _ in range(count):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        loss.item()

    steps(300)
    before = resident()
    steps(2_000)
    assert resident() - before < 8 * MEGABYTE


def test_a_graph_that_is_never_differentiated_is_freed():
    """A forgotten no_grad in evaluation: each batch's graph goes with its loss."""
    model = T.nn.Linear(200, 200)
    x = T.ones(500, 200)

    def evaluate(count):
        total = 0.0
        for _ in range(count):
            total += model(x).relu().mean().item()
        return total

    evaluate(20)
    before = resident()
    evaluate(200)
    assert resident() - before < 20 * MEGABYTE


def test_modules_in_cycles_are_collected():
    class Child(T.nn.Module):
        def __init__(self, parent):
            super().__init__()
            self.layer = T.nn.Linear(10, 10)
            self.__dict__["parent"] = parent

    parent = T.nn.Module()
    parent.child = Child(parent)
    parent.child.layer(T.ones(1, 10)).sum().backward()
    alive = weakref.ref(parent.child.layer.weight)
    del parent
    gc.collect()
    assert alive() is None


# -- import


def python(code: str) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KILNN_")} | {"JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


# JAX comes with its byte code; kilnn's is looked for in a folder of the test's own.
IMPORT_TIME = """
import sys, time
import jax
sys.dont_write_bytecode, sys.pycache_prefix = {without}, {folder!r}
start = time.process_time()
{code}
print(time.process_time() - start)
"""
EVERYTHING = "import kilnn, kilnn.autograd, kilnn.data, kilnn.io, kilnn.nn, kilnn.optim, kilnn.utils"


@pytest.mark.parametrize(
    ("code", "without", "limit"),
    [("import kilnn", False, 0.25), ("import kilnn", True, 0.25), (EVERYTHING, False, 0.25), (EVERYTHING, True, 0.6)],
    ids=["kilnn", "kilnn without byte code", "everything", "everything without byte code"],
)
def test_import_adds_little_to_import_jax(code, without, limit, tmp_path):
    """Also in a fresh clone that keeps no byte code. Processor time, and the quickest of several runs, as other
    programs slow down the machine."""
    program = IMPORT_TIME.format(code=code, without=without, folder=str(tmp_path))
    python(program)  # warms the file cache and, unless forbidden, writes the byte code
    assert any(tmp_path.rglob("*.pyc")) is not without
    added = [float(python(program)) for _ in range(5)]
    assert min(added) <= limit, f"{code} adds {sorted(added)} s"


def test_import_never_imports_torch():
    names = json.loads(python("import kilnn, sys, json; print(json.dumps(sorted(sys.modules)))"))
    assert "kilnn" in names
    assert not [name for name in names if name.split(".")[0] in ("torch", "torchvision", "sklearn", "matplotlib")]


def test_training_never_imports_torch():
    code = """
import sys
import kilnn as T
m = T.nn.Linear(3, 2)
o = T.optim.Adam(m.parameters())
T.nn.functional.cross_entropy(m(T.ones(4, 3)), T.tensor([0, 1, 1, 0])).backward()
o.step()
list(T.utils.data.DataLoader(T.utils.data.TensorDataset(T.ones(4, 2)), batch_size=2))
print("torch" in sys.modules)
"""
    assert python(code).strip() == "False"


def test_the_meta_test_of_the_import_list_can_fail():
    assert "torch" in json.loads(python("import torch, sys, json; print(json.dumps(sorted(sys.modules)))"))


def test_import_allocates_nothing_on_a_device():
    code = """
import kilnn
from jax._src import xla_bridge
print(len(xla_bridge._backends))
import jax
print(len(jax.live_arrays()))
"""
    backends, arrays = python(code).split()
    assert backends == "0", "import kilnn started a JAX backend"
    assert arrays == "0"
