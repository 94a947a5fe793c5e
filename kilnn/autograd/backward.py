"""autograd.backward and autograd.grad."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from kilnn.engine import views
from kilnn.engine.backward import Walk
from kilnn.tensor.functions.joining import stack
from kilnn.tensor.gradients import backward as _backward, check_gradients
from kilnn.tensor.tensor import Tensor


def _list(x: Any) -> list[Any]:
    return [x] if isinstance(x, Tensor) or x is None else list(x)


def backward(
    tensors: Tensor | Sequence[Tensor], grad_tensors: Any = None, retain_graph: bool | None = None,
    create_graph: bool = False, grad_variables: Any = None, inputs: Any = None,
) -> None:  # fmt: skip
    """Accumulate the gradients of the given tensors into the leaves.

    Args:
        tensors: the roots.
        grad_tensors: gradients with respect to the roots; None for one-element roots.
        retain_graph, create_graph, inputs: as in `Tensor.backward`.
        grad_variables: PyTorch's deprecated name of grad_tensors.

    Example:
        >>> import kilnn
        >>> x = kilnn.tensor([1.0, 2.0], requires_grad=True)
        >>> kilnn.autograd.backward([x.sum(), (x * x).sum()])
        >>> x.grad.tolist()
        [3.0, 5.0]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.autograd.backward.html
    """
    if grad_variables is not None:
        if grad_tensors is not None:
            raise RuntimeError(
                "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to `backward()`. Please only "
                "use `grad_tensors`."
            )
        grad_tensors = grad_variables
    roots = _list(tensors)
    gradients = _list(grad_tensors) if grad_tensors is not None else [None] * len(roots)
    if len(gradients) != len(roots):
        raise RuntimeError(f"got {len(roots)} tensors and {len(gradients)} gradients")
    _backward(roots, gradients, retain_graph, create_graph, inputs)


def grad(
    outputs: Tensor | Sequence[Tensor], inputs: Any, grad_outputs: Any = None, retain_graph: bool | None = None,
    create_graph: bool = False, only_inputs: bool = True, allow_unused: bool | None = None,
    is_grads_batched: bool = False, materialize_grads: bool = False,
) -> Any:  # fmt: skip
    """The gradients of the sum of `outputs` with respect to `inputs`; nothing is accumulated.

    Args:
        outputs: differentiated tensors.
        inputs: tensors to differentiate by: one, a sequence, or a dictionary of them.
        grad_outputs: weights of the outputs, the "vector" of the vector-Jacobian product.
        retain_graph: keep what the graph saved. Default: create_graph.
        create_graph: record the computation of the gradients, for higher derivatives.
        only_inputs: deprecated in PyTorch; False warns and changes nothing.
        allow_unused: None instead of an error for an input that the outputs do not depend on.
        is_grads_batched: grad_outputs have one more dimension, in front; a gradient for each entry along it, stacked.
            One backward pass is recorded for each.
        materialize_grads: zeros instead of None for unused inputs.

    Returns a tuple with a tensor (or None) for each input; a dictionary where `inputs` is one.

    Raises:
        RuntimeError: an output or input does not require grad; an input is unused.

    Example:
        >>> import kilnn
        >>> x = kilnn.tensor(3.0, requires_grad=True)
        >>> (g,) = kilnn.autograd.grad(x**3, x, create_graph=True)
        >>> kilnn.autograd.grad(g, x)[0].item()
        18.0

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.autograd.grad.html
    """
    if not only_inputs:
        warnings.warn(
            "grad() got only_inputs=False, which is deprecated and has no effect. Call autograd.backward to accumulate "
            "gradients in other leaves too.",
            FutureWarning,
            stacklevel=2,
        )
    if isinstance(inputs, Mapping):
        options = (retain_graph, create_graph, True, allow_unused, is_grads_batched, materialize_grads)
        return dict(zip(inputs, grad(outputs, list(inputs.values()), grad_outputs, *options), strict=True))
    if materialize_grads:
        if allow_unused is False:
            raise ValueError(
                "Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
                "allow_unused=False."
            )
        allow_unused = True
    roots, wanted = _list(outputs), _list(inputs)
    if not wanted:
        raise RuntimeError("grad requires non-empty inputs.")
    gradients = _list(grad_outputs) if grad_outputs is not None else [None] * len(roots)
    if is_grads_batched:
        return _batched(roots, wanted, gradients, retain_graph, create_graph, allow_unused, materialize_grads)
    for t in wanted:
        if not t.requires_grad:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    pairs = check_gradients(roots, gradients)
    retain = create_graph if retain_graph is None else retain_graph
    walk = Walk(pairs, retain=retain, create_graph=create_graph, inputs=wanted, capture=True)
    walk.run()
    results: list[Tensor | None] = []
    for n, t in enumerate(wanted):
        node = views.node_of(t)
        found = walk.captured.get((t, 0) if node is None else (node, t._output))
        if found is None:
            if not allow_unused:
                raise RuntimeError(
                    f"The differentiated Tensor at index {n} appears to not have been used in the graph. Set "
                    "allow_unused=True if this is the desired behavior."
                )
            if materialize_grads:
                found = t.new_zeros(t.shape, requires_grad=create_graph)
        results.append(found)
    return tuple(results)


def _batched(
    roots: list[Tensor], wanted: list[Tensor], gradients: list[Any], retain_graph: bool | None, create_graph: bool,
    allow_unused: bool | None, materialize_grads: bool,
) -> tuple[Tensor | None, ...]:  # fmt: skip
    """A gradient for each entry of the gradients' first dimension."""
    sizes = {-1 if g is None or not g.dim() else g.shape[0] for g in gradients}
    count = sizes.pop()
    if sizes or count < 0:
        raise RuntimeError(
            "grad() with is_grads_batched=True needs a grad_outputs for each output, all of the same first size, "
            f"but got {['None' if g is None else tuple(g.shape) for g in gradients]}"
        )
    rows = []
    for k in range(count):
        keep = create_graph if retain_graph is None else retain_graph
        rows.append(
            grad(
                roots, wanted, [g[k] for g in gradients], keep or k + 1 < count, create_graph,
                allow_unused=allow_unused, materialize_grads=materialize_grads,
            )
        )  # fmt: skip
    return tuple([None if column[0] is None else stack(list(column)) for column in zip(*rows, strict=True)])


class _VariableMeta(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=_VariableMeta):
    """PyTorch's legacy wrapper: `Variable(tensor)` is a tensor on the same storage.

    Args:
        data: a tensor.
        requires_grad: ask for gradients of the result.
        volatile: accepted; it has no effect.

    Example:
        >>> import kilnn
        >>> isinstance(kilnn.autograd.Variable(kilnn.ones(2)), kilnn.Tensor)
        True

    Source: https://docs.pytorch.org/docs/2.13/autograd.html#variable-deprecated
    """

    def __new__(cls, data: Any, requires_grad: bool = False, volatile: bool = False) -> Any:
        out = data.detach()
        return out.requires_grad_(requires_grad) if requires_grad else out
