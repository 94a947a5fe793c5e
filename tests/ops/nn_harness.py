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
    rule = op.rules[name]
    by_name = dict(zip(op.operands, operands, strict=False))
    named: dict[str, Any] = {}
    for parameter in inspect.signature(rule.fn).parameters:
        if parameter == "ct" or (parameter[:2] == "ct" and parameter[2:].isdigit()):
            named[parameter] = cts[int(parameter[2:] or 0)]
        elif parameter == "out" or (parameter[:3] == "out" and parameter[3:].isdigit()):
            named[parameter] = outputs[int(parameter[3:] or 0)]
    statics = {k: attributes[k] for k in rule.attributes}
    for parameter, operand, fact in rule.facts:
        statics[parameter] = getattr(by_name[operand], fact)
    for operand in rule.operands:
        named[operand] = by_name.get(operand)
    with jax.enable_x64(True):
        found = np.asarray(jax.jit(lambda a: rule.fn(**a, **statics))(named))
    target = by_name[name].shape
    if found.shape != target:
        lead = found.ndim - len(target)
        found = found.sum(
            tuple(range(lead)) + tuple(i + lead for i, n in enumerate(target) if n == 1 < found.shape[i + lead]),
            keepdims=False,
        )
        found = found.reshape(target)
    return found


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
    found = forward(op, operands, **attributes)
    close(found[0], wanted, rtol)
    if not grads:
        return
    rng = np.random.default_rng(12345)
    ct = np.asarray(rng.standard_normal(wanted.shape), found[0].dtype)
    wanted.backward(torch.tensor(ct))
    for name in grads:
        position = op.operands.index(name)
        close(gradient(op, name, operands, found, (ct,), **attributes), tensors[position].grad, rtol)


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
