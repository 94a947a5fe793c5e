"""PyTorch's words around training: compile, jit, library, hub, profiler, benchmark, TensorBoard, processes."""

import hashlib
import json
import sys
import types

import pytest
import torch

import kilnn
from tests.oracle import assert_same_tree

BOTH = [torch, kilnn]


def test_compile_gives_back_what_it_is_given():
    net = kilnn.nn.Linear(2, 2)
    for options in ({}, {"mode": "max-autotune"}, {"fullgraph": True, "dynamic": False, "backend": "inductor"}):
        assert kilnn.compile(net, **options) is net
    assert list(kilnn.compile(net).state_dict()) == ["weight", "bias"]

    @kilnn.compile(fullgraph=True)
    def double(x):
        return x * 2

    @kilnn.compile
    def triple(x):
        return x * 3

    assert double(kilnn.ones(1)).item() == 2 and triple(kilnn.ones(1)).item() == 3
    for T in BOTH:
        with pytest.raises(RuntimeError, match="Either mode or options can be specified"):
            T.compile(T.nn.Linear(2, 2), mode="default", options={})
        with pytest.raises(RuntimeError):
            T.compile(T.nn.Linear(2, 2), mode="fastest")
    with pytest.raises(NotImplementedError, match="PyTorch's graphs"):
        kilnn.compile(net, backend=lambda graph, inputs: graph)


def test_compiler_and_jit():
    def f(x):
        return x + 1

    assert kilnn.compiler.disable(f) is f and kilnn.compiler.disable(recursive=False)(f) is f
    assert not kilnn.compiler.is_compiling() and not kilnn.jit.is_scripting() and not kilnn.jit.is_tracing()
    kilnn.compiler.reset()
    assert f(kilnn.ones(1)).item() == 2
    with pytest.raises(RuntimeError, match="loud"):
        kilnn.compiler.set_stance("loud")
    with pytest.raises(NotImplementedError, match=r"kilnn\.expect"):
        kilnn.compiler.set_stance("fail_on_recompile")
    x = kilnn.ones(200, 200)  # too large for the host

    def runs():
        """How many operations run when they are recorded."""
        before = kilnn.stats()["op_runs"]
        x + 1
        return kilnn.stats()["op_runs"] - before

    default, stance = runs(), kilnn.compiler.set_stance
    with stance("force_eager"):
        assert runs() == 1
        with stance("default"):
            assert runs() == default
        assert runs() == 1
    assert runs() == default == 0
    at_once = stance("force_eager")(runs)
    assert runs() == 0 and at_once() == 1 and runs() == 0
    stance("force_eager")
    assert runs() == 1
    stance("default")
    assert runs() == 0
    jit = kilnn.jit
    for same in (
        jit.script(f),
        jit.trace(f, kilnn.ones(1)),
        jit.unused(f),
        jit.export(f),
        jit.ignore(f),
        jit.ignore()(f),
    ):
        assert same is f
    assert jit.annotate(list[int], [1]) == [1] and jit.wait(jit.fork(f, 1)) == 2
    for call in (lambda: jit.save(f, "x"), lambda: jit.load("x")):
        with pytest.raises(NotImplementedError, match="state_dict"):
            call()
    for call in (kilnn.onnx.export, kilnn.export.export):
        with pytest.raises(NotImplementedError):
            call(f)
    kilnn._assert(kilnn.tensor(True), "fine")
    with pytest.raises(AssertionError, match="not fine"):
        kilnn._assert(kilnn.tensor(False), "not fine")
    assert kilnn.nn.modules.utils._pair(3) == (3, 3) and kilnn.nn.modules.utils._pair((1, 2)) == (1, 2)


def custom_ops(T):
    @T.library.custom_op("page_test::scaled", mutates_args=())
    def scaled(x: T.Tensor, factor: float) -> T.Tensor:
        return x * factor

    @scaled.register_fake
    def _(x, factor):
        return T.empty_like(x)

    def setup(ctx, inputs, output):
        ctx.factor = inputs[1]

    scaled.register_autograd(lambda ctx, g: (g * ctx.factor, None), setup_context=setup)

    @T.library.custom_op("page_test::fill", mutates_args=("x",))
    def fill(x: T.Tensor, value: float) -> None:
        x.fill_(value)

    x = T.ones(2, requires_grad=True)
    scaled(x, factor=3.0).sum().backward()
    y = T.zeros(2)
    fill(y, 4.0)
    return x.grad, y


def test_custom_ops():
    assert_same_tree(custom_ops(kilnn), custom_ops(torch))

    @kilnn.library.custom_op("page_test::plain", mutates_args=())
    def plain(x: kilnn.Tensor) -> kilnn.Tensor:
        return x * 1

    with pytest.raises(RuntimeError, match="no autograd formula was registered"):
        plain(kilnn.ones(1, requires_grad=True)).backward()
    kilnn.library.register_autograd("page_test::plain", lambda ctx, g: g * 5)
    x = kilnn.ones(1, requires_grad=True)
    plain(x).backward()
    assert x.grad.item() == 5
    with pytest.raises(RuntimeError, match="there is no operation"):
        kilnn.library.register_fake("page_test::nothing")
    with pytest.raises(ValueError, match="namespace::name"):
        kilnn.library.custom_op("nothing", mutates_args=())


