"""Run one registered operation without the engine: forward, gradient formulas, value checks; compare with PyTorch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
import torch

from kilnn.ops.spec import Op


def arrays(*operands: Any, dtype: Any = np.float32) -> list[Any]:
    """Operands as the engine hands them over: arrays, `None`, numbers as 0-d arrays."""
    return [
        np.asarray(a, dtype) if isinstance(a, float) else np.int64(a) if isinstance(a, int) else a for a in operands
    ]


def forward(op: Op, operands: Sequence[Any], **attributes: Any) -> tuple[Any, ...]:
    if op.validator is not None:
        op.validator(*operands, **attributes)
    with jax.enable_x64(True):
        out = jax.jit(lambda *a: op.fn(*a, **attributes))(*operands)
    return out if isinstance(out, tuple) else (out,)


def gradient(
    op: Op, name: str, operands: Sequence[Any], outputs: Sequence[Any], cts: Sequence[Any], **attributes: Any
) -> Any:
    """What the formula of operand `name` gives, after the engine's sum over broadcast dimensions."""
    formula = _formula(op, name, operands, attributes)
    with jax.enable_x64(True):
        found = jax.jit(formula)(operands, outputs, cts)
    return _summed(np.asarray(found), operands[op.operands.index(name)].shape)


def together(
    op: Op, names: Sequence[str], operands: Sequence[Any], cts: Sequence[Any], **attributes: Any
) -> tuple[tuple[Any, ...], list[Any]]:
    """The outputs, and the gradient of each operand in `names`: `forward` and `gradient` as one compiled program."""
    if op.validator is not None:
        op.validator(*operands, **attributes)
    formulas = [_formula(op, name, operands, attributes) for name in names]

    def program(operands: Sequence[Any], cts: Sequence[Any]) -> Any:
        out = op.fn(*operands, **attributes)
        outputs = out if isinstance(out, tuple) else (out,)
        return outputs, [formula(operands, outputs, cts) for formula in formulas]

    with jax.enable_x64(True):
        outputs, found = jax.jit(program)(operands, cts)
    shapes = [operands[op.operands.index(name)].shape for name in names]
    return outputs, [_summed(np.asarray(g), shape) for g, shape in zip(found, shapes, strict=True)]


def _formula(op: Op, name: str, operands: Sequence[Any], attributes: dict[str, Any]) -> Callable[..., Any]:
    """The gradient formula of one operand as a function of operands, outputs and cotangents."""
    rule = op.rules[name]
    by_name = dict(zip(op.operands, operands, strict=False))
    statics = {k: attributes[k] for k in rule.attributes}
    for parameter, operand, fact in rule.facts:
        statics[parameter] = getattr(by_name[operand], fact)

    def formula(operands: Sequence[Any], outputs: Sequence[Any], cts: Sequence[Any]) -> Any:
        by_name = dict(zip(op.operands, operands, strict=False))
        named = {operand: by_name.get(operand) for operand in rule.operands}
        for parameter in inspect.signature(rule.fn).parameters:
            if parameter == "ct" or (parameter[:2] == "ct" and parameter[2:].isdigit()):
                named[parameter] = cts[int(parameter[2:] or 0)]
            elif parameter == "out" or (parameter[:3] == "out" and parameter[3:].isdigit()):
                named[parameter] = outputs[int(parameter[3:] or 0)]
        return rule.fn(**named, **statics)

    return formula


def _summed(found: Any, target: tuple[int, ...]) -> Any:
    if found.shape == target:
        return found
    lead = found.ndim - len(target)
    found = found.sum(
        tuple(range(lead)) + tuple(i + lead for i, n in enumerate(target) if n == 1 < found.shape[i + lead]),
        keepdims=False,
    )
    return found.reshape(target)


def close(found: Any, wanted: Any, rtol: float = 2e-5, atol: float | None = None) -> None:
    """Equal up to a tolerance that is set against the largest wanted value."""
    wanted = wanted.detach().numpy() if isinstance(wanted, torch.Tensor) else np.asarray(wanted)
    found = np.asarray(found)
    assert found.shape == wanted.shape, (found.shape, wanted.shape)
    assert found.dtype == wanted.dtype, (found.dtype, wanted.dtype)
    finite = np.abs(wanted[np.isfinite(wanted)]) if wanted.dtype.kind == "f" else np.abs(wanted)
    scale = float(finite.max()) if finite.size else 1.0
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=rtol * scale + 1e-9 if atol is None else atol)


def compare(
    op: Op,
    oracle: Callable[..., Any],
    operands: Sequence[Any],
    *,
    grads: Sequence[str] = (),
    rtol: float = 2e-5,
    **attributes: Any,
) -> None:
    """Forward and the gradients named in `grads` equal PyTorch's. `oracle` gets tensors for arrays."""
    operands = arrays(*operands)
    tensors = []
    for name, a in zip(op.operands, operands, strict=False):
        if isinstance(a, np.ndarray) and a.ndim + a.size > 1:
            tensors.append(torch.tensor(a, requires_grad=name in grads))
        else:
            tensors.append(a if a is None else a.item())
    wanted = oracle(*tensors)
    rng = np.random.default_rng(12345)
    ct = np.asarray(rng.standard_normal(wanted.shape), wanted.detach().numpy().dtype)
    outputs, found = together(op, grads, operands, (ct,), **attributes)
    close(outputs[0], wanted, rtol)
    if grads:
        wanted.backward(torch.tensor(ct))
    for name, gradient_found in zip(grads, found, strict=True):
        close(gradient_found, tensors[op.operands.index(name)].grad, rtol)


def bad_value(op: Op, operands: Sequence[Any], **attributes: Any) -> str | None:
    """The message of the op's check on values for these operands, or None; run on NumPy arrays, as the engine may."""
    check = op.checker
    assert check is not None
    by_name = dict(zip(op.operands, operands, strict=False))
    statics = {k: attributes[k] for k in check.attributes}
    for parameter, operand, fact in check.facts:
        statics[parameter] = getattr(by_name[operand], fact)
    bad, values = check.fn(**{k: by_name.get(k) for k in check.operands}, **statics)
    bad = np.asarray(bad)
    if not bad.any():
        return None
    first = np.broadcast_to(np.asarray(values), bad.shape)[bad].flat[0]
    return check.message.format(value=first, **statics)


def data(*shape: int, seed: int = 0, dtype: Any = np.float32) -> np.ndarray[Any, Any]:
    return np.asarray(np.random.default_rng(seed + sum(shape)).standard_normal(shape), dtype)
