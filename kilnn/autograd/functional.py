"""kilnn.autograd.functional: Jacobians, Hessians and their products with vectors, of functions of tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kilnn.autograd.derivatives import Tensors, pull_back, push_forward, stand_in
from kilnn.engine.grad_mode import enable_grad
from kilnn.tensor.create import ones_like, zeros_like
from kilnn.tensor.functions.joining import stack
from kilnn.tensor.tensor import Tensor

Function = Callable[..., Any]


def _tuple(value: Any, what: str, function: str) -> tuple[bool, Tensors]:
    """(whether it was a tuple, the tensors). TypeError for anything else than tensors."""
    many = isinstance(value, tuple | list)
    items = tuple(value) if many else (value,)
    for place, item in enumerate(items):
        if not isinstance(item, Tensor):
            if many:
                raise TypeError(
                    f"The {what} given to {function} must be either a Tensor or a tuple of Tensors but the value at "
                    f"index {place} has type {type(item)}."
                )
            raise TypeError(
                f"The {what} given to {function} must be either a Tensor or a tuple of Tensors but the given {what} "
                f"has type {type(item)}."
            )
    return many, items


class _Run:
    """One run of a function on stand-ins of its inputs."""

    def __init__(self, func: Function, inputs: Any, function: str, create_graph: bool, strict: bool) -> None:
        self.own: list[Tensor] = []
        self.many_inputs, given = _tuple(inputs, "inputs", function)
        self.create_graph = create_graph
        self.strict = strict
        self.inputs = tuple(
            stand_in(x) if create_graph or not x.requires_grad else x.detach().clone().requires_grad_() for x in given
        )
        with enable_grad():
            result = func(*self.inputs)
        self.many_outputs, self.outputs = _tuple(result, "outputs of the user-provided function", function)
        if strict:
            for place, out in enumerate(self.outputs):
                if not out.requires_grad:
                    raise RuntimeError(
                        f"Output {place} of the user-provided function does not require gradients. The outputs must be "
                        "computed in a differentiable manner from the input when running in strict mode."
                    )

    def pull(self, cotangents: Sequence[Tensor], create_graph: bool | None = None) -> Tensors:
        with enable_grad():
            found = pull_back(
                self.outputs, self.inputs, cotangents, self.create_graph if create_graph is None else create_graph
            )
        if self.strict:
            for place, g in enumerate(found):
                self._independent(g, place)
        return found

    def _independent(self, g: Tensor, place: int) -> None:
        if self.create_graph and not g.requires_grad:
            raise RuntimeError(
                f"The Jacobian of the user-provided function with respect to input {place} is independent of the "
                "input. This is not allowed in strict mode when create_graph=True."
            )

    def shown_outputs(self) -> Any:
        outs = self.outputs if self.create_graph else tuple(o.detach() for o in self.outputs)
        return outs if self.many_outputs else outs[0]

    def like_inputs(self, tensors: Tensors) -> Any:
        return _shown(tensors, self.many_inputs, self.create_graph)

    def like_outputs(self, tensors: Tensors) -> Any:
        return _shown(tensors, self.many_outputs, self.create_graph)

    def vectors(self, v: Any, like: Tensors, many: bool, what: str) -> Tensors:
        """The vector v, checked; ones where a single number makes it unnecessary."""
        if v is None:
            if len(like) != 1 or like[0].numel() != 1:
                raise RuntimeError(f"The vector v can only be None if the {what} is a Tensor with a single element.")
            return (ones_like(like[0].detach()),)
        _, given = _tuple(v, "v", what)
        if len(given) != len(like):
            raise RuntimeError(f"v is a tuple of invalid length: should be {len(like)} but got {len(given)}.")
        for place, (x, y) in enumerate(zip(given, like, strict=True)):
            if x.shape != y.shape:
                prefix = f"Entry {place} in v has" if many else "v has"
                raise RuntimeError(f"{prefix} invalid size: should be {y.shape} but got {x.shape}.")
        return given


def _shown(tensors: Tensors, many: bool, create_graph: bool) -> Any:
    found = tensors if create_graph else tuple(t.detach() for t in tensors)
    return found if many else found[0]


def _scalar(run: _Run, function: str) -> None:
    if run.many_outputs or run.outputs[0].numel() != 1:
        raise RuntimeError(f"The function given to {function} should return a single Tensor with a single element")


def vjp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The product of a vector with the Jacobian of `func` at `inputs`.

    Args:
        func: from tensors to a tensor or a tuple of them.
        inputs: a tensor or a tuple.
        v: shaped like the outputs; may be left out if there is one number only.
        create_graph: let the results be differentiated.
        strict: raise instead of giving zeros where outputs do not depend on inputs.

    Returns: (outputs, product), the product shaped like the inputs.

    Example:
        >>> import kilnn
        >>> kilnn.autograd.functional.vjp(lambda x: x**2, kilnn.tensor([1.0, 2.0]), kilnn.ones(2))[1].tolist()
        [2.0, 4.0]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.autograd.functional.vjp.html
    """
    run = _Run(func, inputs, "vjp", create_graph, strict)
    vector = run.vectors(v, run.outputs, run.many_outputs, "user-provided function returns")
    return run.shown_outputs(), run.like_inputs(run.pull(vector))


