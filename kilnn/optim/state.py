"""`optimizer.state`: tables that tell their optimizer of edits, and the `step` tensors in them."""

from __future__ import annotations

from collections import defaultdict
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np

from kilnn.engine.handle import alias_handle
from kilnn.engine.host import value_from
from kilnn.engine.update import Bundle
from kilnn.engine.values import Storage
from kilnn.tensor.create import from_numpy
from kilnn.tensor.tensor import Tensor

if TYPE_CHECKING:
    from kilnn.optim.optimizer import Optimizer


class StateOf(dict[str, Any]):
    """The state of one parameter: a dict that tells its optimizer when somebody assigns into it."""

    __slots__ = ("owner",)

    def __init__(self, owner: Optimizer) -> None:
        super().__init__()
        self.owner = owner

    def _changed(self) -> None:
        self.owner._edited = True

    def __setitem__(self, key: str, value: Any) -> None:
        self._changed()
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        self._changed()
        super().__delitem__(key)

    def clear(self) -> None:
        self._changed()
        super().clear()

    def update(self, *args: Any, **kwargs: Any) -> None:
        self._changed()
        super().update(*args, **kwargs)

    def pop(self, *args: Any) -> Any:
        self._changed()
        return super().pop(*args)

    def __reduce__(self) -> Any:
        return dict, (dict(self),)

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return {k: deepcopy(v, memo) for k, v in self.items()}


class StateTable(defaultdict[Any, Any]):
    """`optimizer.state`: parameter -> its state."""

    def __init__(self, owner: Optimizer) -> None:
        super().__init__()
        self.owner = owner

    def __missing__(self, key: Any) -> Any:
        made = self[key] = StateOf(self.owner)
        return made

    def clear(self) -> None:
        self.owner._edited = True
        super().clear()

    def pop(self, *args: Any) -> Any:
        self.owner._edited = True
        return super().pop(*args)

    def __delitem__(self, key: Any) -> None:
        self.owner._edited = True
        super().__delitem__(key)

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


class StepCount(Storage):
    """A storage that reads as the number of updates a bundle has had (PyTorch's float32 `step` tensor)."""

    __slots__ = ("bundle",)

    bundle: Bundle

    @property
    def value(self) -> Any:
        """A host Value made from the count."""
        return value_from(np.asarray(self.bundle.steps, np.float32))

    @value.setter
    def value(self, value: Any) -> None:
        self.bundle.steps = int(np.asarray(value.data if value.data is not None else 0))


def step_tensor(bundle: Bundle) -> Any:
    """A tensor that shows a bundle's count; writing to it changes the count."""
    storage = object.__new__(StepCount)
    storage.version = 0
    storage.bundle = bundle
    return alias_handle(storage, None)


def as_state(value: Any) -> Any:
    """An entry of a loaded state as the optimizer keeps it: arrays as tensors, tensors as copies."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    return from_numpy(value) if isinstance(value, np.ndarray) else value
