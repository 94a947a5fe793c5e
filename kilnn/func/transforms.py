"""`grad`, `vjp`, `jvp`, Jacobians and Hessians as functions of functions. They nest."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from kilnn.autograd.derivatives import pull_back, push_forward, settled, stand_in
from kilnn.autograd.functional import columns, rows
from kilnn.engine.grad_mode import enable_grad
from kilnn.func.tree import flatten
from kilnn.tensor.create import ones_like
from kilnn.tensor.tensor import Tensor

Function = Callable[..., Any]
Argnums = int | tuple[int, ...]


def _tensors(leaves: list[Any], function: str, what: str) -> list[Tensor]:
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            raise ValueError(
                f"{function}: Expected {what} to be tensors or nested containers of them, got {type(leaf)}"
            )
    return leaves


class _Run:
    """One run of a function on stand-ins for some of its arguments."""

    create_graph = True

    def __init__(
        self, func: Function, args: tuple[Any, ...], argnums: Argnums, has_aux: bool, function: str,
        kwargs: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        for n in numbers:
            if not -len(args) <= n < len(args):
                raise RuntimeError(f"{function}: got argnum={n}, but only {len(args)} positional inputs")
        places = [n % len(args) for n in numbers]
        chosen = args[places[0]] if isinstance(argnums, int) else tuple(args[n] for n in places)
        leaves, self.build = flatten(chosen)
        self.inputs = tuple(stand_in(x) for x in _tensors(leaves, function, "inputs"))
        self.own: list[Tensor] = list(self.inputs)
        given = list(args)
        standing = self.build(list(self.inputs))
        for k, n in enumerate(places):
            given[n] = standing if isinstance(argnums, int) else standing[k]
        with enable_grad():
            result = func(*given, **(kwargs or {}))
        self.aux: Any = None
        if has_aux:
            if not (isinstance(result, tuple) and len(result) == 2):
                raise RuntimeError(
                    f"{function}: output of function f should be a tuple: (output, aux) if has_aux is True"
                )
            result, self.aux = result
        leaves, self.build_outputs = flatten(result)
        self.outputs = tuple(_tensors(leaves, function, "outputs of the function"))

    def pull(self, cotangents: Any, create_graph: bool = True) -> tuple[Tensor, ...]:
        with enable_grad():
            return pull_back(self.outputs, self.inputs, cotangents, create_graph)

    def settle(self, tensors: Any) -> list[Tensor]:
        return list(settled(tensors, self.own))

    def shown_outputs(self) -> Any:
        return self.build_outputs(self.settle(self.outputs))

    def shown_aux(self) -> Any:
        leaves, build = flatten(self.aux)
        shown = [self.settle([x])[0] if isinstance(x, Tensor) else x for x in leaves]
        return build(shown)

    def with_aux(self, value: Any, has_aux: bool) -> Any:
        return (value, self.shown_aux()) if has_aux else value


def grad_and_value(func: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """A function that gives (gradient, value) of a scalar function.

    Args:
        func: returns a tensor of one element, or (tensor, anything) with has_aux.
        argnums: by which positional arguments; they may be nested containers of tensors.
        has_aux: func returns something beside; the result is then (gradient, (value, aux)).

    Example:
        >>> import kilnn
        >>> g, value = kilnn.func.grad_and_value(lambda x: x**2)(kilnn.tensor(3.0))
        >>> g.item(), value.item()
        (6.0, 9.0)

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.func.grad_and_value.html
    """

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        run = _Run(func, args, argnums, has_aux, "grad_and_value", kwargs)
        if len(run.outputs) != 1 or run.outputs[0].dim() != 0:
            shown = f"a tensor with {run.outputs[0].dim()} dims" if len(run.outputs) == 1 else "a nested structure"
            raise RuntimeError(
                f"Expected f(*args) to return a scalar tensor, got {shown}. Maybe you wanted to use the vjp or jacrev "
                "APIs instead?"
            )
        found = run.build(run.settle(run.pull([ones_like(run.outputs[0].detach())])))
        return found, run.with_aux(run.shown_outputs(), has_aux)

    return wrapped


def grad(func: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """A function that gives the gradient of a scalar function.

    Args:
        func, argnums: as in `grad_and_value`.
        has_aux: func returns (value, aux); the result is then (gradient, aux).

    Example:
        >>> import kilnn
        >>> cube = lambda x: x**3
        >>> kilnn.func.grad(kilnn.func.grad(cube))(kilnn.tensor(2.0)).item()
        12.0

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.func.grad.html
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        found, value = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return wrapped


