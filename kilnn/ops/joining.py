"""Rearrangements that copy: joining, repeating, mirroring, padding, triangles."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kilnn.ops.checks import size_text
from kilnn.ops.spec import Index, op


@op(host=lambda *xs, dim: np.concatenate(xs, dim))
def cat(*xs, dim):
    return lax.concatenate(xs, dim)


@cat.grad("xs")
def _(ct, xs_shape, dim):
    parts, start = [], 0
    for shape in xs_shape:
        parts.append(lax.slice_in_dim(ct, start, start + shape[dim], axis=dim))
        start += shape[dim]
    return tuple(parts)


@cat.validate
def _(*xs, dim):
    first = tuple(xs[0].shape)
    for number, x in enumerate(xs):
        shape = tuple(x.shape)
        if not shape:
            raise RuntimeError(f"zero-dimensional tensor (at position {number}) cannot be concatenated")
        if len(shape) != len(first):
            raise RuntimeError(f"Tensors must have same number of dimensions: got {len(first)} and {len(shape)}")
        for d, (n, m) in enumerate(zip(first, shape, strict=True)):
            if d != dim and n != m:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {dim}. Expected size {n} but got size {m} "
                    f"for tensor number {number} in the list."
                )


@op(host=lambda *xs, dim: np.stack(xs, dim))
def stack(*xs, dim):
    return lax.concatenate([lax.expand_dims(x, (dim,)) for x in xs], dim)


@stack.grad("xs")
def _(ct, xs_shape, dim):
    return tuple(lax.squeeze(lax.slice_in_dim(ct, k, k + 1, axis=dim), (dim,)) for k in range(len(xs_shape)))


@stack.validate
def _(*xs, dim):
    for number, x in enumerate(xs):
        if tuple(x.shape) != tuple(xs[0].shape):
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {size_text(xs[0].shape)} at entry 0 "
                f"and {size_text(x.shape)} at entry {number}"
            )


@op(host=lambda x, *, dims: np.flip(x, dims))
def flip(x, *, dims):
    return lax.rev(x, dims)


@flip.grad("x")
def _(ct, dims):
    return lax.rev(ct, dims)


def _rolled(x: Any, shifts: Any, dims: Any) -> Any:
    for shift, d in zip(shifts, dims, strict=True):
        size = x.shape[d]
        if size > 1:
            start = [np.int64(0)] * x.ndim
            start[d] = (-shift) % size
            double = lax.concatenate([x, x], d)
            x = lax.dynamic_slice(double, start, x.shape, allow_negative_indices=False)
    return x


@op(host=lambda x, *shifts, dims: np.roll(x, tuple(int(s) for s in shifts), dims))
def roll(x, *shifts: Index, dims):
    """x moved along dims, with what falls off at one end coming in at the other."""
    return _rolled(x, shifts, dims)


@roll.grad("x", frees=False)
def _(ct, shifts, dims):
    return _rolled(ct, [-s for s in shifts], dims)


def _lower(shape: Any, diagonal: Any) -> Any:
    """A mask over the last two dimensions: on the diagonal or below it."""
    rows = lax.broadcasted_iota(np.dtype(np.int64), shape[-2:], 0)
    columns = lax.broadcasted_iota(np.dtype(np.int64), shape[-2:], 1)
    return columns <= rows + diagonal


@op(host=lambda x, diagonal: np.tril(x, int(diagonal)))
def tril(x, diagonal: Index):
    return jnp.where(_lower(x.shape, diagonal), x, np.zeros((), x.dtype))


@tril.grad("x", frees=False)
def _(ct, diagonal):
    return jnp.where(_lower(ct.shape, diagonal), ct, 0)


@op(host=lambda x, diagonal: np.triu(x, int(diagonal)))
def triu(x, diagonal: Index):
    return jnp.where(_lower(x.shape, diagonal - 1), np.zeros((), x.dtype), x)


@triu.grad("x", frees=False)
def _(ct, diagonal):
    return jnp.where(_lower(ct.shape, diagonal - 1), 0, ct)


def _check_triangle(name: str, x: Any) -> None:
    if len(x.shape) < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")


tril.validate(lambda x, diagonal: _check_triangle("tril", x))
triu.validate(lambda x, diagonal: _check_triangle("triu", x))


@op
def diag_embed(x, *, offset, dim1, dim2):
    """Matrices whose diagonals are the lines of x along its last dimension; dim1 and dim2 are where they lie."""
    size = x.shape[-1] + abs(offset)
    out = jnp.zeros((*x.shape[:-1], size, size), x.dtype)
    along = np.arange(x.shape[-1])
    out = out.at[..., along + max(-offset, 0), along + max(offset, 0)].set(x)
    return jnp.moveaxis(out, (-2, -1), (dim1, dim2))


@diag_embed.grad("x")
def _(ct, offset, dim1, dim2):
    return jnp.diagonal(ct, offset, dim1, dim2)


@op(host=lambda x, *, repeats: np.tile(x, repeats))
def repeat(x, *, repeats):
    """x laid side by side, `repeats[d]` times along dimension d."""
    lead = len(repeats) - x.ndim
    shape = (1,) * lead + x.shape
    paired = [n for r, size in zip(repeats, shape, strict=True) for n in (r, size)]
    kept = tuple(range(2 * lead + 1, len(paired), 2))
    wide = lax.broadcast_in_dim(x, paired, kept)
    return lax.reshape(wide, tuple(r * size for r, size in zip(repeats, shape, strict=True)))


@repeat.grad("x")
def _(ct, x_shape, repeats):
    shape = (1,) * (len(repeats) - len(x_shape)) + x_shape
    paired = tuple(n for r, size in zip(repeats, shape, strict=True) for n in (r, size))
    summed = lax.reduce_sum(lax.reshape(ct, paired), tuple(range(0, len(paired), 2)))
    return lax.reshape(summed, x_shape)


@op(host=lambda x, *, repeats, dim: np.repeat(x, repeats, dim), backward_name="ViewBackward0")
def repeat_interleave(x, *, repeats, dim):
    """Each element of a dimension `repeats` times in a row."""
    shape = x.shape
    wide = lax.broadcast_in_dim(
        x, (*shape[: dim + 1], repeats, *shape[dim + 1 :]), tuple(d + (d > dim) for d in range(x.ndim))
    )
    return lax.reshape(wide, (*shape[:dim], shape[dim] * repeats, *shape[dim + 1 :]))


@repeat_interleave.grad("x")
def _(ct, x_shape, repeats, dim):
    return lax.reduce_sum(lax.reshape(ct, (*x_shape[: dim + 1], repeats, *x_shape[dim + 1 :])), (dim + 1,))


Pads = tuple[tuple[int, int], ...]


@op(promote="numeric", backward_name="ConstantPadNdBackward0")
def pad(x, value, *, pads):
    """x with `value` added (or, for negative numbers, elements taken away) at both ends of each dimension."""
    return lax.pad(x, value, [(low, high, 0) for low, high in pads])


@pad.grad("x")
def _(ct, pads):
    return lax.pad(ct, np.zeros((), ct.dtype), [(-low, -high, 0) for low, high in pads])


def _source_places(size: int, low: int, high: int, mode: str) -> Any:
    """Which elements of a dimension its padded version shows."""
    places = np.arange(-low, size + high)
    if mode == "replicate":
        return np.clip(places, 0, size - 1)
    if mode == "circular":
        return places % size
    places = np.abs(places)
    return np.where(places >= size, 2 * (size - 1) - places, places)


def _fill_edges(x: Any, pads: Pads, mode: str) -> Any:
    for d, (low, high) in enumerate(pads):
        if mode == "circular" and min(low, high) < 0:  # what is cut off does not come back at the other end
            x = lax.slice_in_dim(x, max(-low, 0), x.shape[d] - max(-high, 0), axis=d)
            low, high = max(low, 0), max(high, 0)  # noqa: PLW2901
        if low or high:
            x = jnp.take(x, _source_places(x.shape[d], low, high, mode), d, mode="clip")
    return x


@op(backward_name="ReflectionPadBackward0")
def pad_edges(x, *, pads, mode):
    """x continued beyond its ends: mirrored ("reflect") or with the outermost element ("replicate")."""
    return _fill_edges(x, pads, mode)


@pad_edges.grad("x")
def _(ct, x, pads, mode):
    return jax.vjp(lambda y: _fill_edges(y, pads, mode), x)[1](ct)[0]


@op(backward_name="CopySlices")
def pad_circular(x, *, pads):
    """x continued periodically. Unlike the other modes it saves nothing."""
    return _fill_edges(x, pads, "circular")


@pad_circular.grad("x")
def _(ct, x_shape, x_dtype, pads):
    empty = jax.ShapeDtypeStruct(x_shape, ct.dtype)
    return jax.linear_transpose(lambda y: _fill_edges(y, pads, "circular"), empty)(ct)[0]


@pad_edges.validate
def _(x, *, pads, mode):
    for d, (low, high) in enumerate(pads):
        if mode == "reflect" and max(low, high) >= max(x.shape[d], 1):
            raise RuntimeError(
                "Argument #4: Padding size should be less than the corresponding input dimension, but got: padding "
                f"({low}, {high}) at dimension {d} of input {size_text(x.shape)}"
            )


@pad_circular.validate
def _(x, *, pads):
    for d, (low, high) in enumerate(pads):
        if max(low, high) > x.shape[d]:
            raise RuntimeError("Padding value causes wrapping around more than once.")
