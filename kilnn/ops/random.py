"""Counter-based random numbers: each element hashes its own index with a key made from (seed, offset).

The result depends on seed, offset and position only, so it is equal on every device, for any number of shards, lazily
and eagerly. A gradient draws its mask again instead of keeping it.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jax import lax

from kilnn.ops.checks import is_half
from kilnn.ops.spec import Index, Scalar, op

U = np.uint32
_GOLDEN = U(0x9E3779B9)


def _mix(h: Any) -> Any:
    """A bijection of 32-bit words in which every input bit reaches every output bit (Wellons' lowbias32)."""
    h = (h ^ (h >> U(16))) * U(0x7FEB352D)
    h = (h ^ (h >> U(15))) * U(0x846CA68B)
    return h ^ (h >> U(16))


def _words(n: Any) -> tuple[Any, Any]:
    """The low and high 32 bits of a whole number."""
    bits = lax.convert_element_type(n, np.uint64)
    low = lax.convert_element_type(bits & np.uint64(0xFFFFFFFF), U)
    return low, lax.convert_element_type(bits >> np.uint64(32), U)


def key(seed: Any, offset: Any) -> tuple[Any, Any]:
    """Two key words; two rounds over all 128 bits, so neighbouring seeds and offsets have unrelated keys."""
    words = (*_words(seed), *_words(offset))
    first, second = U(0x243F6A88), U(0x85A308D3)
    for _ in range(2):
        for word in words:
            first = _mix(first ^ word) + _GOLDEN
            second = _mix(second + word * U(0xCC9E2D51)) ^ first
    return first, second


def bits(seed: Any, offset: Any, shape: tuple[int, ...], stream: int = 0) -> Any:
    """Uniform 32-bit words in `shape`. `stream` gives independent words for the same key."""
    first, second = key(seed, offset)
    size = 1
    for n in shape:
        size *= n
    index = lax.reshape(lax.iota(U, size), shape)
    return _mix(_mix(index * _GOLDEN + (first + U(stream) * U(0x85EBCA6B))) ^ second)


def unit(words: Any, dtype: Any) -> Any:
    """Words as multiples of 2**-24 in [0, 1)."""
    wanted = np.float32 if is_half(dtype) else dtype
    return lax.convert_element_type(words >> U(8), wanted) * np.asarray(2.0**-24, wanted)


def limit(p: Any) -> Any:
    """The word below which an event of probability p happens: p * 2**32, exact for a float32 p below 1."""
    wide = lax.convert_element_type(p, np.float32) * np.float32(2.0**32)
    return lax.convert_element_type(lax.min(wide, np.float32(2.0**32 - 256)), U)


def keep_mask(seed: Any, offset: Any, p: Any, shape: tuple[int, ...]) -> Any:
    """True with probability 1 - p."""
    return bits(seed, offset, shape) >= limit(p)


def drop(x: Any, p: Any, seed: Any, offset: Any, channels: bool = False) -> Any:
    """x with elements (or whole channels) zeroed with probability p and the rest divided by 1 - p."""
    if channels:
        shape = (*x.shape[:2], *(1,) * (x.ndim - 2))
        keep = lax.broadcast_in_dim(keep_mask(seed, offset, p, shape), x.shape, tuple(range(x.ndim)))
    else:
        keep = keep_mask(seed, offset, p, x.shape)
    p = lax.convert_element_type(p, np.float32 if is_half(x.dtype) else x.dtype)
    scaled = x * lax.convert_element_type(1 / (1 - p), x.dtype)
    return lax.select(keep, scaled, lax.full_like(scaled, 0))


@op(backward_name="NativeDropoutBackward0")
def dropout(x, p: Scalar, seed: Index, offset: Index, *, channels):
    """Zero elements of x (whole channels of (N, C, ...) if `channels`) with probability 0 < p < 1."""
    return drop(x, p, seed, offset, channels)


@dropout.grad("x", frees=True)
def _(ct, p, seed, offset, channels):
    return drop(ct, p, seed, offset, channels)


@op
def uniform(seed: Index, offset: Index, *, shape, dtype):
    """Uniform numbers in [0, 1)."""
    return lax.convert_element_type(unit(bits(seed, offset, shape), dtype), dtype)


@op
def normal(seed: Index, offset: Index, *, shape, dtype):
    """Standard normal numbers (Box-Muller)."""
    wide = np.float32 if is_half(dtype) else dtype
    first = 1 - unit(bits(seed, offset, shape), wide)  # in (0, 1]
    second = unit(bits(seed, offset, shape, 1), wide)
    radius = lax.sqrt(lax.log(first) * np.asarray(-2, wide))
    return lax.convert_element_type(radius * lax.cos(second * np.asarray(2 * np.pi, wide)), dtype)


@op
def exponential(seed: Index, offset: Index, *, shape, dtype):
    """Exponential numbers with rate 1."""
    wide = np.float32 if is_half(dtype) else dtype
    return lax.convert_element_type(-lax.log1p(-unit(bits(seed, offset, shape), wide)), dtype)


def _toss_on_host(p, drawn, *, dtype):
    return (drawn < p.astype(drawn.dtype)).astype(dtype)


@op(host=_toss_on_host)
def bernoulli(p, drawn, *, dtype):
    """1 where a number drawn from [0, 1) is less than the probability p, else 0."""
    return lax.convert_element_type(drawn < lax.convert_element_type(p, drawn.dtype), dtype)


@bernoulli.grad("p", frees=False)
def _(ct, p_dtype):
    return lax.full_like(ct, 0, p_dtype)


@bernoulli.check(RuntimeError, "Expected p_in >= 0 && p_in <= 1 to be true: probabilities must lie in [0, 1]")
def _(p):
    bad = ~((p >= 0) & (p <= 1))
    return bad, bad * 0


@op(host=lambda std: std)
def deviation(std):
    """std, once it is known to be no less than 0."""
    return std


@deviation.check(RuntimeError, "normal expects all elements of std >= 0.0")
def _(std):
    bad = ~(std >= 0)
    return bad, bad * 0


@op(host=lambda x, *parameters: x)
def no_gradient(x, *parameters):
    """x, a draw that depends on the parameters, whose gradients are zeros."""
    return x


@no_gradient.grad("parameters", frees=False)
def _(ct, parameters_shape, parameters_dtype):
    return tuple(lax.full(shape, 0, dtype) for shape, dtype in zip(parameters_shape, parameters_dtype, strict=True))


@op
def random_mask(p: Scalar, seed: Index, offset: Index, *, shape):
    """True with probability 1 - p, for 0 < p < 1."""
    return keep_mask(seed, offset, p, shape)


@op
def standard_gamma(concentration, seed: Index, offset: Index):
    """Gamma numbers with rate 1 and these concentrations (Marsaglia and Tsang, 2000)."""
    key = jax.random.fold_in(jax.random.key(lax.convert_element_type(seed, np.uint32)), offset)
    wide = np.float32 if is_half(concentration.dtype) else concentration.dtype
    drawn = jax.random.gamma(key, lax.convert_element_type(concentration, wide), dtype=wide)
    return lax.convert_element_type(drawn, concentration.dtype)


@standard_gamma.grad("concentration")
def _(ct, concentration, out):
    """The implicit derivative: that of the draw along which its cdf stays the same (Figurnov et al., 2018)."""
    wide = np.float32 if is_half(concentration.dtype) else concentration.dtype
    moved = lax.random_gamma_grad(lax.convert_element_type(concentration, wide), lax.convert_element_type(out, wide))
    return ct * lax.convert_element_type(moved, ct.dtype)


@op(host=lambda good, *, text: good)
def require(good, *, text):
    """good itself: recorded for its condition, that it is true."""
    return good


@require.check(ValueError, "{text}")
def _(good, text):
    return ~good, good
