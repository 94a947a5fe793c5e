"""Gradient plans: how the gradient of an entry is taken for one set of wanted operands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.interpreters import partial_eval

from kilnn.engine import rules
from kilnn.engine.entry import (
    NONE,
    VALUE,
    Entry,
    cast_to,
    facts_of,
    operand_name,
    rule_of,
    shape_rule,
    spec_of,
    specs_of,
)
from kilnn.engine.fingerprint import entry_name
from kilnn.engine.placement import MOVING
from kilnn.ops.spec import Rule


class Plan:
    """How the gradient of an entry is taken for one set of wanted operands.

    wanted: operand positions. cts: outputs whose cotangents the backward entry takes. rest: see rest_entry. saves,
    outputs: operands and outputs that are saved. frees: a second backward fails, because something was saved and then
    freed. stretch: see _stretch. plain: the backward entry takes the cotangent of the first output and what was saved.
    """

    __slots__ = (
        "_parts",
        "backward",
        "cts",
        "entry",
        "frees",
        "lasting",
        "missing",
        "outputs",
        "plain",
        "rest",
        "saves",
        "stretch",
        "wanted",
    )

    def __init__(
        self,
        entry: Entry,
        wanted: tuple[int, ...],
        cts: tuple[int, ...],
        saves: tuple[int, ...],
        outputs: tuple[int, ...],
        backward: Entry,
        frees: bool,
    ) -> None:
        self.entry = entry
        self.wanted = wanted
        self.cts = cts
        self.saves = saves
        self.outputs = outputs
        self.backward = backward
        self.frees = frees
        self.stretch = _stretch(entry)
        self.plain = self.stretch is None and cts == (0,)
        self.rest: dict[tuple[int, ...], Entry] = {}
        self.lasting: Plan | None = None
        self._parts: tuple[Part, ...] | None = None
        self.missing: Exception | None = None  # what PyTorch raises in the backward pass of such an operation

    def without_freeing(self) -> Plan:
        """The plan of a node with nowhere to send gradients: PyTorch saves less for it, and maybe nothing."""
        if self.lasting is None:
            frees = self.frees and (bool(self.outputs) or any(not _guarded(self.entry, k) for k in self.saves))
            self.lasting = Plan(self.entry, self.wanted, self.cts, self.saves, self.outputs, self.backward, frees)
        return self.lasting

    @property
    def whole(self) -> Part:
        return Part(self, tuple(range(len(self.wanted))), tuple(range(len(self.saves) + len(self.outputs))))

    @property
    def parts(self) -> tuple[Part, ...]:
        """The plan as one for each formula: a gradient that is to be differentiated again depends on what its own
        formula reads, not on what those of the other operands do."""
        if self._parts is None:
            self._parts = self._split()
        return self._parts

    def _split(self) -> tuple[Part, ...]:
        op = self.entry.op
        if op is not None and op.joint:
            return (self.whole,)
        groups: dict[Any, list[int]] = {}
        by_rule = self.backward.origin is not None and len(self.backward.origin) == _ORIGIN_OF_RULES
        for n, k in enumerate(self.wanted):
            groups.setdefault(rule_of(op, k) if by_rule and op is not None else k, []).append(n)
        if len(groups) < 2 or self.missing is not None:
            return (self.whole,)
        made = []
        for places in groups.values():
            mask = sum(1 << self.wanted[n] for n in places)
            plan = self.entry.plans.get(mask) or make_plan(self.entry, mask)
            if not (set(plan.saves) <= set(self.saves) and set(plan.outputs) <= set(self.outputs)):
                return (self.whole,)
            saved = [self.saves.index(k) for k in plan.saves]
            saved += [len(self.saves) + self.outputs.index(j) for j in plan.outputs]
            made.append(Part(plan, tuple(places), tuple(saved)))
        return tuple(made)


class Part(NamedTuple):
    """A plan for some of the wanted operands of another: `places` among those, `saved` among what that one saves."""

    plan: Plan
    places: tuple[int, ...]
    saved: tuple[int, ...]


_ORIGIN_OF_RULES = 3  # an origin that names formulas, see _plan_from_rules


def _guarded(entry: Entry, k: int) -> bool:
    """Whether PyTorch saves operand k only if there is an edge to send its gradient to: it does so where one of
    several formulas reads it, and that for a single operand."""
    op = entry.op
    if op is None or op.variadic is not None or entry.kinds[k] != VALUE:
        return op is not None and entry.kinds[k] != VALUE
    name = operand_name(op, k)
    readers = [operand for operand, rule in op.rules.items() if name in rule.operands]
    return len(op.rules) > 1 and len(readers) == 1


def _stretch(entry: Entry) -> tuple[int, ...] | None:
    """Strides of a gradient that PyTorch makes by expanding the cotangent: elements of it share memory."""
    if entry.name != "sum" or not entry.in_avals or entry.in_avals[0] is None or entry.aval is None:
        return None
    source, result = entry.in_avals[0], entry.aval
    dims = entry.attributes.get("dims")
    gone = set(
        range(len(source.shape)) if dims is None else [d % len(source.shape) for d in dims] if source.shape else ()
    )
    kept = [d for d in range(len(source.shape)) if d not in gone]
    if result.size == source.size:
        return None
    strides = [0] * len(source.shape)
    step = 1
    for d in reversed(kept):
        strides[d] = step
        step *= source.shape[d]
    return tuple(strides)


def make_plan(entry: Entry, mask: int) -> Plan:
    """The gradient plan of `entry` for the operands in the bit mask."""
    wanted = tuple(k for k in range(len(entry.kinds)) if mask >> k & 1)
    op = entry.op
    formulas = op is not None and not op.through_jax and not entry.is_check and not _is_complex(entry)
    plan = _plan_from_rules(entry, wanted) if formulas else _plan_from_vjp(entry, wanted)
    plan.backward.node_name = entry.node_name
    if plan.backward.kinds:
        try:
            rules.remembered(
                lambda: f"fits {entry_name(plan.backward)}",
                lambda: len(shape_rule(plan.backward.fn, plan.backward.kinds, plan.backward.in_avals)),
            )
        except (NotImplementedError, RuntimeError) as error:
            plan.missing = error
            plan.plain = False
    entry.plans[mask] = plan
    return plan


def _is_complex(entry: Entry) -> bool:
    """Whether complex numbers go in or come out. The formulas are those of real numbers; JAX knows the others."""
    return any(a is not None and a.dtype.kind == "c" for a in (*entry.avals, *entry.in_avals))


def _conjugated(xs: Any) -> Any:
    return jax.tree.map(lambda x: jnp.conj(x) if x.dtype.kind == "c" else x, xs)


def _plan_from_rules(entry: Entry, wanted: tuple[int, ...]) -> Plan:
    op = entry.op
    assert op is not None
    rules: list[Rule] = []
    for k in wanted:
        rule = rule_of(op, k)
        assert rule is not None
        if rule not in rules:
            rules.append(rule)
    positions: dict[str, tuple[int, ...]] = {name: (k,) for k, name in enumerate(op.operands) if k < len(entry.kinds)}
    if op.variadic is not None:
        positions[op.variadic] = tuple(range(len(op.operands), len(entry.kinds)))
    saves = tuple(
        sorted({k for r in rules for name in r.operands for k in positions.get(name, ()) if entry.kinds[k] != NONE})
    )
    outputs = tuple(sorted({j for r in rules for j in r.outputs}))
    cts = tuple(sorted({j for r in rules for j in r.cotangents}))
    place_ct = {j: n for n, j in enumerate(cts)}
    nct = len(cts)
    place = {k: nct + n for n, k in enumerate(saves)}
    place_out = {j: nct + len(saves) + n for n, j in enumerate(outputs)}
    work = entry.work
    facts = {rule: facts_of(op, entry, rule.facts) for rule in rules}

    def backward(*xs: Any) -> Any:
        if work is not None:
            xs = tuple(cast_to(x, work) for x in xs)
        results: dict[Rule, Any] = {}
        for rule in rules:
            named: dict[str, Any] = {}
            for j in rule.cotangents:
                named[_spelling(rule, "ct", j)] = xs[place_ct[j]]
            for name in rule.operands:
                if name == op.variadic:
                    named[name] = tuple(xs[place[k]] for k in positions[name])
                else:
                    k = positions[name][0] if name in positions else None
                    named[name] = None if k is None or entry.kinds[k] == NONE else xs[place[k]]
            for j in rule.outputs:
                named[_spelling(rule, "out", j)] = xs[place_out[j]]
            for name in rule.attributes:
                named[name] = entry.attributes[name]
            results[rule] = rule.fn(**named, **facts[rule])
        grads = []
        for k in wanted:
            g = results[rule_of(op, k)]  # type: ignore[index]  # wanted operands have rules
            if operand_name(op, k) == op.variadic:
                g = g[k - len(op.operands)]
            grads.append(fit(g, entry.in_avals[k]))
        return grads[0] if len(grads) == 1 else tuple(grads)

    kinds = (VALUE,) * nct + tuple(entry.kinds[k] for k in saves) + (VALUE,) * len(outputs)
    in_avals = (
        *(entry.avals[j] for j in cts), *(entry.in_avals[k] for k in saves), *(entry.avals[j] for j in outputs)
    )  # fmt: skip
    back = Entry(f"{op.name}.grad", backward, kinds, in_avals, tuple(entry.in_avals[k] for k in wanted))  # type: ignore[misc]
    if entry.device is MOVING:
        back.device = MOVING
    back.end_to_end = entry.end_to_end and len(wanted) == len(entry.kinds)
    back.origin = (entry, wanted, [rule.fn for rule in rules])
    if op.statistics.intersection(outputs):
        back.derived = _through_statistics(entry, backward, place, place_out)
    differentiable_by_vjp(back)
    forced = [r.frees for r in rules if r.frees is not None]
    frees = (
        forced[0] if forced else bool(outputs) or any(entry.kinds[k] == VALUE or op.promote is not None for k in saves)
    )
    return Plan(entry, wanted, cts, saves, outputs, back, frees)


def _through_statistics(
    entry: Entry, backward: Callable[..., Any], place: dict[int, int], place_out: dict[int, int]
) -> Callable[..., Any]:
    """`backward` with its statistics as functions of the operands that it saves, or as constants where they are made
    of others: running ones."""
    op = entry.op
    assert op is not None
    inner = sorted(op.statistics.intersection(place_out))
    present = [k for k in range(len(entry.kinds)) if entry.kinds[k] != NONE]
    specs = dict(zip(range(len(entry.kinds)), specs_of(entry.kinds, entry.in_avals), strict=True))

    def made(*operands: Any) -> list[Any]:
        given = dict(zip(present, operands, strict=True))
        outs = entry.fn(*[given.get(k) for k in range(len(entry.kinds))])
        return [outs[j] for j in inner]

    def derived(*xs: Any) -> Any:
        with jax.enable_x64(True):
            jaxpr = jax.make_jaxpr(made)(*[specs[k] for k in present]).jaxpr
        used = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))[1]
        if any(u and k not in place for k, u in zip(present, used, strict=True)):
            statistics = [lax.stop_gradient(xs[place_out[j]]) for j in inner]
        else:
            zeros = {k: jnp.zeros(specs[k].shape, specs[k].dtype) for k in present if k not in place}
            statistics = made(*[zeros[k] if k in zeros else xs[place[k]] for k in present])
        given = list(xs)
        for j, statistic in zip(inner, statistics, strict=True):
            given[place_out[j]] = statistic
        return backward(*given)

    return derived


def _spelling(rule: Rule, stem: str, number: int) -> str:
    numbered = f"{stem}{number}"
    return numbered if numbered in rule.fn.__code__.co_varnames else stem


def fit(g: Any, aval: Any) -> Any:
    """A gradient summed over broadcast dimensions and cast to the operand's dtype."""
    if g is None:
        return jnp.zeros(aval.shape, aval.dtype)
    if g.shape != aval.shape:
        extra = g.ndim - len(aval.shape)
        if extra > 0:
            g = g.sum(tuple(range(extra)))
        stretched = tuple(d for d, n in enumerate(aval.shape) if n == 1 and g.shape[d] != 1)
        if stretched:
            g = g.sum(stretched, keepdims=True)
        if g.shape != aval.shape:
            g = jnp.broadcast_to(g, aval.shape)
    return g if g.dtype == aval.dtype else lax.convert_element_type(g, aval.dtype)


