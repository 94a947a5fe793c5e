"""PyTorch's OptimizerInfo records: option sets and errors for each optimizer; state dicts for the other library."""

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
__all__ = ["INFOS", "OptimizerErrorEnum", "converted"]


def converted(value, T):
    """A state dict with another library's tensors."""
    if isinstance(value, dict):
        return {k: converted(v, T) for k, v in value.items()}
    if isinstance(value, list):
        return [converted(v, T) for v in value]
    return T.tensor(value.numpy()) if hasattr(value, "numpy") else value
