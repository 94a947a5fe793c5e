"""Optimizer: parameter groups, state, hooks, saving; the base of every optimizer, also of those that users write."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

import numpy as np

from kilnn.engine import cuts, views
from kilnn.engine.backward import ZERO
from kilnn.engine.context import local
from kilnn.engine.update import forget_gradients
from kilnn.engine.values import value_of
from kilnn.nn.hooks import RemovableHandle, Table
from kilnn.optim.state import StateTable, as_saved, as_state
from kilnn.tensor.tensor import Tensor

ParamsT = Iterable[Any]
"""What an optimizer takes: tensors, (name, tensor) pairs or dicts."""


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()

_HOOKS = ("step_pre", "step_post", "state_dict_pre", "state_dict_post", "load_state_dict_pre", "load_state_dict_post")
_global_pre_hooks, _global_post_hooks = Table(), Table()


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` before each step of any optimizer; it may return new (args, kwargs).

    Source: https://docs.pytorch.org/docs/2.13/optim.html
    """
    return _global_pre_hooks.add(hook)


def register_optimizer_step_post_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` after each step of any optimizer.

    Source: https://docs.pytorch.org/docs/2.13/optim.html
    """
    return _global_post_hooks.add(hook)


class Optimizer:
    """Base of all optimizers.

    Args:
        params: an iterable of tensors, of (name, tensor) pairs, or of dicts that define parameter groups.
        defaults: hyper-parameters for groups that do not give their own.

    `param_groups` is a list of plain dicts: whatever is written into them (`g['lr'] *= 0.1`) holds from the next step
    on and never compiles a new program. `state` maps each parameter to its state tensors.

    A subclass of your own defines `step`, with tensor operations under `no_grad`. What it records runs when it
    returns, together with the forward and backward passes before it, as one program.

    Example:
        >>> import kilnn
        >>> class Descent(kilnn.optim.Optimizer):
        ...     @kilnn.no_grad()
        ...     def step(self, closure=None):
        ...         for group in self.param_groups:
        ...             for p in group["params"]:
        ...                 if p.grad is not None:
        ...                     p.add_(p.grad, alpha=-group["lr"])
        >>> w = kilnn.ones(2, requires_grad=True)
        >>> optimizer = Descent([w], {"lr": 0.25})
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w.tolist()
        [0.5, 0.5]

    Source: https://docs.pytorch.org/docs/2.13/optim.html
    """

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                f"{type(params).__name__}"
            )
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self._begin()
        self.state = {}
        self._edited = False
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "step" in cls.__dict__:
            cls.step = _whole_step(cls.__dict__["step"])  # type: ignore[method-assign]  # the same with hooks around it

    def _begin(self) -> None:
        """What an optimizer has besides defaults, groups and state: nothing of it is saved."""
        self._hooks = {kind: Table() for kind in _HOOKS}
        self._step_count = 0  # schedulers look at it
        self._stepping = False

    @property
    def state(self) -> Any:
        """Parameter -> its state, a dict; made at the first look."""
        return self._state

    @state.setter
    def state(self, state: dict[Any, Any]) -> None:
        self._state = StateTable(self)
        self._state.update(state)
        self._edited = True

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "_hooks" not in self.__dict__:
            self._begin()
        for name, value in state.items():
            setattr(self, name, value)
        self.defaults.setdefault("differentiable", False)

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
            ValueError: a parameter that is no leaf, appears twice, or lacks a required hyper-parameter; names for some
                parameters and not for others.
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
        if names and len(names) != len(params):
            raise ValueError("all optimizer params should be with/without names. Some param names are missing")
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
        named = "param_names" in param_group
        if any(named != ("param_names" in group) for group in self.param_groups):
            raise ValueError(
                "all optimizer param groups should be with/without names. cannot add param group "
                f"{'with' if named else 'without'} names to the optimizer"
            )
        known = {id(p) for group in self.param_groups for p in group["params"]}
        if any(id(p) in known for p in params):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters; each optimizer has its own.

        Args:
            closure: clears the gradients, computes the loss and returns it.

        Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.Optimizer.step.html
        """
        raise NotImplementedError(f"{type(self).__name__} does not define step()")

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
        if cuts.gradients_zeroed():
            self._between_steps()

    def _between_steps(self) -> None:
        """Work that should not be in a step's program; nothing is pending."""

    # -- hooks ----------------------------------------------------------------------------------------------------

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before each step; it may return new (args, kwargs)."""
        return self._hooks["step_pre"].add(hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return self._hooks["step_post"].add(hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` before `state_dict`."""
        return self._hooks["state_dict_pre"].add(hook, prepend=prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` before `state_dict` returns; it may return another dict."""
        return self._hooks["state_dict_post"].add(hook, prepend=prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` with a shallow copy before it is loaded; it may return another dict."""
        return self._hooks["load_state_dict_pre"].add(hook, prepend=prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` after `load_state_dict`."""
        return self._hooks["load_state_dict_post"].add(hook, prepend=prepend)

    # -- saving ---------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """State and groups as PyTorch writes them: parameters are numbered in the order of the groups.

        Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.Optimizer.state_dict.html
        """
        for hook in list(self._hooks["state_dict_pre"].values()):
            hook(self)
        numbers: dict[int, int] = {}
        groups = []
        place = 0
        for group in self.param_groups:
            for p in group["params"]:
                numbers.setdefault(id(p), place)
                place += 1
            packed = {k: v for k, v in group.items() if k != "params"}
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            groups.append(packed)
        state = {numbers[id(p)] if isinstance(p, Tensor) else p: as_saved(values) for p, values in self.state.items()}
        saved = {"state": state, "param_groups": groups}
        for hook in list(self._hooks["state_dict_post"].values()):
            changed = hook(self, saved)
            saved = saved if changed is None else changed
        return saved

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the state and groups of `state_dict`, kilnn's or PyTorch's; floating states in the dtype and on the
        device of their parameter.

        Raises:
            ValueError: it has other groups, or groups of other sizes, than this optimizer; nothing is changed then.

        Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.Optimizer.load_state_dict.html
        """
        state_dict = state_dict.copy()
        for hook in list(self._hooks["load_state_dict_pre"].values()):
            changed = hook(self, state_dict)
            state_dict = state_dict if changed is None else changed
        saved = deepcopy(state_dict["param_groups"])
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
        state = {}
        for number, values in state_dict["state"].items():
            if number in by_number:
                p = by_number[number]
                dtype = p.dtype if p.is_floating_point() else None
                like = {"dtype": dtype, "device": p.device}
                state[p] = {k: as_state(v, **({} if k == "step" else like)) for k, v in values.items()}
            else:
                state[number] = as_state(values)
        for group, new in zip(self.param_groups, saved, strict=True):
            new["params"] = group["params"]
            if "param_names" in group:
                new.setdefault("param_names", group["param_names"])
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in list(self._hooks["load_state_dict_post"].values()):
            hook(self)


def _whole_step(step: Callable[..., Any]) -> Callable[..., Any]:
    """A class's `step` with hooks around it, counted, and run at its end together with what was recorded before."""

    @functools.wraps(step)
    def whole_step(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        if self._stepping:
            return step(self, *args, **kwargs)  # a subclass's step calls that of its base
        self._stepping = True
        try:
            before, after = self._hooks["step_pre"], self._hooks["step_post"]
            for hook in [*_global_pre_hooks.values(), *before.values()] if before or _global_pre_hooks else ():
                changed = hook(self, (self, *args), kwargs)
                if changed is not None:
                    if not (isinstance(changed, tuple) and len(changed) == 2):
                        raise RuntimeError(
                            f"{hook} must return None or a tuple of (new_args, new_kwargs), got {changed}."
                        )
                    (_, *args), kwargs = changed
            result = step(self, *args, **kwargs)
            self._step_count += 1
            for hook in [*after.values(), *_global_post_hooks.values()] if after or _global_post_hooks else ():
                hook(self, (self, *args), kwargs)
        finally:
            self._stepping = False
        trace = local.context.trace
        if trace is not None and trace.values:
            trace.has_update = True  # also where tensor operations updated: a program at first sight
            trace.run("optimizer.step()")
        return result

    return whole_step


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
