"""Collecting a module's parameters and buffers into a dictionary, and loading one with a single gathered error."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

from kilnn.engine.grad_mode import no_grad
from kilnn.nn.parameter import Parameter, is_lazy
from kilnn.tensor.exchange import adopted
from kilnn.tensor.tensor import Tensor

EXTRA_STATE_KEY = "_extra_state"


class _Keys(NamedTuple):
    missing_keys: list[str]
    unexpected_keys: list[str]


class IncompatibleKeys(_Keys):
    """What `load_state_dict(strict=False)` could not match: (missing_keys, unexpected_keys)."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"

    __str__ = __repr__


def collect(module: Any, destination: Any, prefix: str, keep_vars: bool) -> Any:
    """Add the state of `module` and its children to `destination` (made when None); values share storage."""
    if destination is None:
        destination = OrderedDict()
        destination._metadata = OrderedDict()
    metadata = {"version": module._version}
    if hasattr(destination, "_metadata"):
        destination._metadata[prefix[:-1]] = metadata
    for hook in module._state_hooks("save_pre").values():
        hook(module, prefix, keep_vars)
    module._save_to_state_dict(destination, prefix, keep_vars)
    for name, child in module._modules.items():
        if child is not None:
            child.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
    for hook in module._state_hooks("save_post").values():
        replaced = hook(module, destination, prefix, metadata)
        if replaced is not None:
            destination = replaced
    return destination


def own_state(module: Any) -> dict[str, Tensor]:
    """The parameters and persistent buffers that `module` itself (not a child) holds, by name."""
    found = {k: p for k, p in module._parameters.items() if p is not None}
    hidden = module._non_persistent_buffers_set
    found.update((k, b) for k, b in module._buffers.items() if b is not None and k not in hidden)
    return found


def save_own(module: Any, destination: Any, prefix: str, keep_vars: bool) -> None:
    for name, tensor in own_state(module).items():
        destination[prefix + name] = tensor if keep_vars or is_lazy(tensor) else tensor.detach()
    if module._overrides("get_extra_state"):
        destination[prefix + EXTRA_STATE_KEY] = module.get_extra_state()


def load(module: Any, state: Mapping[str, Any], strict: bool, assign: bool) -> IncompatibleKeys:
    """Copy (or, with `assign`, adopt) the values of `state` into the module tree: tensors, NumPy arrays, and tensors of
    PyTorch or JAX as they are.

    Raises:
        TypeError: `state` is no mapping.
        RuntimeError: one text naming all missing, unexpected and misshapen keys.
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"Expected state_dict to be dict-like, got {type(state)}.")
    metadata = getattr(state, "_metadata", None)
    found = OrderedDict(state)
    if metadata is not None:
        found._metadata = metadata  # type: ignore[attr-defined]  # as PyTorch keeps it
    missing: list[str] = []
    unexpected: list[str] = []
    errors: list[str] = []
    _load_tree(module, found, "", metadata, assign, missing, unexpected, errors)
    report = IncompatibleKeys(missing, unexpected)
    _run_post_hooks(module, report)
    if strict:
        for keys, word in ((unexpected, "Unexpected"), (missing, "Missing")):
            if keys:
                named = ", ".join(f'"{k}"' for k in keys)
                errors.insert(0, f"{word} key(s) in state_dict: {named}. ")
    if errors:
        raise RuntimeError(f"Error(s) in loading state_dict for {type(module).__name__}:\n\t" + "\n\t".join(errors))
    return report


def _load_tree(
    module: Any, state: Any, prefix: str, metadata: Any, assign: bool, missing: Any, unexpected: Any, errors: Any
) -> None:
    local = {} if metadata is None else metadata.get(prefix[:-1], {})
    if assign:
        local["assign_to_params_buffers"] = True
    module._load_from_state_dict(state, prefix, local, True, missing, unexpected, errors)
    for name, child in module._modules.items():
        if child is not None:
            below = f"{prefix}{name}."
            part = OrderedDict((k, v) for k, v in state.items() if k.startswith(below))
            _load_tree(child, part, below, metadata, assign, missing, unexpected, errors)


def _run_post_hooks(module: Any, report: IncompatibleKeys) -> None:
    for child in module._modules.values():
        if child is not None:
            _run_post_hooks(child, report)
    for hook in module._state_hooks("load_post").values():
        if hook(module, report) is not None:
            raise AssertionError(
                "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new values, "
                "if incompatible_keys need to be modified, it should be done inplace."
            )


def load_own(
    module: Any, state: Any, prefix: str, metadata: Any, strict: bool, missing: Any, unexpected: Any, errors: Any
) -> None:
    """Load what `module` itself holds; note problems in the three lists."""
    for hook in module._state_hooks("load_pre").values():
        hook(module, state, prefix, metadata, strict, missing, unexpected, errors)
    assign = metadata.get("assign_to_params_buffers", False)
    for name, target in own_state(module).items():
        key = prefix + name
        if key in state:
            _load_tensor(module, name, key, target, state[key], assign, errors)
        elif strict:
            missing.append(key)
    _load_extra(module, state, prefix, strict, missing, unexpected)
    if strict:
        for key in state:
            if key.startswith(prefix) and key != prefix + EXTRA_STATE_KEY:
                name = key[len(prefix) :].split(".", 1)
                if len(name) > 1 and name[0] in module._modules:
                    continue
                if len(name) == 1 and name[0] in own_state(module):
                    continue
                unexpected.append(key)


def _load_extra(module: Any, state: Any, prefix: str, strict: bool, missing: Any, unexpected: Any) -> None:
    key = prefix + EXTRA_STATE_KEY
    if module._overrides("set_extra_state"):
        if key in state:
            module.set_extra_state(state[key])
        elif strict:
            missing.append(key)
    elif strict and key in state:
        unexpected.append(key)


def _load_tensor(module: Any, name: str, key: str, target: Tensor, value: Any, assign: bool, errors: Any) -> None:
    if not isinstance(value, Tensor):
        made = adopted(value)
        if made is None:
            errors.append(
                f'While copying the parameter named "{key}", expected kilnn.Tensor or Tensor-like object from '
                f"checkpoint but received {type(value)}"
            )
            return
        value = made
    if is_lazy(target) and is_lazy(value):
        return  # nothing to copy yet
    if target.dim() == 0 and value.dim() == 1 and value.shape[0] == 1:
        value = value[0]
    if is_lazy(value):
        errors.append(f'"{key}" is uninitialized in the checkpoint, but has the shape {target.shape} in current model.')
        return
    if value.shape != target.shape:
        errors.append(
            f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, "
            f"the shape in current model is {target.shape}."
        )
        return
    try:
        with no_grad():
            if assign:
                _assign(module, name, target, value)
            else:
                target.copy_(value)
    except Exception as error:  # gathered: the user sees all problems of the file at once
        errors.append(
            f'While copying the parameter named "{key}", whose dimensions in the model are {target.shape} and whose '
            f"dimensions in the checkpoint are {value.shape}, an exception occurred : {error.args}."
        )


def _assign(module: Any, name: str, target: Tensor, value: Tensor) -> None:
    if isinstance(target, Parameter):
        if isinstance(value, Parameter):
            value.requires_grad_(target.requires_grad)
        else:
            value = Parameter(value, requires_grad=target.requires_grad)
    setattr(module, name, value)
