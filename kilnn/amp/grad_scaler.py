"""`GradScaler`: losses are scaled so that 16-bit gradients do not vanish; steps with infinite ones are skipped."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from enum import Enum
from typing import Any

import numpy as np

from kilnn.amp.autocast_mode import present
from kilnn.base import dtypes
from kilnn.engine.grad_mode import no_grad
from kilnn.tensor.create import from_host
from kilnn.tensor.functions.joining import stack
from kilnn.tensor.tensor import Tensor


class OptState(Enum):
    """How far a step of an optimizer has come since the last `update`."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


class GradScaler:
    """Scales losses up and gradients down, and lowers the scale where gradients overflow.

    `scale` is a run-time input of the programs: its changes compile nothing. Whether a step is skipped is decided
    in Python, so `step` reads one value, and a step is two programs: gradients, then update.

    Args:
        device: "cpu" or "cuda".
        init_scale: the first scale.
        growth_factor: the scale is multiplied by it after `growth_interval` steps without infinite gradients; > 1.
        backoff_factor: the scale is multiplied by it after a step with infinite gradients; < 1.
        growth_interval: how many good steps in a row make the scale grow.
        enabled: False makes every method do nothing (and `step` step).

    Example:
        >>> import kilnn
        >>> w = kilnn.ones(1, requires_grad=True)
        >>> optimizer = kilnn.optim.SGD([w], lr=0.5)
        >>> scaler = kilnn.amp.GradScaler("cpu")
        >>> scaler.scale(w.sum()).backward()
        >>> w.grad.item()
        65536.0
        >>> scaler.step(optimizer)
        >>> scaler.update()
        >>> w.item()
        0.5

    Source: https://docs.pytorch.org/docs/2.13/amp.html#torch.amp.GradScaler
    """

    def __init__(
        self, device: str = "cuda", init_scale: float = 2.0**16, growth_factor: float = 2.0,
        backoff_factor: float = 0.5, growth_interval: int = 2000, enabled: bool = True,
    ) -> None:  # fmt: skip
        self._device = device
        self._enabled = bool(enabled)
        if self._enabled and not present(device):
            warnings.warn(
                f"torch.{device}.amp.GradScaler is enabled, but {device.upper()} is not available.  Disabling.",
                UserWarning,
                stacklevel=2,
            )
            self._enabled = False
        if not self._enabled:
            return
        if growth_factor <= 1.0:
            raise AssertionError("The growth factor must be > 1.0.")
        if backoff_factor >= 1.0:
            raise AssertionError("The backoff factor must be < 1.0.")
        self._scale = np.float32(init_scale)
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        self._growth_tracker = 0
        self._states: dict[int, OptState] = {}
        self._found: dict[int, bool] = {}

    def scale(self, outputs: Any) -> Any:
        """The outputs times the scale.

        Args:
            outputs: a tensor or an iterable of tensors.
        """
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            return outputs * self._scale_tensor()
        if isinstance(outputs, Iterable):
            scaled = map(self.scale, outputs)
            return type(outputs)(scaled) if isinstance(outputs, list | tuple) else scaled
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def _scale_tensor(self) -> Tensor:
        """Data, so that its value is no part of the program."""
        return from_host(np.array(self._scale))

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of an optimizer's parameters by the scale, for clipping before `step`.

        Args:
            optimizer: the optimizer that owns the parameters.

        Raises: RuntimeError when called twice between updates or after `step`, ValueError for float16 gradients.
        """
        if not self._enabled:
            return
        state = self._states.get(id(optimizer), OptState.READY)
        if state is OptState.UNSCALED:
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        if state is OptState.STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        if any(g.dtype is dtypes.float16 for g in gradients):
            raise ValueError("Attempting to unscale FP16 gradients.")
        inverse = from_host(np.array(np.float32(1.0 / float(self._scale))))
        with no_grad():
            # An infinite or missing number times zero is no number, and one such number makes the sum one.
            poison = [(g * 0).sum() for g in gradients]
            for g in gradients:
                g.mul_(inverse)
            if poison:
                self._found[id(optimizer)] = bool(stack([p.float() for p in poison]).sum().isnan().item())
        self._states[id(optimizer)] = OptState.UNSCALED

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """`optimizer.step()` if no gradient is infinite or missing, after `unscale_` if that was not called.

        Args:
            optimizer: the optimizer.
            args, kwargs: go to its `step`.

        Returns: what `optimizer.step` returns, None for a skipped step.

        Raises: RuntimeError for a closure and for a second call before `update`, AssertionError without gradients.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs or args:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        state = self._states.get(id(optimizer), OptState.READY)
        if state is OptState.STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if state is OptState.READY:
            self.unscale_(optimizer)
        if id(optimizer) not in self._found:
            raise AssertionError("No inf checks were recorded for this optimizer.")
        self._states[id(optimizer)] = OptState.STEPPED
        if self._found[id(optimizer)]:
            optimizer._step_count += 1  # the loop did call step: a scheduler has nothing to warn of
            return None
        return optimizer.step(*args, **kwargs)

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Lower the scale if a step was skipped, raise it after `growth_interval` good ones. Call it once a step.

        Args:
            new_scale: take this scale instead.

        Raises: AssertionError if nothing was unscaled since the last call.
        """
        if not self._enabled:
            return
        if new_scale is not None:
            if isinstance(new_scale, Tensor):
                if new_scale.dtype is not dtypes.float32 or new_scale.numel() != 1 or new_scale.requires_grad:
                    raise AssertionError(
                        "new_scale should be a float or a 1-element torch.cuda.FloatTensor or torch.FloatTensor with "
                        "requires_grad=False."
                    )
                new_scale = new_scale.item()
            self._scale = np.float32(new_scale)
        elif not self._found:
            raise AssertionError("No inf checks were recorded prior to update.")
        elif any(self._found.values()):
            self._scale = np.float32(float(self._scale) * self._backoff_factor)
            self._growth_tracker = 0
        else:
            self._grow()
        self._states.clear()
        self._found.clear()

    def _grow(self) -> None:
        self._growth_tracker += 1
        if self._growth_tracker == self._growth_interval:
            with np.errstate(over="ignore"):
                grown = np.float32(float(self._scale) * self._growth_factor)
            if np.isfinite(grown):
                self._scale = grown
            self._growth_tracker = 0

    def get_scale(self) -> float:
        """The scale; 1.0 when disabled."""
        return float(self._scale) if self._enabled else 1.0

    def get_growth_factor(self) -> float:
        """The factor by which the scale grows."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set the factor by which the scale grows."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """The factor by which the scale shrinks."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set the factor by which the scale shrinks."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """How many good steps in a row make the scale grow."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set how many good steps in a row make the scale grow."""
        self._growth_interval = new_interval

    def is_enabled(self) -> bool:
        """Whether it scales."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """Scale, factors, interval and the count of good steps; empty when disabled. Call it after `update`."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._growth_tracker,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what `state_dict` gave.

        Args:
            state_dict: of an enabled scaler.

        Raises: RuntimeError for an empty one.
        """
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        self._scale = np.float32(state_dict["scale"])
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._growth_tracker = state_dict["_growth_tracker"]
