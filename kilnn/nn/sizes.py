"""Sizes given as one number or one for each dimension."""

from __future__ import annotations

from typing import Any


def ints(value: Any, count: int, name: str) -> tuple[int, ...]:
    """`value` as `count` whole numbers; one number (or a sequence of one) stands for all.

    Raises: RuntimeError for another length, TypeError for something that is no whole number.
    """
    if value.__class__ is int:
        return (value,) * count
    if isinstance(value, list | tuple):
        sizes = tuple(value) * count if len(value) == 1 else tuple(value)
        if len(sizes) != count:
            raise RuntimeError(
                f"expected {name} to be a single integer value or a list of {count} values to match the dimensions, "
                f"but got {name}={list(value)}"
            )
    else:
        sizes = (value,) * count
    try:
        return tuple([s.__index__() for s in sizes])
    except AttributeError:
        raise TypeError(f"{name} must be whole numbers, not {value!r}") from None