def jvp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The product of the Jacobian of `func` at `inputs` with a vector.

    Args:
        func, inputs, create_graph, strict: as in `vjp`.
        v: shaped like the inputs; may be left out if there is one number only.

    Returns: (outputs, product), the product shaped like the outputs.

    Example:
        >>> import kilnn
        >>> kilnn.autograd.functional.jvp(lambda x: x**2, kilnn.tensor([1.0, 2.0]), kilnn.ones(2))[1].tolist()
        [2.0, 4.0]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.autograd.functional.jvp.html
    """
    run = _Run(func, inputs, "jvp", create_graph, strict)
    vector = run.vectors(v, run.inputs, run.many_inputs, "input to the user-provided function")
    with enable_grad():
        found = push_forward(run.outputs, run.inputs, create_graph)[0](vector)
    return run.shown_outputs(), run.like_outputs(found)


def jacobian(
    func: Function, inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """The Jacobian of `func` at `inputs`: J[i, j] is the derivative of output i by input j.

    Args:
        func, inputs, create_graph, strict: as in `vjp`.
        vectorize: accepted; the rows are recorded one by one, and equal rows are compiled once.
        strategy: "reverse-mode" takes a backward pass for each output, "forward-mode" one for each input.

    Returns: for one input and one output a tensor of shape (*output, *input); tuples of those where there are several,
    outputs first.

    Example:
        >>> import kilnn
        >>> kilnn.autograd.functional.jacobian(lambda x: x**2, kilnn.tensor([1.0, 2.0])).tolist()
        [[2.0, 0.0], [0.0, 4.0]]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.autograd.functional.jacobian.html
    """
    if strategy not in ("reverse-mode", "forward-mode"):
        raise AssertionError(
            "Expected strategy to be either 'forward-mode' or 'reverse-mode'. Hint: If your function has more outputs "
            "than inputs, 'forward-mode' tends to be more performant. Otherwise, prefer to use 'reverse-mode'."
        )
    if strategy == "forward-mode" and create_graph:
        raise NotImplementedError(
            "torch.autograd.functional.jacobian: `create_graph=True` and `strategy='forward-mode'`"
        )
    run = _Run(func, inputs, "jacobian", create_graph, strict)
    with enable_grad():
        table = rows(run, create_graph) if strategy == "reverse-mode" else columns(run)
    found = tuple(_shown(row, run.many_inputs, create_graph) for row in table)
    return found if run.many_outputs else found[0]


def rows(run: Any, create_graph: bool) -> list[Tensors]:
    """For each output the Jacobians by all inputs, a backward pass for each element of the output."""
    table = []
    for place, out in enumerate(run.outputs):
        pulled = []
        for number in range(out.numel()):
            unit = unit_like(out, number)
            cotangents = [unit if k == place else zeros_like(o) for k, o in enumerate(run.outputs)]
            pulled.append(run.pull(cotangents, create_graph))
        table.append(
            tuple(
                stack([row[k] for row in pulled]).reshape(*out.shape, *x.shape)
                if pulled
                else x.new_zeros(*out.shape, *x.shape)
                for k, x in enumerate(run.inputs)
            )
        )
    return table


def columns(run: Any) -> list[Tensors]:
    """The same with a backward pass for each element of the inputs."""
    push, made = push_forward(run.outputs, run.inputs, run.create_graph)
    run.own += made
    blocks: list[list[Tensor]] = [[] for _ in run.outputs]
    for place, x in enumerate(run.inputs):
        pushed = []
        for number in range(x.numel()):
            unit = unit_like(x, number)
            pushed.append(push([unit if k == place else zeros_like(y) for k, y in enumerate(run.inputs)]))
        for k, out in enumerate(run.outputs):
            wide = stack([column[k] for column in pushed], -1) if pushed else out.new_zeros(*out.shape, 0)
            blocks[k].append(wide.reshape(*out.shape, *x.shape))
    return [tuple(block) for block in blocks]


def unit_like(x: Tensor, number: int) -> Tensor:
    """Zeros shaped like x with a one at a place, counted in rows."""
    unit = zeros_like(x.detach()).reshape(-1)
    unit[number] = 1
    return unit.reshape(x.shape)


def hessian(
    func: Function, inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """The Hessian of a scalar function: H[i, j] is the second derivative by inputs i and j.

    Args:
        func: from tensors to a tensor of one element.
        inputs, create_graph, strict, vectorize: as in `jacobian`.
        outer_jacobian_strategy: how the Jacobian of the gradient is taken.

    Returns: for one input a tensor of shape (*input, *input), for several a tuple of tuples.

    Example:
        >>> import kilnn
        >>> kilnn.autograd.functional.hessian(lambda x: (x**3).sum(), kilnn.tensor([1.0, 2.0])).tolist()
        [[6.0, 0.0], [0.0, 12.0]]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.autograd.functional.hessian.html
    """
    many = isinstance(inputs, tuple | list)

    def gradient(*xs: Tensor) -> Any:
        run = _Run(func, xs, "hessian", True, strict)
        _scalar(run, "hessian")
        found = run.pull([ones_like(run.outputs[0].detach())])
        return found if many else found[0]

    return jacobian(gradient, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)


def vhp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The product of a vector with the Hessian of a scalar function.

    Args:
        func: from tensors to a tensor of one element.
        inputs, create_graph, strict: as in `vjp`.
        v: shaped like the inputs; may be left out if there is one number only.

    Returns: (output, product), the product shaped like the inputs.

    Example:
        >>> import kilnn
        >>> kilnn.autograd.functional.vhp(lambda x: (x**3).sum(), kilnn.tensor([1.0, 2.0]), kilnn.ones(2))[1].tolist()
        [6.0, 12.0]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.autograd.functional.vhp.html
    """
    run = _Run(func, inputs, "vhp", create_graph, strict)
    _scalar(run, "vhp")
    vector = run.vectors(v, run.inputs, run.many_inputs, "input to the user-provided function")
    first = run.pull([ones_like(run.outputs[0].detach())], True)
    with enable_grad():
        found = pull_back(first, run.inputs, vector, create_graph)
    return run.shown_outputs(), run.like_inputs(found)


def hvp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The product of the Hessian of a scalar function with a vector: as `vhp`, because Hessians are symmetric.

    Args:
        func, inputs, v, create_graph, strict: as in `vhp`.

    Returns: (output, product), the product shaped like the inputs.

    Example:
        >>> import kilnn
        >>> kilnn.autograd.functional.hvp(lambda x: (x**3).sum(), kilnn.tensor([1.0, 2.0]), kilnn.ones(2))[1].tolist()
        [6.0, 12.0]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.autograd.functional.hvp.html
    """
    run = _Run(func, inputs, "hvp", create_graph, strict)
    _scalar(run, "hvp")
    vector = run.vectors(v, run.inputs, run.many_inputs, "input to the user-provided function")
    first = run.pull([ones_like(run.outputs[0].detach())], True)
    with enable_grad():
        found = push_forward(first, run.inputs, create_graph)[0](vector)
    return run.shown_outputs(), run.like_inputs(found)
