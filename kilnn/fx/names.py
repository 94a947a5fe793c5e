"""Names in graphs and in the code made of them."""

from __future__ import annotations

import builtins
import keyword
import re
import types
from collections.abc import Callable
from typing import Any

import kilnn
from kilnn import fft, linalg, special
from kilnn.nn import functional

NAMESPACES: dict[str, types.ModuleType] = {
    "kilnn": kilnn, "kilnn.nn.functional": functional, "kilnn.special": special, "kilnn.linalg": linalg,
    "kilnn.fft": fft,
}  # fmt: skip
"""The packages whose functions are recorded when they are called on proxies."""

_paths: dict[Callable[..., Any], str] = {}


def public_functions() -> dict[Callable[..., Any], str]:
    """Every function of these packages, and the path that users write."""
    if not _paths:
        for path, module in NAMESPACES.items():
            for name, item in vars(module).items():
                if isinstance(item, types.FunctionType) and (name == "_assert" or not name.startswith("_")):
                    _paths.setdefault(item, f"{path}.{name}")
    return _paths


class Namespace:
    """Names that are taken."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def __call__(self, wish: str) -> str:
        """The wish as a name, with a number at its end if it is taken."""
        name = re.sub(r"\W", "_", wish, flags=re.ASCII) or "_unnamed"
        if name[0].isdigit():
            name = "_" + name
        match = re.fullmatch(r"(.*)_(\d+)", name)
        base, number = (match[1], int(match[2])) if match else (name, 0)
        while name in self._taken or keyword.iskeyword(name) or hasattr(builtins, name) or name in ("self", "kilnn"):
            number += 1
            name = f"{base}_{number}"
        self._taken.add(name)
        return name

    def free(self, name: str) -> None:
        """Give a name back."""
        self._taken.discard(name)


def wish_for(op: str, target: Any) -> str:
    """What the result of an operation would like to be called: "linear" for `F.linear`, "layer1_0" for "layer1.0"."""
    if callable(target):
        target = public_functions().get(target, getattr(target, "__name__", type(target).__name__)).split(".")[-1]
    word = str(target).replace(".", "_") if op in ("call_module", "get_attr") else str(target).split(".")[-1]
    word = word.strip("_") if op in ("call_function", "call_method") else word.lstrip("*")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word).lower() if op != "placeholder" else word
