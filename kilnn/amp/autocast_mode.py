"""`autocast`: matrix products and convolutions in 16 bits, losses in float32, without a change of the model."""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any

from kilnn.base import dtypes
from kilnn.base.device import PLATFORMS, Device, jax_device
from kilnn.base.dtypes import DType
from kilnn.engine.context import local
from kilnn.tensor.tensor import Tensor

_SUPPORTED = {"cpu": (dtypes.bfloat16, dtypes.float16), "cuda": (dtypes.bfloat16, dtypes.float16)}


class _Defaults(threading.local):
    """Per thread: the dtype that `autocast(device)` takes when none is given, and the cache's switch."""

    def __init__(self) -> None:
        self.dtypes = {"cpu": dtypes.bfloat16, "cuda": dtypes.float16}
        self.cache = True


_defaults = _Defaults()


def _checked(device_type: Any, function: str) -> str:
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    if device_type not in PLATFORMS:
        raise RuntimeError(
            f"Expected one of {', '.join(PLATFORMS)} device type at start of device string: {device_type}"
        )
    if device_type not in _SUPPORTED:
        raise RuntimeError(f"User specified an unsupported autocast device_type '{device_type}' ({function})")
    return device_type


def present(device_type: str) -> bool:
    """Whether this machine has such a device."""
    if device_type == "cpu":
        return True
    try:
        jax_device(Device(device_type))
    except RuntimeError:
        return False
    return True


def is_autocast_available(device_type: str) -> bool:
    """Whether there is an autocast for a device type.

    Args:
        device_type: "cpu", "cuda" and so on.

    Example:
        >>> import kilnn
        >>> kilnn.amp.is_autocast_available("cpu"), kilnn.amp.is_autocast_available("meta")
        (True, False)

    Source: https://docs.pytorch.org/docs/2.13/amp.html#torch.amp.is_autocast_available
    """
    return device_type in _SUPPORTED


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether autocast is on in this thread.

    Args:
        device_type: of which device; PyTorch's default is "cuda".

    Example:
        >>> import kilnn
        >>> with kilnn.autocast("cpu"):
        ...     kilnn.is_autocast_enabled("cpu")
        True

    Source: https://docs.pytorch.org/docs/2.13/amp.html#torch.autocast
    """
    return device_type in (local.context.autocast or {})


def get_autocast_dtype(device_type: str) -> DType:
    """The dtype that autocast computes in, or would when it is switched on without one.

    Args:
        device_type: "cpu" or "cuda".

    Example:
        >>> import kilnn
        >>> kilnn.get_autocast_dtype("cpu")
        kilnn.bfloat16

    Source: https://docs.pytorch.org/docs/2.13/amp.html#torch.autocast
    """
    name = _checked(device_type, "get_autocast_dtype")
    return (local.context.autocast or {}).get(name, _defaults.dtypes[name])  # type: ignore[no-any-return]  # DTypes


def set_autocast_enabled(device_type: str, enabled: bool) -> None:
    """Switch autocast on or off in this thread, outside of any `with` block.

    Args:
        device_type: "cpu" or "cuda".
        enabled: on or off.

    Example:
        >>> import kilnn
        >>> kilnn.set_autocast_enabled("cpu", False)

    Source: https://docs.pytorch.org/docs/2.13/amp.html#torch.autocast
    """
    name = _checked(device_type, "set_autocast_enabled")
    _switch(name, get_autocast_dtype(name) if enabled else None)


def set_autocast_dtype(device_type: str, dtype: DType) -> None:
    """Choose the dtype that autocast computes in.

    Args:
        device_type: "cpu" or "cuda".
        dtype: bfloat16 or float16.

    Example:
        >>> import kilnn
        >>> kilnn.set_autocast_dtype("cpu", kilnn.bfloat16)

    Source: https://docs.pytorch.org/docs/2.13/amp.html#torch.autocast
    """
    name = _checked(device_type, "set_autocast_dtype")
    _defaults.dtypes[name] = dtype
    if is_autocast_enabled(name):
        _switch(name, dtype)


def is_autocast_cache_enabled() -> bool:
    """Whether casts of weights may be kept for the length of a block. See `autocast`.

    Example:
        >>> import kilnn
        >>> kilnn.is_autocast_cache_enabled()
        True

    Source: https://docs.pytorch.org/docs/2.13/amp.html#torch.autocast
    """
    return _defaults.cache


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Say whether casts of weights may be kept. See `autocast`.

    Args:
        enabled: on or off.

    Example:
        >>> import kilnn
        >>> kilnn.set_autocast_cache_enabled(True)

    Source: https://docs.pytorch.org/docs/2.13/amp.html#torch.autocast
    """
    _defaults.cache = bool(enabled)


def clear_autocast_cache() -> None:
    """Forget kept casts: there are none, because a program casts a weight once however often it is used.

    Example:
        >>> import kilnn
        >>> kilnn.clear_autocast_cache()

    Source: https://docs.pytorch.org/docs/2.13/amp.html#torch.autocast
    """


def _switch(device_type: str, dtype: DType | None) -> None:
    active = dict(local.context.autocast or {})
    active.pop(device_type, None)
    if dtype is not None:
        active[device_type] = dtype
    local.context.autocast = active or None