def differentiable_by_vjp(entry: Entry) -> None:
    for k, aval in enumerate(entry.in_avals):
        if entry.kinds[k] == VALUE and aval is not None and aval.dtype.kind in "fcV":
            entry.differentiable |= 1 << k


_STEPS = frozenset(
    ("relu", "hardtanh", "leaky_relu", "abs", "l1_loss", "hardsigmoid", "hardshrink", "softshrink", "threshold",
     "rrelu", "square", "pow_static")
)  # fmt: skip
"""Operations whose gradient has the derivative zero in PyTorch's tables, where others have none at all."""


def tracked_operands(entry: Entry) -> int:
    """Which operands of a backward entry its results have a derivative by, as a bit mask. What only enters through
    comparisons does not make a gradient require grad."""
    if entry.tracked is None:
        entry.tracked = entry.differentiable
        depends = _reads if entry.name.split(".")[0] in _STEPS else _depends
        for k in range(len(entry.kinds)):
            if entry.differentiable >> k & 1 and not depends(entry, k):
                entry.tracked &= ~(1 << k)
    return entry.tracked


def arriving(entry: Entry, given: list[bool]) -> list[bool]:
    """Which gradients of a backward entry (cotangents, saved...) depend on a cotangent that is `given`. PyTorch leaves
    the others undefined, where zeros would be the same number."""
    if entry.reach is None:
        with jax.enable_x64(True):
            jaxpr = jax.make_jaxpr(entry.fn)(*specs_of(entry.kinds, entry.in_avals)).jaxpr
        one = [[i == n for i in range(len(jaxpr.outvars))] for n in range(len(jaxpr.outvars))]
        entry.reach = tuple(tuple(partial_eval.dce_jaxpr(jaxpr, only)[1][: len(given)]) for only in one)
    return [any(g and used for g, used in zip(given, uses, strict=True)) for uses in entry.reach]


