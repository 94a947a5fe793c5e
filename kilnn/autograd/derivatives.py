"""What `kilnn.func` and `autograd.functional` share: inputs apart from the caller's graph, products with Jacobians.

Both run the function on tensors that stand for the inputs, and differentiate its result by those. A Jacobian's columns
(forward mode) come from two backward passes: the first is linear in its cotangent u, and its derivative by u is the
product of the Jacobian and a vector.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kilnn.autograd.backward import grad
from kilnn.engine import views
from kilnn.engine.grad_mode import enable_grad, is_grad_enabled
from kilnn.engine.handle import Handle
from kilnn.tensor.create import zeros_like
from kilnn.tensor.tensor import Tensor

Tensors = tuple[Tensor, ...]


def stand_in(x: Tensor) -> Tensor:
    """A tensor with the value of x that can be differentiated by, and leads on to x if that needs a gradient."""
    with enable_grad():
        if x.requires_grad and is_grad_enabled():
            return x.view_as(x)
        return x.detach().clone().requires_grad_()


def reaches_beyond(outputs: Sequence[Tensor], inputs: Sequence[Tensor]) -> bool:
    """Whether the graph of the outputs has leaves besides the given inputs."""
    own = {id(x) for x in inputs}
    todo = [views.node_of(t) if views.node_of(t) is not None else t for t in outputs if t.requires_grad]
    seen: set[int] = set()
    while todo:
        target = todo.pop()
        if target is None or id(target) in seen:
            continue
        seen.add(id(target))
        if isinstance(target, Handle):
            if id(target) not in own:
                return True
        else:
            todo += target.edges[::2]
    return False


def leaves_of(outputs: Sequence[Tensor]) -> list[Tensor]:
    """The leaves that the graph of the outputs leads to."""
    todo = [views.node_of(t) if views.node_of(t) is not None else t for t in outputs if t.requires_grad]
    seen: set[int] = set()
    found: list[Tensor] = []
    while todo:
        target = todo.pop()
        if target is None or id(target) in seen:
            continue
        seen.add(id(target))
        if isinstance(target, Tensor):
            found.append(target)
        else:
            todo += target.edges[::2]
    return found


def pull_back(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], cotangents: Sequence[Tensor], create_graph: bool
) -> Tensors:
    """The cotangents' products with the Jacobian of outputs by inputs: zeros where there is no dependence."""
    pairs = [(o, c) for o, c in zip(outputs, cotangents, strict=True) if o.requires_grad]
    if not pairs:
        return tuple(zeros_like(x) for x in inputs)
    found = grad(
        [o for o, _ in pairs], list(inputs), [c for _, c in pairs],
        retain_graph=True, create_graph=create_graph, allow_unused=True,
    )  # fmt: skip
    return tuple(zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True))


def push_forward(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], create_graph: bool
) -> tuple[Callable[[Sequence[Tensor]], Tensors], list[Tensor]]:
    """A function of tangents - the Jacobian's products with them, one for each output - and the leaves it has made."""
    cotangents = [zeros_like(o).requires_grad_() for o in outputs]
    with enable_grad():
        products = pull_back(outputs, inputs, cotangents, True)

    def push(tangents: Sequence[Tensor]) -> Tensors:
        return pull_back(products, cotangents, tangents, create_graph)

    return push, cotangents


def settled(results: Sequence[Tensor], inputs: Sequence[Tensor]) -> Tensors:
    """Results out of the stand-ins' graph, unless somebody else's leaves are in it, too."""
    if not is_grad_enabled() or not reaches_beyond(results, inputs):
        return tuple(r.detach() if r.requires_grad else r for r in results)
    return tuple(results)
