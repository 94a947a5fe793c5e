"""Look-up of bags of rows, reduced at once."""

from __future__ import annotations

import warnings

import numpy as np

from kilnn.base.shapes import rounded_up
from kilnn.engine.host import host_array
from kilnn.nn.functional.embedding import embedding
from kilnn.ops import embedding_bag as ops
from kilnn.tensor.create import arange, from_host
from kilnn.tensor.doors import record
from kilnn.tensor.tensor import Tensor


def embedding_bag(
    input: Tensor, weight: Tensor, offsets: Tensor | None = None, max_norm: float | None = None, norm_type: float = 2,
    scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False,
    per_sample_weights: Tensor | None = None, include_last_offset: bool = False, padding_idx: int | None = None,
) -> Tensor:  # fmt: skip
    """Sums, means or maxima of the rows of `weight` that each bag names.

    Args:
        input: whole numbers (bags, length), or (n) with
        offsets: (bags), where each bag starts in the input.
        weight: (num_embeddings, embedding_dim).
        max_norm, norm_type, scale_grad_by_freq: as in `embedding`.
        mode: "sum", "mean" or "max"; empty bags give zeros.
        sparse: accepted when False only.
        per_sample_weights: factors of the rows, in the input's shape; "sum" only.
        include_last_offset: offsets have one more element, the length of the input.
        padding_idx: the row that counts in no bag.

    Returns: (bags, embedding_dim).

    Raises: ValueError for arguments that do not fit; IndexError and RuntimeError for numbers and offsets out of range,
    when the program has run.

    Example:
        >>> import kilnn
        >>> table = kilnn.tensor([[1.0], [2.0], [4.0]])
        >>> kilnn.nn.functional.embedding_bag(kilnn.tensor([[0, 1], [2, 2]]), table, mode="sum").tolist()
        [[3.0], [8.0]]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.embedding_bag.html
    """
    if weight.dtype.name == "int64" and input.is_floating_point():
        warnings.warn(
            "Argument order of nn.functional.embedding_bag was changed. Usage `embedding_bag(weight, input, ...)` is "
            "deprecated, and should now be `embedding_bag(input, weight, ...)`.",
            stacklevel=2,
        )
        weight, input = input, weight
    if per_sample_weights is not None and input.shape != per_sample_weights.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, then it must have the "
            f"same shape as the input ({input.shape})"
        )
    if weight.dim() != 2:
        raise ValueError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.dim()}")
    if input.dim() == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated as a mini-batch of fixed length "
                f"sequences. However, found offsets of type {type(offsets)}"
            )
        bags, length = input.shape
        offsets = arange(bags, dtype=input.dtype, device=input.device) * length
        include_last_offset = False
        input = input.reshape(-1)
        if per_sample_weights is not None:
            per_sample_weights = per_sample_weights.reshape(-1)
    elif input.dim() != 1:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}")
    if offsets is None or offsets.dim() != 1:
        raise ValueError("offsets has to be a 1D Tensor" + (" but got None" if offsets is None else ""))
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f"mode has to be one of sum, mean or max, but got {mode!r}")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' "
            f"(got mode='{mode}')."
        )
    if padding_idx is not None:
        if not -weight.size(0) <= padding_idx < weight.size(0):
            raise RuntimeError(
                f"padding_idx must be within the number of embeddings, -{weight.size(0)} through "
                f"{weight.size(0) - 1}, but got {padding_idx}"
            )
        padding_idx %= weight.size(0)
    counted = input
    if not scale_grad_by_freq and per_sample_weights is None:
        input, counted = _few_sizes(input, offsets)
    rows = embedding(input, weight, None, max_norm, norm_type, scale_grad_by_freq, sparse)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.unsqueeze(-1)
    bags = offsets.size(0) - bool(include_last_offset)
    return record(ops.bag_rows, (rows, counted, offsets), (bags, mode, padding_idx))


def _few_sizes(input: Tensor, offsets: Tensor) -> tuple[Tensor, Tensor]:
    """The input with rows added, to one of few sizes; and the same with -1 for them, which is in no bag.

    The length of all bags together is another one in every batch of texts, and so would be the program. Bags that are
    not on the host, or do not fit, stay as they are."""
    numbers, starts = host_array(input), host_array(offsets)
    if numbers is None or starts is None or not numbers.size or numbers.dtype.kind != "i":
        return input, input
    if starts.size and starts.max() > numbers.size:
        return input, input
    more = rounded_up(numbers.size) - numbers.size
    looked_up = np.append(numbers, np.repeat(numbers[:1], more))  # a row that is looked up anyway: max_norm writes
    return from_host(looked_up), from_host(np.append(numbers, np.full(more, -1, numbers.dtype)))