def test_hub(tmp_path, monkeypatch):
    for T in BOTH:
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        assert T.hub.get_dir() == str(tmp_path / "hub")
    source = tmp_path / "source"
    source.mkdir()
    torch.save({"w": torch.arange(3.0)}, source / "weights.pth")
    digest = hashlib.sha256((source / "weights.pth").read_bytes()).hexdigest()
    named = source / f"weights-{digest[:8]}.pth"
    (source / "weights.pth").rename(named)
    url = named.as_uri()
    for _ in range(2):
        assert kilnn.hub.load_state_dict_from_url(url, check_hash=True, progress=False)["w"].tolist() == [0, 1, 2]
        named.unlink(missing_ok=True)  # the second time from the folder
    assert (tmp_path / "hub" / "checkpoints" / named.name).exists()
    wrong = source / "weights-00000000.pth"
    torch.save(1, wrong)
    with pytest.raises(RuntimeError, match="invalid hash value"):
        kilnn.hub.load_state_dict_from_url(wrong.as_uri(), check_hash=True, progress=False)
    (source / "hubconf.py").write_text("def model(n, pretrained=False):\n    'Makes n.'\n    return n, pretrained\n")
    assert kilnn.hub.load(str(source), "model", 3, source="local", pretrained=True) == (3, True)
    assert kilnn.hub.list(str(source), source="local") == ["model"]
    assert kilnn.hub.help(str(source), "model", source="local") == "Makes n."
    with pytest.raises(RuntimeError, match="Cannot find callable nothing in hubconf"):
        kilnn.hub.load(str(source), "nothing", source="local")
    with pytest.raises(NotImplementedError, match="source='local'"):
        kilnn.hub.load("pytorch/vision", "resnet18")


def test_profiler(tmp_path):
    plan = {"wait": 1, "warmup": 1, "active": 2, "repeat": 2, "skip_first": 1}
    for T in (torch.profiler, kilnn.profiler):
        assert [T.schedule(**plan)(n).name for n in range(11)] == [
            "NONE", "NONE", "WARMUP", "RECORD", "RECORD_AND_SAVE", "NONE", "WARMUP", "RECORD", "RECORD_AND_SAVE",
            "NONE", "NONE",
        ]  # fmt: skip
    ready = []
    w = kilnn.ones(200, 200)
    with kilnn.profiler.profile(
        activities=[kilnn.profiler.ProfilerActivity.CPU], schedule=kilnn.profiler.schedule(wait=1, warmup=0, active=2),
        on_trace_ready=lambda p: ready.append([(e.key, e.count) for e in p.key_averages()]),
    ) as prof:  # fmt: skip
        for _ in range(3):
            with kilnn.autograd.profiler.record_function("product"):
                w @ w
            prof.step()
    assert ready == [[("product", 2)]]
    with kilnn.profiler.profile() as prof, kilnn.profiler.record_function("outer"):
        kept = w @ w
        del kept
    assert (
        "outer" in prof.key_averages().table(sort_by="cpu_time_total") and prof.events()[0].end > prof.events()[0].start
    )
    kilnn.profiler.tensorboard_trace_handler(str(tmp_path))(prof)
    (file,) = tmp_path.iterdir()
    assert json.loads(file.read_text())["traceEvents"][0]["name"] == "outer"


def test_benchmark():
    calls = []
    timer = kilnn.utils.benchmark.Timer(
        "f(x)", setup="f = g", globals={"x": kilnn.ones(3), "g": lambda x: calls.append(1) or x + 1}, label="add",
        sub_label="three", description="kilnn",
    )  # fmt: skip
    found = timer.timeit(5)
    assert len(calls) == 5 + 3 and found.number_per_run == 5 and found.median == found.mean > 0
    ranged = timer.blocked_autorange(min_run_time=0.01)
    assert sum(ranged.raw_times) >= 0.01 and "add: three" in repr(ranged)
    assert "three" in str(kilnn.utils.benchmark.Compare([found, ranged]))
    fixed = kilnn.utils.benchmark.Measurement(2, [2.0, 4.0, 6.0])
    assert (fixed.median, fixed.mean, fixed.iqr) == (2, 2, 1)  # as PyTorch's
    with pytest.raises(NotImplementedError, match="only Python"):
        kilnn.utils.benchmark.Timer("x", language="c++")


def test_summary_writer(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'kilnn\[tensorboard\]'"):
        kilnn.utils.tensorboard.SummaryWriter()
    written = []

    class Writer:
        def __init__(self, **options):
            self.logdir = options["logdir"]

        def add_scalar(self, *args, **kwargs):
            written.append((args, kwargs))

        def close(self):
            written.append("closed")

    monkeypatch.setitem(sys.modules, "tensorboardX", types.SimpleNamespace(SummaryWriter=Writer))
    with kilnn.utils.tensorboard.SummaryWriter("runs/a") as writer:
        writer.add_scalar("loss", kilnn.ones(()).bfloat16() * 2, global_step=3)
        assert writer.log_dir == "runs/a"
        with pytest.raises(NotImplementedError, match="add_graph"):
            writer.add_graph(None)
    assert written[0][0][1] == 2 and written[-1] == "closed"


def work(number, text, folder):
    if number == 1 and text == "fail":
        raise KeyError("this one")
    (folder / str(number)).write_text(text)


@pytest.mark.parametrize("text", ["fine", "fail"])
def test_spawn(text, tmp_path):
    if text == "fine":
        context = kilnn.multiprocessing.spawn(work, (text, tmp_path), nprocs=2, join=False)
        for process in context.processes:
            process.join()
        assert context.join()  # all have ended before
        assert sorted(p.name for p in tmp_path.iterdir()) == ["0", "1"]
    else:
        with pytest.raises(
            kilnn.multiprocessing.ProcessRaisedException, match=r"Process 1 (.|\n)*KeyError: 'this one'"
        ):
            kilnn.multiprocessing.spawn(work, (text, tmp_path), nprocs=2)
    assert kilnn.multiprocessing.Process is not None and kilnn.multiprocessing.get_context("spawn")
