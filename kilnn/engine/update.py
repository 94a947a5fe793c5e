"""Recording optimizer updates: parameters and optimizer state replaced by a rule's results, buffers reused.

Small parameters of a group live in one flat storage (`Bundle`), so a model with a thousand of them is updated by one
instruction; large ones have an instruction each, which lets equal blocks of a deep network share one program.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import cycle
from typing import Any

import numpy as np
from jax import numpy as jnp

from kilnn.engine import views
from kilnn.engine.context import local
from kilnn.engine.emit import commit, entry_of
from kilnn.engine.entry import HEADS, VALUE, Entry
from kilnn.engine.flat import (
    FlatStorage,
    PartStorage,
    flat_storage,
    join,
    leave,
    own_value,
    pack,
    pack_entry,
    replace_flat,
)
from kilnn.engine.handle import alias_handle
from kilnn.engine.host import value_from
from kilnn.engine.placement import to_device
from kilnn.engine.trace import Trace, open_trace
from kilnn.engine.values import Aval, Storage, Value, range_of, storage_of
from kilnn.native.core import core
from kilnn.ops.spec import Op

SMALL_BYTES = 65536
"""Parameters below this size share a flat buffer."""
TOGETHER = 4096
"""Weights and states of a bundle of no more numbers are one array: each array costs the call of a program most of a
microsecond. For larger ones the results are computed faster apart; see docs/decisions/0019."""
_FLOAT = frozenset((float,))
_REMEMBERED = 4  # steps that may still be taken back: more than are ever in flight


class Bundle:
    """Parameters that are updated together: several small ones in flat storages, or one of its own.

    params: their tensors. weight: the storage of their values, whose aval is `part`. state: name -> storage of that
    optimizer state. steps: updates done so far (what PyTorch keeps as `state[p]['step']`). numbers: what else of the
    state is a number that the host computes (NAdam's product of momenta); replaced as a whole, so that a step can be
    taken back.

    together: names of the states that lie in one flat storage with the weights, which is then `weight` and the `state`
    of each. members: the storages in `weight`. prepared: states made before the first step, with their fill.

    new_steps: how much the last steps speak against compiling the next: see execute._not_worth_a_program.
    """

    __slots__ = (
        "avals", "entries", "members", "new_steps", "numbers", "offsets", "pack", "params", "part", "past", "prepared",
        "state", "steps", "storages", "together", "weight",
    )  # fmt: skip

    def __init__(self, params: list[Any]) -> None:
        self.params = params
        self.storages = [p._storage for p in params]
        self.avals = [views.value_of_tensor(p).aval for p in params]
        self.offsets: list[int] = []
        total = 0
        for aval in self.avals:
            self.offsets.append(total)
            total += aval.size
        self.pack = pack_entry(tuple(self.avals)) if len(params) > 1 else None
        self.part = self.avals[0] if self.pack is None else self.pack.avals[0]
        self.entries: dict[Any, Entry] = {}  # (rule, attributes, how many states) -> entry
        self.steps = 0
        self.new_steps = 0
        self.numbers: dict[str, float] = {}
        self.past: list[dict[str, float]] = []  # the numbers before the last steps
        self.state: dict[str, Storage] = {}
        self.together: tuple[str, ...] = ()
        self.members = self.storages
        self.prepared: dict[str, tuple[complex, list[Any]]] = {}
        self.weight: Any = None if len(params) > 1 else params[0]._storage  # flat ones: None until `join`

    @property
    def flat(self) -> bool:
        return len(self.params) > 1

    @property
    def moved(self) -> bool:
        """A parameter was given another storage (`p.data = ...`, a converted module): bundle anew."""
        return any(p._storage is not s for p, s in zip(self.params, self.storages, strict=True))

    def gradients(self) -> list[Value] | None:
        """The Values of the gradients, when every parameter has one of its own kind and is as it was bundled."""
        found = []
        for p, storage, aval in zip(self.params, self.storages, self.avals, strict=True):
            g = p._grad
            if p._storage is not storage or not p._leaf or g is None or g._view is not None:
                return None
            found.append(g._storage.value)
            if found[-1].aval is not aval:
                return None
        return found

    @property
    def broken(self) -> bool:
        """Somebody wrote to a part from outside: pack again before the next step."""
        if not self.flat:
            return False
        for flat in (self.weight, *self.state.values()):
            if flat.broken:
                return True
        return False

    def _joined(self, storages: list[Storage]) -> FlatStorage:
        flat = flat_storage(pack([own_value(s.value) for s in storages]))
        offset = 0
        for storage, aval in zip(storages, cycle(self.avals), strict=False):
            join(storage, flat, offset, aval)
            offset += aval.size
        return flat

    def prepare(self, fills: dict[str, complex]) -> None:
        """Make states before the first step, together with the weights, so that the first step records the same program
        as every later one. They become `state` by `add_state`."""
        for name, fill in fills.items():
            arrays = [np.full(aval.shape, fill, aval.dtype) for aval in self.avals]
            tensors = [alias_handle(storage_of(value_from(a, self.avals[0].device)), None) for a in arrays]
            self.prepared[name] = fill, tensors
        self.keep_together({name: tensors for name, (_, tensors) in self.prepared.items()})

    def keep_together(self, states: dict[str, list[Any]]) -> None:
        """Put the weights and all states (name -> tensors, one for each parameter) into one flat storage."""
        self.together = tuple(states)
        self.members = [*self.storages, *[t._storage for tensors in states.values() for t in tensors]]
        self.join()

    def join(self) -> None:
        """Put what belongs together into one flat storage."""
        self.weight = self._joined(self.members)
        for name in self.state.keys() & set(self.together):
            self.state[name] = self.weight

    def separate(self) -> None:
        """Give the weights and each state a flat storage of its own again: the rule takes other states than it did."""
        n, members, names = len(self.params), self.members, self.together
        self.together, self.members, self.prepared = (), self.storages, {}
        self.join()
        for k, name in enumerate(names, 1):
            if name in self.state:
                self.state[name] = self._joined(members[k * n : (k + 1) * n])

    def advance(self, **numbers: float) -> None:
        """Replace the numbers by those after this step."""
        self.past = [*self.past[-_REMEMBERED:], self.numbers]
        self.numbers = self.numbers | numbers

    def take_back(self) -> None:
        """The last step was not done after all."""
        self.steps -= 1
        if self.past:
            self.numbers = self.past.pop()

    def add_state(self, name: str, fill: complex = 0.0, shape: Any = None) -> list[Any]:
        """Create a state as data (never as recorded operations); returns its tensors, one for each parameter.

        shape: another than the parameter's, for a parameter of its own."""
        if name in self.prepared and self.prepared[name][0] == fill:
            self.state[name] = self.weight
            return self.prepared.pop(name)[1]
        if self.together:
            self.separate()
        if self.flat:
            flat = flat_storage(_filled(sum(a.size for a in self.avals), fill, self.avals[0]))
            tensors = []
            for offset, aval in zip(self.offsets, self.avals, strict=True):
                storage = storage_of(value_from(np.zeros((), aval.dtype)))
                join(storage, flat, offset, aval)
                tensors.append(alias_handle(storage, None))
            self.state[name] = flat
            return tensors
        aval = self.avals[0]
        storage = storage_of(_filled(aval.shape if shape is None else shape, fill, aval))
        self.state[name] = storage
        return [alias_handle(storage, None)]

    def adopt_state(self, name: str, tensors: list[Any]) -> None:
        """Take existing state tensors (loaded or edited by the user) as this state."""
        storages = [t._storage for t in tensors]
        self.state[name] = self._joined(storages) if self.flat else storages[0]

    def mend(self) -> None:
        """Pack what was written from outside into fresh flat storages."""
        weight: Any = self.weight
        if weight.broken:
            self.join()

    def release(self) -> None:
        """Make every parameter independent again."""
        for p in self.params:
            leave(p._storage)


def _filled(shape: Any, fill: complex, aval: Aval) -> Value:
    made = value_from(np.full(shape, fill, aval.dtype), aval.device)
    made.data = to_device(made.data, aval.device)
    return made


def bundles_of(params: Sequence[Any], apart: bool = False) -> list[Bundle]:
    """Bundles for a group's parameters: small ones of one dtype together, in order; large and special ones alone.

    apart: every parameter alone, for rules that are not element by element."""
    groups: dict[Any, list[Any]] = {}
    alone: list[Any] = []
    distinct = {id(p): p for p in params}
    owners = Counter([id(p._storage) for p in distinct.values()])
    for p in distinct.values():
        aval = views.value_of_tensor(p).aval
        # Tensors on one storage are updated one after the other, each from what the last one left.
        small = aval.nbytes < SMALL_BYTES and aval.size > 0 and not apart
        if small and p._view is None and owners[id(p._storage)] == 1:
            groups.setdefault((aval.dtype, aval.device), []).append(p)
        else:
            alone.append(p)
    made = [Bundle(members) for members in groups.values() if len(members) > 1]
    alone += [members[0] for members in groups.values() if len(members) == 1]
    return made + [Bundle([p]) for p in alone]


def _ready(
    bundles: list[Bundle], params: list[Any], storages: list[Storage]
) -> list[tuple[Bundle, list[Value]]] | None:
    """The bundles of `params` with the Values of their gradients; None when a parameter has not the storage it was
    bundled with, a bundle was written to from outside, or a gradient is missing."""
    if len(params) != len(storages) or any(p._storage is not s for p, s in zip(params, storages, strict=True)):
        return None
    found = []
    for bundle in bundles:
        gradients = None if bundle.broken else bundle.gradients()
        if gradients is None:
            return None
        found.append((bundle, gradients))
    return found


def _intact(bundles: list[Bundle]) -> bool:
    """Whether every parameter still has its storage and nobody wrote to the flat ones from outside."""
    return not any(b.moved or b.broken for b in bundles)


def _left_to_python(*_: Any) -> bool:
    return False


ready = _ready if core is None else core.ready
intact = _intact if core is None else core.intact
update_again = _left_to_python if core is None else core.update
"""`record_update` where the bundle was updated so before; else False, and nothing is done."""


def record_update(
    rule: Op, bundle: Bundle, states: tuple[str, ...], scalars: tuple[float, ...], attributes: tuple[Any, ...],
    gradients: list[Value] | None = None,
) -> None:  # fmt: skip
    """Record `rule(weight, gradient, *states, *scalars)` -> (weight, *states) for a bundle, and publish the results.

    gradients: what `bundle.gradients()` found, if it did."""
    if bundle.together and bundle.together != states:
        bundle.separate()
    apart = () if bundle.together else states
    key = (rule, attributes, len(states), len(apart))
    weight_tensor = bundle.params[0]
    plain = gradients is not None
    if gradients is None:
        gradients = [views.value_of_tensor(p._grad) for p in bundle.params]
    gradient = flat_gradient(bundle, gradients, plain) if bundle.flat else gradients[0]
    storages = [bundle.weight, *[bundle.state[name] for name in apart]]
    special = not bundle.flat and weight_tensor._view is not None
    old = [s.value for s in storages]
    if special:
        old[0] = views.value_of_tensor(weight_tensor)
    operands = (old[0], gradient, *old[1:], *scalars)
    entry = _update_entry(key, bundle, operands)
    outs = commit(open_trace(local.context), entry, operands)
    if entry.nout == 1:
        outs = [outs]
    trace = outs[0].trace
    trace.has_update = True
    trace.bundles.append(bundle)
    if special:
        trace.undo += zip(storages, old, strict=True)
        views.write(weight_tensor, outs[0])
        for storage, value in zip(storages[1:], outs[1:], strict=True):
            storage.value = value
    else:
        _replace(trace, storages, old, outs, bundle.storages)


def _replace_in_python(
    trace: Trace, storages: list[Any], old: list[Value], outs: list[Value], written: list[Storage]
) -> None:
    """Give storages the results of an update, note how to undo it, and which leaves' buffers may be used again."""
    for v, storage, value in zip(old, storages, outs, strict=True):
        slot = trace.leaf_slot.get(v)
        if slot is not None and slot < 0:
            trace.donated.append(-1 - slot)
        trace.undo.append((storage, v))
        if isinstance(storage, FlatStorage):
            replace_flat(storage, value)
        else:
            storage.value = value
    for storage in written:
        storage.version += 1


_replace = _replace_in_python if core is None else core.replace


def _update_entry(key: tuple[Op, Any, int, int], bundle: Bundle, operands: tuple[Any, ...]) -> Entry:
    """The entry of an update; looked up by the bundle where gradient and states have the bundle's avals."""
    rule, attributes, states, apart = key
    weight, gradient, part = operands[0].aval, operands[1].aval, bundle.part
    plain = gradient is part and {*map(type, operands[2 + apart :])} <= _FLOAT
    found = bundle.entries.get(key) if plain else None
    if found is None or found.in_avals[0] is not weight:
        if bundle.together:
            apart_entry = entry_of(rule, (part, gradient, *[part] * states, *operands[2:]), attributes)
            found = _whole_entry(apart_entry, weight)
        else:
            found = entry_of(rule, operands, attributes)
        if not found.is_update:
            found.is_update = True
            found.state = (0, *range(2, 2 + apart))
        if plain:
            bundle.entries[key] = found
    return found


_whole: dict[Entry, Entry] = {}


def _whole_entry(entry: Entry, aval: Aval) -> Entry:
    """The update `entry` on weights and states that lie end to end in one array of this aval."""
    found = _whole.get(entry)
    if found is None:
        first = 1 + entry.nout  # of the numbers, after the weights, their gradient and the states

        def fn(whole: Any, gradient: Any, *numbers: Any) -> Any:
            weight, *states = jnp.split(whole, entry.nout)
            return jnp.concatenate(entry.fn(weight, gradient, *states, *numbers))

        kinds, in_avals = (VALUE, VALUE, *entry.kinds[first:]), (aval, entry.in_avals[1], *entry.in_avals[first:])
        found = _whole[entry] = Entry(entry.name, fn, kinds, in_avals, (aval,))
        found.origin = ("whole", entry)
    return found


def _forget_gradients(params: Sequence[Any]) -> None:
    """Set each `.grad` to None."""
    for p in params:
        p._grad = None


forget_gradients = _forget_gradients if core is None else core.clear_gradients


def flat_gradient(bundle: Bundle, gradients: list[Value], plain: bool) -> Value:
    """The gradients of a bundle laid end to end; `.grad` of each parameter becomes a part of the result. `plain`: they
    have the avals of the parameters, and the tensors that hold them no views."""
    first: Any = gradients[0]
    if first.__class__ is not Value and all(
        getattr(g, "flat", None) is first.flat and g.offset == o  # type: ignore[attr-defined]  # it has `flat`, so it is a range
        for g, o in zip(gradients, bundle.offsets, strict=True)
    ):
        return first.flat  # type: ignore[no-any-return]  # unchanged since the last step
    split = _split_value(gradients) if plain else None
    if split is not None:
        flat = split if len(split.aval.shape) == 1 else commit(split.trace, pack_entry((split.aval,)), (split,))
    elif plain and all(g.data.__class__ is np.ndarray for g in gradients):
        flat = pack(gradients)  # one array for the program instead of one for each parameter
    else:
        entry = bundle.pack if plain and bundle.pack is not None else pack_entry(tuple([g.aval for g in gradients]))
        flat = commit(open_trace(local.context), entry, gradients)
    if plain and core is not None:
        core.spread(bundle.params, flat, bundle.offsets, bundle.avals)
        return flat
    for p, offset, aval in zip(bundle.params, bundle.offsets, bundle.avals, strict=True):
        if p._grad._view is None:
            p._grad._storage.value = range_of(flat, offset, aval)
    return flat


def _split_value(gradients: list[Value]) -> Value | None:
    """The pending Value that these are the pieces of (the gradient of parameters joined by `cat`): the pieces need
    not be made, which for a thousand of them takes long to compile."""
    first = gradients[0]
    if first.data is not None or type(first.instr) is not tuple:
        return None
    entry = HEADS[first.instr[0]]
    if not entry.end_to_end or entry.nout != len(gradients) or first.instr[1] < 0:
        return None
    values = first.trace.values
    n = first.index
    if first.trace.sealed or any(g is not v for g, v in zip(gradients, values[n : n + entry.nout], strict=True)):
        return None
    return values[first.instr[1]]  # type: ignore[no-any-return]  # a Value


__all__ = ["Bundle", "PartStorage", "bundles_of", "intact", "ready", "record_update", "update_again"]
