"""Random tensors, fills and draws.

All but `bernoulli` are drawn on the host from PyTorch's stream of words; `bernoulli` is drawn inside the program, from
a counter, because its probabilities are computed there.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from kilnn.base import dtypes
from kilnn.base.dtypes import DType
from kilnn.base.generator import default_generator
from kilnn.engine import views
from kilnn.engine.context import local
from kilnn.engine.handle import Handle, new_handle
from kilnn.engine.host import value_from
from kilnn.engine.mutation import check_inplace
from kilnn.engine.rng import next_offset
from kilnn.ops import creation, random as ops
from kilnn.tensor.create import numpy_dtype, placed, shape_of
from kilnn.tensor.doors import inplace, record

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor


def _stream(generator: Any) -> Any:
    return (default_generator if generator is None else generator).stream


def _drawn_in(x: Tensor) -> Any:
    """The dtype in which numbers for a tensor are drawn: its own, float32 for half precision."""
    if x.dtype.category != dtypes.FLOAT:
        raise NotImplementedError(f"random numbers are not implemented for '{x.dtype.name}' tensors")
    return x.dtype.np if x.dtype in (dtypes.float32, dtypes.float64) else dtypes.float32.np


def _fill(x: Tensor, values: np.ndarray[Any, Any]) -> Tensor:
    """Make drawn values the elements of a tensor; a whole tensor outside a gradient graph needs no program."""
    shaped = values.reshape(x.aval.shape).astype(x.aval.dtype)
    if x._view is None and x._node is None:
        if x.requires_grad and local.context.grad:
            check_inplace(x)
        views.write(x, value_from(shaped))
        return x
    return inplace(x, creation.copy, (x, new_handle(value_from(shaped))))


def _generated(values: np.ndarray[Any, Any], dtype: DType | None, device: Any, requires_grad: bool) -> Tensor:
    return placed(values.astype(numpy_dtype(dtype), copy=False), device, requires_grad)


def rand(*size: Any, generator: Any = None, out: Any = None, dtype: DType | None = None, layout: Any = None,
         device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """Uniform numbers in [0, 1).

    Example:
        >>> import kilnn
        >>> _ = kilnn.manual_seed(0)
        >>> round(kilnn.rand(2, 3)[0, 0].item(), 4)
        0.4963

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.rand.html
    """
    shape = shape_of(size)
    values = _stream(generator).rand(math.prod(shape), numpy_dtype(dtype)).reshape(shape)
    made = _generated(values, dtype, device, requires_grad)
    return made if out is None else out.copy_(made)


def randn(*size: Any, generator: Any = None, out: Any = None, dtype: DType | None = None, layout: Any = None,
          device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """Numbers from the standard normal distribution.

    Example:
        >>> import kilnn
        >>> _ = kilnn.manual_seed(0)
        >>> round(kilnn.randn(3)[0].item(), 4)
        1.541

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.randn.html
    """
    shape = shape_of(size)
    values = _stream(generator).randn(math.prod(shape), numpy_dtype(dtype)).reshape(shape)
    made = _generated(values, dtype, device, requires_grad)
    return made if out is None else out.copy_(made)


def rand_like(input: Tensor, *, dtype: DType | None = None, requires_grad: bool = False, **_: Any) -> Tensor:
    """`rand` in the shape and dtype of `input`.

    Example:
        >>> import kilnn
        >>> kilnn.rand_like(kilnn.zeros(2, 3)).shape
        kilnn.Size([2, 3])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.rand_like.html
    """
    return rand(input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


def randn_like(input: Tensor, *, dtype: DType | None = None, requires_grad: bool = False, **_: Any) -> Tensor:
    """`randn` in the shape and dtype of `input`.

    Example:
        >>> import kilnn
        >>> kilnn.randn_like(kilnn.zeros(2, 3)).shape
        kilnn.Size([2, 3])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.randn_like.html
    """
    return randn(input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


def randint(*args: Any, generator: Any = None, dtype: DType | None = None, device: Any = None,
            requires_grad: bool = False, **_: Any) -> Tensor:  # fmt: skip
    """Whole numbers in [low, high): randint(high, size) or randint(low, high, size).

    Example:
        >>> import kilnn
        >>> _ = kilnn.manual_seed(0)
        >>> kilnn.randint(10, (4,)).tolist()
        [4, 9, 3, 0]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.randint.html
    """
    low, high, size = (0, *args) if len(args) == 2 else args
    if high <= low:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    shape = shape_of((size,))
    values = _stream(generator).randint(low, high, math.prod(shape)).reshape(shape)
    return placed(values.astype((dtype or dtypes.int64).np), device, requires_grad)


def randperm(n: int, *, generator: Any = None, dtype: DType | None = None, device: Any = None, **_: Any) -> Tensor:
    """A random permutation of 0..n-1.

    Example:
        >>> import kilnn
        >>> _ = kilnn.manual_seed(0)
        >>> kilnn.randperm(4).tolist()
        [0, 1, 3, 2]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.randperm.html
    """
    return placed(_stream(generator).randperm(n).astype((dtype or dtypes.int64).np), device, False)


def normal_(input: Tensor, mean: float = 0, std: float = 1, *, generator: Any = None) -> Tensor:
    """Fill with normal numbers of this mean and deviation, equal to PyTorch's for the same seed."""
    if std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
    return _fill(input, _stream(generator).normal(input.numel(), mean, std, _drawn_in(input)))


