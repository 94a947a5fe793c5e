"""From a list of samples to a batch: the structure of a sample is kept, its leaves are stacked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping, MutableSequence, Sequence
from copy import copy
from typing import Any, Final

import numpy as np

from kilnn.base.dtypes import float64
from kilnn.data import feed

Rule = Callable[..., Any]
Rules = Mapping[type | tuple[type, ...], Rule]

_NO_NUMBERS: Final = "SaUO"  # NumPy's kinds for text, bytes and objects


def _refuse(kind: object) -> TypeError:
    return TypeError(
        f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {kind}"
    )


def _stack_tensors(batch: Sequence[Any], *, collate_fn_map: Rules | None = None) -> Any:
    return feed.stack(batch)


def _stack_arrays(batch: Sequence[Any], *, collate_fn_map: Rules | None = None) -> Any:
    if batch[0].dtype.kind in _NO_NUMBERS:
        raise _refuse(batch[0].dtype.str)
    return feed.stack(batch)


def _scalars(batch: Sequence[Any], *, collate_fn_map: Rules | None = None) -> Any:
    return feed.from_array(np.array(batch))


def _floats(batch: Sequence[Any], *, collate_fn_map: Rules | None = None) -> Any:
    return feed.from_numbers(batch, float64)


def _integers(batch: Sequence[Any], *, collate_fn_map: Rules | None = None) -> Any:
    return feed.from_numbers(batch)


def _unchanged(batch: Sequence[Any], *, collate_fn_map: Rules | None = None) -> Any:
    return batch


default_collate_fn_map: dict[type | tuple[type, ...], Rule] = {
    feed.Tensor: _stack_tensors,
    np.ndarray: _stack_arrays,
    (np.bool_, np.number): _scalars,
    float: _floats,
    int: _integers,
    str: _unchanged,
    bytes: _unchanged,
}


def collate(batch: Sequence[Any], *, collate_fn_map: Rules | None = None) -> Any:
    """Collate by rules: the type of the first sample, or a base class of it, picks the rule for the leaves.

    Args:
        batch: the samples.
        collate_fn_map: type (or tuple of types) -> function of `(batch, *, collate_fn_map)`; first match wins.

    Returns: what the rule returns; containers are rebuilt around it (a plain tuple becomes a list, as in PyTorch).

    Raises: TypeError for a leaf without a rule, RuntimeError for sequences of unequal lengths.

    Example:
        >>> from kilnn.data.collate import collate
        >>> join = lambda batch, collate_fn_map: "".join(batch)
        >>> collate([{"word": "a"}, {"word": "b"}], collate_fn_map={str: join})
        {'word': 'ab'}

    Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data._utils.collate.collate
    """
    first = batch[0]
    rule = _find_rule(first, collate_fn_map)
    if rule is not None:
        return rule(batch, collate_fn_map=collate_fn_map)

    def again(part: Sequence[Any]) -> Any:
        return collate(part, collate_fn_map=collate_fn_map)

    if isinstance(first, Mapping):
        return _rebuild_mapping(first, {key: again([sample[key] for sample in batch]) for key in first})
    if not isinstance(first, Sequence):
        raise _refuse(type(first))
    if not _is_namedtuple(first) and any(len(sample) != len(first) for sample in batch):
        raise RuntimeError("each element in list of batch should be of equal size")
    return _rebuild_sequence(first, [again(part) for part in zip(*batch, strict=False)])


def _find_rule(sample: object, rules: Rules | None) -> Rule | None:
    if rules is None:
        return None
    exact = rules.get(type(sample))
    if exact is not None:
        return exact
    return next((rule for kind, rule in rules.items() if isinstance(sample, kind)), None)


def _is_namedtuple(x: object) -> bool:
    return isinstance(x, tuple) and hasattr(x, "_fields")


def _rebuild_mapping(like: Mapping[Any, Any], entries: dict[Any, Any]) -> Any:
    # A mapping may carry more than its entries (a default factory, an order): it is copied where that is possible.
    try:
        if isinstance(like, MutableMapping):
            twin = copy(like)
            twin.update(entries)
            return twin
        return type(like)(entries)  # type: ignore[call-arg]  # most mappings take a dict; the rest raise
    except TypeError:
        return entries


def _rebuild_sequence(like: Sequence[Any], parts: list[Any]) -> Any:
    if _is_namedtuple(like):
        return type(like)(*parts)
    if isinstance(like, tuple):
        return parts
    try:
        if isinstance(like, MutableSequence):
            twin = copy(like)
            for place, part in enumerate(parts):
                twin[place] = part
            return twin
        return type(like)(parts)  # type: ignore[call-arg]  # most sequences take a list; the rest raise
    except TypeError:
        return parts


def default_collate(batch: Sequence[Any]) -> Any:
    """Stack samples into a batch, leaf by leaf.

    Tensors, arrays and NumPy scalars gain a first dimension of the batch's size; floats become float64, ints int64;
    text and bytes stay lists; dicts, named tuples and sequences are rebuilt around their batched parts.

    Args:
        batch: the samples, all of one structure.

    Returns: a tensor or a structure of tensors; a plain tuple sample gives a list.

    Raises: TypeError for other leaves, RuntimeError for parts of unequal sizes.

    Example:
        >>> from kilnn.data import default_collate
        >>> default_collate([{"x": 1, "name": "a"}, {"x": 2, "name": "b"}])["name"]
        ['a', 'b']

    Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.default_collate
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)


def default_convert(data: Any) -> Any:
    """Turn the NumPy arrays and scalars inside one sample into tensors; leave everything else as it is.

    Args:
        data: a sample.

    Returns: the sample with tensors; a plain tuple becomes a list, as in PyTorch.

    Example:
        >>> from kilnn.data import default_convert
        >>> default_convert({"x": 0, "name": "a"})
        {'x': 0, 'name': 'a'}

    Source: https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.default_convert
    """
    if feed.is_tensor(data) or isinstance(data, str | bytes):
        return data
    if isinstance(data, np.ndarray | np.generic):
        return data if data.dtype.kind in _NO_NUMBERS else feed.from_array(np.asarray(data))
    if isinstance(data, Mapping):
        return _rebuild_mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, Sequence):
        return _rebuild_sequence(data, _convert_all(data))
    return data


def _convert_all(parts: Iterable[Any]) -> list[Any]:
    return [default_convert(part) for part in parts]
