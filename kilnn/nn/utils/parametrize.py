"""Parameters computed from other tensors: `module.weight` becomes a function of what is trained."""

from __future__ import annotations

import copyreg
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from kilnn.engine.grad_mode import no_grad
from kilnn.nn.layers.container import ModuleDict, ModuleList
from kilnn.nn.module import Module
from kilnn.nn.parameter import Parameter, adopt
from kilnn.tensor.tensor import Tensor


class _Cache:
    """What `cached()` keeps: values by module and name, while some block is open."""

    depth = 0
    values: dict[tuple[int, str], Tensor] = {}  # noqa: RUF012  # one for the process, like the blocks


@contextmanager
def cached() -> Iterator[None]:
    """A block in which each parametrised tensor is computed once, however often it is read.

    Example:
        >>> import kilnn
        >>> layer = kilnn.nn.utils.parametrizations.weight_norm(kilnn.nn.Linear(2, 3))
        >>> with kilnn.nn.utils.parametrize.cached():
        ...     layer.weight is layer.weight
        True

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.parametrize.cached.html
    """
    _Cache.depth += 1
    try:
        yield
    finally:
        _Cache.depth -= 1
        if not _Cache.depth:
            _Cache.values.clear()


def _register(module: Module, name: str, tensor: Tensor) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _put(target: Tensor, source: Tensor) -> None:
    """Give `target` the values of `source`, and its shape where it differs."""
    if target is source:
        return
    if target.shape == source.shape:
        target.copy_(source)
    else:
        adopt(target, source.detach().clone())


