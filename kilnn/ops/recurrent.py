"""Recurrent layers over whole sequences: one operation for each layer and direction.

The products with the input weights need no order, so they are one product before the loop over time; the gradients of
all weights are one product each after the loop of the backward pass. What remains inside the two loops is a product
with the hidden weights and the gates. The gates are saved, so the backward pass computes none of them again.

The attribute `names` says which operands are given, and in which order: x (T, N, in); w_ih and w_hh; the states h and
c (N, size) before the first step, else zeros; b_ih and b_hh; w_hr; lengths (N). Where a sequence has ended its state
stays as it is, and in `reverse` it stays until the sequence begins. The operands are variadic because one rule must
give the gradients of all: they share one loop.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jax import lax

from kilnn.ops.checks import type_name
from kilnn.ops.linear import column_sum
from kilnn.ops.spec import op


class _Operands(NamedTuple):
    x: Any
    w_ih: Any
    w_hh: Any
    h: Any = None
    c: Any = None
    b_ih: Any = None
    b_hh: Any = None
    w_hr: Any = None
    lengths: Any = None


def _named(arrays: Any, names: tuple[str, ...]) -> _Operands:
    return _Operands(**dict(zip(names, arrays, strict=True)))


def _first(state: Any, p: _Operands, size: int) -> Any:
    """A state before the first step."""
    return lax.full((p.x.shape[1], size), 0, p.x.dtype) if state is None else state


def _in_order(gradients: dict[str, Any], names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(gradients.get(name) for name in names)


def _times_rows(a: Any, w: Any) -> Any:
    """a (..., in) times w (out, in) transposed."""
    return lax.dot_general(a, w, (((a.ndim - 1,), (1,)), ((), ())))


def _times(a: Any, w: Any) -> Any:
    """a (..., n) times w (n, m)."""
    return lax.dot_general(a, w, (((a.ndim - 1,), (0,)), ((), ())))


def _turned(w: Any) -> Any:
    """w (out, in) as (in, out). Done before a loop, it makes an LSTM's loop on a CPU a sixth faster."""
    return lax.transpose(w, (1, 0))


def _weight_gradient(ct: Any, a: Any) -> Any:
    """(out, in) from ct (T, N, out) and a (T, N, in): the sum over steps and sequences."""
    rows = ct.shape[0] * ct.shape[1]
    ct, a = lax.reshape(ct, (rows, ct.shape[2])), lax.reshape(a, (rows, a.shape[2]))
    return lax.dot_general(ct, a, (((0,), (0,)), ((), ())))


def _plus(a: Any, b: Any) -> Any:
    return a if b is None else a + lax.broadcast_in_dim(b, a.shape, (a.ndim - 1,))


