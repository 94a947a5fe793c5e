"""Pruning: weights that are held at zero by a mask, chosen at random, by size or by hand.

A pruned parameter `name` is kept as `name_orig`, its mask as the buffer `name_mask`; `name` itself is their product,
made anew before each forward. `remove` makes it permanent.
"""

from __future__ import annotations

import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from kilnn.nn.module import Module
from kilnn.nn.utils.convert_parameters import parameters_to_vector
from kilnn.tensor.create import ones_like, zeros_like
from kilnn.tensor.functions.random import rand, rand_like
from kilnn.tensor.functions.reduction import norm
from kilnn.tensor.tensor import Tensor

Indices = tuple[Any, ...]


class BasePruningMethod(ABC):
    """Base of the ways to choose what is pruned; itself the hook that applies the mask before each forward.

    A subclass writes `compute_mask(t, default_mask)` and says in `PRUNING_TYPE` what it sees of a tensor that is pruned
    already: "unstructured" the entries still there, "structured" the channels still there, "global" all of it.

    Example:
        >>> import kilnn
        >>> from kilnn.nn.utils import prune
        >>> class EverySecond(prune.BasePruningMethod):
        ...     PRUNING_TYPE = "unstructured"
        ...     def compute_mask(self, t, default_mask):
        ...         mask = default_mask.clone()
        ...         mask.view(-1)[::2] = 0
        ...         return mask
        >>> layer = kilnn.nn.Linear(2, 2)
        >>> method = EverySecond.apply(layer, "bias")
        >>> layer.bias_mask.tolist()
        [0.0, 1.0]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.prune.BasePruningMethod.html
    """

    PRUNING_TYPE: ClassVar[str]
    _tensor_name: str | None = None

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, str(self._tensor_name), self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The new mask for tensor `t`, whose mask so far is `default_mask`: zeros stay zeros."""

    def apply_mask(self, module: Module) -> Tensor:
        """The parameter with the mask applied."""
        assert self._tensor_name is not None, f"Module {module} has to be pruned"
        mask, orig = getattr(module, self._tensor_name + "_mask"), getattr(module, self._tensor_name + "_orig")
        return mask.to(dtype=orig.dtype) * orig  # type: ignore[no-any-return]  # a Tensor

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any
    ) -> BasePruningMethod:
        """Prune `module`'s parameter `name`, on top of what is pruned already; args, kwargs: for the method.

        importance_scores: what to judge by instead of the parameter, in its shape.
        """
        method: BasePruningMethod = cls(*args, **kwargs)
        method._tensor_name = name
        before = _hook_of(module, name)
        if before is not None:
            known = before[1]
            method = PruningContainer(*(known if isinstance(known, PruningContainer) else (known,)), method)
        orig = getattr(module, name)
        scores = orig if importance_scores is None else importance_scores
        assert scores.shape == orig.shape, (
            f"importance_scores should have the same shape as parameter {name} of {module}"
        )
        mask = ones_like(orig) if before is None else getattr(module, name + "_mask")
        mask = method.compute_mask(
            scores.detach(), default_mask=mask.detach().clone()
        )  # it may raise: nothing is done yet
        if before is None:
            module.register_parameter(name + "_orig", orig)
            del module._parameters[name]
        else:
            del module._forward_pre_hooks[before[0]]
        module.register_buffer(name + "_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """`t` pruned, without a module."""
        scores = t if importance_scores is None else importance_scores
        assert scores.shape == t.shape, "importance_scores should have the same shape as tensor t"
        return t * self.compute_mask(scores, default_mask=ones_like(t) if default_mask is None else default_mask)

    def remove(self, module: Module) -> None:
        """Make the pruning of `module` permanent: the parameter is a parameter again, with zeros."""
        name = self._tensor_name
        assert name is not None, f"Module {module} has to be pruned before pruning can be removed"
        weight = self.apply_mask(module)
        if hasattr(module, name):
            delattr(module, name)
        orig: Any = module._parameters.pop(name + "_orig")
        orig.data = weight.data
        del module._buffers[name + "_mask"]
        setattr(module, name, orig)


class PruningContainer(BasePruningMethod):
    """Several methods on one parameter, one after the other.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.prune.PruningContainer.html
    """

    def __init__(self, *args: BasePruningMethod) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        if args:
            self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod | None) -> None:
        """Add a method for the same parameter.

        Raises: TypeError for another object, ValueError for a method of another parameter.
        """
        if method is not None and not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method is None:
            return
        if self._tensor_name != method._tensor_name:
            raise ValueError(
                "Can only add pruning methods acting on the parameter named "
                f"'{self._tensor_name}' to PruningContainer {self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, index: int) -> BasePruningMethod:
        return self._pruning_methods[index]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask with the last method applied to what the ones before it left."""
        method = self._pruning_methods[-1]
        mask = default_mask.to(dtype=t.dtype).clone()
        where = _still_there(method, default_mask)
        mask[where] = method.compute_mask(t[where], default_mask=default_mask[where]).to(dtype=mask.dtype)
        return mask


