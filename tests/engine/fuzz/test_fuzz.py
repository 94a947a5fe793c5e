"""Generated programs of views, in-place writes, gradients and reads behave as on PyTorch, lazily and eagerly."""

import pytest
import torch

import kilnn
from tests.engine.fuzz.machine import Machine, compare, minimize, reproduction
from tests.engine.fuzz.programs import write
from tests.engine.fuzz.run import search

LAZY, EAGER, BATCH = 400, 100, 50


def explain(causes, library) -> str:
    text = [f"{sum(f.count for f in causes)} programs differ, {len(causes)} causes"]
    for found in causes[:2]:
        smallest = minimize(found, library)
        text.append(f"{found.key}\n{smallest.message}\n{reproduction(smallest.lines)}")
    return "\n\n".join(text)


@pytest.mark.parametrize("first", range(0, LAZY, BATCH))
def test_lazy_programs_agree_with_pytorch(first):
    causes = search(kilnn, range(first, first + BATCH), repeat_every=10)
    assert not causes, explain(causes, kilnn)


@pytest.mark.parametrize("first", range(LAZY, LAZY + EAGER, BATCH))
def test_eager_programs_agree_with_pytorch(first):
    with kilnn.eager():
        causes = search(kilnn, range(first, first + BATCH))
        assert not causes, explain(causes, kilnn)


@pytest.mark.parametrize("first", [0, BATCH])
def test_wide_programs_agree_with_pytorch(first):
    causes = search(kilnn, range(first, first + BATCH), wide=True)
    assert not causes, explain(causes, kilnn)


# -- meta-tests: the generator and the comparison find planted faults


def test_the_same_seed_gives_the_same_program():
    assert write(3) == write(3)
    assert write(3) != write(4)


def test_pytorch_agrees_with_itself():
    assert not search(torch, range(100))


def test_most_programs_run_without_an_error():
    clean = 0
    for seed in range(200):
        machine = Machine(torch)
        try:
            for line in write(seed):
                machine.run(line)
            clean += 1
        except Exception:
            continue
    assert 120 <= clean <= 170


FAULTS = {
    "values: exp is expm1": ("exp()", "expm1()"),
    "values: a gradient is doubled": ("T.tanh(", "(lambda x: 2 * T.tanh(x))("),
    "in-place write is lost": (".mul_(", ".mul("),
    "set_item is lost on a view": ("[...] = ", "[...].clone()[...] = "),
    "detach does not share": (".detach()", ".detach().clone()"),
    "clone shares": (".clone()", ".view_as(v0)"),
    "view does not share": (".unbind(", ".clone().unbind("),
    "leaf forgets requires_grad": ("requires_grad=True", "requires_grad=False"),
    "graph is freed in spite of retain_graph": ("retain_graph=True", "retain_graph=False"),
    "graph is kept": (".backward()", ".backward(retain_graph=True)"),
    "double backward is cut": ("create_graph=True", "create_graph=False"),
    "no_grad is ignored": ("with T.no_grad()", "with T.enable_grad()"),
    "dtype: sums of booleans": (" > 0).sum()", " > 0).float().sum()"),
    "int tensor becomes float": (".long()", ".float()"),
    "hook is not called": ("register_hook(lambda g: ", "register_hook(lambda g: None and "),
    "retain_grad does nothing": (".retain_grad()", ".requires_grad"),
    "reads a wrong number": (".item()", ".item() + 1"),
    "keepdim is dropped": (", keepdim=True", ""),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_and_minimized(fault):
    right, wrong = FAULTS[fault]

    def translate(line):
        return line.replace(right, wrong)

    for seed in range(3000):
        lines = write(seed)
        if not any(right in line for line in lines):
            continue
        found = compare(lines, torch, translate=translate)
        if found is not None:
            smallest = minimize(found, torch, translate=translate)
            assert len(smallest.lines) <= 16, "\n".join(smallest.lines)
            assert any(right in line for line in smallest.lines)
            return
    pytest.fail("not found")


def test_a_missing_error_is_found():
    found = compare(["v0 = T.ones((2, 3))", "v0.view(4, 4)"], torch, translate=lambda s: s.replace("4, 4", "3, 2"))
    assert found is not None
    assert "did not raise" in found.message


def test_a_needless_and_a_different_error_are_found():
    found = compare(["v0 = T.ones((2, 3))"], torch, translate=lambda s: "v0 = T.ones((2, -3))")
    assert found is not None
    assert "PyTorch did not raise" in found.message
    found = compare(["v0 = T.ones((2, 3)) + 'text'"], torch, translate=lambda s: "v0 = T.ones(3)[7]")
    assert found is not None
    assert "IndexError" in found.message


def test_a_lost_version_error_is_found():
    lines = ["v0 = T.ones(2, requires_grad=True)", "v1 = T.exp(v0)", "v1.add_(1)", "v1.sum().backward()"]
    assert compare(lines, torch) is None
    found = compare(lines, torch, translate=lambda s: s.replace("T.exp(v0)", "T.exp(v0).clone()"))
    assert found is not None
    assert found.index == 3


def test_a_reproduction_runs(capsys):
    text = reproduction(["v0 = T.ones(2, requires_grad=True)", "v1 = Square.apply(v0)", "v1.sum().backward()"])
    exec(compile(text.replace('"kilnn"', '"torch"').replace("sys.argv", "[]"), "<reproduction>", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["v0", "v1"]
    assert lines[0].endswith("[1.0, 1.0] [2.0, 2.0]")
