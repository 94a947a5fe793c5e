"""How much of the PyTorch that people write works: the 600 names that public code uses most, each called.

tests/yardstick/names.csv lists the names in order of use, with the keywords that go with them. Each name that exists in
PyTorch 2.13 is either

- in a recipe: a small function of a library (`T` is kilnn or PyTorch) that calls the name with its usual keywords and
  returns tensors, numbers, strings, lists of them; both results must agree in shape, dtype and value. Recipes stand in
  tests/yardstick/recipes/<family>.py, in the dictionary RECIPES; or
- in tests/yardstick/missing.py, with the reason. A name there may have a recipe too: then the recipe must fail
  (strict), so whoever makes it work is told to delete the line.

To add a name: write `"torch.name": lambda T: T.name(matrix(T), keyword=...)` in the file of its family (operands are in
tests/yardstick/kit.py), delete its line in missing.py, raise SHARE below to what the last test prints.
"""

import csv
from pathlib import Path

import pytest
import torch

import kilnn
from tests.oracle import Difference, assert_same_error, assert_same_tree, outcome
from tests.yardstick.missing import MISSING
from tests.yardstick.recipes import every_recipe

SHARE = 0.974
"""At least this share of the names that exist in PyTorch works."""

TABLE = Path(__file__).with_name("yardstick") / "names.csv"
NAMES = [row["name"] for row in csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines())]
RECIPES = every_recipe()
CLASSES = {
    "Module": torch.nn.Module, "Optimizer": torch.optim.Optimizer, "Tensor": torch.Tensor,
    "Scheduler": torch.optim.lr_scheduler.LRScheduler, "GradScaler": torch.amp.GradScaler,
}  # fmt: skip


def exists(name: str) -> bool:
    """Whether PyTorch 2.13 has the name, without importing more than it does itself."""
    first, *rest = name.split(".")
    found = CLASSES.get(first, torch)
    for part in rest:
        if not hasattr(found, part):
            return False
        found = getattr(found, part)
    return True


EXISTING = [name for name in NAMES if exists(name)]


def compare(name: str) -> None:
    recipe = RECIPES[name]
    ours, theirs = outcome(lambda: recipe(kilnn)), outcome(lambda: recipe(torch))
    assert theirs.error is None, f"the recipe of {name} fails on PyTorch: {theirs.error!r}"
    assert_same_error(ours.error, None, name)
    assert_same_tree(ours.result, theirs.result, 2e-5, 2e-6, name)


def parameters() -> list:
    marks = {name: pytest.mark.xfail(strict=True, reason=reason) for name, reason in MISSING.items()}
    return [pytest.param(name, marks=[marks[name]] if name in marks else []) for name in RECIPES]


@pytest.mark.parametrize("name", parameters())
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")
def test_agrees_with_pytorch(name):
    compare(name)


def test_every_name_has_its_place():
    assert len(NAMES) == 600
    assert not [name for name in EXISTING if name not in RECIPES and name not in MISSING]
    assert not [name for name in (*RECIPES, *MISSING) if name not in EXISTING], "not among the names, or not in PyTorch"
    assert all(reason for reason in MISSING.values())


def test_share():
    working = [name for name in EXISTING if name in RECIPES and name not in MISSING]
    share = len(working) / len(EXISTING)
    assert share >= SHARE, f"{len(working)} of {len(EXISTING)} names work: {share:.3f}"


def test_a_difference_is_noticed(monkeypatch):
    monkeypatch.setitem(RECIPES, "wrong", lambda T: T.zeros(2) if T is torch else T.ones(2))
    with pytest.raises(Difference):
        compare("wrong")
    monkeypatch.setitem(RECIPES, "broken", lambda T: T.zeros(2) if T is torch else T.no_such_name)
    with pytest.raises(Difference):
        compare("broken")
