"""PyTorch's OptimizerInfo records: option sets and errors for each optimizer; state dicts for the other library."""

from tests.pytorch_records import records_module

_MODULE = records_module("common_optimizers")
OptimizerErrorEnum = _MODULE.OptimizerErrorEnum
INFOS = {info.optim_cls.__name__: info for info in _MODULE.optim_db}
__all__ = ["INFOS", "OptimizerErrorEnum", "converted"]


def converted(value, T):
    """A state dict with another library's tensors."""
    if isinstance(value, dict):
        return {k: converted(v, T) for k, v in value.items()}
    if isinstance(value, list):
        return [converted(v, T) for v in value]
    return T.tensor(value.numpy()) if hasattr(value, "numpy") else value
