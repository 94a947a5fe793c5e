"""kilnn.utils.checkpoint: parts of a model that are computed again in the backward pass instead of being kept."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from kilnn.autograd.backward import grad
from kilnn.autograd.derivatives import leaves_of
from kilnn.autograd.function import Function
from kilnn.base.generator import default_generator
from kilnn.engine.context import local
from kilnn.engine.grad_mode import enable_grad
from kilnn.ops import creation
from kilnn.tensor.doors import record
from kilnn.tensor.tensor import Tensor


class _Again(Function):
    """Outputs that were computed without keeping anything; backward computes them again and differentiates."""

    @staticmethod
    def forward(ctx: Any, again: Callable[..., Any], outputs: tuple[Any, ...], *inputs: Any) -> Any:
        ctx.again = again
        ctx.save_for_backward(*inputs)
        return tuple(t.detach() for t in outputs)

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> Any:
        wanted = [n for n, needed in enumerate(ctx.needs_input_grad[2:]) if needed]
        outputs, inputs = ctx.again(ctx.saved_tensors)
        pairs = [(o, c) for o, c in zip(outputs, cotangents, strict=True) if o.requires_grad and c is not None]
        found: list[Any] = [None] * len(inputs)
        if pairs:
            grads = grad(
                [o for o, _ in pairs], [inputs[n] for n in wanted], [c for _, c in pairs],
                create_graph=local.context.grad, allow_unused=True,
            )  # fmt: skip
            for n, g in zip(wanted, grads, strict=True):
                found[n] = g
        return (None, None, *found)


def checkpoint(
    function: Callable[..., Any], *args: Any, use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] | None = None, determinism_check: str = "default", debug: bool = False,
    early_stop: bool = True, preserve_rng_state: bool = True, **kwargs: Any,
) -> Any:  # fmt: skip
    """Call a function now, and again in the backward pass, so that nothing inside it has to be kept until then.

    Random numbers (dropout) are the same both times, and so is autocast.

    Args:
        function: what to call; tensors it closes over get their gradients, too.
        args, kwargs: its arguments.
        use_reentrant: accepted, True and False; both behave as PyTorch's False. None warns, as there.
        context_fn: gives two context managers, for the first and the second call.
        determinism_check: "default" compares the shapes of both calls' outputs; "none" does not.
        debug, early_stop: accepted as False and True.
        preserve_rng_state: draw the same random numbers in both calls.

    Returns: what function returns: a tensor, or a tuple or list of tensors and other things.

    Example:
        >>> import kilnn
        >>> x = kilnn.ones(2, requires_grad=True)
        >>> kilnn.utils.checkpoint.checkpoint(kilnn.exp, x, use_reentrant=False).sum().backward()
        >>> x.grad.shape
        kilnn.Size([2])

    Source: https://docs.pytorch.org/docs/2.13/checkpoint.html#torch.utils.checkpoint.checkpoint
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly: use_reentrant=False",
            UserWarning,
            stacklevel=2,
        )
    if debug or not early_stop:
        raise NotImplementedError("checkpoint: debug=True and early_stop=False are not supported")
    if determinism_check not in ("default", "none"):
        raise ValueError(f"determinism_check should be one of ['default', 'none'] but got {determinism_check}")
    first, second = (nullcontext(), nullcontext()) if context_fn is None else context_fn()
    if not local.context.grad:
        with first:
            return function(*args, **kwargs)
    places = [n for n, a in enumerate(args) if isinstance(a, Tensor)]
    names = [k for k, a in kwargs.items() if isinstance(a, Tensor)]
    given = [args[n] for n in places] + [kwargs[k] for k in names]
    state = default_generator.get_state() if preserve_rng_state else None
    autocast = local.context.autocast

    def call(tensors: list[Any], context: Any) -> tuple[Any, list[Tensor]]:
        """The outputs on tensors of their own, apart from the caller's graph."""
        apart = [t.detach().requires_grad_(t.requires_grad) for t in tensors]
        positional, named = list(args), dict(kwargs)
        for n, t in zip(places, apart, strict=False):
            positional[n] = t
        for k, t in zip(names, apart[len(places) :], strict=True):
            named[k] = t
        with enable_grad(), context:
            return function(*positional, **named), apart

    outputs, apart = call(given, first)
    many = isinstance(outputs, tuple | list)
    kind = type(outputs)
    row = list(outputs) if many else [outputs]
    tensors = [t for t in row if isinstance(t, Tensor)]
    own = {id(t) for t in apart}
    closed_over = [t for t in leaves_of(tensors) if id(t) not in own]
    shapes = [t.shape for t in tensors]

    def again(saved: tuple[Tensor, ...]) -> tuple[list[Tensor], list[Tensor]]:
        fenced = [record(creation.fence, (t.detach(),)).requires_grad_(t.requires_grad) for t in saved[: len(given)]]
        now = default_generator.get_state()
        before, local.context.autocast = local.context.autocast, autocast
        try:
            if state is not None:
                default_generator.set_state(state)
            outputs, apart = call(fenced, second)
        finally:
            local.context.autocast = before
            if state is not None:
                default_generator.set_state(now)
        tensors = [t for t in (outputs if many else (outputs,)) if isinstance(t, Tensor)]
        if determinism_check == "default" and [t.shape for t in tensors] != shapes:
            raise RuntimeError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than "
                "during the forward pass: the function's outputs have other shapes in its second call"
            )
        return tensors, [*apart, *closed_over]

    if not any(t.requires_grad for t in tensors):
        return outputs
    del outputs
    results = iter(_Again.apply(again, tensors, *given, *closed_over))
    row = [next(results) if isinstance(t, Tensor) else t for t in row]
    return row[0] if not many else tuple(row) if kind is tuple else row


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Run a sequence of functions in segments, all but the last of which are checkpointed.

    Args:
        functions: an `nn.Sequential`, or a list of functions of one argument.
        segments: in how many parts.
        input: the first one's argument.
        use_reentrant: as in `checkpoint`.
        kwargs: `preserve_rng_state`.

    Example:
        >>> import kilnn
        >>> net = kilnn.nn.Sequential(*[kilnn.nn.Linear(2, 2) for _ in range(4)])
        >>> kilnn.utils.checkpoint.checkpoint_sequential(net, 2, kilnn.ones(1, 2), use_reentrant=False).shape
        kilnn.Size([1, 2])

    Source: https://docs.pytorch.org/docs/2.13/checkpoint.html#torch.utils.checkpoint.checkpoint_sequential
    """
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    parts = list(functions.children()) if hasattr(functions, "children") else list(functions)

    def chain(start: int, end: int) -> Callable[[Any], Any]:
        def run(x: Any) -> Any:
            for part in parts[start:end]:
                x = part(x)
            return x

        return run

    size = len(parts) // segments
    end = 0
    for start in range(0, size * (segments - 1), size):
        end = start + size
        input = checkpoint(chain(start, end), input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return chain(end, len(parts))(input)
