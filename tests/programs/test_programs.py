"""Each script prints with kilnn what it prints with PyTorch, and compiles as many step programs as the table says."""

import contextlib
import io
import random
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

pytestmark = pytest.mark.filterwarnings("ignore:.*utils.weight_norm. is deprecated:FutureWarning")
FOLDER = Path(__file__).parent / "scripts"
NUMBER = re.compile(r"-?\d+(?:\.\d*)?(?:e[+-]?\d+)?")
RELATIVE = 1e-3


class Program(NamedTuple):
    """steps: programs with an optimizer's update. every_run: part of the usual suite. apart: why numbers part."""

    steps: int
    every_run: bool = False
    apart: str | None = None


PROGRAMS = {
    "a2c_ppo": Program(2, True),
    "adversarial": Program(2),
    "autoencoder": Program(1),
    "char_rnn": Program(0),  # updates by hand
    "conditional_vae": Program(2, True),
    "crf": Program(1),
    "custom_function": Program(3, True, "a sign flips where rounding decides, and the binary network's trainings part"),
    "custom_optimizers": Program(3, True),
    "data_pipeline": Program(3),
    "dcgan": Program(2),
    "ddpm": Program(1, True),
    "distillation": Program(2),
    "dqn": Program(5, True),
    "early_stopping": Program(1),
    "fine_tuning": Program(3),
    "gaussian_process": Program(2),
    "graph_conv": Program(1, True),
    "gumbel": Program(4),
    "hooks_and_buffers": Program(1, True),
    "logistic_lbfgs": Program(0),
    "maml": Program(2, True),
    "matrix_factorisation": Program(3),
    "mixed_precision": Program(2),
    "mobilenet": Program(1),
    "multi_task": Program(6),
    "nano_gpt": Program(1),
    "neural_ode": Program(1),
    "norms": Program(3),
    "packed_lstm": Program(3, True),
    "pinn": Program(2),
    "quantile": Program(3),
    "realnvp": Program(2),
    "reinforce": Program(3),
    "resnet": Program(1),
    "resume": Program(2, True),
    "seq2seq": Program(3),
    "siamese_triplet": Program(1),
    "simclr": Program(3),
    "style_transfer": Program(1),
    "tcn": Program(2),
    "text_bag": Program(4),
    "training_tricks": Program(1, True),
    "transformer_classifier": Program(4),
    "unet": Program(1),
    "vae": Program(1),
    "vit": Program(1),
    "wgan_gp": Program(2, True),
    "word_lm": Program(0),
}
CASES = [pytest.param(n, id=n, marks=() if p.every_run else pytest.mark.slow) for n, p in PROGRAMS.items()]


def printed(name: str, library: str) -> str:
    """What the script prints with `library` written for `torch`."""
    path = FOLDER / f"{name}.py"
    source = re.sub(r"\btorch\b", library, path.read_text(encoding="utf-8"))
    random.seed(0)
    np.random.seed(0)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(source, str(path), "exec"), {"__name__": "__main__"})
    return re.sub(rf"\b{library}\b", "torch", out.getvalue())


def words_of(text: str) -> str:
    return NUMBER.sub("#", text)


def unit(number: str) -> float:
    """What the last digit of a printed number stands for."""
    digits, _, exponent = number.partition("e")
    return 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))


def assert_same_numbers(got: str, expected: str) -> None:
    for a, b in zip(NUMBER.findall(got), NUMBER.findall(expected), strict=True):
        tolerance = max(RELATIVE * abs(float(b)), 1.01 * unit(b) if "." in b else 0)
        assert abs(float(a) - float(b)) <= tolerance, f"{a} is not {b} in\n{got}\nexpected\n{expected}"


@pytest.mark.parametrize("name", CASES)
def test_program(name, compiles, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with compiles(step=PROGRAMS[name].steps):
        ours = printed(name, "kilnn")
    theirs = printed(name, "torch")
    assert words_of(ours) == words_of(theirs)
    if PROGRAMS[name].apart is None:
        assert_same_numbers(ours, theirs)


def test_every_script_is_run_and_its_authors_own():
    assert {path.stem for path in FOLDER.glob("*.py")} == PROGRAMS.keys()
    for name in PROGRAMS:
        text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
        assert "kilnn" not in text and "import torch" in text, name
        assert 30 <= len(text.splitlines()) <= 160, name


def test_the_comparison_can_fail():
    assert_same_numbers("loss 0.1234, step 10", "loss 0.1235, step 10")
    for other in ("loss 0.1237, step 10", "loss 0.1235, step 11", "loss -0.1235, step 10"):
        with pytest.raises(AssertionError, match="is not"):
            assert_same_numbers(other, "loss 0.1235, step 10")
    assert words_of("loss 1e-05 of 3") == words_of("loss 0.25 of 4") != words_of("Loss 0.25 of 4")
