"""A module called with other tensors than its own."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kilnn.nn.module import Module
from kilnn.tensor.tensor import Tensor


def functional_call(
    module: Module, parameters_and_buffers: dict[str, Tensor], args: Any = None, kwargs: dict[str, Any] | None = None,
    *, tie_weights: bool = True, strict: bool = False,
) -> Any:  # fmt: skip
    """What the module gives with these tensors in place of its own; it keeps its own.

    Args:
        module: any module.
        parameters_and_buffers: tensors by dotted name.
        args: the arguments, a tuple (or one that is no tuple).
        kwargs: keyword arguments.
        tie_weights: a tensor that has several names in the module is replaced under all of them.
        strict: all names must be given, and no others.

    A name that is no parameter or buffer is a plain attribute during the call.

    Raises: TypeError and ValueError for arguments that do not fit; RuntimeError for names under `strict`;
    AttributeError for a path without a module.

    Example:
        >>> import kilnn
        >>> layer = kilnn.nn.Linear(2, 1)
        >>> tensors = {"weight": kilnn.ones(1, 2), "bias": kilnn.zeros(1)}
        >>> with kilnn.no_grad():
        ...     call = kilnn.nn.utils.stateless.swapped(layer, tensors)
        ...     with call:
        ...         layer(kilnn.tensor([3.0, 4.0])).item()
        7.0

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.stateless.functional_call.html
    """
    warnings.warn(
        "`kilnn.nn.utils.stateless.functional_call` is deprecated, as PyTorch's is in favor of torch.func's.",
        FutureWarning,
        stacklevel=2,
    )
    if kwargs is None:
        kwargs = {}
    if not isinstance(kwargs, dict):
        raise TypeError(f"Expected kwargs to be a dict, got {type(kwargs)}")
    if args is None:
        args = ()
    elif not isinstance(args, tuple):
        args = (args,)
    with swapped(module, parameters_and_buffers, tie_weights=tie_weights, strict=strict):
        return module(*args, **kwargs)


def _places(module: Module) -> dict[str, tuple[dict[str, Any], str]]:
    """Where each tensor of the module is held: its table and its name there, by dotted name."""
    found: dict[str, tuple[dict[str, Any], str]] = {}
    for path, part in module.named_modules(remove_duplicate=False):
        for table in (part._parameters, part._buffers):
            for name in table:
                found[f"{path}.{name}" if path else name] = (table, name)
    return found


_ABSENT = object()


def _attribute(module: Module, name: str) -> tuple[dict[str, Any], str]:
    """Where to hold a tensor under a name that is no parameter or buffer: it is a plain attribute for the time."""
    path, _, key = name.rpartition(".")
    owner = module.get_submodule(path)
    if isinstance(getattr(type(owner), key, None), property):
        raise NotImplementedError(
            f"functional_call: {name!r} is computed from other tensors; give those (parametrizations.{key}.original)"
        )
    held = owner.__dict__.get(key, _ABSENT)
    if held is not _ABSENT and not isinstance(held, Tensor):
        raise TypeError(f"{held} is not an instance of kilnn.Tensor")
    return owner.__dict__, key


@contextmanager
def swapped(
    module: Module, tensors: dict[str, Tensor], *, tie_weights: bool = True, strict: bool = False
) -> Iterator[None]:
    """A block in which the module holds these tensors in place of its own; see `functional_call`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.stateless.functional_call.html
    """
    places = _places(module)
    wanted = dict(tensors)
    unknown = [name for name in wanted if name not in places]
    if strict:
        held = [name for name, (table, key) in places.items() if table[key] is not None]
        missing = [name for name in held if name not in wanted]
        if missing or unknown:
            parts = [f"{word} key(s): {', '.join(names)}." for word, names in
                     (("Unexpected", unknown), ("Missing", missing)) if names]  # fmt: skip
            raise RuntimeError("Error(s) in functional_call of " + type(module).__name__ + ": " + " ".join(parts))
    for name in unknown:
        places[name] = _attribute(module, name)
    if tie_weights:
        for name, tensor in list(wanted.items()):
            own = places[name][0].get(places[name][1])
            for other, (table, key) in places.items():
                if own is None or table.get(key) is not own or other == name:
                    continue
                if wanted.setdefault(other, tensor) is not tensor:
                    raise ValueError(f"functional_call got multiple values for keys {name, other}, which are tied.")
    before = [(table, key, table.get(key, _ABSENT)) for table, key in (places[name] for name in wanted)]
    try:
        for name, tensor in wanted.items():
            table, key = places[name]
            table[key] = tensor
        yield
    finally:
        for table, key, held_before in before:
            if held_before is _ABSENT:
                del table[key]
            else:
                table[key] = held_before
