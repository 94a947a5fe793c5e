"""The tutorial: each script runs in a process of its own and reaches what it claims, with as many step programs as
its README says; and the same script with `torch` for `kilnn` runs unchanged and prints the same."""

import contextlib
import io
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples.run_script import values_of

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples" / "tutorial"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py"))
PROGRAMS = {  # script: step programs, from the README's table
    stem: int(n)
    for stem, n in re.findall(r"^\| \[`(\w+)\.py`\].*\| (\d+)[^|]*\|$", (FOLDER / "README.md").read_text(), re.M)
}


# What the scripts claim, of their global variables. Both libraries must reach it.
def autograd(v):
    assert v["line"] == pytest.approx([3, -1], abs=0.06)


def losses(v):
    assert v["centres"] == pytest.approx({"mse": 20, "l1": 3, "huber": 3}, abs=0.1)
    assert v["pulls"] == pytest.approx({"MSELoss": 100, "L1Loss": 1, "HuberLoss": 10}, rel=1e-3)


def training_loop(v):
    assert v["losses"][0] > 1.5 and v["losses"][-1] < 0.2
    assert v["test_accuracy"] > 0.93
    assert v["difference"] < 1e-6


def dropout_modes(v):
    assert abs(v["share"] - 0.25) < 0.02
    assert 0.02 < v["spread"] < 0.3


def optimizers(v):
    final = v["final"]
    assert final["Adam"] < final["RMSprop"] < final["SGD, momentum 0.9"] < final["SGD"] < 0.6
    assert final["Adam"] < 1e-3
    assert v["diverged"] > 1e5


def learning_rates(v):
    assert max(v["rates"]) == pytest.approx(0.1)
    assert v["rates"][0] == pytest.approx(0.02)
    for results in (v["momentum"], v["adam"]):
        assert results["new optimizer, state loaded"] == pytest.approx(results["param_groups"], rel=1e-4)
        assert results["new optimizer"][29] > 1.2 * results["param_groups"][29]
    assert v["adam"]["new optimizer"][1] > 10 * v["adam"]["param_groups"][1]


def autograd_function(v):
    assert v["accuracy"] > 0.92


def lbfgs(v):
    calls = v["calls"]
    assert calls["LBFGS, strong Wolfe"] < 100
    assert 1000 < min(calls["Adam"], calls["SGD, momentum"]) < 5000
    assert v["lbfgs_loss"] < 0.95 * v["adam_loss"]
    assert v["lbfgs_accuracy"] > 0.96


def vae(v):
    assert sum(v["history"][0]) > 35 and sum(v["history"][-1]) < 26
    assert v["share"] > 0.6


def gan(v):
    assert v["covered"] == 8
    assert v["quality"] > 0.6


def char_rnn(v):
    assert v["history"][0] > 3 and v["history"][-1] < 0.4
    assert v["learnt"].startswith("The kiln is cold at dawn.")


def transformer(v):
    assert v["accuracy"] > 0.99


CLAIMS = {
    "02_autograd": autograd,
    "04_losses": losses,
    "05_training_loop": training_loop,
    "07_dropout_modes": dropout_modes,
    "08_optimizers": optimizers,
    "09_learning_rates": learning_rates,
    "10_autograd_function": autograd_function,
    "11_lbfgs": lbfgs,
    "12_vae": vae,
    "13_gan": gan,
    "14_char_rnn": char_rnn,
    "15_transformer": transformer,
}
ASSERTS_ITSELF = {"01_tensors", "03_modules", "06_what_compiles"}
ABOUT_KILNN = {"06_what_compiles"}
# With PyTorch these print other numbers in the same words.
OTHER_NUMBERS = {
    "07_dropout_modes": "dropout's masks are not PyTorch's",
    "10_autograd_function": "a sign flips where rounding decides, and the trainings part",
    "11_lbfgs": "a line search counts its calls, and stops where rounding decides",
    "13_gan": "the game is chaotic: rounding errors grow",
}
PNG = {"08_optimizers": "optimizers", "12_vae": "vae", "13_gan": "gan"}
NUMBER = re.compile(r"-?\d+(?:\.\d*)?(?:e[+-]?\d+)?")


