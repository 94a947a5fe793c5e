"""Optimizer: parameter groups, state, and the step that records one update for each bundle of parameters."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

import numpy as np

from kilnn.engine import cuts, views
from kilnn.engine.backward import ZERO
from kilnn.engine.context import local
from kilnn.engine.flat import leave
from kilnn.engine.grad_mode import enable_grad
from kilnn.engine.node import Removable
from kilnn.engine.trace import flush
from kilnn.engine.update import Bundle, bundles_of, forget_gradients, record_update
from kilnn.engine.values import value_of
from kilnn.ops.spec import Op
from kilnn.optim.state import StateTable, as_state, step_tensor
from kilnn.tensor.tensor import Tensor

ParamsT = Iterable[Any]
"""What an optimizer takes: tensors, (name, tensor) pairs or dicts."""


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


class Optimizer:
    """Base of all optimizers.

    Args:
        params: an iterable of tensors, of (name, tensor) pairs, or of dicts that define parameter groups.
        defaults: hyper-parameters for groups that do not give their own.

    `param_groups` is a list of plain dicts: whatever is written into them (`g['lr'] *= 0.1`) holds from the next step
    on and never compiles a new program. `state` maps each parameter to its state tensors.

    Example:
        >>> import kilnn
        >>> layer = kilnn.nn.Linear(2, 1)
        >>> optimizer = kilnn.optim.SGD([{"params": [layer.weight]}, {"params": [layer.bias], "lr": 0.2}], lr=0.1)
        >>> [group["lr"] for group in optimizer.param_groups]
        [0.1, 0.2]

    Source: https://docs.pytorch.org/docs/2.13/optim.html
    """

    _states: tuple[str, ...] = ()
    """Names of the state tensors, in the order of the rule."""
    _counts_steps = True
    """Whether PyTorch keeps a `step` tensor in the state."""

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                f"{type(params).__name__}"
            )
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self.state: Any = StateTable(self)
        self._edited = False
        self._bundles: dict[int, list[Bundle]] = {}  # id of a group -> its bundles
        self._left_out: set[int] = set()  # parameters that missed a gradient: updated on their own
        self._step_count = 0
        self._hooks: dict[str, dict[int, Any]] = {"pre": {}, "post": {}}
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def __repr__(self) -> str:
        lines = [type(self).__name__ + " ("]
        for n, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {n}")
            lines += [f"    {k}: {group[k]}" for k in sorted(group) if k != "params"]
        return "\n".join([*lines, ")"])

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group; missing hyper-parameters come from the defaults.

        Raises:
            TypeError: not a dict, parameters in a set (no order), or something that is not a Tensor.
            ValueError: a parameter that is no leaf, appears twice, or lacks a required hyper-parameter.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, Tensor):
            params = [params]
        elif isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
                "will change between runs. Please use a list instead."
            )
        params = list(params)
        names = [p[0] for p in params if isinstance(p, tuple)]
        params = [p[1] if isinstance(p, tuple) else p for p in params]
        param_group["params"] = params
        if names:
            param_group["param_names"] = names
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError("optimizer can only optimize Tensors, but one of the params is " + type(p).__name__)
            if not self.defaults.get("differentiable", None) and not (p.is_leaf or p.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        if len({id(p) for p in params}) != len(params):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; "
                "see github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=3,
            )
        known = {id(p) for group in self.param_groups for p in group["params"]}
        if any(id(p) in known for p in params):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    # -- bundles --------------------------------------------------------------------------------------------------

    def _bundles_of(self, group: dict[str, Any]) -> list[Bundle]:
        """The group's bundles; made anew when parameters were added or state was edited, mended when written to."""
        bundles = self._bundles.get(id(group))
        params = [p for p in group["params"] if p.requires_grad and id(p) not in self._left_out]
        moved = bundles is not None and any(b.moved for b in bundles)
        if (
            bundles is not None
            and not self._edited
            and not moved
            and sum(len(b.params) for b in bundles) >= len(params)
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
        by_count: dict[Any, list[Any]] = {}
        for p in params:
            kept = self.state[p] if p in self.state else {}
            by_count.setdefault((self._count_of(kept), *sorted(map(str, kept))), []).append(p)
        bundles = []
        for (count, *_), members in by_count.items():
            for bundle in bundles_of(members):
                bundle.steps = count
                if any(p in self.state and any(n in self.state[p] for n in self._states) for p in bundle.params):
                    self._adopt(bundle)
                bundles.append(bundle)
        self._bundles[id(group)] = bundles
        return bundles

    def _count_of(self, kept: Any) -> int:
        """How many updates a parameter's state has seen."""
        if not self._counts_steps:
            return int(any(kept.get(name) is not None for name in self._states))
        step = kept.get("step", 0)
        return int(step.item() if isinstance(step, Tensor) else step)

    def _adopt(self, bundle: Bundle) -> None:
        """Bundle the state tensors that stand in `self.state`."""
        for name in self._states:
            tensors = [self.state[p].get(name) for p in bundle.params]
            if all(t is not None for t in tensors):
                for p, t in zip(bundle.params, tensors, strict=True):
                    if t.shape != p.shape:
                        raise ValueError(f"state {name!r} has shape {tuple(t.shape)}, its parameter {tuple(p.shape)}")
                bundle.adopt_state(name, tensors)
        self._publish_steps(bundle)

    def _publish_steps(self, bundle: Bundle) -> None:
        if self._counts_steps:
            for p in bundle.params:
                dict.__setitem__(self.state[p], "step", step_tensor(bundle))

    def _ensure_state(self, bundle: Bundle, names: tuple[str, ...], group: dict[str, Any]) -> None:
        missing = [name for name in names if name not in bundle.state]
        if not missing:
            return
        if not self._counts_steps:
            bundle.steps = 0
        self._publish_steps(bundle)
        for name in missing:
            for p, t in zip(bundle.params, bundle.add_state(name, self._initial(name, group)), strict=True):
                dict.__setitem__(self.state[p], name, t)

    def _initial(self, name: str, group: dict[str, Any]) -> float:
        return 0.0

    # -- the step -------------------------------------------------------------------------------------------------

    def _rule(self, group: dict[str, Any]) -> tuple[Op, tuple[str, ...], tuple[Any, ...]]:
        """(operation, names of the states it takes, its static attributes) for a group."""
        raise NotImplementedError

    def _scalars(self, group: dict[str, Any], step: int) -> tuple[float, ...]:
        """The rule's numbers at this step, computed in double precision; run-time inputs of the program."""
        raise NotImplementedError

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients (or, with set_to_none=False, make them zero).

        Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.Optimizer.zero_grad.html
        """
        for group in self.param_groups:
            if set_to_none:
                forget_gradients(group["params"])
            else:
                for p in group["params"]:
                    zero_gradient(p)
        cuts.gradients_zeroed()
        self._mend()

    def _mend(self) -> None:
        """Pack what was written to between steps in a program of its own, so that the step program stays the same."""
        trace = local.context.trace
        if trace is not None and trace.values and not trace.sealed:
            return
        mended = False
        for group in self.param_groups:
            bundles = self._bundles.get(id(group), [])
            for bundle in bundles:
                if bundle.moved:
                    mended = True
                    bundles = self._bundles_of(group)
                    break
            for bundle in bundles:
                if bundle.broken and not self._edited:
                    mended = True
                    bundle.mend()
        if mended:
            flush("parameters written between steps")

    def _prepare(self) -> None:
        """Bundle the parameters before the first step, so that it records the same program as every later one."""
        for group in self.param_groups:
            if id(group) not in self._bundles:
                self._bundles_of(group)

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
        for hook in list(self._hooks["pre"].values()):
            hook(self, (closure,), {})
        self._step_count += 1
        self._record_updates()
        self._edited = False
        for hook in list(self._hooks["post"].values()):
            hook(self, (closure,), {})
        flush("optimizer.step()")
        return loss

    def _record_updates(self) -> None:
        """Record the update of every group. A function of its own: a local variable of `step` that held the Values of
        the gradients would make each of them an output of the program that runs at its end."""
        for group in self.param_groups:
            rule, names, attributes = self._rule(group)
            for bundle, gradients in self._ready_bundles(group):
                self._ensure_state(bundle, names, group)
                bundle.steps += 1
                record_update(rule, bundle, names, self._scalars(group, bundle.steps), attributes, gradients)

    def _ready_bundles(self, group: dict[str, Any]) -> list[tuple[Bundle, Any]]:
        """The bundles to update, with the Values of their gradients where they could be taken as they are: those whose
        parameters all have gradients. A parameter that misses one leaves its bundle for good and is updated on its own
        when it has one."""
        known = self._bundles.get(id(group))
        if known is not None and not self._edited and sum([len(b.params) for b in known]) == len(group["params"]):
            ready = [(bundle, bundle.gradients()) for bundle in known if not bundle.broken]
            if len(ready) == len(known) and all(gradients is not None for _, gradients in ready):
                return ready
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
                for new in bundles_of(members):
                    new.steps = bundle.steps
                    for p in new.params:
                        for name in bundle.state:
                            leave(self.state[p][name]._storage)
                    self._adopt(new)
                    made.append(new)
        self._bundles[id(group)] = made
        return made

    def register_step_pre_hook(self, hook: Any) -> Removable:
        """Call `hook(optimizer, args, kwargs)` before each step."""
        return Removable(self._hooks["pre"], hook)

    def register_step_post_hook(self, hook: Any) -> Removable:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return Removable(self._hooks["post"], hook)

    # -- saving ---------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """State and groups as PyTorch writes them: parameters are numbered in the order of the groups."""
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for p in group["params"]:
                numbers.setdefault(id(p), len(numbers))
            packed = {k: v for k, v in group.items() if k != "params"}
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            groups.append(packed)
        state = {}
        for p, values in self.state.items():
            state[numbers[id(p)] if isinstance(p, Tensor) else p] = {
                k: v.detach().clone() if isinstance(v, Tensor) else v for k, v in values.items()
            }
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the state and groups of `state_dict`.

        Raises:
            ValueError: it has other groups, or groups of other sizes, than this optimizer; nothing is changed then.
        """
        saved = state_dict["param_groups"]
        if len(saved) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(g["params"]) != len(s["params"]) for g, s in zip(self.param_groups, saved, strict=True)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
            )
        by_number = {
            number: p
            for g, s in zip(self.param_groups, saved, strict=True)
            for number, p in zip(s["params"], g["params"], strict=True)
        }
        for bundles in self._bundles.values():
            for bundle in bundles:
                if bundle.flat:
                    bundle.release()
        self._bundles = {}
        self.state = StateTable(self)
        for number, values in state_dict["state"].items():
            p = by_number.get(number, number)
            entry = self.state[p]
            for k, v in values.items():
                entry[k] = as_state(v)
        for group, new in zip(self.param_groups, saved, strict=True):
            group.update({k: deepcopy(v) for k, v in new.items() if k != "params"})

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}


