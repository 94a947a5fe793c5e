"""`vmap`: a function of single samples as a function of batches."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from kilnn.base.generator import default_generator
from kilnn.func.tree import flatten, matching
from kilnn.tensor.functions.joining import stack
from kilnn.tensor.tensor import Tensor


def vmap(
    func: Callable[..., Any], in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error", *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:  # fmt: skip
    """A function that maps `func` over a dimension of its arguments.

    The samples are recorded one after the other into the same program, whose equal blocks are compiled once. So
    everything that works on a sample works here: branches on values, in-place writes, gradients inside and outside.

    Args:
        func: from tensors, or nested containers of them, to the same.
        in_dims: for each argument the dimension to map over, None for one that all samples share; a number for all
            of them, or nested as the arguments are.
        out_dims: where the new dimension goes in the outputs.
        randomness: "different" draws anew for each sample, "same" draws the same for all, "error" refuses draws.
        chunk_size: accepted; samples are recorded one by one.

    Raises: ValueError if in_dims does not fit the arguments or sizes differ, RuntimeError for draws under "error".

    Example:
        >>> import kilnn
        >>> kilnn.vmap(kilnn.dot)(kilnn.ones(3, 5), kilnn.ones(3, 5)).tolist()
        [5.0, 5.0, 5.0]

    Differs from PyTorch: a batch of B samples is recorded as B calls; `func` may look at values.
    Source: https://docs.pytorch.org/docs/2.13/generated/torch.func.vmap.html
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")
    name = getattr(func, "__name__", repr(func))

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if not args:
            raise ValueError(
                f"vmap({name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap "
                "over a function with no inputs. The latter is unsupported."
            )
        leaves, build = flatten(args)
        if isinstance(in_dims, int):
            dims: list[Any] = [in_dims if isinstance(x, Tensor) else None for x in leaves]
        else:
            dims = matching(in_dims, args, f"vmap({name}, in_dims={in_dims})(<inputs>): in_dims")
        size = _batch_size(leaves, dims, name)
        parts = [_parts(x, d) for x, d in zip(leaves, dims, strict=True)]
        results = []
        generator = default_generator
        before = generator.get_state()
        for sample in range(size):
            if randomness == "same" and sample:
                generator.set_state(before)
            results.append(
                func(*build([x if p is None else p[sample] for x, p in zip(leaves, parts, strict=True)]), **kwargs)
            )
            if randomness == "error" and not sample and not bool((generator.get_state() == before).all()):
                raise RuntimeError(
                    "vmap: called random operation while in randomness error mode. Please either use the 'same' or "
                    "'different' randomness flags on vmap or perform the randomness operation out of vmap"
                )
        return _joined(results, out_dims, name)

    return wrapped


def _batch_size(leaves: list[Any], dims: list[Any], name: str) -> int:
    sizes = []
    for x, d in zip(leaves, dims, strict=True):
        if d is None:
            continue
        if not isinstance(d, int) or isinstance(d, bool):
            raise ValueError(f"vmap({name}): in_dims holds {d!r}; expected an int or None for each input")
        if not isinstance(x, Tensor):
            raise ValueError(
                f"vmap({name}): Got in_dim={d} for an input but the input is of type {type(x)}. We cannot vmap over "
                "non-Tensor arguments, please use None as the respective in_dim"
            )
        if not -x.dim() <= d < x.dim():
            raise ValueError(
                f"vmap({name}): Got in_dim={d} for some input, but that input is a Tensor of dimensionality {x.dim()} "
                f"so expected in_dim to satisfy -{x.dim()} <= in_dim < {x.dim()}."
            )
        sizes.append(x.size(d))
    if not sizes:
        raise ValueError(f"vmap({name}): no input is mapped over: at least one entry of in_dims has to be an int")
    if len(set(sizes)) > 1:
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes} for the mapped dimension"
        )
    if not sizes[0]:
        raise NotImplementedError("vmap over a dimension of size 0: there is no sample that could tell the outputs")
    return int(sizes[0])


def _parts(x: Any, dim: int | None) -> Any:
    return None if dim is None else x.unbind(dim)


def _joined(results: list[Any], out_dims: Any, name: str) -> Any:
    flat = [flatten(result) for result in results]
    columns = zip(*(leaves for leaves, _ in flat), strict=True)
    if isinstance(out_dims, int) or out_dims is None:
        dims: list[Any] = [out_dims] * len(flat[0][0])
    else:
        dims = matching(out_dims, results[0], f"vmap({name}, ..., out_dims={out_dims}): out_dims")
    joined = []
    for column, dim in zip(columns, dims, strict=True):
        if not isinstance(column[0], Tensor):
            raise ValueError(
                f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(column[0])}. Did you mean to "
                "set out_dims= to None for output?"
            )
        joined.append(column[0] if dim is None else stack(column, dim))
    return flat[0][1](joined)
