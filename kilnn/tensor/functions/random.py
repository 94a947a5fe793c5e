"""Random tensors, fills and draws: PyTorch's numbers for the same seed, drawn on the host from its stream of words.

PyTorch draws for a tensor's elements in the order in which they lie in memory; so does `fill`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from kilnn.base import dtypes, shapes
from kilnn.base.dtypes import DType
from kilnn.base.generator import Generator, default_generator
from kilnn.base.layout import preserve_format
from kilnn.base.limits import iinfo
from kilnn.engine import views
from kilnn.engine.context import local
from kilnn.engine.handle import Handle, new_handle
from kilnn.engine.host import value_from
from kilnn.engine.mutation import check_inplace, refuse_overlapping
from kilnn.ops import creation, random as ops
from kilnn.ops.checks import type_name
from kilnn.tensor.convert import observed
from kilnn.tensor.create import into, placed, shape_of
from kilnn.tensor.doors import geometry, inplace, record

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor

Array = np.ndarray[Any, Any]


def _stream(generator: Any) -> Any:
    if generator is None:
        return default_generator.stream
    if not isinstance(generator, Generator):
        raise TypeError(f"argument 'generator' must be a kilnn.Generator, not {type(generator).__name__}")
    return generator.stream


def _of(array: Array, device: str = "cpu") -> Tensor:
    made: Tensor = new_handle(value_from(array, device))
    return made


def _shape(name: str, args: tuple[Any, ...], size: Any) -> tuple[int, ...]:
    """The shape in `name(2, 3)`, `name((2, 3))` or `name(size=(2, 3))`."""
    if size is not None:
        args = (size,) if not args else args
    if not args:
        raise TypeError(f"{name}() received no size; expected ints, as in {name}(2, 3), or a tuple of ints")
    return shape_of(args)


# -- where the numbers go


def _order(x: Tensor) -> tuple[bool, list[int]]:
    """Whether x is contiguous, and its dimensions from the outermost in memory to the innermost."""
    shape, strides, _ = geometry(x)
    whole = shapes.is_contiguous(shape, strides)
    dims = list(range(len(shape)))
    return whole, dims if whole else sorted(dims, key=lambda d: -strides[d])


def fill(x: Tensor, draw: Callable[[bool], Array]) -> Tensor:
    """Make drawn numbers the elements of a tensor; `draw(contiguous)` gives them in the order of its memory.

    A whole tensor outside a gradient graph needs no program.
    """
    refuse_overlapping(x)
    if x.requires_grad and x._node is None and local.context.grad:
        check_inplace(x)
    contiguous, order = _order(x)
    shape, _, _ = geometry(x)
    placed_values = draw(contiguous).reshape([shape[d] for d in order])
    if not contiguous:
        placed_values = np.ascontiguousarray(placed_values.transpose(np.argsort(order)))
    value = value_from(placed_values.astype(x.aval.dtype, copy=False), x.aval.device)
    if x._view is None and x._node is None:
        views.write(x, value)
        return x
    return inplace(x, creation.copy, (x, new_handle(value)))


def _like(
    input: Tensor, dtype: DType | None, requires_grad: bool, memory_format: Any, draw: Callable[[Tensor], Tensor]
) -> Tensor:
    """A fresh tensor in the shape and layout of `input`, filled."""
    made = _of(np.zeros(input.aval.shape, (dtype or input.dtype).np), input.aval.device)
    if input._view is not None and memory_format in (None, preserve_format):
        views.inherit_strides(made, (input,))
    draw(made)
    return made.requires_grad_(True) if requires_grad else made


def _finished(array: Array, out: Any, device: Any, requires_grad: bool) -> Tensor:
    made = placed(array, device, requires_grad)
    return made if out is None else into(out, made)


# -- floating-point numbers


def _floats(
    dtype: DType,
    kernel: str,
    draw: Callable[[int, Any], Array],
    count: int,
    error: type[Exception] = NotImplementedError,
) -> Array:
    """`count` numbers of a floating dtype; complex ones are drawn as pairs."""
    if dtype.category == dtypes.FLOAT:
        return draw(count, dtype.np)
    if dtype.category == dtypes.COMPLEX:
        return draw(2 * count, np.dtype(np.float32 if dtype.np == np.complex64 else np.float64)).view(dtype.np)
    raise error(f"\"{kernel}\" not implemented for '{type_name(dtype.np)}'")


def _uniforms(stream: Any, dtype: DType, count: int, low: float = 0.0, high: float = 1.0) -> Array:
    return _floats(dtype, "check_uniform_bounds", lambda n, kind: stream.uniform(n, low, high, kind), count)


def _normals(
    stream: Any, dtype: DType, count: int, mean: float = 0.0, std: float = 1.0, contiguous: bool = True
) -> Array:
    if std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
    pairs = dtype.category == dtypes.COMPLEX  # the variance is shared between the parts, the mean is added afterwards
    center, spread = (0.0, std / math.sqrt(2.0)) if pairs else (mean, std)
    drawn = _floats(
        dtype, "normal_kernel_cpu", lambda n, kind: stream.normal(n, center, spread, kind, contiguous), count
    )
    return drawn + drawn.dtype.type(mean) if pairs and mean else drawn


def rand(*args: Any, size: Any = None, generator: Any = None, out: Any = None, dtype: DType | None = None,
         layout: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False,
         names: Any = None) -> Tensor:  # fmt: skip
    """Uniform numbers in [0, 1).

    Example:
        >>> import kilnn
        >>> _ = kilnn.manual_seed(0)
        >>> round(kilnn.rand(2, 3)[0, 0].item(), 4)
        0.4963

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.rand.html
    """
    shape = _shape("rand", args, size)
    kind = dtype or dtypes.get_default_dtype()
    return _finished(_uniforms(_stream(generator), kind, math.prod(shape)).reshape(shape), out, device, requires_grad)


def randn(*args: Any, size: Any = None, generator: Any = None, out: Any = None, dtype: DType | None = None,
          layout: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False,
          names: Any = None) -> Tensor:  # fmt: skip
    """Numbers from the standard normal distribution.

    Example:
        >>> import kilnn
        >>> _ = kilnn.manual_seed(0)
        >>> round(kilnn.randn(3)[0].item(), 4)
        1.541

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.randn.html
    """
    shape = _shape("randn", args, size)
    kind = dtype or dtypes.get_default_dtype()
    return _finished(_normals(_stream(generator), kind, math.prod(shape)).reshape(shape), out, device, requires_grad)


def rand_like(input: Tensor, *, generator: Any = None, dtype: DType | None = None, layout: Any = None,
              device: Any = None, requires_grad: bool = False, memory_format: Any = None) -> Tensor:  # fmt: skip
    """`rand` in the shape and dtype of `input`.

    Example:
        >>> import kilnn
        >>> kilnn.rand_like(kilnn.zeros(2, 3)).shape
        kilnn.Size([2, 3])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.rand_like.html
    """
    return _like(input, dtype, requires_grad, memory_format, lambda t: uniform_(t, generator=generator))


def randn_like(input: Tensor, *, generator: Any = None, dtype: DType | None = None, layout: Any = None,
               device: Any = None, requires_grad: bool = False, memory_format: Any = None) -> Tensor:  # fmt: skip
    """`randn` in the shape and dtype of `input`.

    Example:
        >>> import kilnn
        >>> kilnn.randn_like(kilnn.zeros(2, 3)).shape
        kilnn.Size([2, 3])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.randn_like.html
    """
    return _like(input, dtype, requires_grad, memory_format, lambda t: normal_(t, generator=generator))


def uniform_(input: Tensor, from_: float = 0, to: float = 1, *, generator: Any = None, **named: float) -> Tensor:
    """Fill with numbers uniform in [from, to), equal to PyTorch's for the same seed."""
    low = _from("uniform_", named, from_)
    return fill(input, lambda _: _uniforms(_stream(generator), input.dtype, input.numel(), low, to))


