"""`optimizer.state`: tables that tell their optimizer of edits, and the `step` tensors in them."""

from __future__ import annotations

from collections import defaultdict
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from kilnn.engine.handle import alias_handle
from kilnn.engine.host import value_from
from kilnn.engine.update import Bundle
from kilnn.engine.values import Storage
from kilnn.tensor.create import from_numpy
from kilnn.tensor.tensor import Tensor

if TYPE_CHECKING:
    from kilnn.optim.optimizer import Optimizer


class _Told(dict[Any, Any]):
    """A dict that tells its optimizer of every change."""

    owner: Optimizer

    def __setitem__(self, key: Any, value: Any) -> None:
        self.owner._edited = True
        super().__setitem__(key, value)

    def __delitem__(self, key: Any) -> None:
        self.owner._edited = True
        super().__delitem__(key)

    def clear(self) -> None:
        self.owner._edited = True
        super().clear()

    def update(self, *args: Any, **kwargs: Any) -> None:
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def __ior__(self, other: Any) -> Self:  # type: ignore[misc]  # one signature instead of dict's overloads
        self.update(other)
        return self

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, *args: Any) -> Any:
        self.owner._edited = True
        return super().pop(*args)

    def popitem(self) -> tuple[Any, Any]:
        self.owner._edited = True
        return super().popitem()

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


class StateOf(_Told):
    """The state of one parameter: name -> tensor."""

    __slots__ = ("owner",)

    def __init__(self, owner: Optimizer) -> None:
        super().__init__()
        self.owner = owner

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return {k: deepcopy(v, memo) for k, v in self.items()}


class StateTable(_Told, defaultdict[Any, Any]):
    """`optimizer.state`: parameter -> its state, made at the first look."""

    def __init__(self, owner: Optimizer) -> None:
        super().__init__()
        self.owner = owner

    def __missing__(self, key: Any) -> Any:
        made = StateOf(self.owner)
        dict.__setitem__(self, key, made)
        return made

    def __setitem__(self, key: Any, value: Any) -> None:
        if not isinstance(value, StateOf):
            given, value = value, StateOf(self.owner)
            value.update(given)
        super().__setitem__(key, value)


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
