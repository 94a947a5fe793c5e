"""kilnn.autograd.forward_ad: dual numbers. They are not there; `kilnn.func.jvp` gives the same products."""

from __future__ import annotations

from typing import Any, NoReturn

_WHY = (
    "tensors carry no tangents here. kilnn.func.jvp(f, primals, tangents) gives the product of a Jacobian and a "
    "vector, kilnn.func.jacfwd the Jacobian"
)


class dual_level:
    """The block in which dual tensors live. Not available.

    Raises: NotImplementedError.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.autograd.forward_ad.dual_level.html
    """

    def __init__(self) -> NoReturn:
        raise NotImplementedError(f"autograd.forward_ad.dual_level: {_WHY}")


def make_dual(tensor: Any, tangent: Any, *, level: int | None = None) -> NoReturn:
    """A tensor with a tangent. Not available: raises NotImplementedError.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.autograd.forward_ad.make_dual.html
    """
    raise NotImplementedError(f"autograd.forward_ad.make_dual: {_WHY}")


def unpack_dual(tensor: Any, *, level: int | None = None) -> NoReturn:
    """A dual tensor's parts. Not available: raises NotImplementedError.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.autograd.forward_ad.unpack_dual.html
    """
    raise NotImplementedError(f"autograd.forward_ad.unpack_dual: {_WHY}")