def uniform_(input: Tensor, from_: float = 0, to: float = 1, *, generator: Any = None, **named: float) -> Tensor:
    """Fill with numbers uniform in [from, to), equal to PyTorch's for the same seed."""
    low = named.pop("from", from_)  # PyTorch's name is a keyword of Python: reachable as **{"from": 0} only
    if named:
        raise TypeError(f"uniform_() got an unexpected keyword argument '{next(iter(named))}'")
    return _fill(input, _stream(generator).uniform(input.numel(), low, to, _drawn_in(input)))


def random_(input: Tensor, from_: int | None = None, to: int | None = None, *, generator: Any = None) -> Tensor:
    """Fill with whole numbers: random_() over the dtype's range, random_(to), or random_(from, to) without `to`."""
    stream, size = _stream(generator), input.numel()
    if from_ is None:
        return _fill(input, stream.random(size, input.dtype.np))
    low, high = (0, from_) if to is None else (from_, to)
    return _fill(input, stream.randint(low, high, size))


def exponential_(input: Tensor, lambd: float = 1, *, generator: Any = None) -> Tensor:
    """Fill with waiting times of rate lambd."""
    return _fill(input, _stream(generator).exponential(input.numel(), lambd, _drawn_in(input)))


def bernoulli(input: Tensor, *, generator: Any = None, p: float | None = None) -> Tensor:
    """1 with the probability each element states (or with p), else 0.

    Differs from PyTorch: other random numbers, the same on every device.
    Source: https://docs.pytorch.org/docs/2.13/generated/torch.bernoulli.html
    """
    chances = input if p is None else record(creation.fill_like, (input, float(p)))
    return record(ops.bernoulli, (chances.detach(), *next_offset()))


def bernoulli_(input: Tensor, p: Any = 0.5, *, generator: Any = None) -> Tensor:
    """Fill with 1 with probability p (a number or a tensor of probabilities), else 0."""
    if isinstance(p, Handle):
        return inplace(input, creation.copy, (input, bernoulli(p)))  # type: ignore[arg-type]  # a Tensor
    if not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
    if p in (0, 1):
        return input.fill_(p)
    mask = record(ops.random_mask, (1.0 - p, *next_offset()), (input.aval.shape,))
    return inplace(input, creation.copy, (input, mask))


def multinomial(input: Tensor, num_samples: int, replacement: bool = False, *, generator: Any = None) -> Tensor:
    """Indices drawn with probabilities proportional to the rows of `input`. Reads the values.

    Args:
        input: weights, one row or several; they need not sum to 1.
        num_samples: how many for each row.
        replacement: whether an index may be drawn again.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.multinomial.html
    """
    if input.ndim not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    weights = np.asarray(input.detach().numpy(), np.float64)
    stream = _stream(generator)
    rows = [stream.multinomial(row, num_samples, replacement) for row in np.atleast_2d(weights)]
    drawn = np.stack(rows) if rows else np.zeros((0, num_samples))
    made: Tensor = new_handle(value_from(drawn.reshape((*input.shape[:-1], num_samples)).astype(np.int64)))
    return made


def normal(
    mean: Any,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Any = None,
    dtype: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normal numbers: with tensors, one for each pair of their elements; with numbers, `size` of them.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.normal.html
    """
    kind = (dtype or dtypes.get_default_dtype()).np
    tensors = [x for x in (mean, std) if isinstance(x, Handle)]
    if tensors:
        shape = np.broadcast_shapes(*[x.shape for x in tensors])  # type: ignore[attr-defined]  # Tensors
        kind = tensors[0].dtype.np  # type: ignore[attr-defined]  # a Tensor
    else:
        shape = (size,) if isinstance(size, int) else tuple(size)
    if not tensors:
        values = _stream(generator).normal(math.prod(shape), float(mean), float(std), kind)
        drawn: Tensor = new_handle(value_from(values.reshape(shape)))
        return drawn.requires_grad_(True) if requires_grad else drawn
    noise: Tensor = new_handle(value_from(_stream(generator).randn(math.prod(shape), kind).reshape(shape)))
    scaled: Tensor = noise * std + mean
    return scaled


def randint_like(
    input: Tensor, low: int, high: int | None = None, *, dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """Whole numbers in [low, high), or [0, low), in the shape and dtype of `input`."""
    first, last = (0, low) if high is None else (low, high)
    values = _stream(None).randint(first, last, input.numel()).reshape(input.aval.shape)
    drawn: Tensor = new_handle(value_from(values.astype((dtype or input.dtype).np)))
    return drawn.requires_grad_(True) if requires_grad else drawn