def _from(name: str, named: dict[str, Any], otherwise: Any) -> Any:
    """PyTorch's argument `from` is a keyword of Python: reachable as **{"from": 0} only."""
    low = named.pop("from", otherwise)
    if named:
        raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(named))}'")
    return low


def normal_(input: Tensor, mean: float = 0, std: float = 1, *, generator: Any = None) -> Tensor:
    """Fill with normal numbers of this mean and deviation, equal to PyTorch's for the same seed."""
    return fill(
        input, lambda whole: _normals(_stream(generator), input.dtype, input.numel(), mean, std, contiguous=whole)
    )


def exponential_(input: Tensor, lambd: float = 1, *, generator: Any = None) -> Tensor:
    """Fill with waiting times of rate lambd > 0."""
    _continuous(input, "Exponential", type_name(input.dtype.np))
    return fill(input, lambda _: _stream(generator).exponential(input.numel(), lambd, input.dtype.np))


def cauchy_(input: Tensor, median: float = 0, sigma: float = 1, *, generator: Any = None) -> Tensor:
    """Fill with numbers of the Cauchy distribution, of this median and scale sigma > 0."""
    _continuous(input, "Cauchy", input.dtype.name)
    return fill(input, lambda _: _stream(generator).cauchy(input.numel(), median, sigma))


