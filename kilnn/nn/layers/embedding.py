"""Embedding."""

from __future__ import annotations

from typing import Any

from kilnn.engine.grad_mode import no_grad
from kilnn.nn import functional as F, init
from kilnn.nn.module import Module
from kilnn.nn.parameter import Parameter
from kilnn.tensor.create import empty
from kilnn.tensor.tensor import Tensor


class Embedding(Module):
    """A table of vectors, looked up by whole numbers.

    Args:
        num_embeddings: number of rows.
        embedding_dim: length of a row.
        padding_idx: the row that stays zero and gets no gradient; negative ones count from the end.
        max_norm, norm_type, scale_grad_by_freq: see `kilnn.nn.functional.embedding`.
        sparse: False only.

    Shape: (...) of whole numbers to (..., embedding_dim).

    Attributes: `weight` (num_embeddings, embedding_dim), standard normal at first.

    Example:
        >>> import kilnn
        >>> kilnn.nn.Embedding(10, 3)(kilnn.tensor([[1, 2, 4]])).shape
        kilnn.Size([1, 3, 3])

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Embedding.html
    """

    weight: Tensor

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, max_norm: float | None = None,
        norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False, _weight: Tensor | None = None,
        _freeze: bool = False, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if sparse:
            raise NotImplementedError("sparse gradients are not supported; leave sparse=False")
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise AssertionError("Padding_idx must be within num_embeddings")
            padding_idx %= num_embeddings
        self.padding_idx = padding_idx
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        if _weight is None:
            made = empty((num_embeddings, embedding_dim), device=device, dtype=dtype)
            self.weight = Parameter(made, requires_grad=not _freeze)
            self.reset_parameters()
        else:
            if list(_weight.shape) != [num_embeddings, embedding_dim]:
                raise AssertionError("Shape of weight does not match num_embeddings and embedding_dim")
            self.weight = Parameter(_weight, requires_grad=not _freeze)

    def reset_parameters(self) -> None:
        """Draw initial values again."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].fill_(0)

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse
        )

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.padding_idx is not None:
            text += f", padding_idx={self.padding_idx}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq is not False:
            text += f", scale_grad_by_freq={self.scale_grad_by_freq}"
        return text

    @classmethod
    def from_pretrained(
        cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None, max_norm: float | None = None,
        norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False,
    ) -> Embedding:  # fmt: skip
        """A layer around an existing table (num_embeddings, embedding_dim); `freeze` keeps it as it is.

        Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.Embedding.html#torch.nn.Embedding.from_pretrained
        """
        if embeddings.dim() != 2:
            raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
        rows, width = embeddings.shape
        return cls(rows, width, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, embeddings, freeze)
