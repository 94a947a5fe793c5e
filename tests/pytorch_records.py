"""PyTorch's own test records (OpInfo, ModuleInfo, OptimizerInfo), which lie in its package beside its test helpers."""

import importlib
import sys
import types
import unittest
import warnings
from typing import Any


def records_module(name: str) -> Any:
    """torch.testing._internal.<name>. It imports `expecttest` for test cases that are not used here; where that is not
    installed, its name is enough."""
    try:
        importlib.import_module("expecttest")
    except ModuleNotFoundError:
        stub: Any = types.ModuleType("expecttest")
        stub.TestCase = unittest.TestCase
        sys.modules["expecttest"] = stub
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(f"torch.testing._internal.{name}")
