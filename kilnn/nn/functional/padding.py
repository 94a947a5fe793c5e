"""pad: constant, reflecting, replicating and circular."""

from __future__ import annotations

from collections.abc import Sequence

from kilnn.ops import joining as ops
from kilnn.tensor.doors import number_for, record
from kilnn.tensor.tensor import Tensor


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Add elements at the ends of the last dimensions.

    Args:
        input: any shape; for the modes other than "constant" with one or two leading dimensions (channels, batch).
        pad: (left, right) of the last dimension, then of the one before, ...; negative numbers take elements away.
        mode: "constant", "reflect" (mirrored without the edge), "replicate" (the edge repeated) or "circular".
        value: what "constant" adds; default 0.

    Raises: RuntimeError for an odd number of sizes, or more than the input has; NotImplementedError for another mode.

    Example:
        >>> import kilnn
        >>> kilnn.nn.functional.pad(kilnn.tensor([1.0, 2.0]), (1, 0)).tolist()
        [0.0, 1.0, 2.0]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.pad.html
    """
    if len(pad) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(pad) // 2 > input.dim():
        raise RuntimeError(
            f"Padding length should be less than or equal to two times the input dimension but got padding length "
            f"{len(pad)} and input of dimension {input.dim()}"
        )
    ends = [(pad[i].__index__(), pad[i + 1].__index__()) for i in range(0, len(pad), 2)]
    pairs = (*((0, 0),) * (input.dim() - len(ends)), *reversed(ends))
    if mode == "constant":
        return record(ops.pad, (input, number_for(input.dtype, 0 if value is None else value)), (pairs,))
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if value is not None and value != 0:
        raise ValueError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if input.dim() not in (len(ends) + 1, len(ends) + 2):
        raise NotImplementedError(
            f"Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now: got {len(ends)} padded "
            f"dimensions of an input with {input.dim()}"
        )
    if mode == "circular":
        return record(ops.pad_circular, (input,), (pairs,))
    return record(ops.pad_edges, (input,), (pairs, mode))