def run_with_kilnn(stem, folder):
    """(what it printed, its values, kilnn.stats())"""
    out = folder / "values.json"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.examples.run_script", FOLDER / f"{stem}.py", out],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu", "KILNN_VERIFY": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text(encoding="utf-8"))
    return done.stdout, found["values"], found["stats"]


def run_with_torch(stem):
    """(what it printed, its values) with `torch` written for `kilnn`, and nothing else changed."""
    source = in_torch((FOLDER / f"{stem}.py").read_text(encoding="utf-8"))
    namespace = {"__name__": "__main__"}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(source, f"{stem}.py with torch", "exec"), namespace)
    return printed.getvalue(), json.loads(json.dumps(values_of(namespace)))


def in_torch(text):
    return re.sub(r"\bkilnn\b", "torch", text)


def words_of(printed):
    return NUMBER.sub("#", re.sub(r" +", " ", printed))


def assert_same_numbers(got, expected):
    numbers, wanted = (list(map(float, NUMBER.findall(printed))) for printed in (got, expected))
    for a, b in zip(numbers, wanted, strict=True):
        assert math.isclose(a, b, rel_tol=2e-3, abs_tol=2e-3), f"{a} is not {b} in\n{got}"


@pytest.mark.parametrize("stem", SCRIPTS)
def test_script(stem, tmp_path, monkeypatch):
    printed, values, stats = run_with_kilnn(stem, tmp_path)
    claim = CLAIMS.get(stem)
    if claim:
        claim(values)
    if stem in PNG:
        assert (tmp_path / "runs" / "tutorial" / f"{PNG[stem]}.png").stat().st_size > 5000
    assert stats["step_compiles"] == PROGRAMS[stem], stats
    if stem in ABOUT_KILNN:
        return
    monkeypatch.chdir(tmp_path)
    torch_printed, torch_values = run_with_torch(stem)
    if claim:
        claim(torch_values)
    assert words_of(in_torch(printed)) == words_of(torch_printed)
    if stem not in OTHER_NUMBERS:
        assert_same_numbers(printed, torch_printed)


def test_every_script_is_checked_and_listed():
    assert len(SCRIPTS) > 10
    assert set(SCRIPTS) == CLAIMS.keys() | ASSERTS_ITSELF
    assert set(SCRIPTS) == PROGRAMS.keys()
    assert set(SCRIPTS) >= ABOUT_KILNN | OTHER_NUMBERS.keys() | PNG.keys()
    for stem in SCRIPTS:
        text = (FOLDER / f"{stem}.py").read_text(encoding="utf-8")
        assert 40 <= len(text.splitlines()) <= 150, stem
        assert re.match(r'"""[A-Z].*?\n\nYou learn ', text, re.S), stem
        assert "assert" in text or stem in CLAIMS, stem


def test_what_is_not_about_kilnn_calls_nothing_of_its_own():
    own = re.compile(r"kilnn\.(stats|reset_stats|explain|expect|eager|synchronize|from_jax|data)\b")
    for stem in set(SCRIPTS) - ABOUT_KILNN:
        assert not own.search((FOLDER / f"{stem}.py").read_text(encoding="utf-8")), stem
    assert own.search((FOLDER / "06_what_compiles.py").read_text(encoding="utf-8"))


def test_the_comparison_can_fail():
    assert in_torch("from kilnn.nn import x  # kilnns") == "from torch.nn import x  # kilnns"
    assert words_of("loss  0.25, 3 of 4") == words_of("loss 1e-05, 30 of 4") != words_of("Loss 0.25, 3 of 4")
    assert_same_numbers("loss 0.2500, 1000", "loss 0.2503, 1001")
    for other in ("loss 0.2600", "loss -0.2500", "loss 2.5e3"):
        with pytest.raises(AssertionError, match="is not"):
            assert_same_numbers("loss 0.2500", other)
    with pytest.raises(AssertionError):
        training_loop({"losses": [2.0, 0.1], "test_accuracy": 0.9, "difference": 0.0})