def vjp(func: Function, *primals: Any, has_aux: bool = False) -> Any:
    """The value of a function and its pull-back: a function of cotangents.

    Args:
        func: a function of the primals.
        primals: tensors, or nested containers of them.
        has_aux: func returns something beside.

    Returns: (outputs, vjp_fn) or (outputs, vjp_fn, aux). `vjp_fn(cotangents)` gives a tuple, or one entry for one
    primal, shaped like the primals.

    Example:
        >>> import kilnn
        >>> out, pull = kilnn.func.vjp(kilnn.sin, kilnn.zeros(2))
        >>> pull(kilnn.ones(2))[0].tolist()
        [1.0, 1.0]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.func.vjp.html
    """
    run = _Run(func, primals, tuple(range(len(primals))), has_aux, "vjp")

    def pull(*cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        leaves, _ = flatten(cotangents[0] if len(cotangents) == 1 else cotangents)
        given = _tensors(leaves, "vjp_fn", "cotangents")
        shapes = [tuple(o.shape) for o in run.outputs]
        if [tuple(c.shape) for c in given] != shapes:
            raise RuntimeError(
                f"Expected cotangents of the shapes {shapes} of the outputs, got {[tuple(c.shape) for c in given]}"
            )
        return run.build(run.settle(run.pull(given)))

    value = run.shown_outputs()
    return (value, pull, run.shown_aux()) if has_aux else (value, pull)


def jvp(func: Function, primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> Any:
    """The value of a function, and the product of its Jacobian with tangents.

    Args:
        func: a function of the primals.
        primals, tangents: tuples of tensors, or of nested containers, of equal structure.
        strict: accepted as False.
        has_aux: func returns something beside.

    Returns: (outputs, products) or (outputs, products, aux).

    Example:
        >>> import kilnn
        >>> kilnn.func.jvp(lambda x: x**2, (kilnn.tensor(3.0),), (kilnn.tensor(1.0),))[1].item()
        6.0

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.func.jvp.html
    """
    if strict:
        raise NotImplementedError("func.jvp(strict=True): outputs that do not depend on the inputs get zeros")
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple):
        raise RuntimeError(f"jvp: Expected primals and tangents to be tuples, got {type(primals)}, {type(tangents)}")
    run = _Run(func, primals, tuple(range(len(primals))), has_aux, "jvp")
    given = _tensors(flatten(tangents)[0], "jvp", "tangents")
    if [tuple(t.shape) for t in given] != [tuple(x.shape) for x in run.inputs]:
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals and tangents to have the same structure and shapes"
        )
    with enable_grad():
        push, made = push_forward(run.outputs, run.inputs, True)
        run.own += made
        found = push(given)
    value, products = run.shown_outputs(), run.build_outputs(run.settle(found))
    return (value, products, run.shown_aux()) if has_aux else (value, products)


def linearize(func: Function, *primals: Any) -> tuple[Any, Function]:
    """The value of a function and its Jacobian at the primals, as a function of tangents.

    Args:
        func: a function of the primals.
        primals: tensors, or nested containers of them.

    Returns: (outputs, jvp_fn).

    Example:
        >>> import kilnn
        >>> out, push = kilnn.func.linearize(kilnn.exp, kilnn.zeros(2))
        >>> push(kilnn.ones(2)).tolist()
        [1.0, 1.0]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.func.linearize.html
    """
    run = _Run(func, primals, tuple(range(len(primals))), False, "linearize")
    with enable_grad():
        forward, made = push_forward(run.outputs, run.inputs, True)
    run.own += made

    def push(*tangents: Any) -> Any:
        with enable_grad():
            found = forward(_tensors(flatten(tangents)[0], "linearize", "tangents"))
        return run.build_outputs(run.settle(found))

    return run.shown_outputs(), push


def _jacobian(func: Function, argnums: Argnums, has_aux: bool, name: str, table: Callable[[_Run], Any]) -> Function:
    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        run = _Run(func, args, argnums, has_aux, name, kwargs)
        with enable_grad():
            blocks = table(run)
        found = run.build_outputs([run.build(run.settle(row)) for row in blocks])
        return run.with_aux(found, has_aux)

    return wrapped


def jacrev(
    func: Function, argnums: Argnums = 0, *, has_aux: bool = False, chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Function:  # fmt: skip
    """A function that gives the Jacobian, by a backward pass for each output.

    Args:
        func: from tensors, or nested containers, to the same.
        argnums: by which positional arguments.
        has_aux: func returns something beside; the result is then (Jacobian, aux).
        chunk_size: accepted; the rows are recorded one by one, and equal ones are compiled once.
        _preallocate_and_copy: accepted.

    Example:
        >>> import kilnn
        >>> kilnn.func.jacrev(kilnn.sin)(kilnn.zeros(2)).tolist()
        [[1.0, 0.0], [0.0, 1.0]]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.func.jacrev.html
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")
    return _jacobian(func, argnums, has_aux, "jacrev", lambda run: rows(run, True))


def jacfwd(func: Function, argnums: Argnums = 0, has_aux: bool = False, *, randomness: str = "error") -> Function:
    """A function that gives the Jacobian, by a pass for each input.

    Args:
        func, argnums, has_aux: as in `jacrev`.
        randomness: accepted; func runs once, so its random numbers are the same for all columns.

    Example:
        >>> import kilnn
        >>> kilnn.func.jacfwd(kilnn.sin)(kilnn.zeros(2)).tolist()
        [[1.0, 0.0], [0.0, 1.0]]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.func.jacfwd.html
    """
    return _jacobian(func, argnums, has_aux, "jacfwd", columns)


def hessian(func: Function, argnums: Argnums = 0) -> Function:
    """A function that gives the Hessian: `jacfwd(jacrev(func))`.

    Args:
        func, argnums: as in `jacrev`.

    Example:
        >>> import kilnn
        >>> kilnn.func.hessian(lambda x: (x**3).sum())(kilnn.tensor([1.0, 2.0])).tolist()
        [[6.0, 0.0], [0.0, 12.0]]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.func.hessian.html
    """
    return jacfwd(jacrev(func, argnums), argnums)
