"""kilnn.masked: tensors some of whose elements are not there."""

from kilnn.masked.masked_tensor import (
    MaskedTensor as MaskedTensor,
    as_masked_tensor as as_masked_tensor,
    is_masked_tensor as is_masked_tensor,
    masked_tensor as masked_tensor,
)
from kilnn.masked.reductions import (
    amax as amax,
    amin as amin,
    argmax as argmax,
    argmin as argmin,
    log_softmax as log_softmax,
    mean as mean,
    prod as prod,
    softmax as softmax,
    sum as sum,
)