def _still_there(method: BasePruningMethod, mask: Tensor) -> Indices:
    """What a method sees of a tensor with this mask."""
    kind, dims = method.PRUNING_TYPE, mask.dim()
    if kind == "unstructured":
        return (mask == 1,)
    everything = [slice(None)] * dims
    if kind == "global":
        return tuple(everything)
    if kind != "structured":
        raise ValueError(f"Unrecognized PRUNING_TYPE {kind}")
    dim: int = method.dim  # type: ignore[attr-defined]  # structured methods have one
    if not -dims <= dim < dims:
        raise IndexError(f"Index is out of bounds for tensor with dimensions {dims}")
    dim %= dims
    kept = mask.sum(dim=[d for d in range(dims) if d != dim]) != 0
    return (*everything[:dim], kept, *everything[dim + 1 :])


class Identity(BasePruningMethod):
    """Prunes nothing: gives a parameter its mask of ones.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.prune.Identity.html
    """

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask


class _Unstructured(BasePruningMethod):
    """Prunes `amount` entries (a share, or a number of them)."""

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: float) -> None:
        _check_kind_of_amount(amount)
        self.amount = amount

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        n = _number(self.amount, t.numel())
        mask = default_mask.clone()
        if n:
            mask.view(-1)[self._scores(t).reshape(-1).topk(n, largest=False).indices] = 0
        return mask

    def _scores(self, t: Tensor) -> Tensor:
        """The entries with the smallest scores are pruned."""
        raise NotImplementedError


class RandomUnstructured(_Unstructured):
    """Prunes entries at random.

    Args:
        amount: a share in [0, 1], or a number of entries.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.prune.RandomUnstructured.html
    """

    def _scores(self, t: Tensor) -> Tensor:
        return -rand_like(t)


class L1Unstructured(_Unstructured):
    """Prunes the entries with the smallest absolute values.

    Args:
        amount: a share in [0, 1], or a number of entries.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.prune.L1Unstructured.html
    """

    def _scores(self, t: Tensor) -> Tensor:
        return t.abs()


