"""Programs kept on disk: a second process compiles nothing and computes the same bits; nothing there can do harm."""

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import jax
import numpy as np
import pytest

import kilnn as T
from kilnn.base.config import cache_folder, config
from kilnn.engine import cache, disk, entry, executables, fingerprint, rules
from kilnn.engine.record import record
from kilnn.nn import functional as F
from kilnn.ops.spec import REGISTRY, op

ROOT = Path(T.__file__).parents[1]

SCRIPT = """
import json, sys
import jax
xla, traces = [], []
jax.monitoring.register_event_duration_secs_listener(
    lambda name, seconds, **_: (xla if "backend_compile" in name else traces).append(name))
import kilnn as T
from kilnn.nn import functional as F
T.manual_seed(0)
net = T.nn.Sequential(
    T.nn.Conv2d(1, 4, 3), T.nn.BatchNorm2d(4), T.nn.ReLU(), T.nn.Flatten(), T.nn.Dropout(0.5), T.nn.Linear(144, 3))
optimizer = T.optim.Adam(net.parameters(), lr=1e-2)
x, y = T.randn(8, 1, 8, 8), T.randint(0, 3, (8,))
losses = []
for _ in range(3):
    optimizer.zero_grad()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
big = T.arange(90000).reshape(300, 300) * 0.001
losses.append(T.tanh(big @ big.t()).sum().item())  # operation by operation
bits = [p.detach().numpy().tobytes().hex()[:4000] for p in net.parameters()]
report = {"bits": bits, "stats": T.stats(), "xla": len(xla), "traces": traces}
print(json.dumps(report | {"losses": [l.hex() for l in losses]}))
"""


@pytest.fixture
def folder(tmp_path):
    """The disk cache, switched on, in an empty folder."""
    place = tmp_path / "programs"
    with config.override(disk_cache=True, disk_cache_dir=str(place)):
        yield place
    disk._broken.discard(place)


def start(script, folder, python_path=ROOT, **environment):
    return subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ
        | {"KILNN_DISK_CACHE": "1", "KILNN_DISK_CACHE_DIR": str(folder), "PYTHONPATH": str(python_path)}
        | environment,
    )


def answer(process):
    out, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors[-3000:]
    return json.loads(out.splitlines()[-1])


def made(result):
    stats = result["stats"]
    return stats["compiles"] + stats["op_compiles"]


def loaded(result):
    stats = result["stats"]
    return stats["program_loads"] + stats["op_loads"]


def forget():
    """As a new process: nothing is compiled, no operation has been met."""
    cache.clear()
    for each in REGISTRY.values():
        each.memo.clear()


def train(width=6, steps=2, dim=1, rule=lambda h: h):
    """(losses, what was made, what of it came from the disk)"""
    forget()
    T.manual_seed(0)
    before = T.stats()
    net = T.nn.Sequential(T.nn.Linear(5, width), T.nn.ReLU(), T.nn.Linear(width, 3))
    optimizer = T.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    x = T.randn(4, 5)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.log_softmax(rule(net(x)), dim=dim).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    after = T.stats()
    return losses, after["compiles"] - before["compiles"], after["program_loads"] - before["program_loads"]


def test_a_second_process_compiles_nothing_and_computes_the_same_bits(tmp_path):
    here, there = tmp_path / "a.py", tmp_path / "other" / "b.py"
    there.parent.mkdir()
    here.write_text(SCRIPT)
    there.write_text("# a comment, and another path\n\n" + SCRIPT.replace("losses.append", "losses  .append"))
    folder = tmp_path / "programs"
    # Two at once: both find nothing, both compile, both write.
    first, beside = [answer(p) for p in [start(here, folder), start(here, folder)]]
    assert made(first) > 1 and first["stats"]["step_compiles"] == 1
    assert first["xla"] >= made(first) - loaded(first)
    assert not [p for p in folder.iterdir() if p.name.endswith(".part")]
    second = answer(start(there, folder))
    assert made(second) == loaded(second) == made(first)
    assert second["xla"] == 0 and second["traces"] == []
    for other in (beside, second):
        assert other["losses"] == first["losses"] and other["bits"] == first["bits"]
    off = answer(start(here, folder, KILNN_DISK_CACHE="0"))
    assert loaded(off) == 0 and off["losses"] == first["losses"]