def _parts(a: Any, count: int) -> list[Any]:
    return list(lax.split(a, (a.shape[-1] // count,) * count, a.ndim - 1))


def _joined(*parts: Any) -> Any:
    return lax.concatenate(parts, parts[0].ndim - 1)


def _valid(lengths: Any, steps: int) -> Any:
    """(T, N, 1): whether a step belongs to a sequence; None when all do."""
    if lengths is None:
        return None
    step = lax.broadcasted_iota(lengths.dtype, (steps, lengths.shape[0], 1), 0)
    return step < lax.broadcast_in_dim(lengths, step.shape, (1,))


def _where(valid: Any, new: Any, old: Any) -> Any:
    return new if valid is None else lax.select(lax.broadcast_in_dim(valid, new.shape, (0, 1)), new, old)


def _where_valid(valid: Any, ct: Any) -> Any:
    return _where(valid, ct, lax.full_like(ct, 0))


def _before(first: Any, states: Any, reverse: bool) -> Any:
    """For each step the state before it."""
    first = lax.expand_dims(first, (0,))
    kept = states[1:] if reverse else states[:-1]
    return lax.concatenate((kept, first) if reverse else (first, kept), 0)


def _input_gradients(p: _Operands, ct: Any, ct_hidden: Any, previous: Any) -> dict[str, Any]:
    """From the cotangents of both products: gradients of the input, of both weights, of both biases."""
    bias = p.b_ih is not None
    b_ih = column_sum(ct) if bias else None
    return {
        "x": _times(ct, p.w_ih),
        "w_ih": _weight_gradient(ct, p.x),
        "w_hh": _weight_gradient(ct_hidden, previous),
        "b_ih": b_ih,
        "b_hh": b_ih if ct is ct_hidden or not bias else column_sum(ct_hidden),
    }


@op(half="upcast", backward_name="RnnBackward0")
def rnn(*arrays, relu, reverse, names):
    """(h of each step, last h) of h' = act(W_ih x + b_ih + W_hh h + b_hh)."""
    p = _named(arrays, names)
    inputs = _plus(_plus(_times_rows(p.x, p.w_ih), p.b_ih), p.b_hh)
    w_hh = _turned(p.w_hh)

    def step(h: Any, row: Any) -> Any:
        z, valid = row
        z = z + _times(h, w_hh)
        h = _where(valid, lax.max(z, lax.full_like(z, 0)) if relu else lax.tanh(z), h)
        return h, h

    first = _first(p.h, p, p.w_hh.shape[1])
    last, states = lax.scan(step, first, (inputs, _valid(p.lengths, p.x.shape[0])), reverse=reverse)
    return states, last


@rnn.grad("arrays")
def _(ct0, ct1, arrays, out0, relu, reverse, names):
    p = _named(arrays, names)
    valid = _valid(p.lengths, p.x.shape[0])
    slope = (out0 > 0).astype(out0.dtype) if relu else 1 - lax.square(out0)

    def step(ct_h: Any, row: Any) -> Any:
        ct, slope, valid = row
        ct = ct + ct_h
        ct_z = _where_valid(valid, ct * slope)
        return _where(valid, _times(ct_z, p.w_hh), ct), ct_z

    ct_h, ct_z = lax.scan(step, ct1, (ct0, slope, valid), reverse=not reverse)
    found = _input_gradients(p, ct_z, ct_z, _before(_first(p.h, p, out0.shape[2]), out0, reverse))
    return _in_order(found | {"h": ct_h}, names)


@op(half="upcast", backward_name="LstmBackward0")
def lstm(*arrays, reverse, names):
    """(h of each step, last h, last c, gates of each step, c of each step).

    i, f, g, o = parts of W_ih x + b_ih + W_hh h + b_hh; c' = sigmoid(f) c + sigmoid(i) tanh(g);
    h' = sigmoid(o) tanh(c'), times W_hr if there is a projection.
    """
    p = _named(arrays, names)
    inputs = _plus(_times_rows(p.x, p.w_ih), None if p.b_ih is None else p.b_ih + p.b_hh)
    w_hh, w_hr = _turned(p.w_hh), None if p.w_hr is None else _turned(p.w_hr)

    def step(state: Any, row: Any) -> Any:
        h, c = state
        z, valid = row
        i, f, g, o = _parts(z + _times(h, w_hh), 4)
        i, f, g, o = lax.logistic(i), lax.logistic(f), lax.tanh(g), lax.logistic(o)
        new_c = f * c + i * g
        new_h = o * lax.tanh(new_c)
        if w_hr is not None:
            new_h = _times(new_h, w_hr)
        h, c = _where(valid, new_h, h), _where(valid, new_c, c)
        return (h, c), (h, _joined(i, f, g, o), c)

    first = _first(p.h, p, p.w_hh.shape[1]), _first(p.c, p, p.w_hh.shape[0] // 4)
    (h, c), (hs, gates, cs) = lax.scan(step, first, (inputs, _valid(p.lengths, p.x.shape[0])), reverse=reverse)
    return hs, h, c, gates, cs


@lstm.grad("arrays")
def _(ct0, ct1, ct2, arrays, out0, out3, out4, reverse, names):
    p = _named(arrays, names)
    valid = _valid(p.lengths, p.x.shape[0])
    projection = p.w_hr is not None
    first_h, first_c = _first(p.h, p, out0.shape[2]), _first(p.c, p, out4.shape[2])
    i, f, g, o = _parts(out3, 4)
    tanh_c = lax.tanh(out4)
    # What each gate's cotangent is multiplied by depends on saved arrays only: computed for all steps at once.
    through_c = o * (1 - lax.square(tanh_c))
    slope_o = tanh_c * o * (1 - o)
    slopes = _joined(g * i * (1 - i), _before(first_c, out4, reverse) * f * (1 - f), i * (1 - lax.square(g)))

    def step(state: Any, row: Any) -> Any:
        ct_h, ct_c = state
        ct, through_c, slope_o, slopes, f, valid = row
        ct_out = ct_h = ct + ct_h
        if projection:
            ct_h = _times(ct_h, p.w_hr)
        inner = ct_c + ct_h * through_c
        ct_z = _where_valid(valid, _joined(_joined(inner, inner, inner) * slopes, ct_h * slope_o))
        state = _where(valid, _times(ct_z, p.w_hh), ct_out), _where(valid, inner * f, ct_c)
        return state, (ct_z, _where_valid(valid, ct_out) if projection else None)

    rows = (ct0, through_c, slope_o, slopes, f, valid)
    (ct_h, ct_c), (ct_z, ct_out) = lax.scan(step, (ct1, ct2), rows, reverse=not reverse)
    found = _input_gradients(p, ct_z, ct_z, _before(first_h, out0, reverse))
    w_hr = _weight_gradient(ct_out, o * tanh_c) if projection else None
    return _in_order(found | {"h": ct_h, "c": ct_c, "w_hr": w_hr}, names)


@op(half="upcast", backward_name="GruBackward0")
def gru(*arrays, reverse, names):
    """(h of each step, last h, gates of each step) with the gates r, z, n and the third part of W_hh h + b_hh.

    r, z = sigmoid of the first two parts of W_ih x + b_ih + W_hh h + b_hh;
    n = tanh(third part of W_ih x + b_ih + r * third part of W_hh h + b_hh); h' = (1 - z) n + z h.
    """
    p = _named(arrays, names)
    inputs = _plus(_times_rows(p.x, p.w_ih), p.b_ih)
    w_hh = _turned(p.w_hh)

    def step(h: Any, row: Any) -> Any:
        of_input, valid = row
        xr, xz, xn = _parts(of_input, 3)
        hr, hz, hn = _parts(_plus(_times(h, w_hh), p.b_hh), 3)
        r, z = lax.logistic(xr + hr), lax.logistic(xz + hz)
        n = lax.tanh(xn + r * hn)
        h = _where(valid, n + z * (h - n), h)
        return h, (h, _joined(r, z, n, hn))

    first = _first(p.h, p, p.w_hh.shape[1])
    last, (states, gates) = lax.scan(step, first, (inputs, _valid(p.lengths, p.x.shape[0])), reverse=reverse)
    return states, last, gates


@gru.grad("arrays")
def _(ct0, ct1, arrays, out0, out2, reverse, names):
    p = _named(arrays, names)
    valid = _valid(p.lengths, p.x.shape[0])
    r, z, n, hn = _parts(out2, 4)
    previous = _before(_first(p.h, p, out0.shape[2]), out0, reverse)
    # Cotangents of r, z and n before their activations, for a cotangent of one of h'.
    slope_n = (1 - z) * (1 - lax.square(n))
    slopes = _joined(slope_n * hn * r * (1 - r), (previous - n) * z * (1 - z), slope_n * r)

    def step(ct_h: Any, row: Any) -> Any:
        ct, slopes, z, valid = row
        ct = ct + ct_h
        ct_hidden = _where_valid(valid, _joined(ct, ct, ct) * slopes)
        return _where(valid, _times(ct_hidden, p.w_hh) + ct * z, ct), (ct_hidden, _where_valid(valid, ct))

    ct_h, (ct_hidden, ct) = lax.scan(step, ct1, (ct0, slopes, z, valid), reverse=not reverse)
    size = z.shape[-1]
    ct_inputs = _joined(ct_hidden[..., : 2 * size], ct * slope_n)
    found = _input_gradients(p, ct_inputs, ct_hidden, previous)
    return _in_order(found | {"h": ct_h}, names)


def _check(name: str, p: _Operands) -> None:
    for word, array in p._asdict().items():
        if array is not None and word != "lengths" and array.dtype != p.x.dtype:
            raise RuntimeError(
                f"{name}: all operands must have the dtype of the input, {type_name(p.x.dtype)}, but {word} has "
                f"{type_name(array.dtype)}"
            )
    if np.dtype(p.x.dtype).kind not in "fV":
        raise NotImplementedError(f"\"{name}\" not implemented for '{type_name(p.x.dtype)}'")
    if not p.x.shape[0]:
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")


@rnn.validate
def _(*arrays, relu, reverse, names):
    _check("rnn", _named(arrays, names))


@lstm.validate
def _(*arrays, reverse, names):
    _check("lstm", _named(arrays, names))


@gru.validate
def _(*arrays, reverse, names):
    _check("gru", _named(arrays, names))
