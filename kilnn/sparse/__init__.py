"""kilnn.sparse: sparse tensors in coordinate form."""

from kilnn.tensor.functions.sparse import addmm as addmm, mm as mm, sum as sum
from kilnn.tensor.sparse import SparseTensor as SparseTensor