def _reads(entry: Entry, k: int) -> bool:
    with jax.enable_x64(True):
        jaxpr = jax.make_jaxpr(entry.fn)(*specs_of(entry.kinds, entry.in_avals)).jaxpr
        used = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))[1]
    return used[sum(kind != NONE for kind in entry.kinds[:k])]


def _depends(entry: Entry, k: int) -> bool:
    full, specs = _vjp(entry, (k,))
    with jax.enable_x64(True):
        jaxpr = jax.make_jaxpr(full)(*specs).jaxpr
        used = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))[1]
    return any(used[: entry.nout])


def _vjp(entry: Entry, wanted: tuple[int, ...]) -> tuple[Callable[..., Any], list[Any]]:
    """`jax.vjp` of an entry as a function of (cotangents..., operands...), and the specs of its arguments."""
    nct = entry.nout

    def full(*xs: Any) -> Any:
        cts, operands = xs[:nct], list(xs[nct:])

        def of_wanted(*chosen: Any) -> Any:
            for k, x in zip(wanted, chosen, strict=True):
                operands[k] = x
            return entry.derived(*operands)

        # PyTorch's gradient of a complex number is the conjugate of JAX's.
        grads = _conjugated(
            jax.vjp(of_wanted, *[operands[k] for k in wanted])[1](_conjugated(cts if nct > 1 else cts[0]))
        )
        return grads[0] if len(grads) == 1 else tuple(grads)

    specs = [spec_of(a.shape, a.dtype) for a in entry.avals] + specs_of(entry.kinds, entry.in_avals)
    return full, specs


