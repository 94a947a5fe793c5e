"""What the documentation of public names promises: a source for each, and examples that run."""

import doctest
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest

import kilnn

PACKAGES = ("base", "tensor", "tensor.functions", "autograd", "optim", "data", "io", "amp", "func", "distributions")
INTERNAL = {"kilnn.base.config", "kilnn.base.errors", "kilnn.base.shapes", "kilnn.base.mt19937", "kilnn.base.normals"}


def modules() -> Iterator[Any]:
    for package in PACKAGES:
        root = importlib.import_module(f"kilnn.{package}")
        yield root
        for found in pkgutil.iter_modules(root.__path__, f"kilnn.{package}."):
            yield importlib.import_module(found.name)


MODULES = list(modules())


def own_definitions(module: Any) -> list[tuple[str, Any]]:
    """The functions and classes a module defines without a leading underscore."""
    return [
        (name, item)
        for name, item in vars(module).items()
        if not name.startswith("_")
        and (inspect.isfunction(item) or inspect.isclass(item))
        and item.__module__ == module.__name__
    ]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_everything_is_documented(module):
    missing = [name for name, item in own_definitions(module) if not inspect.getdoc(item)]
    assert inspect.getdoc(module) and not missing


AUTOGRAD = ("Function", "Variable", "backward", "grad", "gradcheck", "gradgradcheck", "once_differentiable")
OPTIM = (
    "ASGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "LBFGS", "Muon", "NAdam", "Optimizer",
    "RAdam", "RMSprop", "Rprop", "SGD", "SparseAdam",
)  # fmt: skip
CREATE = (
    "arange", "as_tensor", "empty", "empty_like", "eye", "from_numpy", "full", "full_like", "linspace", "ones",
    "ones_like", "rand", "rand_like", "randint", "randn", "randn_like", "randperm", "tensor", "zeros", "zeros_like",
)  # fmt: skip


@pytest.mark.parametrize(
    "package, name",
    [
        *(("data", name) for name in kilnn.data.__all__),
        *(("io", name) for name in kilnn.io.__all__),
        *(("autograd", name) for name in AUTOGRAD),
        *(("optim", name) for name in OPTIM),
        *(("", name) for name in CREATE),
    ],
)
def test_public_names_have_example_and_source(package, name):
    item = getattr(importlib.import_module(f"kilnn.{package}".rstrip(".")), name)
    text = inspect.getdoc(item)
    assert "Example:" in text and ">>>" in text and "https://docs.pytorch.org/docs/2.13/" in text.split("Source: ")[1]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_examples_run(module):
    failures = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, module.__name__):
        runner.run(test, out=failures.append, clear_globs=True)
    assert not failures, "\n".join(failures)


def test_the_check_of_examples_can_fail():
    wrong = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    assert doctest.DocTestRunner(verbose=False).run(wrong, out=lambda text: None).failed == 1