class _Structured(BasePruningMethod):
    """Prunes `amount` channels along `dim`."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, dim: int = -1) -> None:
        _check_kind_of_amount(amount)
        self.amount = amount
        self.dim = dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if t.dim() <= 1:
            raise ValueError(
                "Structured pruning can only be applied to multidimensional tensors. Found tensor of shape "
                f"{t.shape} with {t.dim()} dims"
            )
        if self.dim >= t.dim():
            raise IndexError(f"Invalid index {self.dim} for tensor of size {t.shape}")
        channels = t.shape[self.dim]
        n = _number(self.amount, channels)
        if not n:
            return default_mask
        dim = self.dim % t.dim()
        mask = zeros_like(t)
        mask[(*[slice(None)] * dim, self._scores(t, dim).topk(channels - n).indices)] = 1
        return mask * default_mask.to(dtype=mask.dtype)

    def _scores(self, t: Tensor, dim: int) -> Tensor:
        """One score for each channel; those with the smallest are pruned."""
        raise NotImplementedError


class RandomStructured(_Structured):
    """Prunes channels at random.

    Args:
        amount: a share in [0, 1], or a number of channels.
        dim: the dimension of the channels.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.prune.RandomStructured.html
    """

    def _scores(self, t: Tensor, dim: int) -> Tensor:
        return rand(t.shape[dim])


class LnStructured(_Structured):
    """Prunes the channels with the smallest norms.

    Args:
        amount: a share in [0, 1], or a number of channels.
        n: order of the norm, as `p` of `kilnn.norm`.
        dim: the dimension of the channels.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.prune.LnStructured.html
    """

    def __init__(self, amount: float, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def _scores(self, t: Tensor, dim: int) -> Tensor:
        return norm(t, p=self.n, dim=[d for d in range(t.dim()) if d != dim])


class CustomFromMask(BasePruningMethod):
    """Prunes what a mask says.

    Args:
        mask: in the shape of the parameter.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.prune.CustomFromMask.html
    """

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        assert default_mask.shape == self.mask.shape
        return default_mask * self.mask.to(dtype=default_mask.dtype)


def identity(module: Module, name: str) -> Module:
    """Give the parameter a mask of ones.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.prune.identity.html
    """
    Identity.apply(module, name)
    return module


def random_unstructured(module: Module, name: str, amount: float) -> Module:
    """Prune entries at random.

    Args:
        amount: a share in [0, 1], or a number of entries.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.prune.random_unstructured.html
    """
    RandomUnstructured.apply(module, name, amount=amount)
    return module


def l1_unstructured(module: Module, name: str, amount: float, importance_scores: Tensor | None = None) -> Module:
    """Prune the entries with the smallest absolute values.

    Args:
        amount: a share in [0, 1], or a number of entries.
        importance_scores: what to judge by instead of the parameter.

    Example:
        >>> import kilnn
        >>> layer = kilnn.nn.utils.prune.l1_unstructured(kilnn.nn.Linear(2, 3), "weight", amount=0.5)
        >>> int((layer.weight == 0).sum())
        3

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.prune.l1_unstructured.html
    """
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount: float, dim: int) -> Module:
    """Prune channels along `dim` at random.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.prune.random_structured.html
    """
    RandomStructured.apply(module, name, amount=amount, dim=dim)
    return module


def ln_structured(
    module: Module, name: str, amount: float, n: Any, dim: int, importance_scores: Tensor | None = None
) -> Module:
    """Prune the channels along `dim` with the smallest norms of order `n`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.prune.ln_structured.html
    """
    LnStructured.apply(module, name, amount=amount, n=n, dim=dim, importance_scores=importance_scores)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: dict[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune several parameters as if they were one.

    Args:
        parameters: (module, name) pairs.
        pruning_method: an unstructured one; kwargs are its arguments.
        importance_scores: (module, name) -> what to judge by instead of the parameter.

    Raises: TypeError for parameters that are no iterable, scores that are no dict, and structured methods.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.prune.global_unstructured.html
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    parameters = list(parameters)
    scores = {} if importance_scores is None else importance_scores
    if not isinstance(scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    method: Any = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. '
            f"Found method {pruning_method} of type {method.PRUNING_TYPE}"
        )
    judged: list[Tensor] = []
    masks: list[Tensor] = []
    for module, name in parameters:
        own = getattr(module, name)
        judged.append(scores.get((module, name), own).detach())
        masks.append(getattr(module, name + "_mask") if hasattr(module, name + "_mask") else ones_like(own))
    method._tensor_name = "all of them"
    whole = PruningContainer(method).compute_mask(parameters_to_vector(judged), parameters_to_vector(masks).detach())
    first = 0
    for module, name in parameters:
        own = getattr(module, name)
        custom_from_mask(module, name, whole[first : first + own.numel()].view_as(own))
        first += own.numel()


def custom_from_mask(module: Module, name: str, mask: Tensor) -> Module:
    """Prune what a mask in the parameter's shape says.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.prune.custom_from_mask.html
    """
    CustomFromMask.apply(module, name, mask)
    return module


def remove(module: Module, name: str) -> Module:
    """Make the pruning of a parameter permanent.

    Raises: ValueError when it is not pruned.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.prune.remove.html
    """
    found = _hook_of(module, name)
    if found is None:
        raise ValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed.")
    key, method = found
    method.remove(module)
    del module._forward_pre_hooks[key]
    return module


def is_pruned(module: Module) -> bool:
    """Whether a parameter of the module or of one inside it is pruned.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.prune.is_pruned.html
    """
    return any(isinstance(hook, BasePruningMethod) for m in module.modules() for _, hook in _hooks_of(m))


def _hook_of(module: Module, name: str) -> tuple[int, BasePruningMethod] | None:
    """The pruning method of a parameter and its number among the hooks."""
    for key, hook in _hooks_of(module):
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            return key, hook
    return None


def _hooks_of(module: Module) -> list[tuple[int, Any]]:
    """Those before forward. Asking for the table itself would make one, and calls of the module slower."""
    return list(module._hooks.pre.items()) if module._hooks is not None else []


def _check_kind_of_amount(amount: Any) -> None:
    if not isinstance(amount, numbers.Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    if float(amount) < 0 or (not isinstance(amount, numbers.Integral) and float(amount) > 1):
        raise ValueError(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")


def _number(amount: float, size: int) -> int:
    """How many of `size` are pruned."""
    if not isinstance(amount, numbers.Integral):
        return round(amount * size)
    if amount > size:
        raise ValueError(f"amount={amount} should be smaller than the number of parameters to prune={size}")
    return int(amount)