def zero_gradient(p: Any) -> None:
    """Make an existing gradient zero, in place; adding to it later is taking the other operand."""
    g = p._grad
    if g is None:
        return
    if g.grad_fn is not None:
        p._grad = g = g.detach()
    else:
        g.requires_grad_(False)
    aval = views.value_of_tensor(g).aval
    value = value_of(np.zeros(aval.shape, aval.dtype), aval)  # its own: the mark must not go to shared zeros
    value.index = ZERO
    views.write(g, value)


def check_range(name: str, value: Any, low: float, high: float = math.inf, open_high: bool = False) -> None:
    """PyTorch's ValueError for hyper-parameters outside their range."""
    if isinstance(value, Tensor):
        return
    if not (low <= value and (value < high if open_high else value <= high)):
        raise ValueError(f"Invalid {name}: {value}")


def refuse(**flags: Any) -> None:
    """NotImplementedError for implementation switches that have no meaning in a compiled step."""
    for name, value in flags.items():
        if value:
            raise NotImplementedError(
                f"{name}=True is not supported: the step is one compiled program, recorded without a graph of its own"
            )


def number(value: Any) -> float:
    """A hyper-parameter as a Python float (a tensor is read)."""
    return float(value.item()) if isinstance(value, Tensor) else float(value)
