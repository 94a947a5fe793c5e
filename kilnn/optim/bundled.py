"""Optimizers whose step is a rule: one recorded update for each bundle of parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kilnn.engine.flat import leave
from kilnn.engine.grad_mode import enable_grad
from kilnn.engine.trace import flush
from kilnn.engine.update import TOGETHER, Bundle, bundles_of, intact, ready, record_update, update_again
from kilnn.ops.spec import Op
from kilnn.optim.optimizer import Optimizer, ParamsT
from kilnn.optim.options import number
from kilnn.optim.state import HostNumber
from kilnn.tensor.tensor import Tensor


class BundledOptimizer(Optimizer):
    """Base of the optimizers that are a rule: an operation on a parameter, its gradient and its states.

    A subclass says which operation (`_rule`), which numbers it takes (`_scalars`) and what its states are called.
    Small parameters of a group lie together and are updated by one instruction; see kilnn/engine/update.py.
    """

    _states: tuple[str, ...] = ()
    """Names of the state tensors, in the order of the rule."""
    _numbers: tuple[str, ...] = ()
    """Names of the numbers in the state that the host computes, besides `step`."""
    _counts_steps = True
    """Whether PyTorch keeps a `step` tensor in the state."""
    _apart = False
    """Whether the rule looks at a parameter as a whole, so that each needs an update of its own."""

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        self._bundles: dict[int, list[Bundle]] = {}  # id of a group -> its bundles
        self._storages: dict[int, list[Any]] = {}  # id of a group -> the storages of its parameters when bundled
        self._whole: set[int] = set()  # ids of the groups whose parameters are all bundled
        super().__init__(params, defaults)
        # Before the first step, so that it records the same program as every later one.
        for group in self.param_groups:
            self._bundles_of(group)

    def __setstate__(self, state: dict[str, Any]) -> None:
        for bundles in self.__dict__.get("_bundles", {}).values():
            for bundle in bundles:
                if bundle.flat:
                    bundle.release()
        self._bundles, self._storages, self._whole = {}, {}, set()
        super().__setstate__(state)
        self._edited = False  # the bundles are made anew in any case
        for group in self.param_groups:
            for name, default in self.defaults.items():
                group.setdefault(name, default)

    # -- what a subclass says -------------------------------------------------------------------------------------

    def _rule(self, group: dict[str, Any], bundle: Bundle) -> tuple[Op, tuple[str, ...], tuple[Any, ...]]:
        """(operation, names of the states it takes, its static attributes) for a bundle of a group."""
        raise NotImplementedError

    def _scalars(self, group: dict[str, Any], bundle: Bundle) -> tuple[float, ...]:
        """The rule's numbers at step `bundle.steps`, computed in double precision; run-time inputs of the program.
        May advance `bundle.numbers`."""
        raise NotImplementedError

    def _initial(self, name: str, group: dict[str, Any], bundle: Bundle) -> complex:
        """What a new state is filled with."""
        return 0.0

    def _initial_numbers(self, group: dict[str, Any]) -> dict[str, float]:
        """The values of `_numbers` before the first step."""
        return {}

    def _shape_of(self, name: str, p: Any) -> tuple[int, ...]:
        """The shape of a state of p."""
        return tuple(p.shape)

    # -- bundles --------------------------------------------------------------------------------------------------

    def _bundles_of(self, group: dict[str, Any]) -> list[Bundle]:
        """The group's bundles; made anew when parameters were added or state was edited, mended when written to."""
        bundles = self._bundles.get(id(group))
        params = [p for p in group["params"] if p.requires_grad or p._grad is not None]
        if (
            bundles is not None
            and not self._edited
            and not any(b.moved for b in bundles)
            and {id(p) for p in params} <= {id(p) for b in bundles for p in b.params}
            and {id(p) for b in bundles for p in b.params} <= {id(p) for p in group["params"]}
        ):
            for bundle in bundles:
                if bundle.broken:
                    bundle.mend()
                    if any(getattr(s, "broken", False) for s in bundle.state.values()):
                        self._adopt(bundle)
            return bundles
        for bundle in bundles or ():
            if bundle.flat:
                bundle.release()
        alike: dict[Any, list[Any]] = {}
        for p in params:
            kept = self.state[p] if p in self.state else {}
            numbers = tuple([number(kept[name]) for name in self._numbers if name in kept])
            alike.setdefault((self._count_of(kept), numbers, *sorted(map(str, kept))), []).append(p)
        bundles = []
        for (count, numbers, *_), members in alike.items():
            for bundle in bundles_of(members, self._apart):
                bundle.steps = count
                if numbers:
                    bundle.numbers = dict(zip(self._numbers, numbers, strict=True))
                self._settle(bundle, group)
                bundles.append(bundle)
        self._keep(group, bundles)
        return bundles

    def _settle(self, bundle: Bundle, group: dict[str, Any]) -> None:
        """Lay the weights of a new bundle, and the states that there are, end to end. Small bundles have both in one
        array, for which the states are made now if there are none."""
        begun = {"step", *self._states, *self._numbers}
        known = any(p in self.state and begun & self.state[p].keys() for p in bundle.params)
        names = self._rule(group, bundle)[1] if bundle.flat and bundle.part.size <= TOGETHER else ()
        states = self._states_of(bundle) if known else {}
        if names and not states:
            bundle.prepare({name: self._initial(name, group, bundle) for name in names})
        elif names and states.keys() == set(names):
            bundle.keep_together({name: states[name] for name in names})
            bundle.state = dict.fromkeys(names, bundle.weight)
        elif bundle.flat:
            bundle.join()
        if known and not bundle.together:
            self._adopt(bundle)
        elif known:
            self._publish_numbers(bundle)

    def _keep(self, group: dict[str, Any], bundles: list[Bundle]) -> None:
        self._bundles[id(group)] = bundles
        self._storages[id(group)] = [p._storage for p in group["params"]]
        self._whole.discard(id(group))
        if sum([len(b.params) for b in bundles]) == len(group["params"]):
            self._whole.add(id(group))

    def _count_of(self, kept: Any) -> int:
        """How many updates a parameter's state has seen."""
        if not self._counts_steps:
            return int(any(kept.get(name) is not None for name in self._states))
        step = kept.get("step", 0)
        return int(step.item() if isinstance(step, Tensor) else step)

    def _states_of(self, bundle: Bundle) -> dict[str, list[Any]]:
        """The tensors in `self.state`: name -> one for each parameter, where all have one."""
        found = {}
        for name in self._states:
            tensors = [self.state[p].get(name) for p in bundle.params]
            if all(t is not None for t in tensors):
                for p, t in zip(bundle.params, tensors, strict=True):
                    wanted = self._shape_of(name, p)
                    if tuple(t.shape) != wanted:
                        raise ValueError(
                            f"state {name!r} has shape {tuple(t.shape)}, expected {wanted} for a parameter of shape "
                            f"{tuple(p.shape)}"
                        )
                found[name] = tensors
        return found

    def _adopt(self, bundle: Bundle) -> None:
        """Take the tensors that stand in `self.state` as the bundle's states, each apart."""
        for name, tensors in self._states_of(bundle).items():
            bundle.adopt_state(name, tensors)
        self._publish_numbers(bundle)

    def _publish_numbers(self, bundle: Bundle) -> None:
        names = ("step", *bundle.numbers) if self._counts_steps else bundle.numbers
        for p in bundle.params:
            for name in names:
                dict.__setitem__(self.state[p], name, HostNumber.tensor(bundle, name))

    def _begin_state(self, bundle: Bundle, names: tuple[str, ...], group: dict[str, Any]) -> None:
        """Make the states that are missing."""
        missing = [name for name in names if name not in bundle.state]
        if not self._counts_steps:
            bundle.steps = 0
        if self._numbers and not bundle.numbers:
            bundle.numbers = self._initial_numbers(group)
        self._publish_numbers(bundle)
        for name in missing:
            shape = None if bundle.flat else self._shape_of(name, bundle.params[0])
            made = bundle.add_state(name, self._initial(name, group, bundle), shape)
            for p, t in zip(bundle.params, made, strict=True):
                dict.__setitem__(self.state[p], name, t)

    def _between_steps(self) -> None:
        """Pack what was written to between steps in a program of its own, so that the step program stays the same."""
        mended = False
        for group in self.param_groups:
            bundles = self._bundles.get(id(group))
            if bundles is not None and not self._edited and intact(bundles):
                continue
            if bundles is None or self._edited or any([b.moved for b in bundles]):
                mended = True
                bundles = self._bundles_of(group)
            for bundle in bundles:
                if bundle.broken:
                    mended = True
                    bundle.mend()
        self._edited = False
        if mended:
            flush("parameters written between steps")

    # -- the step -------------------------------------------------------------------------------------------------

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters from their gradients.

        Args:
            closure: clears the gradients, computes the loss and returns it; called once before the update.

        Returns the closure's loss, or None.

        Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.Optimizer.step.html
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            for bundle, gradients in self._ready_bundles(group):
                rule, names, attributes = self._rule(group, bundle)
                for name in names:
                    if name not in bundle.state:
                        self._begin_state(bundle, names, group)
                        break
                bundle.steps += 1
                update = rule, bundle, names, self._scalars(group, bundle), attributes, gradients
                if gradients is None or not update_again(*update):
                    record_update(*update)
        self._edited = False
        return loss

    def _ready_bundles(self, group: dict[str, Any]) -> list[tuple[Bundle, Any]]:
        """The bundles to update, with the Values of their gradients where they could be taken as they are: those whose
        parameters all have gradients. A parameter that misses one leaves its bundle for good and is updated on its own
        when it has one."""
        known = self._bundles.get(id(group))
        if known is not None and not self._edited and id(group) in self._whole:
            found = ready(known, group["params"], self._storages[id(group)])
            if found is not None:
                return found
        bundles = self._bundles_of(group)
        for bundle in bundles:
            missing = [p for p in bundle.params if p._grad is None]
            if missing and len(missing) < len(bundle.params):
                bundles = self._split(group, missing)
                break
        return [(bundle, None) for bundle in bundles if all(p._grad is not None for p in bundle.params)]

    def _split(self, group: dict[str, Any], missing: list[Any]) -> list[Bundle]:
        bundles = self._bundles[id(group)]
        alone = {id(p) for p in missing}
        made: list[Bundle] = []
        for bundle in bundles:
            out = [p for p in bundle.params if id(p) in alone]
            if not out:
                made.append(bundle)
                continue
            bundle.release()
            for storage in bundle.state.values():
                for part in getattr(storage, "parts", ()):
                    part.flat.broken = True
            rest = [p for p in bundle.params if id(p) not in alone]
            for members in ([rest] if rest else []) + [[p] for p in out]:
                for new in bundles_of(members, self._apart):
                    new.steps, new.numbers = bundle.steps, bundle.numbers
                    for p in new.params:
                        for name in bundle.state:
                            leave(self.state[p][name]._storage)
                    self._settle(new, group)
                    made.append(new)
        self._keep(group, made)
        return made
