"""PyTorch's own records of modules: arguments and inputs that its tests use, made for either library."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from tests.pytorch_records import records_module


def records(name: str, training: bool) -> list[Any]:
    """The ModuleInput records of torch.nn.<name> in float32."""
    module_db = records_module("common_modules").module_db  # takes seconds the first time
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        found = [m for m in module_db if m.module_cls is getattr(torch.nn, name)]
        assert found, name
        return [
            r
            for m in found
            for r in m.module_inputs_func(
                m, device="cpu", dtype=torch.float32, requires_grad=True, training=training
            )
        ]  # fmt: skip


def tensors(tree: Any) -> Iterator[Any]:
    if isinstance(tree, dict):
        tree = tree.values()
    if isinstance(tree, tuple | list) or type(tree).__name__ == "dict_values":
        for part in tree:
            yield from tensors(part)
    elif hasattr(tree, "requires_grad"):
        yield tree


def remade(tree: Any, T: Any, memo: dict[int, Any]) -> Any:
    """The arguments of a record for a library, tensors as new leaves; one that stands in two places stays one."""
    if isinstance(tree, torch.Tensor):
        if id(tree) not in memo:
            memo[id(tree)] = T.tensor(np.array(tree.detach().numpy()), requires_grad=tree.requires_grad)
        return memo[id(tree)]
    if isinstance(tree, dict):
        return {k: remade(v, T, memo) for k, v in tree.items()}
    if isinstance(tree, tuple | list):
        return type(tree)(remade(v, T, memo) for v in tree)
    if callable(tree):
        return getattr(T.nn.functional, tree.__name__)
    return tree


def run(T: Any, name: str, record: Any, training: bool) -> Any:
    """State, results and gradients of one record; both libraries draw the same initial values."""
    made, given = record.constructor_input, record.forward_input
    kwargs = {k: v for k, v in made.kwargs.items() if k not in ("device", "dtype")}
    T.manual_seed(5)
    module = getattr(T.nn, name)(*remade(made.args, T, {}), **remade(kwargs, T, {})).train(training)
    state = {k: v.detach().clone() for k, v in module.state_dict().items()}
    args, kwargs = remade((given.args, given.kwargs), T, {})
    out = module(*args, **kwargs)
    total = 0
    for t in tensors(out):
        total = total + (t * t + 0.5 * t).sum()
    total.backward()
    gradients = [p.grad for p in module.parameters()], [t.grad for t in tensors((args, kwargs))]
    return state, out, gradients