def test_changed_sources_of_kilnn_are_another_cache(tmp_path):
    script = tmp_path / "a.py"
    script.write_text(SCRIPT.replace("range(3)", "range(1)"))
    folder, copy = tmp_path / "programs", tmp_path / "copy"
    shutil.copytree(ROOT / "kilnn", copy / "kilnn", ignore=shutil.ignore_patterns("__pycache__"))
    first = answer(start(script, folder))
    same = answer(start(script, folder, copy))
    assert loaded(same) == made(first)
    changed = copy / "kilnn" / "ops" / "arithmetic.py"
    changed.write_text(changed.read_text() + "\n# changed\n")
    assert loaded(answer(start(script, folder, copy))) == 0
    changed.write_text(changed.read_text().removesuffix("\n# changed\n"))
    assert loaded(answer(start(script, folder, copy, XLA_FLAGS="--xla_cpu_enable_fast_math=false"))) == 0


def test_a_program_is_found_again_and_another_attribute_is_not(folder):
    losses, made, loaded = train()
    assert (made, loaded) == (1, 0)
    assert train() == (losses, 1, 1)
    assert train(dim=0)[1:] == (1, 0)
    assert train(width=7)[1:] == (1, 0)
    with config.override(disk_cache=False):
        assert train() == (losses, 1, 0)


def test_shape_rules_are_asked_once(folder, monkeypatch):
    asked = []
    rule = entry.eval_shape
    monkeypatch.setattr(entry, "eval_shape", lambda *a: asked.append(a) or rule(*a))
    losses, _, _ = train()
    assert len(asked) > 5
    asked.clear()
    rules._books.clear()  # another process reads the file
    assert train()[0] == losses and not asked
    assert train(width=9)[0] != losses and asked  # other avals are other questions
    x = T.ones(3, 4)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
            x @ x
    with config.override(disk_cache=False):
        asked.clear()
        assert train()[0] == losses and asked


def test_many_shape_rules_are_forgotten(folder, monkeypatch):
    monkeypatch.setattr(rules, "LIMIT", 3)
    for start in (0, 2, 4):
        rules._books.clear()
        for k in (start, start + 1):
            assert rules.remembered(lambda: f"rule {k}", lambda: [k]) == [k]
        rules.save()
    rules._books.clear()
    assert set(rules._book().known) == {"rule 4", "rule 5"}


@pytest.mark.parametrize("damage", [lambda b: b[:-7], lambda b: b"", lambda b: b[:40] + bytes([b[40] ^ 1]) + b[41:]])
def test_damaged_files_are_ignored_and_replaced(folder, damage):
    losses, _, _ = train()
    for path in folder.iterdir():
        path.write_bytes(damage(path.read_bytes()))
    assert train() == (losses, 1, 0)
    assert train() == (losses, 1, 1)


def test_a_sound_file_with_the_wrong_content_is_replaced(folder):
    losses, _, _ = train()
    for path in folder.iterdir():
        disk.write(path.name, b"not a pickle")
    assert train() == (losses, 1, 0)
    assert train() == (losses, 1, 1)


def test_a_folder_that_cannot_be_written_does_no_harm(folder, monkeypatch):
    folder.write_text("a file where the folder should be")
    losses, made, loaded = train()
    assert (made, loaded) == (1, 0)
    folder.unlink()
    disk._broken.discard(folder)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full)
        assert train() == (losses, 1, 0)
    assert list(folder.iterdir()) == []
    assert train() == (losses, 1, 0)  # such a folder is not tried again
    assert list(folder.iterdir()) == []


def test_the_least_recently_used_files_are_dropped(folder):
    rng = np.random.default_rng(0)
    content = rng.bytes(290_000)
    with config.override(disk_cache_mb=1):
        for k in range(3):
            disk.write(f"key{k}", content)
            os.utime(folder / f"key{k}", (k + 1, k + 1))
        assert disk.read("key0") == content  # used just now
        left = folder / "dead.part"
        left.write_bytes(b"")
        os.utime(left, (1, 1))
        disk.write("key3", content)
        assert {p.name for p in folder.iterdir()} == {"key0", "key2", "key3"}
        disk._sizes.clear()  # another process looks at the folder first
        disk.write("key4", content)
        assert {p.name for p in folder.iterdir()} == {"key0", "key3", "key4"}


def double(x):
    return x * 2


def triple(x):
    return x * 3


def test_a_users_operation_is_known_by_what_it_computes(folder):
    """Its function may call anything: its name says nothing."""

    def of(fn):
        made = REGISTRY.pop("disk_cache_example", None)
        made = op(name="disk_cache_example")(fn)
        made.grad("x")(lambda ct: ct * 2)
        return lambda h: record(made, (h,))

    try:
        twice, made, loaded = train(rule=of(double))
        assert (made, loaded) == (1, 0)
        assert train(rule=of(lambda x: x + x))[0] == pytest.approx(twice)
        thrice, _, loaded = train(rule=of(triple))
        assert loaded == 0 and thrice != twice
        assert train(rule=of(lambda x: x * 2)) == (twice, 1, 1)
        with pytest.raises(fingerprint.UnnamedError):
            fingerprint.entry_name(next(iter(REGISTRY["disk_cache_example"].memo.values())))
    finally:
        del REGISTRY["disk_cache_example"]