class autocast:
    """Matrix products and convolutions compute in a 16-bit dtype inside; losses compute in float32.

    A context manager and a decorator. The lists of operations are PyTorch's for the device of the operands; the
    gradients of float32 weights are float32. Run the forward pass and the loss inside, the backward pass outside.

    Args:
        device_type: "cpu" or "cuda": operations on tensors of this device are concerned.
        dtype: bfloat16 or float16; default bfloat16 on the CPU, float16 on GPUs.
        enabled: False switches autocast off inside.
        cache_enabled: accepted; the compiler casts a weight once for each program whatever it says.

    Raises: RuntimeError for a device type without autocast, ValueError if it is no string.

    Example:
        >>> import kilnn
        >>> a = kilnn.ones(2, 2)
        >>> with kilnn.autocast("cpu"):
        ...     (a @ a).dtype, (a + a).dtype
        (kilnn.bfloat16, kilnn.float32)

    Source: https://docs.pytorch.org/docs/2.13/amp.html#torch.autocast
    """

    def __init__(
        self, device_type: str, dtype: DType | None = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        self.device = _checked(device_type, "autocast")
        self.fast_dtype = dtype if dtype is not None else get_autocast_dtype(device_type)
        if not isinstance(self.fast_dtype, DType):
            raise TypeError(f"autocast: dtype has to be a dtype, not {type(dtype).__name__}")
        self._enabled = bool(enabled)
        self._cache_enabled = is_autocast_cache_enabled() if cache_enabled is None else bool(cache_enabled)
        self._before: list[tuple[Any, bool]] = []
        if not self._enabled:
            return
        if not present(device_type):
            warnings.warn(f"{device_type.upper()} is not available. Disabling autocast.", UserWarning, stacklevel=2)
            self._enabled = False
        elif self.fast_dtype not in _SUPPORTED[device_type]:
            names = ", ".join(map(repr, _SUPPORTED[device_type]))
            warnings.warn(
                f"In {device_type.upper()} autocast, but the target dtype is not supported. Disabling autocast.\n"
                f"{device_type.upper()} Autocast only supports dtypes of {names} currently.",
                UserWarning,
                stacklevel=2,
            )
            self._enabled = False

    def __enter__(self) -> autocast:
        self._before.append((local.context.autocast, _defaults.cache))
        _switch(self.device, self.fast_dtype if self._enabled else None)
        _defaults.cache = self._cache_enabled
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        local.context.autocast, _defaults.cache = self._before.pop()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return wrapped


def _cast_tree(value: Any, device_type: str, dtype: DType) -> Any:
    if isinstance(value, Tensor):
        eligible = value.is_floating_point() and value.device.type == device_type and value.dtype is not dtypes.float64
        return value.to(dtype) if eligible else value
    if isinstance(value, dict):
        return {_cast_tree(k, device_type, dtype): _cast_tree(v, device_type, dtype) for k, v in value.items()}
    if isinstance(value, list | tuple):
        items = [_cast_tree(v, device_type, dtype) for v in value]
        return items if isinstance(value, list) else tuple(items)
    return value


def custom_fwd(
    fwd: Callable[..., Any] | None = None, *, device_type: str, cast_inputs: DType | None = None
) -> Callable[..., Any]:
    """For `forward` of an `autograd.Function`: how it runs where autocast is on.

    Args:
        fwd: the forward method; leave it out to use this as a decorator with arguments.
        device_type: "cpu" or "cuda".
        cast_inputs: cast floating tensor arguments of that device to it and switch autocast off inside; None runs
            forward with autocast as it is.

    Example:
        >>> import kilnn
        >>> class Product(kilnn.autograd.Function):
        ...     @staticmethod
        ...     @kilnn.amp.custom_fwd(device_type="cpu", cast_inputs=kilnn.float32)
        ...     def forward(ctx, a, b):
        ...         return a @ b
        >>> with kilnn.autocast("cpu"):
        ...     Product.apply(kilnn.ones(1, 1), kilnn.ones(1, 1).bfloat16()).dtype
        kilnn.float32

    Source: https://docs.pytorch.org/docs/2.13/amp.html#torch.amp.custom_fwd
    """
    _checked(device_type, "custom_fwd")
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        ctx = args[0]
        ctx._dtype = get_autocast_dtype(device_type)
        enabled = is_autocast_enabled(device_type)
        ctx._fwd_used_autocast = enabled and cast_inputs is None
        if not enabled or cast_inputs is None:
            return fwd(*args, **kwargs)
        with autocast(device_type, enabled=False):
            return fwd(*_cast_tree(args, device_type, cast_inputs), **_cast_tree(kwargs, device_type, cast_inputs))

    return wrapped


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str) -> Callable[..., Any]:
    """For `backward` of an `autograd.Function`: it runs with the autocast that `forward` ran with.

    Args:
        bwd: the backward method; leave it out to use this as a decorator with arguments.
        device_type: "cpu" or "cuda".

    Example:
        >>> import kilnn
        >>> class Double(kilnn.autograd.Function):
        ...     @staticmethod
        ...     @kilnn.amp.custom_fwd(device_type="cpu")
        ...     def forward(ctx, x):
        ...         return x * 2
        ...     @staticmethod
        ...     @kilnn.amp.custom_bwd(device_type="cpu")
        ...     def backward(ctx, g):
        ...         return g * 2
        >>> x = kilnn.ones(1, requires_grad=True)
        >>> Double.apply(x).backward()
        >>> x.grad.item()
        2.0

    Source: https://docs.pytorch.org/docs/2.13/amp.html#torch.amp.custom_bwd
    """
    _checked(device_type, "custom_bwd")
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        ctx = args[0]
        with autocast(device_type, dtype=ctx._dtype, enabled=ctx._fwd_used_autocast):
            return bwd(*args, **kwargs)

    return wrapped
