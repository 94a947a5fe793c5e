"""The named tuples that operations with several results return."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor


class max(NamedTuple):
    """The largest elements along a dimension, and where they are."""

    values: Tensor
    indices: Tensor


class min(NamedTuple):
    """The smallest elements along a dimension, and where they are."""

    values: Tensor
    indices: Tensor


class median(NamedTuple):
    """The lower medians along a dimension, and where they are."""

    values: Tensor
    indices: Tensor


class kthvalue(NamedTuple):
    """The k-th smallest elements along a dimension, and where they are."""

    values: Tensor
    indices: Tensor


class sort(NamedTuple):
    """Sorted elements, and where they were."""

    values: Tensor
    indices: Tensor


class topk(NamedTuple):
    """The k largest or smallest elements, and where they are."""

    values: Tensor
    indices: Tensor


class cummax(NamedTuple):
    """The largest elements so far, and where they are."""

    values: Tensor
    indices: Tensor


class cummin(NamedTuple):
    """The smallest elements so far, and where they are."""

    values: Tensor
    indices: Tensor


class aminmax(NamedTuple):
    """The smallest and the largest elements."""

    min: Tensor
    max: Tensor
