"""Tensor methods: views in other shapes, and rearrangements that copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilnn.tensor.functions import joining, shaping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kilnn.tensor.tensor import Tensor


class ShapingMethods:
    """Shapes."""

    __slots__ = ()

    reshape = shaping.reshape
    reshape_as = shaping.reshape_as
    view = shaping.view_
    view_as = shaping.view_as
    flatten = shaping.flatten
    ravel = shaping.ravel
    unflatten = shaping.unflatten
    contiguous = shaping.contiguous
    unsqueeze = shaping.unsqueeze
    squeeze = shaping.squeeze
    permute = shaping.permute
    transpose = swapaxes = swapdims = shaping.transpose
    t = shaping.t
    movedim = moveaxis = shaping.movedim
    expand = shaping.expand
    expand_as = shaping.expand_as
    broadcast_to = shaping.broadcast_to
    sum_to_size = shaping.sum_to_size
    select = shaping.select
    narrow = shaping.narrow
    split = shaping.split
    chunk = shaping.chunk
    tensor_split = shaping.tensor_split
    unbind = shaping.unbind
    diagonal = shaping.diagonal
    unfold = shaping.unfold

    flip = joining.flip
    fliplr = joining.fliplr
    flipud = joining.flipud
    rot90 = joining.rot90
    roll = joining.roll
    tril = joining.tril
    triu = joining.triu
    diag = joining.diag
    diag_embed = joining.diag_embed
    repeat = joining.repeat
    tile = joining.tile
    repeat_interleave = joining.repeat_interleave

    @property
    def T(self: Any) -> Tensor:
        """The dimensions in reverse order."""
        return shaping.reversed_dims(self)

    @property
    def mT(self: Any) -> Tensor:
        """The last two dimensions exchanged."""
        return shaping.matrix_transpose(self)

    def split_with_sizes(self: Any, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
        """`split` with a list of sizes."""
        return shaping.split(self, list(split_sizes), dim)

    def __iter__(self: Any) -> Iterator[Tensor]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return iter(shaping.unbind(self, 0))
