"""From uniform to normal numbers, bit for bit as PyTorch's CPU code does it on x86 with AVX2.

PyTorch fills float32 tensors of 16 and more elements with a vectorised Box-Muller transform whose logarithm, sine and
cosine are the Cephes polynomials. Its compiler contracts some multiply-adds into one rounding, so each line below is
one float32 instruction: `fma32` where it contracts, plain float32 arithmetic where it does not.

The polynomials: Cephes, S. L. Moshier, https://www.netlib.org/cephes/ (logf.c, sinf.c).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Float32: TypeAlias = NDArray[np.float32]
Float64: TypeAlias = NDArray[np.float64]
Number: TypeAlias = "np.float32 | float"

f4, f8 = np.float32, np.float64
BLOCK = 16  # the transform takes 8 radii and 8 angles at a time
_CHUNK = 1024  # blocks at a time: temporaries stay in the cache

_LOG = tuple(
    f4(c)
    for c in (
        7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
        -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
    )
)  # fmt: skip
_LN2_LOW, _LN2_HIGH = f4(-2.12194440e-4), f4(0.693359375)
_SQRT_HALF = f4(0.707106781186547524)
_QUARTER_PI_PARTS = (f4(-0.78515625), f4(-2.4187564849853515625e-4), f4(-3.77489497744594108e-8))
_FOUR_OVER_PI = f4(1.27323954473516)
_COS = (f4(2.443315711809948e-5), f4(-1.388731625493765e-3), f4(4.166664568298827e-2))
_SIN = (f4(-1.9515295891e-4), f4(8.3321608736e-3), f4(-1.6666654611e-1))


def fma32(a: Float32, b: Float32 | Number, c: Float32 | Number) -> Float32:
    """a * b + c with one rounding to float32: the product of two float32 is exact in float64."""
    wide = np.multiply(a, b, dtype=f8)
    wide += c
    return wide.astype(f4)


def fma64(a: Float64, b: Float64 | float, c: Float64 | float) -> Float64:
    """a * b + c with (all but) one rounding to float64: the errors of product and sum are added back."""
    product = a * b
    a_high, a_low = _split(a)
    b_high, b_low = _split(np.asarray(b, f8))
    product_error = a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)
    total = product + c
    shadow = total - product
    sum_error = (product - (total - shadow)) + (c - shadow)
    result: Float64 = total + (sum_error + product_error)
    return result


def _split(x: Float64) -> tuple[Float64, Float64]:
    """x as the sum of two numbers of 26 bits, whose products are exact."""
    scaled = x * 134217729.0  # 2**27 + 1
    high = scaled - (scaled - x)
    return high, x - high


def box_muller_32(uniform: Float32) -> Float32:
    """Standard normals from uniforms in [0, 1); the length is a multiple of 16."""
    blocks = uniform.reshape(-1, 2, BLOCK // 2)
    result = np.empty_like(blocks)
    for start in range(0, len(blocks), _CHUNK):
        part = slice(start, start + _CHUNK)
        radius = np.sqrt(f4(-2) * _log(f4(1) - blocks[part, 0]))
        sine, cosine = _sincos(f4(2 * math.pi) * blocks[part, 1])
        np.multiply(radius, cosine, out=result[part, 0])
        np.multiply(radius, sine, out=result[part, 1])
    return result.ravel()


def box_muller_64(uniform: Float64) -> Float64:
    """The float64 transform. PyTorch calls the C library for it, as Python's `math` does; NumPy has own kernels."""
    blocks = uniform.reshape(-1, 2, BLOCK // 2)
    radius = np.sqrt(-2.0 * c_library(math.log, 1.0 - blocks[:, 0]))
    angle = 2.0 * math.pi * blocks[:, 1]
    both = (radius * c_library(math.cos, angle), radius * c_library(math.sin, angle))
    return np.stack(both, axis=1).ravel()


def c_library(function: Callable[[float], float], x: Float64) -> Float64:
    """A function of the C library, element by element: the bits that PyTorch's scalar code gets."""
    values: Float64 = np.fromiter(map(function, x.ravel().tolist()), f8, x.size).reshape(x.shape)
    return values


def polar(u1: float, u2: float) -> tuple[float, float]:
    """Two standard normals from two uniforms: what PyTorch draws, in float64, for fewer than 16 elements."""
    radius = math.sqrt(-2.0 * math.log1p(-u2))
    angle = 2.0 * math.pi * u1
    return radius * math.cos(angle), radius * math.sin(angle)


def _log(x: Float32) -> Float32:
    """Natural logarithm of positive float32: x = m 2**e with m in [sqrt(1/2), sqrt(2)), and a polynomial in m - 1."""
    bits = x.view(np.int32)
    exponent = ((bits >> 23) - 126).astype(f4)
    mantissa = ((bits & 0x007FFFFF) | 0x3F000000).view(f4)
    small = mantissa < _SQRT_HALF
    exponent -= small.astype(f4)
    m = (mantissa - f4(1)) + np.where(small, mantissa, f4(0))
    square = m * m
    y = np.full_like(m, _LOG[0])
    for coefficient in _LOG[1:]:
        y = fma32(y, m, coefficient)
    y = fma32(y * m, square, exponent * _LN2_LOW)
    y = fma32(-square, f4(0.5), y)
    return fma32(exponent, _LN2_HIGH, m + y)


def _sincos(x: Float32) -> tuple[Float32, Float32]:
    """Sine and cosine of float32 >= 0: x minus a multiple of pi/4, and one polynomial each for the octants."""
    octant = ((x * _FOUR_OVER_PI).astype(np.int32) + 1) & ~1
    turns = octant.astype(f4)
    for part in _QUARTER_PI_PARTS:
        x = fma32(turns, part, x)
    square = x * x
    cosine = np.full_like(square, _COS[0])
    for coefficient in _COS[1:]:
        cosine = fma32(cosine, square, coefficient)
    cosine = fma32(cosine * square, square, -(square * f4(0.5))) + f4(1)
    sine = np.full_like(square, _SIN[0])
    for coefficient in _SIN[1:]:
        sine = fma32(sine, square, coefficient)
    sine = fma32(sine * square, x, x)
    swap = (octant & 2) != 0
    flip_sine, flip_cosine = (octant & 4) != 0, ((octant + 2) & 4) != 0
    out_sine, out_cosine = np.where(swap, cosine, sine), np.where(swap, sine, cosine)
    return np.where(flip_sine, -out_sine, out_sine), np.where(flip_cosine, -out_cosine, out_cosine)
