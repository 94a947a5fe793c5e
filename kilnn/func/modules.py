"""Modules as functions of their parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from kilnn.nn.module import Module
from kilnn.tensor.functions.joining import stack
from kilnn.tensor.tensor import Tensor


def functional_call(
    module: Module, parameter_and_buffer_dicts: Any, args: Any = None, kwargs: dict[str, Any] | None = None, *,
    tie_weights: bool = True, strict: bool = False,
) -> Any:  # fmt: skip
    """Call a module with other parameters and buffers than its own.

    Args:
        module: the module.
        parameter_and_buffer_dicts: a dict from names, as of `named_parameters`, to tensors, or a sequence of such
            dicts. Names that are missing keep the module's own tensors.
        args: the argument of the call, or a tuple of them.
        kwargs: its keyword arguments.
        tie_weights: a tensor given for one name of a shared parameter holds for its other names.
        strict: raise for missing and for unknown names.

    Returns: what the module returns.

    Raises: RuntimeError for names that do not fit, ValueError for a name given twice.

    Example:
        >>> import kilnn
        >>> layer = kilnn.nn.Linear(2, 1)
        >>> other = {"weight": kilnn.ones(1, 2), "bias": kilnn.zeros(1)}
        >>> kilnn.func.functional_call(layer, other, kilnn.ones(3, 2)).tolist()
        [[2.0], [2.0], [2.0]]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.func.functional_call.html
    """
    given = _merged(parameter_and_buffer_dicts)
    if args is None:
        args = ()
    elif not isinstance(args, tuple):
        args = (args,)
    with _replaced(module, given, tie_weights, strict):
        return module(*args, **(kwargs or {}))


def _merged(dicts: Any) -> dict[str, Any]:
    if isinstance(dicts, dict):
        return dict(dicts)
    if not isinstance(dicts, Sequence) or not all(isinstance(d, dict) for d in dicts):
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(dicts).__name__}"
        )
    names = [name for d in dicts for name in d]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{twice} appeared in multiple dictionaries; behavior of functional call is ambiguous")
    return {name: value for d in dicts for name, value in d.items()}


@contextmanager
def _replaced(module: Module, given: dict[str, Any], tie_weights: bool, strict: bool) -> Iterator[None]:
    places: dict[str, tuple[dict[str, Any], str]] = {}
    for prefix, part in module.named_modules(remove_duplicate=False):
        for table in (part._parameters, part._buffers):
            for name, tensor in table.items():
                if tensor is not None:
                    places[f"{prefix}.{name}" if prefix else name] = (table, name)
    unknown = [name for name in given if name not in places]
    tied: dict[int, list[str]] = {}
    for name, (table, short) in places.items():
        tied.setdefault(id(table[short]), []).append(name)
    values = {name: value for name, value in given.items() if name in places}
    if tie_weights:
        for names in tied.values():
            chosen = [name for name in names if name in given]
            if len({id(given[name]) for name in chosen}) > 1:
                raise ValueError(
                    f"functional_call got multiple values for keys {names}, which are tied. Consider using "
                    "tie_weights=False"
                )
            if chosen:
                values |= dict.fromkeys(names, given[chosen[0]])
    missing = [name for name in places if name not in values]
    if strict and (unknown or missing):
        parts = []
        if missing:
            parts.append(f"Missing key(s): {', '.join(map(repr, missing))}.")
        if unknown:
            parts.append(f"Unexpected key(s): {', '.join(map(repr, unknown))}.")
        raise RuntimeError(f"Error(s) in reparametrizing for {module._get_name()}:\n\t" + "\n\t".join(parts))
    for name, value in values.items():
        if not isinstance(value, Tensor):
            raise TypeError(f"functional_call: {name} is given {type(value).__name__} in the place of a tensor")
    before = [(table, short, table[short]) for table, short in (places[name] for name in values)]
    try:
        for name, value in values.items():
            table, short = places[name]
            table[short] = value
        yield
    finally:
        for table, short, old in before:
            table[short] = old


def stack_module_state(models: Sequence[Module]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and buffers of equal modules, stacked along a new first dimension: an ensemble for `vmap`.

    Args:
        models: modules of one class in the same mode.

    Returns: (parameters, buffers), dicts from names to tensors; the parameters are new leaves.

    Raises: RuntimeError for no models, for different classes and for different modes.

    Example:
        >>> import kilnn
        >>> params, buffers = kilnn.func.stack_module_state([kilnn.nn.Linear(2, 3) for _ in range(5)])
        >>> params["weight"].shape, len(buffers)
        (kilnn.Size([5, 3, 2]), 0)

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.func.stack_module_state.html
    """
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if not (all(m.training for m in models) or all(not m.training for m in models)):
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if any(type(m) is not type(models[0]) for m in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    parameters = {}
    for name, first in models[0].named_parameters():
        every = [dict(m.named_parameters())[name] for m in models]
        if any(p.requires_grad != first.requires_grad for p in every):
            raise RuntimeError(f"Expected {name} of each model to have the same .requires_grad")
        parameters[name] = stack([p.detach() for p in every]).requires_grad_(first.requires_grad)
    buffers = {
        name: stack([dict(m.named_buffers())[name].detach() for m in models]) for name, _ in models[0].named_buffers()
    }
    return parameters, buffers


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """Make all batch normalisations use the statistics of their batch only, in place.

    Args:
        root: the module.

    Returns: root.

    Example:
        >>> import kilnn
        >>> net = kilnn.func.replace_all_batch_norm_modules_(kilnn.nn.Sequential(kilnn.nn.BatchNorm1d(2)))
        >>> net[0].running_mean is None
        True

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.func.replace_all_batch_norm_modules_.html
    """
    for part in root.modules():
        if hasattr(part, "track_running_stats") and hasattr(part, "running_mean"):
            part.running_mean = part.running_var = part.num_batches_tracked = None
            part.track_running_stats = False
    return root
