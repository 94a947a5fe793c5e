"""LazyModuleMixin: modules that learn sizes from their first input."""

from __future__ import annotations

import itertools
from typing import Any

from kilnn.nn.parameter import is_lazy


class LazyModuleMixin:
    """Put before another module class: parameters without a shape get one in the first call.

    A class that inherits from it writes `initialize_parameters(*args)`, which looks at the first call's input and
    materialises the parameters, and names in `cls_to_become` what it is from then on.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.modules.lazy.LazyModuleMixin.html
    """

    cls_to_become: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        module: Any = self
        module._load_hook = module._register_load_state_dict_pre_hook(self._lazy_load_hook)
        module._initialize_hook = module.register_forward_pre_hook(self._infer_parameters, with_kwargs=True)

    def _tensors(self) -> Any:
        module: Any = self
        return itertools.chain(module._parameters.items(), module._buffers.items())

    def _lazy_load_hook(self, state_dict: Any, prefix: str, *_: Any) -> None:
        """Give each parameter without a shape that of its twin in the checkpoint."""
        for name, tensor in self._tensors():
            given = state_dict.get(prefix + name)
            if is_lazy(tensor) and given is not None and not is_lazy(given):
                tensor.materialize(given.shape)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Materialise the parameters for the first call's arguments; every lazy class writes its own."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self) -> bool:
        """Whether some parameter or buffer has no shape yet."""
        return any(is_lazy(tensor) for _, tensor in self._tensors())

    def _infer_parameters(self, module: Any, args: Any, kwargs: Any = None) -> None:
        """The hook of the first call: after it the module is an ordinary one."""
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {module._get_name()} has not been fully initialized")
        module._initialize_hook.remove()
        module._load_hook.remove()
        del module._initialize_hook, module._load_hook
        if not module._hooks.any():
            module._hooks = None  # later calls need not look for hooks
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become