def _same_kind(what: str, made: Any, dtype: Any, shape: Any) -> None:
    if not isinstance(made, Tensor):
        raise ValueError(f"{what} must return a tensor. Got {type(made).__name__}.")
    if made.dtype != dtype:
        raise ValueError(
            f"{what} may not change the dtype of the tensor, unless `unsafe` flag is enabled.\n"
            f"unparametrized dtype: {dtype}\nparametrized dtype: {made.dtype}"
        )
    if made.shape != shape:
        raise ValueError(
            f"{what} may not change the shape of the tensor, unless `unsafe` flag is enabled.\n"
            f"unparametrized shape: {shape}\nparametrized shape: {made.shape}"
        )


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, in the order they are applied, and what they are applied to: `original`, or
    `original0`, `original1`, ... where the first one takes several tensors.

    Args:
        modules: the parametrizations, at least one.
        original: the tensor; the right inverses of the modules make the originals of it.
        unsafe: do not check that shape and dtype stay.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.parametrize.ParametrizationList.html
    """

    original: Tensor

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if len(modules) == 0:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        made: Any = original
        with no_grad():
            for module in reversed(list(self)):
                inverse = getattr(module, "right_inverse", None)
                if inverse is not None:
                    try:
                        made = inverse(made)
                    except NotImplementedError:  # it says that it has none
                        pass
        if not isinstance(made, Tensor | Sequence):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(made).__name__}"
            )
        self.is_tensor = isinstance(made, Tensor)
        self.ntensors = 1 if isinstance(made, Tensor) else len(made)
        if isinstance(made, Tensor):
            if made.dtype != dtype:
                raise ValueError(
                    "When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                    f"original.dtype: {dtype}\nright_inverse(original).dtype: {made.dtype}"
                )
            with no_grad():
                _put(original, made)
            _register(self, "original", original)
        else:
            for i, part in enumerate(made):
                if not isinstance(part, Tensor):
                    raise ValueError(
                        "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                        f"Got element {i} of the sequence with type {type(part).__name__}."
                    )
                if isinstance(original, Parameter):
                    part = Parameter(part.detach().clone(), original.requires_grad)  # noqa: PLW2901
                _register(self, f"original{i}", part)
        if not unsafe:
            _same_kind("A parametrization", self(), dtype, shape)

    def right_inverse(self, value: Tensor) -> None:
        """Change the originals so that the parametrised tensor becomes `value` (as near as its parametrizations allow).

        Raises: RuntimeError when a parametrization has no right_inverse.
        """
        made: Any = value
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(
                        f"parametrization {type(module).__name__} does not implement right_inverse, so the "
                        "parametrized tensor cannot be assigned to"
                    )
                made = module.right_inverse(made)
            if self.is_tensor:
                made = (made,)
            elif not isinstance(made, Sequence) or len(made) != self.ntensors:
                raise ValueError(
                    f"'right_inverse' must return a sequence of tensors of length {self.ntensors}. "
                    f"Got {type(made).__name__}" + (f" of length {len(made)}." if isinstance(made, Sequence) else ".")
                )
            for target, part in zip(self._originals(), made, strict=True):
                if not isinstance(part, Tensor):
                    raise ValueError(f"`right_inverse` should return a tensor. Got {type(part).__name__}")
                if part.dtype != target.dtype:
                    raise ValueError(
                        f"The tensor returned by `right_inverse` has dtype {part.dtype} while `original` has dtype "
                        f"{target.dtype}"
                    )
                _put(target, part)

    def _originals(self) -> list[Tensor]:
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def forward(self) -> Any:
        """The parametrised tensor."""
        first, *others = list(self)
        made = first(*self._originals())
        for module in others:
            made = module(made)
        return made


def _deepcopy(self: Any, memo: dict[int, Any]) -> Any:
    found = memo.get(id(self))
    if found is not None:
        return found
    made = self.__new__(type(self))
    memo[id(self)] = made
    made.__dict__.update(deepcopy(self.__dict__, memo))
    for slot in copyreg._slotnames(type(self)):  # type: ignore[attr-defined]  # as copy does it
        if hasattr(self, slot):
            setattr(made, slot, deepcopy(getattr(self, slot), memo))
    return made


def _no_state(self: Any) -> Any:
    raise RuntimeError(
        "Serialization of parametrized modules is only supported through state_dict(): a class made for one module "
        "cannot be found again by its name. Save module.state_dict()."
    )


def _parametrized_class(module: Module) -> None:
    """Give the module a class of its own, on which its parametrised tensors are properties."""
    cls: Any = type(module)
    members: dict[str, Any] = {"__getstate__": _no_state}
    if not hasattr(cls, "__deepcopy__"):
        members["__deepcopy__"] = _deepcopy
    module.__class__ = type(f"Parametrized{cls.__name__}", (cls,), members)


def _add_property(module: Module, name: str) -> None:
    def read(self: Any) -> Any:
        made = self.parametrizations[name]
        if not _Cache.depth:
            return made()
        key = (id(self), name)
        if key not in _Cache.values:
            _Cache.values[key] = made()
        return _Cache.values[key]

    def write(self: Any, value: Tensor) -> None:
        self.parametrizations[name].right_inverse(value)

    setattr(type(module), name, property(read, write))


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Make `module.<tensor_name>` what `parametrization` gives for the tensor that was there.

    Args:
        module: the module that holds the tensor.
        tensor_name: name of a parameter or buffer, or of one that is parametrised already: then another is added.
        parametrization: a module from a tensor to a tensor. Its `right_inverse`, if it has one, turns the present value
            into the original, and makes `module.<tensor_name> = value` possible.
        unsafe: do not check that shape and dtype stay.

    Returns: the module.

    Raises: ValueError for an unknown name, or when shape or dtype changes.

    Example:
        >>> import kilnn
        >>> class Symmetric(kilnn.nn.Module):
        ...     def forward(self, x):
        ...         return x.triu() + x.triu(1).transpose(-1, -2)
        >>> layer = kilnn.nn.Linear(3, 3)
        >>> _ = kilnn.nn.utils.parametrize.register_parametrization(layer, "weight", Symmetric())
        >>> bool((layer.weight == layer.weight.T).all())
        True

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.parametrize.register_parametrization.html
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            value = getattr(module, tensor_name)
            made = parametrization(value)
            _same_kind("A parametrization", made, value.dtype, value.shape)
            if hasattr(parametrization, "right_inverse"):
                try:
                    back = parametrization.right_inverse(made)
                except NotImplementedError:  # it says that it has none
                    pass
                else:
                    _same_kind("parametrization.right_inverse", back, value.dtype, value.shape)
        held = module.parametrizations[tensor_name]
        held.append(parametrization)
        held.unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        held = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _parametrized_class(module)
            module.parametrizations = ModuleDict()
        _add_property(module, tensor_name)
        module.parametrizations[tensor_name] = held
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
            f"'{tensor_name}'"
        )
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether the module has a parametrised tensor (of that name).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.parametrize.is_parametrized.html
    """
    held = getattr(module, "parametrizations", None)
    if not isinstance(held, ModuleDict):
        return False
    return len(held) > 0 if tensor_name is None else tensor_name in held


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Make a parametrised tensor an ordinary one again.

    Args:
        leave_parametrized: it keeps the value that the parametrizations gave, not that of the original.

    Returns: the module.

    Raises: ValueError when it is not parametrised, or has several originals and `leave_parametrized` is False.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.parametrize.remove_parametrizations.html
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    held: Any = module.parametrizations[tensor_name]
    if held.is_tensor:
        original = held.original
        if leave_parametrized:
            with no_grad():
                _put(original, getattr(module, tensor_name))
    elif leave_parametrized:
        value = getattr(module, tensor_name)
        original = Parameter(value.detach().clone()) if value.requires_grad else value
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
            "sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    _register(module, tensor_name, original)
    if not is_parametrized(module):
        del module.parametrizations
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class of the module before a parametrization gave it one of its own.

    Source: https://docs.pytorch.org/docs/2.13/nn.html#parametrizations
    """
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Give `to_module` the parametrizations of `from_module` (of one tensor, or of all) and their originals.

    Returns: to_module.

    Source: https://docs.pytorch.org/docs/2.13/nn.html#parametrizations
    """
    if not is_parametrized(from_module):
        return to_module
    for name in list(from_module.parametrizations) if tensor_name is None else [tensor_name]:
        held: Any = from_module.parametrizations[name]
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach().clone()))
        for parametrization in held:
            register_parametrization(to_module, name, parametrization)
        target: Any = to_module.parametrizations[name]
        for original in ["original"] if held.is_tensor else [f"original{i}" for i in range(held.ntensors)]:
            setattr(target, original, getattr(held, original))
    return to_module
