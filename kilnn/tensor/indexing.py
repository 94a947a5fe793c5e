"""Tensor methods: x[...], and reading and writing by position."""

from __future__ import annotations

from typing import Any

from kilnn.tensor.functions import indexing, subscripts


class IndexingMethods:
    """Indexing."""

    __slots__ = ()

    __getitem__ = subscripts.getitem
    __setitem__ = subscripts.setitem

    index_select = indexing.index_select
    gather = indexing.gather
    scatter = indexing.scatter
    scatter_add = indexing.scatter_add
    take_along_dim = indexing.take_along_dim
    take = indexing.take
    masked_select = indexing.masked_select
    masked_scatter = indexing.masked_scatter
    nonzero = indexing.nonzero
    argwhere = indexing.argwhere
    index_add = indexing.index_add
    index_copy = indexing.index_copy
    index_fill = indexing.index_fill
    index_put = indexing.index_put
    select_scatter = indexing.select_scatter
    slice_scatter = indexing.slice_scatter
    unique = indexing.unique
    unique_consecutive = indexing.unique_consecutive
    bincount = indexing.bincount
    histc = indexing.histc

    def __delitem__(self, key: Any) -> None:
        raise TypeError("Tensor does not support deleting items")
