"""Cotangents of what a formula saved but does not take: a second derivative through a mean, a logarithm of a sum."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.interpreters import partial_eval

from kilnn.engine.entry import NONE, VALUE, Entry, spec_of, specs_of
from kilnn.engine.plan import Plan, differentiable_by_vjp


def unexpected(plan: Plan, row: list[Any]) -> tuple[int, ...]:
    """Outputs with a cotangent that the plan's formula does not take."""
    if len(row) == 1 or len(plan.cts) == len(row):
        return ()
    return tuple([j for j, ct in enumerate(row) if ct is not None and j not in plan.cts])


def rest_entry(plan: Plan, outputs: tuple[int, ...]) -> Entry:
    """(cotangents of `outputs`, saved...) -> their part of the gradients of the wanted operands.

    A formula takes the cotangents of what the user sees. The statistics that it reads beside them - a mean, a
    logarithm of a sum - get a cotangent in a second backward pass only.
    """
    found = plan.rest.get(outputs)
    if found is not None:
        return found
    entry, n = plan.entry, len(outputs)
    stand_ins = entry.op.stand_ins if entry.op is not None else {}
    places = {k: n + i for i, k in enumerate(plan.saves)}
    for i, j in enumerate(plan.outputs):
        if j in stand_ins:
            places.setdefault(_operand_position(entry, stand_ins[j]), n + len(plan.saves) + i)
    present = [k for k in range(len(entry.kinds)) if entry.kinds[k] != NONE]
    specs = dict(zip(range(len(entry.kinds)), specs_of(entry.kinds, entry.in_avals), strict=True))

    def full(cts: Any, *operands: Any) -> Any:
        given = dict(zip(present, operands, strict=True))

        def of_wanted(*chosen: Any) -> Any:
            known = given | dict(zip(plan.wanted, chosen, strict=True))
            outs = entry.fn(*[known.get(k) for k in range(len(entry.kinds))])
            return [outs[j] for j in outputs]

        return jax.vjp(of_wanted, *[given[k] for k in plan.wanted])[1](cts)

    cts = [spec_of(entry.avals[j].shape, entry.avals[j].dtype) for j in outputs]
    with jax.enable_x64(True):
        jaxpr = jax.make_jaxpr(full)(cts, *[specs[k] for k in present]).jaxpr
        used = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))[1][n:]
    if any(u and k not in places for k, u in zip(present, used, strict=True)):
        raise NotImplementedError(f"the second derivative of {entry.name} is not supported")

    def fn(*xs: Any) -> Any:
        operands = [xs[places[k]] if k in places else jnp.zeros(specs[k].shape, specs[k].dtype) for k in present]
        grads = full(list(xs[:n]), *operands)
        return grads[0] if len(grads) == 1 else tuple(grads)

    kinds = plan.backward.kinds[len(plan.cts) :]
    in_avals = plan.backward.in_avals[len(plan.cts) :]
    avals = tuple(entry.in_avals[k] for k in plan.wanted)
    made = Entry(f"{entry.name}.rest", fn, (VALUE,) * n + kinds, (*[entry.avals[j] for j in outputs], *in_avals), avals)  # type: ignore[arg-type]  # wanted operands have avals
    made.node_name = entry.node_name
    made.origin = (entry, plan.wanted, outputs)
    differentiable_by_vjp(made)
    plan.rest[outputs] = made
    return made


def _operand_position(entry: Entry, name: str) -> int:
    assert entry.op is not None
    return entry.op.operands.index(name)
