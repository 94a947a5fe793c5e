"""Every public name of nn and lr_scheduler is described, with a link, and its example runs."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import kilnn

PACKAGES = (
    "kilnn.nn",
    "kilnn.nn.functional",
    "kilnn.nn.layers",
    "kilnn.nn.modules",
    "kilnn.nn.utils",
    "kilnn.optim.lr_scheduler",
)
MODULES = [
    importlib.import_module(found.name)
    for package in PACKAGES
    for found in pkgutil.iter_modules(importlib.import_module(package).__path__, package + ".")
]


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__)
def test_examples_run(module):
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


def public():
    for place in (kilnn.nn, kilnn.nn.functional, kilnn.nn.utils, kilnn.optim.lr_scheduler):
        for name, item in vars(place).items():
            if not name.startswith("_") and (inspect.isfunction(item) or inspect.isclass(item)):
                yield name, item


def test_every_public_name_has_a_description_and_a_link():
    older = {"clip_grad_norm", "RNNCellBase", "relu_", "leaky_relu_", "elu_", "hardtanh_"}
    older |= {"celu_", "rrelu_", "selu_", "threshold_"}
    bare = [name for name, item in public() if not item.__doc__]
    assert bare == []
    assert [n for n, item in public() if n not in older and "Source:" not in item.__doc__] == []
