"""Starting a backward pass: roots, their gradients, and PyTorch's errors for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kilnn.engine import views
from kilnn.engine.backward import Walk
from kilnn.engine.handle import new_handle
from kilnn.engine.host import seed
from kilnn.tensor.doors import is_tensor

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor


def check_gradients(tensors: Sequence[Tensor], gradients: Sequence[Tensor | None]) -> list[tuple[Tensor, Tensor]]:
    """Pair roots with their gradients: ones for one-element tensors; PyTorch's errors otherwise."""
    pairs = []
    for t, given in zip(tensors, gradients, strict=True):
        g: Any = given
        if views.node_of(t) is None and not t._leaf:  # or a view made under no_grad: nowhere to send a gradient
            raise RuntimeError("element 0 of tensors does not require grad and does not have a grad_fn")
        if g is None:
            if t.aval.size != 1:
                raise RuntimeError("grad can be implicitly created only for scalar outputs")
            if t.aval.dtype.kind == "c":
                raise RuntimeError(f"grad can be implicitly created only for real scalar outputs but got {t.dtype!r}")
            g = new_handle(seed(t.aval))
        elif not is_tensor(g):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
        elif g.aval.shape != t.aval.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[0] has a shape of {tuple(g.shape)} and output[0] has a shape of "
                f"{tuple(t.shape)}."
            )
        elif g.aval.dtype != t.aval.dtype:
            g = g.to(t.dtype)
        pairs.append((t, g))
    return pairs


def backward(
    tensors: Sequence[Tensor],
    gradients: Sequence[Tensor | None],
    retain_graph: bool | None,
    create_graph: bool,
    inputs: Any,
) -> None:
    """Accumulate the gradients of several roots (see `Tensor.backward`)."""
    if inputs is not None:
        inputs = [inputs] if is_tensor(inputs) else list(inputs)
        if not inputs:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
        for t in inputs:
            if not t.requires_grad:
                raise RuntimeError("One of the differentiated Tensors does not require grad")
    pairs = check_gradients(tensors, gradients)
    for t in inputs or ():
        t.retain_grad()
    retain = create_graph if retain_graph is None else retain_graph
    Walk(pairs, retain=retain, create_graph=create_graph, inputs=inputs, capture=False).run()
