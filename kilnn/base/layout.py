"""Layouts and memory formats: PyTorch's words for how elements lie in memory. XLA chooses that here."""

from __future__ import annotations

from typing import Final, NoReturn


class _Word:
    """A constant with a name; one object each, so `is` and `==` agree."""

    __slots__ = ("_name",)

    _name: str

    def __init__(self, *args: object, **kwargs: object) -> None:
        raise TypeError(f"cannot create 'kilnn.{type(self).__name__}' instances")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"attribute '{name}' of 'kilnn.{type(self).__name__}' objects is not writable")

    def __repr__(self) -> str:
        return f"kilnn.{self._name}"

    def __reduce__(self) -> str:
        return self._name

    def __copy__(self) -> _Word:
        return self

    def __deepcopy__(self, memo: object) -> _Word:
        return self


class layout(_Word):
    """How a tensor keeps its elements: `kilnn.strided`, or `kilnn.sparse_coo` for those of `kilnn.sparse_coo_tensor`.

    Source: https://docs.pytorch.org/docs/2.13/tensor_attributes.html#torch-layout
    """

    __slots__ = ()


class memory_format(_Word):
    """An order of the dimensions in memory. Accepted wherever PyTorch accepts it; values and shapes are the same in
    all of them, and the compiler lays out intermediate results as it sees fit.

    Source: https://docs.pytorch.org/docs/2.13/tensor_attributes.html#torch-memory-format
    """

    __slots__ = ()


def _make_layout(name: str) -> layout:
    made = layout.__new__(layout)
    object.__setattr__(made, "_name", name)
    return made


def _make_format(name: str) -> memory_format:
    made = memory_format.__new__(memory_format)
    object.__setattr__(made, "_name", name)
    return made


strided: Final = _make_layout("strided")
sparse_coo: Final = _make_layout("sparse_coo")
preserve_format: Final = _make_format("preserve_format")
contiguous_format: Final = _make_format("contiguous_format")
channels_last: Final = _make_format("channels_last")
channels_last_3d: Final = _make_format("channels_last_3d")