def test_segments_are_kept(folder):
    def deep():
        forget()
        T.manual_seed(0)
        before = T.stats()
        layers = [T.nn.Linear(512, 512) for _ in range(10)]
        net = T.nn.Sequential(*[m for layer in layers for m in (layer, T.nn.ReLU())])
        optimizer = T.optim.SGD(net.parameters(), lr=0.1)
        x, y = T.ones(32, 512), T.zeros(32, dtype=T.int64) + (T.ones(300, 300).sum() > 0).long()
        losses = []
        for _ in range(2):
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        after = T.stats()
        return losses, {k: after[k] - before[k] for k in ("segments", "step_compiles", "program_loads")}

    losses, first = deep()
    assert first["segments"] > 1 and first["program_loads"] == 0
    again, second = deep()
    assert again == losses and second["program_loads"] >= second["step_compiles"] == 1


def test_arrays_on_another_device_are_left_to_jax(folder, monkeypatch):
    """The executables that are kept are made for one device."""
    losses, _, _ = train()
    refusals = []

    def refusing(compiled):
        def call(*args):
            refusals.append(len(args))
            raise ValueError("Computation was compiled for input shardings that disagree with those of the arguments")

        return call

    monkeypatch.setattr(executables, "_in_c", refusing)
    got, _, loaded = train()
    assert got == losses and loaded == 1 and len(refusals) == 1


def test_threads_may_compile_at_once(folder):
    results = []
    forget()

    def work(k):
        x = T.ones(200, 200) * (k + 1)
        for _ in range(3):
            results.append((k, T.tanh(x @ x).sum().item() + T.sort(x, dim=0)[0].sum().item()))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [(k, 40000.0 + 40000.0 * (k + 1)) for k in range(4) for _ in range(3)]


def test_where_the_folder_is(tmp_path, monkeypatch):
    assert cache_folder({"XDG_CACHE_HOME": str(tmp_path)}) == str(tmp_path / "kilnn")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder({"XDG_CACHE_HOME": "relative"}) == str(tmp_path / ".cache" / "kilnn")
    with config.override(disk_cache_dir="~/there"):
        assert cache_folder({}) == str(tmp_path / "there")
    with pytest.raises(ValueError, match="is a folder"):
        config.disk_cache_dir = 3


def variants():
    """Operations that differ in attributes, dtypes, wanted gradients and numbers only."""
    x = T.randn(4, 6).requires_grad_()
    w = T.randn(4, 6).requires_grad_()
    made = [
        x.sum(0),
        x.sum(1),
        x.sum(0, keepdim=True),
        x.mean(0),
        x**2,
        x**3,
        x**0.5,
        x * 2,
        x * w,
        x + w,
        w.detach() * x,
    ]
    made += [x[:, ::2], x[:, 1::2], x.transpose(0, 1), x.view(24), F.softmax(x, 0), F.softmax(x, 1), F.gelu(x)]
    made += [
        F.gelu(x, approximate="tanh"),
        x.clamp(min=0),
        x.clamp(max=0),
        x.norm(),
        x.norm(1),
        x.cumsum(0),
        x.cumsum(1),
    ]
    made += [
        x.double() * 2,
        x.half().sum(0),
        x.amax(0),
        F.pad(x, (1, 2)),
        F.pad(x, (2, 1)),
        x.std(0),
        x.std(0, correction=0),
    ]
    made += [
        F.cross_entropy(x, T.tensor([0, 1, 2, 3]), label_smoothing=s, reduction=r)
        for s in (0.0, 0.1)
        for r in ("sum", "mean")
    ]
    T.cat([m.float().abs().sum().reshape(1) for m in made]).sum().backward()
    T.synchronize()


def test_equal_names_are_equal_modules():
    """A name that says too little would run one operation in place of another."""
    before = set(entry.HEADS)
    for _ in range(2):  # the second time everything is made anew and must find its name
        forget()
        variants()
    fresh = [e for head, e in entry.HEADS.items() if head not in before]
    modules = {}
    with jax.enable_x64(True):
        for e in fresh:
            lowered = jax.jit(e.fn).lower(*entry.specs_of(e.kinds, e.in_avals))
            modules.setdefault(fingerprint.entry_name(e), []).append(lowered.as_text().replace(e.name, ""))
    assert len(modules) > 80
    assert all(len(texts) >= 2 and len(set(texts)) == 1 for texts in modules.values())
