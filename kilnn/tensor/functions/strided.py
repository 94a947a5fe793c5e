"""Views by strides, and tensors that change their size: what PyTorch allows itself because it owns the memory."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from kilnn.base import shapes
from kilnn.engine.handle import alias_handle
from kilnn.ops import shaping as ops
from kilnn.tensor.doors import view
from kilnn.tensor.functions import joining
from kilnn.tensor.functions.shaping import sizes_of

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor


def _whole(input: Tensor) -> Tensor:
    """The tensor whose elements are all of the storage, in order: input itself, or what it is a view of."""
    level = input._view
    if level is None or (level.op is None and level.parent is None and level.strides is None):
        return input
    base = input._base
    if base is not None and base.is_contiguous() and base.numel() == base._storage.value.aval.size:
        return base
    if input.requires_grad:
        raise NotImplementedError(
            "as_strided(): gradients through a view of a view are not supported: clone() it first"
        )
    return alias_handle(input._storage, None)  # type: ignore[no-any-return]  # a Tensor


def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """A view of the storage with these sizes, strides and offset, counted in elements.

    Differs from PyTorch: the storage is laid out row-major in the shape in which it was made.

    Example:
        >>> import kilnn
        >>> kilnn.arange(4).as_strided((3, 2), (1, 1)).tolist()
        [[0, 1], [1, 2], [2, 3]]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.as_strided.html
    """
    sizes, strides = sizes_of((size,)) if size else (), sizes_of((stride,)) if stride else ()
    if len(sizes) != len(strides):
        raise RuntimeError("mismatch in length of strides and shape")
    if any(s < 0 for s in strides):
        raise RuntimeError(
            f"as_strided: Negative strides are not supported at the moment, got strides: {list(strides)}"
        )
    offset = input.storage_offset() if storage_offset is None else storage_offset
    whole = _whole(input)
    last = offset + sum((n - 1) * s for n, s in zip(sizes, strides, strict=True)) + 1 if prod(sizes) else 0
    if last > whole.numel():
        raise RuntimeError(
            f"setStorage: sizes {list(sizes)}, strides {list(strides)}, storage offset {offset} require {last} "
            f"elements in a storage of {whole.numel()}"
        )
    return view(ops.as_strided, whole, (whole,), (sizes, strides, offset), sizes, strides, offset)


def as_strided_scatter(input: Tensor, src: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """A copy of input in which the part that `as_strided` names is src.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.as_strided_scatter.html
    """
    out = input.clone()
    as_strided(out, size, stride, storage_offset).copy_(src)
    return out


def resize_(input: Tensor, *sizes: Any, memory_format: Any = None) -> Tensor:
    """The tensor takes another size in place: what was there stays in memory order, what is new is zero.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.resize_.html
    """
    shape = sizes_of(sizes) if sizes else ()
    if shape == tuple(input.shape):
        return input
    if input.requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    wanted = prod(shape)
    whole = alias_handle(input._storage, None)
    room = whole.numel() - input.storage_offset()
    if wanted <= room:
        input.data = as_strided(input, shape, shapes.contiguous_strides(shape))
        return input
    flat = whole.reshape(-1)[input.storage_offset() :]
    input.data = joining.cat([flat, flat.new_zeros(wanted - room)]).reshape(shape)
    return input


def zero_(input: Tensor) -> Tensor:
    """Zeros in place of the elements."""
    return input.zero_()


def resize_as_(input: Tensor, the_template: Tensor, memory_format: Any = None) -> Tensor:
    """`resize_` to the size of another tensor.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.resize_as_.html
    """
    return resize_(input, the_template.shape)


def set_(input: Tensor, source: Any = None, storage_offset: int = 0, size: Any = None, stride: Any = None) -> Tensor:
    """The tensor takes the storage of another one (or a storage), and its size or the one given.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.set_.html
    """
    if source is None:
        input.data = input.new_empty(0)
        return input
    if hasattr(source, "_root"):
        source = source.tensor(input.dtype)
        size = (source.numel(),) if size is None else size
    if source.dtype is not input.dtype:
        raise RuntimeError(f"Could not set tensor of type {source.dtype} to a tensor of type {input.dtype}")
    if size is not None:
        sizes = sizes_of((size,)) if size else ()
        source = as_strided(
            source, sizes, shapes.contiguous_strides(sizes) if stride is None else stride, storage_offset
        )
    input.data = source
    return input


def hsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """`tensor_split` along the columns (the only dimension of a vector).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.hsplit.html
    """
    return _split_at("hsplit", input, indices_or_sections, 0 if input.ndim == 1 else 1, 1)


def vsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """`tensor_split` along the rows.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.vsplit.html
    """
    return _split_at("vsplit", input, indices_or_sections, 0, 2)


def dsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """`tensor_split` along the third dimension.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.dsplit.html
    """
    return _split_at("dsplit", input, indices_or_sections, 2, 3)


def _split_at(name: str, input: Tensor, parts: Any, dim: int, rank: int) -> tuple[Tensor, ...]:
    if input.ndim < rank:
        raise RuntimeError(
            f"torch.{name} requires a tensor with at least {rank} dimension{'s' * (rank > 1)}, but got a tensor with "
            f"{input.ndim} dimensions!"
        )
    if isinstance(parts, int) and (parts <= 0 or input.shape[dim] % parts):
        raise RuntimeError(
            f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension "
            f"{input.shape[dim]} is not divisible by the split_size {parts}!"
        )
    return input.tensor_split(parts, dim)


def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A copy of input whose diagonal is src.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.diagonal_scatter.html
    """
    out = input.clone()
    part = out.diagonal(offset, dim1, dim2)
    if part.shape != src.shape:
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. src size = "
            f"{list(src.shape)}, slice size = {list(part.shape)}"
        )
    part.copy_(src)
    return out


def narrow_copy(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """A copy of `narrow`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.Tensor.narrow_copy.html
    """
    return input.narrow(dim, start, length).clone()


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape."""
    return input.shape == other.shape


def is_set_to(input: Tensor, tensor: Tensor) -> bool:
    """Whether two tensors read the same elements of the same storage in the same way."""
    return (
        input._storage is tensor._storage
        and input.shape == tensor.shape
        and input.stride() == tensor.stride()
        and input.storage_offset() == tensor.storage_offset()
    )


def copied(name: str) -> Any:
    """`permute_copy` and its kin: the view functions with a copy of the result."""

    def function(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        found = getattr(input, name)(*args, **kwargs)
        return tuple(t.clone() for t in found) if isinstance(found, tuple) else found.clone()

    function.__name__ = function.__qualname__ = f"{name}_copy"
    function.__doc__ = (
        f"A copy of what `{name}` returns as a view.\n\nSource: https://docs.pytorch.org/docs/2.13/torch.html"
    )
    return function


detach_copy, expand_copy, permute_copy, select_copy, split_copy, squeeze_copy, t_copy, transpose_copy = (
    copied(name) for name in ("detach", "expand", "permute", "select", "split", "squeeze", "t", "transpose")
)
unbind_copy, unfold_copy, unsqueeze_copy, view_copy = (
    copied(name) for name in ("unbind", "unfold", "unsqueeze", "view")
)


def as_strided_copy(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """A copy of `as_strided`."""
    return as_strided(input, size, stride, storage_offset).clone()


def alias_copy(input: Tensor) -> Tensor:
    """A copy."""
    return input.clone()
