"""PyTorch's OptimizerInfo records: option sets and errors for each optimizer."""

import sys
import types
import unittest

# Their module imports a test helper that the records do not use; where it is not installed, its name is enough.
try:
    import expecttest  # noqa: F401
except ModuleNotFoundError:
    sys.modules["expecttest"] = types.ModuleType("expecttest")
    sys.modules["expecttest"].TestCase = unittest.TestCase

from torch.testing._internal.common_optimizers import OptimizerErrorEnum, optim_db

INFOS = {info.optim_cls.__name__: info for info in optim_db}
__all__ = ["INFOS", "OptimizerErrorEnum"]
