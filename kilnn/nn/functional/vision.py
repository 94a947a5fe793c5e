"""Rearrangements of images: pixel_shuffle and its inverse, channel_shuffle."""

from __future__ import annotations

from kilnn.tensor.tensor import Tensor


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(..., C r^2, H, W) as (..., C, H r, W r).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.pixel_shuffle.html
    """
    r = upscale_factor
    *lead, channels, height, width = _image(input, "pixel_shuffle")
    if r <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    if channels % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, "
            f"but input.size(-3)={channels} is not divisible by {r * r}"
        )
    parts = input.reshape(*lead, channels // (r * r), r, r, height, width)
    n = len(lead)
    moved = parts.permute(*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return moved.reshape(*lead, channels // (r * r), height * r, width * r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(..., C, H r, W r) as (..., C r^2, H, W).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.pixel_unshuffle.html
    """
    r = downscale_factor
    *lead, channels, height, width = _image(input, "pixel_unshuffle")
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    for name, size in (("height", height), ("width", width)):
        if size % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but {size} is not "
                f"divisible by {r}"
            )
    parts = input.reshape(*lead, channels, height // r, r, width // r, r)
    n = len(lead)
    moved = parts.permute(*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return moved.reshape(*lead, channels * r * r, height // r, width // r)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The channels of (N, C, ...) regrouped: channel j of group i becomes channel i of group j.

    Raises: RuntimeError when `groups` is not positive or does not divide C.

    Example:
        >>> import kilnn
        >>> kilnn.nn.functional.channel_shuffle(kilnn.arange(4).reshape(1, 4, 1), 2).flatten().tolist()
        [0, 2, 1, 3]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.channel_shuffle.html
    """
    if input.dim() < 3:
        raise RuntimeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(input.shape)}")
    if groups <= 0:
        raise RuntimeError(f"Number of groups to divide channels in must be positive. Value of groups:{groups}")
    batch, channels, *rest = input.shape
    if channels % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {channels} channels and {groups} groups."
        )
    return input.reshape(batch, groups, channels // groups, *rest).transpose(1, 2).reshape(batch, channels, *rest)


native_channel_shuffle = channel_shuffle


def _image(x: Tensor, name: str) -> tuple[int, ...]:
    if x.dim() < 3:
        raise RuntimeError(
            f"{name} expects input to have at least 3 dimensions, but got input with {x.dim()} dimension(s)"
        )
    return tuple(x.shape)
