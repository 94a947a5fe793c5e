"""Dropout: elements or whole channels set to zero at random, by a mask drawn from a counter (equal on all devices)."""

from __future__ import annotations

from typing import Any

from kilnn.engine.rng import next_offset
from kilnn.ops import random as ops
from kilnn.tensor.doors import inplace as write, record
from kilnn.tensor.tensor import Tensor


def _check(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _drop(x: Tensor, p: float, training: bool, inplace: bool, channels: bool) -> Tensor:
    _check(p)
    if not training or p == 0:
        return x
    if p == 1:
        return x.mul_(0.0) if inplace else x * 0.0
    operands: tuple[Any, ...] = (x, float(p), *next_offset())
    return write(x, ops.dropout, operands, (channels,)) if inplace else record(ops.dropout, operands, (channels,))


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set elements to zero with probability p and divide the others by 1 - p.

    Args:
        input: any shape.
        p: probability in [0, 1]; a run-time number, changing it compiles nothing (but 0 and 1 are special).
        training: False returns the input.
        inplace: write the result into the input.

    Raises: ValueError for p outside [0, 1].

    Differs from PyTorch: other random numbers than PyTorch's, and the same on every device.
    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.dropout.html
    """
    return _drop(input, p, training, inplace, False)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set whole channels of (N, C, L) to zero with probability p.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.dropout1d.html
    """
    if input.dim() not in (2, 3):
        raise RuntimeError(f"dropout1d: Expected 2D or 3D input, but received a {input.dim()}D input.")
    return _channels(input, p, training, inplace, 2)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set whole channels of (N, C, H, W) to zero with probability p.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.dropout2d.html
    """
    return _drop(input, p, training, inplace, input.dim() > 2)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set whole channels of (N, C, D, H, W) to zero with probability p.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.dropout3d.html
    """
    return _channels(input, p, training, inplace, 4)


def _channels(x: Tensor, p: float, training: bool, inplace: bool, unbatched: int) -> Tensor:
    if x.dim() != unbatched:
        return _drop(x, p, training, inplace, True)
    dropped = _drop(x.unsqueeze_(0) if inplace else x.unsqueeze(0), p, training, inplace, True)
    return dropped.squeeze_(0) if inplace else dropped.squeeze(0)


feature_dropout = dropout2d


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout that keeps mean and variance of inputs that are standardised, for networks with SELU.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.alpha_dropout.html
    """
    return _alpha(input, p, training, inplace, tuple(input.shape))


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """`alpha_dropout` of whole channels of (N, C, ...).

    Raises: RuntimeError for fewer than 2 dimensions.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.feature_alpha_dropout.html
    """
    if training and input.dim() < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    return _alpha(input, p, training, inplace, (*tuple(input.shape)[:2], *(1,) * (input.dim() - 2)))


def _alpha(input: Tensor, p: float, training: bool, inplace: bool, shape: tuple[int, ...]) -> Tensor:
    _check(p)
    if not training or p == 0:
        return input
    if p == 1:
        made = input * 0.0
    else:
        floor = -1.7580993408473766  # minus SELU's scale * alpha
        a = ((1 - p) * (1 + p * floor**2)) ** -0.5
        keep = record(ops.random_mask, (float(p), *next_offset()), (shape,))
        made = input.where(keep, input.new_full((), floor)) * a + (-a * p * floor)
    return input.copy_(made) if inplace else made