def _continuous(x: Tensor, name: str, kind: str) -> None:
    if x.dtype.category != dtypes.FLOAT:
        raise RuntimeError(
            f"{name} distribution is a continuous probability distribution. dtype must be a floating point but you "
            f"specified {kind}"
        )


def log_normal_(input: Tensor, mean: float = 1, std: float = 2, *, generator: Any = None) -> Tensor:
    """Fill with exponentials of normal numbers of this mean and deviation std > 0."""
    if input.dtype.category != dtypes.FLOAT:
        raise NotImplementedError(f"\"log_normal_cpu\" not implemented for '{type_name(input.dtype.np)}'")
    return fill(input, lambda _: _stream(generator).log_normal(input.numel(), mean, std))


def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Any = None,
    out: Any = None,
    dtype: DType | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Normal numbers: with tensors, one for each pair of their elements; with numbers, `size` of them.

    Args:
        mean: the means, a tensor or a number.
        std: the standard deviations, at least 0, a tensor or a number.
        size: the shape, when both are numbers.

    Returns: numbers in the dtype of `mean` if it is a tensor, else of `std`. No gradient flows to either.

    Raises: RuntimeError for a negative std and for shapes that do not broadcast, TypeError for a size beside tensors.

    Example:
        >>> import kilnn
        >>> kilnn.normal(kilnn.zeros(3), 0.0).tolist()
        [0.0, 0.0, 0.0]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.normal.html
    """
    stream = _stream(generator)
    means, stds = isinstance(mean, Handle), isinstance(std, Handle)
    if not means and not stds:
        if size is None:
            raise TypeError("normal() received numbers for mean and std, but no size; expected a tuple of ints")
        shape = shape_of((size,) if isinstance(size, int) else (tuple(size),))
        kind = dtype or dtypes.get_default_dtype()
        drawn = _normals(stream, kind, math.prod(shape), float(mean), float(std)).reshape(shape)
        return _finished(drawn, out, device, requires_grad)
    if size is not None:
        raise TypeError("normal() received a size beside tensors; expected numbers for mean and std, or no size")
    spread = record(ops.deviation, (std.detach(),)) if stds else std
    first = mean if means else std
    shape = shapes.broadcast_shapes(mean.shape, std.shape) if means and stds else tuple(first.shape)
    drawn = _normals(stream, first.dtype, math.prod(shape), 0.0, 1.0 if stds else float(std))
    made = _of(drawn.reshape(shape), first.aval.device)
    if stds:
        made = made.mul_(spread)
    made = made.add_(mean.detach() if means else float(first.dtype.np.type(mean)))  # PyTorch rounds a number first
    made = record(ops.no_gradient, (made, *[x for x in (mean, std) if isinstance(x, Handle)]))
    return made if out is None else into(out, made)


# -- whole numbers

_DIGITS = {"float64": 53, "float32": 24, "float16": 11, "bfloat16": 8}
"""Binary digits of floating dtypes: they hold whole numbers without gaps up to 2 to this power."""


def _check_bounds(low: int, high: int, dtype: DType) -> None:
    """PyTorch's conditions for drawing from [low, high) in a dtype."""
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    for n in (low, high):
        if not -(1 << 63) <= n < 1 << 63:
            raise ValueError("Overflow when unpacking long long")
    if dtype.category == dtypes.FLOAT:
        digits = _DIGITS[dtype.name]
        for name, n in (("from", low), ("to - 1", high - 1)):
            if not -(1 << digits) <= n <= 1 << digits:
                warnings.warn(
                    f"{name} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision limitations {dtype.name} "
                    "can support discrete uniform distribution only within this range.",
                    stacklevel=4,
                )
        return
    least, most = (0, 1) if dtype.category == dtypes.BOOL else (iinfo(dtype).min, iinfo(dtype).max)
    for name, n in (("from", low), ("to - 1", high - 1)):
        if not least <= n <= most:
            raise RuntimeError(f"{name} is out of bounds for {dtype.name}: received {n}, expected {least} to {most}")