def _plan_from_vjp(entry: Entry, wanted: tuple[int, ...]) -> Plan:
    """The gradient of a backward entry: `jax.vjp` of it, saving only the operands that the result depends on."""
    nct, n = entry.nout, len(entry.kinds)
    full, specs = _vjp(entry, wanted)
    with jax.enable_x64(True):
        jaxpr = jax.make_jaxpr(full)(*specs).jaxpr
        used = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))[1]
    present = [k for k in range(n) if entry.kinds[k] != NONE]
    saves = tuple(k for k, u in zip(present, used[nct:], strict=True) if u)

    def backward(*xs: Any) -> Any:
        kept = dict(zip(saves, xs[nct:], strict=True))
        rest = [
            kept[k] if k in kept else None if entry.kinds[k] == NONE else jnp.zeros(s.shape, s.dtype)
            for k, s in enumerate(specs[nct:])
        ]
        return full(*xs[:nct], *rest)

    kinds = (VALUE,) * nct + tuple(entry.kinds[k] for k in saves)
    in_avals = (*entry.avals, *(entry.in_avals[k] for k in saves))
    back = Entry(f"{entry.name}.grad", backward, kinds, in_avals, tuple(entry.in_avals[k] for k in wanted))  # type: ignore[misc]
    back.origin = (entry, wanted)
    differentiable_by_vjp(back)
    return Plan(entry, wanted, tuple(range(nct)), saves, (), back, bool(saves))
