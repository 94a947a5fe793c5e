"""PyTorch's place for the layers of `torch.nn.modules.container`."""

from kilnn.nn.layers.container import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential

__all__ = ["ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]