def randint(*args: Any, low: int | None = None, high: int | None = None, size: Any = None, generator: Any = None,
            out: Any = None, dtype: DType | None = None, layout: Any = None, device: Any = None,
            requires_grad: bool = False, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """Whole numbers in [low, high): randint(high, size) or randint(low, high, size).

    Example:
        >>> import kilnn
        >>> _ = kilnn.manual_seed(0)
        >>> kilnn.randint(10, (4,)).tolist()
        [4, 9, 3, 0]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.randint.html
    """
    left = list(args)
    if size is None and left and isinstance(left[-1], list | tuple):
        size = left.pop()
    if high is None and left:
        high = left.pop()
    if low is None:
        low = left.pop() if left else 0
    if left or high is None or not isinstance(size, list | tuple):
        raise TypeError(
            "randint() received an invalid combination of arguments; expected randint(high, size) or "
            "randint(low, high, size) with a tuple as size"
        )
    first, last = (int(n) for n in (low, high))
    kind = dtype or dtypes.int64
    shape = shape_of((size,))
    _check_bounds(first, last, kind)
    values = _stream(generator).randint(first, last, math.prod(shape)).reshape(shape)
    return _finished(values.astype(kind.np), out, device, requires_grad)


def randint_like(input: Tensor, low: int = 0, high: int | None = None, *, generator: Any = None,
                 dtype: DType | None = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
                 memory_format: Any = None) -> Tensor:  # fmt: skip
    """Whole numbers in [low, high), or [0, low), in the shape and dtype of `input`."""
    first, last = (0, low) if high is None else (low, high)
    return _like(input, dtype, requires_grad, memory_format, lambda t: random_(t, first, last, generator=generator))


def randperm(n: int, *, generator: Any = None, out: Any = None, dtype: DType | None = None, layout: Any = None,
             device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """A random permutation of 0..n-1.

    Raises: RuntimeError if n is negative or the dtype cannot hold n - 1, TypeError if n is not whole.

    Example:
        >>> import kilnn
        >>> _ = kilnn.manual_seed(0)
        >>> kilnn.randperm(4).tolist()
        [0, 1, 3, 2]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.randperm.html
    """
    if isinstance(n, bool | float):
        raise TypeError(f"randperm(): argument 'n' must be int, not {type(n).__name__}")
    kind = dtype or dtypes.int64
    if n > _largest(kind) + 1:
        raise RuntimeError(f"randperm(): numbers up to {n - 1} do not fit into {kind.name}; use a wider dtype")
    return _finished(_stream(generator).randperm(n).astype(kind.np), out, device, requires_grad)


_UNSET: Any = object()


def random_(input: Tensor, from_: Any = _UNSET, to: Any = _UNSET, *, generator: Any = None, **named: Any) -> Tensor:
    """Fill with whole numbers.

    random_() draws from all of the dtype's range (a floating dtype: from all whole numbers it holds without gaps),
    random_(to) from [0, to), random_(from, to) from [from, to), random_(from, None) from [from, the largest].
    """
    low = _from("random_", named, from_)
    stream, size, dtype = _stream(generator), input.numel(), input.dtype
    if low is _UNSET and to is _UNSET:
        return fill(input, lambda _: stream.random(size, dtype.np))
    if to is _UNSET:
        first, last = 0, int(low)
    else:
        first = 0 if low is _UNSET else int(low)
        last = _largest(dtype) + 1 if to is None else int(to)
    if to is not None or last < 1 << 63:
        _check_bounds(first, last, dtype)
    return fill(input, lambda _: stream.randint(first, last, size))


def _largest(dtype: DType) -> int:
    """The largest whole number up to which a dtype has no gaps."""
    if dtype.category == dtypes.FLOAT:
        return 1 << _DIGITS[dtype.name]
    return 1 if dtype.category == dtypes.BOOL else iinfo(dtype).max


def geometric_(input: Tensor, p: float, *, generator: Any = None) -> Tensor:
    """Fill with numbers of trials up to the first success, each of probability p, 0 < p < 1."""
    if input.dtype.category not in (dtypes.FLOAT, dtypes.INTEGER):
        raise NotImplementedError(f"\"geometric_cpu\" not implemented for '{type_name(input.dtype.np)}'")
    stream = _stream(generator)
    return fill(input, lambda _: _whole(stream.geometric(input.numel(), p), input.dtype))


def _whole(counts: Array, dtype: DType) -> Array:
    """Counts in a dtype; integers that are too narrow keep the low bits."""
    return counts.astype(np.int64).astype(dtype.np) if dtype.category == dtypes.INTEGER else counts


def bernoulli(input: Tensor, p: float | None = None, *, generator: Any = None, out: Any = None) -> Tensor:
    """1 with the probability each element of `input` states (or with p), else 0; no gradient flows.

    Args:
        input: probabilities in [0, 1], a floating tensor; with p only its shape and dtype count.

    Raises: NotImplementedError for integers, RuntimeError for a probability out of range.

    Example:
        >>> import kilnn
        >>> kilnn.bernoulli(kilnn.tensor([0.0, 1.0])).tolist()
        [0.0, 1.0]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.bernoulli.html
    """
    if p is not None:
        tosses = _stream(generator).bernoulli(input.numel(), p)
        made = _of(tosses.reshape(tuple(input.shape)).astype(input.dtype.np), input.aval.device)
    elif input.dtype.category != dtypes.FLOAT:
        raise NotImplementedError(f"\"bernoulli_tensor_cpu_p_\" not implemented for '{type_name(input.dtype.np)}'")
    else:
        chances = _stream(generator).chances(input.numel(), input.dtype.np).reshape(tuple(input.shape))
        made = record(ops.bernoulli, (input, _of(chances, input.aval.device)), (input.dtype.np,))
    return made if out is None else into(out, made)


def bernoulli_(input: Tensor, p: Any = 0.5, *, generator: Any = None) -> Tensor:
    """Fill with 1 with probability p (a number or a tensor of probabilities), else 0."""
    if not isinstance(p, Handle):
        return fill(input, lambda _: _stream(generator).bernoulli(input.numel(), p))
    chance: Any = p.expand(input.shape)  # type: ignore[attr-defined]  # a Tensor
    stream, wide = _stream(generator), dtypes.float64 if chance.dtype is dtypes.float64 else dtypes.float32
    drawn = _like(input, wide, False, None, lambda t: fill(t, lambda _: stream.chances(t.numel(), wide.np)))
    return inplace(input, creation.copy, (input, record(ops.bernoulli, (chance, drawn), (input.dtype.np,))))


def poisson(input: Tensor, generator: Any = None) -> Tensor:
    """A count of events for each rate in `input`. Reads the rates; no gradient flows.

    Args:
        input: rates, at least 0, a floating tensor.

    Returns: counts in the shape and dtype of `input`.

    Raises: RuntimeError for a negative rate, NotImplementedError for integers.

    Example:
        >>> import kilnn
        >>> kilnn.poisson(kilnn.zeros(2)).tolist()
        [0.0, 0.0]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.poisson.html
    """
    if input.dtype.category != dtypes.FLOAT:
        raise NotImplementedError(f"\"poisson_cpu\" not implemented for '{type_name(input.dtype.np)}'")
    counts = _stream(generator).poisson(np.asarray(observed(input), np.float64))
    return record(ops.no_gradient, (_of(counts.astype(input.dtype.np), input.aval.device), input))


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Any = None, out: Any = None
) -> Tensor:
    """Indices drawn with probabilities proportional to the rows of `input`. Reads the values.

    Args:
        input: weights, one row or several; they need not sum to 1.
        num_samples: how many for each row.
        replacement: whether an index may be drawn again.

    Raises: RuntimeError for weights that are negative or not floating, and for more samples than there are indices.

    Example:
        >>> import kilnn
        >>> kilnn.multinomial(kilnn.tensor([0.0, 1.0]), 1).tolist()
        [1]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.multinomial.html
    """
    if input.ndim not in (1, 2):
        raise RuntimeError(f"prob_dist must be 1 or 2 dim, but got {input.ndim}")
    if input.dtype.category != dtypes.FLOAT:
        raise RuntimeError(
            f"multinomial only supports floating-point dtypes for input, got: {type_name(input.dtype.np)}"
        )
    weights = np.asarray(observed(input))
    stream = _stream(generator)
    rows = [stream.multinomial(row, num_samples, replacement) for row in np.atleast_2d(weights)]
    drawn = np.stack(rows) if rows else np.zeros((0, num_samples))
    return _finished(drawn.reshape((*input.shape[:-1], num_samples)).astype(np.int64), out, None, False)
