"""fold and unfold: images as columns of sliding windows."""

from __future__ import annotations

from typing import Any

from kilnn.nn.sizes import ints
from kilnn.ops import folding as ops
from kilnn.tensor.doors import record
from kilnn.tensor.tensor import Tensor


def _window(kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> tuple[tuple[int, ...], ...]:
    named = {"kernel_size": kernel_size, "dilation": dilation, "padding": padding, "stride": stride}
    window = {name: ints(value, 2, name) for name, value in named.items()}
    for name, sizes in window.items():
        if min(sizes) < (0 if name == "padding" else 1):
            word = "non-negative" if name == "padding" else "greater than zero"
            raise RuntimeError(f"{name} should be {word}, but got {name}={sizes}")
    return tuple(window.values())


def unfold(input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """Each window of the input as one column.

    Args:
        input: (N, C, H, W) or (C, H, W).
        kernel_size, dilation, padding, stride: of the windows; one number or a pair.

    Returns: (N, C * places of a window, number of windows).

    Raises: RuntimeError when no window fits.

    Example:
        >>> import kilnn
        >>> kilnn.nn.functional.unfold(kilnn.ones(1, 3, 4, 4), 2).shape
        kilnn.Size([1, 12, 9])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.unfold.html
    """
    window = _window(kernel_size, dilation, padding, stride)
    if input.dim() == 3:
        return record(ops.unfold_windows, (input.unsqueeze(0),), window).squeeze(0)
    return record(ops.unfold_windows, (input,), window)


def fold(
    input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """Columns added up to an image: where windows overlap, their elements are summed.

    Args:
        input: (N, C * places of a window, number of windows), or without N.
        output_size: height and width of the image.
        kernel_size, dilation, padding, stride: of the windows; one number or a pair.

    Returns: (N, C, *output_size).

    Raises: RuntimeError when the number of columns or rows does not fit.

    Example:
        >>> import kilnn
        >>> kilnn.nn.functional.fold(kilnn.ones(1, 2, 2), (1, 3), (1, 2)).tolist()
        [[[[1.0, 2.0, 1.0]]]]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.fold.html
    """
    window = (ints(output_size, 2, "output_size"), *_window(kernel_size, dilation, padding, stride))
    if input.dim() == 2:
        return record(ops.fold_windows, (input.unsqueeze(0),), window).squeeze(0)
    return record(ops.fold_windows, (input,), window)
