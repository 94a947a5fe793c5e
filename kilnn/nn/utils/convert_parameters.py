"""Parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from kilnn.engine.grad_mode import no_grad
from kilnn.tensor.functions.joining import cat
from kilnn.tensor.tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements of the parameters in one vector; gradients flow through it.

    Example:
        >>> import kilnn
        >>> kilnn.nn.utils.parameters_to_vector(kilnn.nn.Linear(2, 3).parameters()).shape
        kilnn.Size([9])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.parameters_to_vector.html
    """
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write the elements of a vector into the parameters, in order.

    Raises: TypeError when `vec` is no tensor.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.vector_to_parameters.html
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected kilnn.Tensor, but got: {type(vec).__name__}")
    start = 0
    with no_grad():
        for p in parameters:
            count = p.numel()
            p.copy_(vec[start : start + count].view_as(p))
            start += count
