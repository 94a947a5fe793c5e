"""Nested dicts, lists and tuples of tensors, as a list of leaves and a way back."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any


def flatten(tree: Any) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    """The leaves in order, and a function that puts others in their places."""
    if isinstance(tree, dict):
        keys = list(tree)
        parts = [flatten(tree[key]) for key in keys]
        kind = OrderedDict if isinstance(tree, OrderedDict) else dict
        return _joined(parts, lambda items: kind(zip(keys, items, strict=True)))
    if isinstance(tree, list):
        return _joined([flatten(item) for item in tree], list)
    if isinstance(tree, tuple):
        make = type(tree)._make if hasattr(tree, "_make") else tuple
        return _joined([flatten(item) for item in tree], make)
    if tree is None:
        return [], lambda leaves: None
    return [tree], lambda leaves: leaves[0]


def _joined(parts: list[Any], make: Callable[[list[Any]], Any]) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    counts = [len(leaves) for leaves, _ in parts]

    def build(leaves: list[Any]) -> Any:
        items, start = [], 0
        for count, (_, inner) in zip(counts, parts, strict=True):
            items.append(inner(leaves[start : start + count]))
            start += count
        return make(items)

    return [leaf for leaves, _ in parts for leaf in leaves], build


def matching(spec: Any, tree: Any, what: str) -> list[Any]:
    """For each leaf of `tree` its entry in `spec`, where a single entry stands for a whole branch."""
    if isinstance(tree, dict) and isinstance(spec, dict):
        if spec.keys() != tree.keys():
            raise ValueError(f"{what} is not compatible with the structure of the tensors: its keys differ")
        return [entry for key in tree for entry in matching(spec[key], tree[key], what)]
    if isinstance(tree, list | tuple) and isinstance(spec, list | tuple):
        if len(spec) != len(tree):
            raise ValueError(
                f"{what} is not compatible with the structure of the tensors: {len(spec)} entries for {len(tree)}"
            )
        return [entry for one, part in zip(spec, tree, strict=True) for entry in matching(one, part, what)]
    if isinstance(spec, list | tuple | dict):
        raise ValueError(f"{what} is not compatible with the structure of the tensors: it is nested deeper")
    return [spec] * len(flatten(tree)[0])
