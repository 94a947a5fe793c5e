"""kilnn.nn.attention: PyTorch's choice among attention kernels. There is one here, and XLA compiles it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum


class SDPBackend(IntEnum):
    """PyTorch's names of attention kernels.

    Example:
        >>> import kilnn
        >>> kilnn.nn.attention.SDPBackend.MATH.name
        'MATH'

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.attention.SDPBackend.html
    """

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextmanager
def sdpa_kernel(backends: Sequence[SDPBackend] | SDPBackend, set_priority: bool = False) -> Iterator[None]:
    """Restrict which kernels `scaled_dot_product_attention` may take.

    Every choice gives the same program here: there is one formula, whose backward pass recomputes the probabilities,
    and XLA decides how to compute it.

    Args:
        backends: one kernel, or several.
        set_priority: whether their order says which to try first.

    Raises: AssertionError when backends are no `SDPBackend`.

    Example:
        >>> import kilnn
        >>> q = kilnn.ones(1, 2, 4)
        >>> with kilnn.nn.attention.sdpa_kernel(kilnn.nn.attention.SDPBackend.MATH):
        ...     kilnn.nn.functional.scaled_dot_product_attention(q, q, q).shape
        kilnn.Size([1, 2, 4])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.attention.sdpa_kernel.html
    """
    chosen = [backends] if isinstance(backends, SDPBackend) else backends
    if not isinstance(chosen, list | tuple) or not all(isinstance(b, SDPBackend) for b in chosen):
        raise AssertionError(f"backends must be an SDPBackend or a list of them, but got {backends!r}")
    yield
