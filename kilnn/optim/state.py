"""`optimizer.state`: tables that tell their optimizer of edits, and the tensors in them that show host numbers."""

from __future__ import annotations

from collections import defaultdict
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from kilnn.base import dtypes
from kilnn.engine.handle import alias_handle
from kilnn.engine.host import array_of, value_from
from kilnn.engine.update import Bundle
from kilnn.engine.values import Storage
from kilnn.tensor.exchange import adopted
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
        if isinstance(value, dict) and not isinstance(value, StateOf):
            given, value = value, StateOf(self.owner)
            value.update(given)
        super().__setitem__(key, value)


def number_dtype() -> Any:
    """The NumPy dtype of a number in the state: PyTorch has float64 only where that is the default."""
    return np.float64 if dtypes.get_default_dtype() is dtypes.float64 else np.float32


def rounded(number: float) -> float:
    """A number as the state shows it, so that training goes on from a saved state as it would have without."""
    return float(number_dtype()(number))


class HostNumber(Storage):
    """A storage that reads as a number which a bundle keeps on the host: its count of updates (PyTorch's `step`
    tensor), or one of its other numbers."""

    __slots__ = ("bundle", "name")

    bundle: Bundle
    name: str

    @staticmethod
    def tensor(bundle: Bundle, name: str) -> Any:
        """A tensor that shows the number; writing to it changes the number for the whole bundle."""
        storage = object.__new__(HostNumber)
        storage.version = 0
        storage.bundle = bundle
        storage.name = name
        return alias_handle(storage, None)

    @property
    def value(self) -> Any:
        """A host Value made from the number."""
        known = self.bundle.steps if self.name == "step" else self.bundle.numbers[self.name]
        return value_from(np.asarray(known, number_dtype()))

    @value.setter
    def value(self, value: Any) -> None:
        written = float(array_of(value))
        if self.name == "step":
            self.bundle.steps = int(written)
        else:
            self.bundle.numbers = self.bundle.numbers | {self.name: written}


def as_state(value: Any, dtype: Any = None, device: Any = None) -> Any:
    """A loaded entry as the optimizer keeps it: tensors, arrays and other libraries' tensors as copies, in `dtype` and
    on `device` if they are given; the same inside of dicts, lists and tuples."""
    if isinstance(value, dict):
        return {k: as_state(v, dtype, device) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([as_state(v, dtype, device) for v in value])
    made = value.detach().clone() if isinstance(value, Tensor) else adopted(value)
    return value if made is None else made.to(device=device, dtype=dtype)


def as_saved(value: Any) -> Any:
    """An entry of the state for `state_dict`: tensors as copies that later steps leave alone."""
    if isinstance(value, dict):
        return {k: as_saved(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([as_saved(v) for v in value])
    return value.detach().clone() if isinstance(value, Tensor) else value
