"""PyTorch's CPU random numbers from NumPy alone, bit for bit: the MT19937 stream and what PyTorch makes of it.

Everything is computed on the host, so the numbers are equal on every machine; they equal PyTorch's on x86 with AVX2.
Words are 32 bits; a 64-bit draw is two words, the first one high. A draw of `n` numbers is what a contiguous tensor
of `n` elements gets.
"""

from __future__ import annotations

import math
import struct
from typing import Any, Final, TypeAlias

import ml_dtypes
import numpy as np
from numpy.typing import DTypeLike, NDArray

from kilnn.base.normals import BLOCK, box_muller_32, box_muller_64, c_library, fma32, fma64, polar
from kilnn.base.poisson import poisson

Array: TypeAlias = NDArray[Any]

DEFAULT_SEED: Final = 67280421310721
STATE_BYTES: Final = 5056
UNUSED_BYTES: Final = slice(5016, 5024)
"""Part of a state that PyTorch neither fills nor reads."""
_WORDS = 624
_STATE = struct.Struct("<QiiQ624QdddixxxxfBxxx")  # PyTorch's legacy layout of a CPU generator's state
_HALF = (np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16))
_F32, _F64 = np.dtype(np.float32), np.dtype(np.float64)
_ONE_WORD = 1 << 28  # ranges below this take one word per integer, others two
_LARGE_PERMUTATION = (1 << 32) // 20  # from here on PyTorch draws two words per swap

# Tensor.random_() without bounds: the largest value a dtype counts up to without gaps, plus one.
_FLOAT_RANGE = {_HALF[0]: (1 << 11) + 1, _HALF[1]: (1 << 8) + 1, _F32: (1 << 24) + 1, _F64: (1 << 53) + 1}


class MT19937Generator:
    """One stream of random numbers. `seed` counts modulo 2**64; the engine takes its low 32 bits, as PyTorch's does."""

    __slots__ = ("_spare", "_words", "seed")

    def __init__(self, seed: int = DEFAULT_SEED) -> None:
        self.reseed(seed)

    def reseed(self, seed: int) -> None:
        """Start over from `seed`."""
        self.seed = seed % (1 << 64)
        self._words = np.random.RandomState(self.seed & 0xFFFFFFFF)  # its seeding is PyTorch's
        self._spare: float | None = None  # the second normal of a pair, kept for the next small draw

    # words and integers

    def words(self, n: int) -> NDArray[np.uint32]:
        """`n` raw 32-bit words."""
        return self._words.randint(0, 1 << 32, n, dtype=np.uint32)

    def double_words(self, n: int) -> NDArray[np.uint64]:
        """`n` raw 64-bit words."""
        pairs = self.words(2 * n).astype(np.uint64)
        return (pairs[0::2] << np.uint64(32)) | pairs[1::2]

    def random_int64(self) -> int:
        """One integer in [0, 2**63): what `torch.empty((), dtype=torch.int64).random_()` holds."""
        return int(self.double_words(1)[0]) & 0x7FFFFFFFFFFFFFFF

    def randint(self, low: int, high: int, n: int) -> NDArray[np.int64]:
        """`n` integers in [low, high)."""
        if low >= high:
            raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
        extent = high - low
        if extent < _ONE_WORD:
            return (self.words(n) % np.uint32(extent)).astype(np.int64) + low
        drawn = self.double_words(n) % np.uint64(extent)
        return drawn.view(np.int64) + low

    def random(self, n: int, dtype: DTypeLike = np.int64) -> Array:
        """`n` numbers over the range of an integer dtype, or the exact integers of a floating one (`random_()`)."""
        dtype = np.dtype(dtype)
        if dtype in _FLOAT_RANGE:
            wide = dtype == _F64
            extent = _FLOAT_RANGE[dtype]
            drawn = self.double_words(n) % np.uint64(extent) if wide else self.words(n) % np.uint32(extent)
            return drawn.astype(dtype)
        if dtype.itemsize == 8:
            return (self.double_words(n) & np.uint64(0x7FFFFFFFFFFFFFFF)).astype(dtype)
        largest = 1 if dtype == np.bool_ else np.iinfo(dtype).max
        return (self.words(n) & np.uint32(largest)).astype(dtype)

    def randperm(self, n: int) -> NDArray[np.int64]:
        """A permutation of 0..n-1, by swaps from the front."""
        if n < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
        order = list(range(n))
        if n > 1:
            left = np.arange(n, 1, -1)
            drawn = self.words(n - 1) if n < _LARGE_PERMUTATION else self.double_words(n - 1)
            for place, jump in enumerate((drawn % left.astype(drawn.dtype)).tolist()):
                other = place + jump
                order[place], order[other] = order[other], order[place]
        return np.array(order, dtype=np.int64)

    # floating point

    def rand(self, n: int, dtype: DTypeLike = np.float32) -> Array:
        """`n` uniforms in [0, 1)."""
        return self.uniform(n, 0.0, 1.0, dtype)

    def uniform(self, n: int, low: float, high: float, dtype: DTypeLike = np.float32) -> Array:
        """`n` uniforms in [low, high)."""
        if low > high:
            raise RuntimeError(
                f"uniform_ expects to return a [from, to) range, but found from={_number(low)} > to={_number(high)}"
            )
        dtype = np.dtype(dtype)
        if dtype == _F64:
            wide = self._fractions_64(n)
            return wide if (low, high) == (0.0, 1.0) else fma64(wide, high - low, low)
        start, end = np.float32(low), np.float32(high)
        narrow = self._fractions_32(n)
        if (low, high) != (0.0, 1.0):
            narrow = fma32(narrow, end - start, start)
        if dtype == _F32:
            return narrow
        half = narrow.astype(dtype)
        half[half == end.astype(dtype)] = start.astype(dtype)  # rounding up must not reach the open end
        return half

    def _fractions_32(self, n: int) -> NDArray[np.float32]:
        return (self.words(n) & np.uint32(0xFFFFFF)).astype(np.float32) * np.float32(2.0**-24)

    def _fractions_64(self, n: int) -> NDArray[np.float64]:
        return (self.double_words(n) & np.uint64((1 << 53) - 1)).astype(np.float64) * 2.0**-53

    def randn(self, n: int, dtype: DTypeLike = np.float32) -> Array:
        """`n` standard normals."""
        return self.normal(n, 0.0, 1.0, dtype)

    def normal(self, n: int, mean: float, std: float, dtype: DTypeLike = np.float32, contiguous: bool = True) -> Array:
        """`n` normals with this mean and standard deviation. PyTorch fills tensors that are not contiguous, or small,
        one by one in float64."""
        if std < 0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {_number(std)}")
        dtype = np.dtype(dtype)
        standard = (mean, std) == (0.0, 1.0)
        if n < BLOCK or not contiguous:
            return self._single_normals(n, mean, std).astype(dtype)
        if dtype == _F64:
            wide = self._fractions_64(n)
            whole = n - n % BLOCK
            wide[:whole] = box_muller_64(wide[:whole])
            if whole < n:
                wide[n - BLOCK :] = box_muller_64(self._fractions_64(BLOCK))
            return wide if standard else fma64(wide, std, mean)
        whole = n - n % BLOCK
        narrow = np.empty(n, np.float32)
        # Every element gets a uniform before the last block is drawn afresh, except in the 16-bit dtypes.
        drawn = self._fractions_32(n if dtype == _F32 else whole)
        narrow[:whole] = box_muller_32(drawn[:whole])
        if whole < n:
            narrow[n - BLOCK :] = box_muller_32(self._fractions_32(BLOCK))
        if not standard:
            narrow = fma32(narrow, np.float32(std), np.float32(mean))
        return narrow.astype(dtype, copy=False)

    def _single_normals(self, n: int, mean: float, std: float) -> NDArray[np.float64]:
        drawn: list[float] = []
        if n and self._spare is not None:
            drawn.append(self._spare)
            self._spare = None
        pairs = (n - len(drawn) + 1) // 2
        words = self._fractions_64(2 * pairs).tolist()
        for u1, u2 in zip(words[0::2], words[1::2], strict=True):
            drawn += polar(u1, u2)
        if len(drawn) > n:
            self._spare = drawn.pop()
        single = np.array(drawn, np.float64)
        return single if (mean, std) == (0.0, 1.0) else fma64(single, std, mean)

    def log_normal(self, n: int, mean: float, std: float) -> NDArray[np.float64]:
        """`n` exponentials of normals."""
        if std <= 0:
            raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={_number(std)}")
        return c_library(_exp, self._single_normals(n, mean, std))

    def cauchy(self, n: int, median: float, sigma: float) -> NDArray[np.float64]:
        """`n` numbers of the Cauchy distribution."""
        if sigma <= 0:
            raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={_number(sigma)}")
        tiny = np.finfo(np.float64).eps  # keeps the tangent finite
        inside = np.clip(self._fractions_64(n), tiny, 1 - tiny)
        return median + sigma * c_library(math.tan, math.pi * (inside - 0.5))

    def geometric(self, n: int, p: float) -> NDArray[np.float64]:
        """`n` counts of trials up to the first success of probability `p`."""
        if not 0 < p < 1:
            raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={_number(p)}")
        return np.ceil(c_library(_log, self._fractions_64(n)) / math.log1p(-p))

    def poisson(self, rates: NDArray[np.float64]) -> NDArray[np.float64]:
        """A count of events for each rate."""
        flat = rates.ravel()
        if not (flat >= 0).all():
            raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
        counts = [poisson(rate, self.fraction) for rate in flat.tolist()]
        return np.array(counts, np.float64).reshape(rates.shape)

    def fraction(self) -> float:
        """One uniform in [0, 1) of 53 bits."""
        return float(self._fractions_64(1)[0])

    def bernoulli(self, n: int, p: float) -> NDArray[np.bool_]:
        """`n` coin tosses with probability `p` (`bernoulli_(p)`)."""
        if not 0 <= p <= 1:
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={_number(p)}")
        return self._fractions_64(n) < p

    def chances(self, n: int, dtype: DTypeLike) -> Array:
        """`n` uniforms that `torch.bernoulli(p)` compares with probabilities of this dtype, in its precision."""
        return self._fractions_64(n) if np.dtype(dtype) == _F64 else self._fractions_32(n)

    def exponential(self, n: int, rate: float = 1.0, dtype: DTypeLike = np.float32) -> Array:
        """`n` waiting times with this rate."""
        if rate <= 0:
            raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={_number(rate)}")
        return (-1.0 / rate * c_library(math.log1p, -self._fractions_64(n))).astype(dtype)

    def multinomial(self, weights: Array, n: int, replacement: bool = False) -> NDArray[np.int64]:
        """`n` indices drawn with probabilities proportional to `weights`, in the precision of their dtype.

        Equal to PyTorch's, but for draws without replacement from 16-bit weights: there PyTorch's order of ties is not
        defined.
        """
        if n <= 0:
            raise RuntimeError("cannot sample n_sample <= 0 samples")
        if not replacement and n > weights.size:
            raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
        if not np.all(np.isfinite(weights) & (weights >= 0)):
            raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
        total = np.add.accumulate(weights, dtype=np.float32 if weights.dtype in _HALF else weights.dtype)
        if not weights.size or total[-1] <= 0:
            raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
        if replacement and n > 1:
            total /= total[-1]
            total[-1] = 1
            return np.searchsorted(total.astype(np.float64), self._fractions_64(n), side="left")
        with np.errstate(divide="ignore", over="ignore"):
            race = (weights / self.exponential(weights.size, dtype=weights.dtype)).astype(np.float64)
        return np.argsort(-race, kind="stable")[:n]

    # state

    def get_state(self) -> NDArray[np.uint8]:
        """All of the state, in the 5,056 bytes PyTorch uses for a CPU generator."""
        words = self._words.get_state(legacy=False)["state"]
        key, place = words["key"], int(words["pos"])
        untouched = place == _WORDS and int(key[0]) == self.seed & 0xFFFFFFFF
        spare = self._spare
        packed = _STATE.pack(
            self.seed, _WORDS + 1 - place, 1, 0 if untouched else place, *key.tolist(),
            0.0, 0.0 if spare is None else spare, 0.0, spare is not None, 0.0, 0,
        )  # fmt: skip
        return np.frombuffer(packed, np.uint8).copy()

    def set_state(self, state: NDArray[np.uint8]) -> None:
        """Go on from a state taken by `get_state`, here or in PyTorch."""
        if state.size != STATE_BYTES:
            raise RuntimeError(f"expected a generator state of {STATE_BYTES} bytes, but it has {state.size}")
        seed, left, seeded, place, *rest = _STATE.unpack(state.tobytes())
        key, (_, spare, _, has_spare, _, _) = rest[:_WORDS], rest[_WORDS:]
        if not seeded or not 1 <= left <= _WORDS or place > _WORDS or max(key) >= 1 << 32:
            raise RuntimeError("Invalid mt19937 state")
        self.seed = seed
        self._words.set_state(("MT19937", np.array(key, np.uint32), _WORDS if left == 1 else place, 0, 0.0))
        self._spare = spare if has_spare else None


def _log(x: float) -> float:
    return math.log(x) if x else -math.inf


def _exp(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def _number(x: float) -> str:
    """As C++ prints it: 2 and not 2.0."""
    return f"{x:g}"
