"""What autocast does with an operation: PyTorch's lists for its CPU and CUDA backends, by kilnn's names.

"lower": floating operands are cast to autocast's dtype. "float32": 16-bit ones are cast to float32. Others compute in
what they are given. float64 is never cast.
"""

from __future__ import annotations

from typing import Literal

Policy = Literal["lower", "float32"]

_LOWER = (
    "mm", "bmm", "matmul", "addmm", "addmm_scaled", "baddbmm", "baddbmm_scaled", "linear", "conv", "conv_transpose",
    "attention", "rnn", "lstm",
)  # fmt: skip
_LOSSES = (
    "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div", "nll_loss", "cross_entropy", "soft_cross_entropy",
    "binary_cross_entropy_with_logits", "multi_margin_loss", "multilabel_margin_loss",
)  # fmt: skip
_LOWER_ON = {"cpu": frozenset((*_LOWER, "prelu")), "cuda": frozenset((*_LOWER, "prelu", "mv", "gru"))}
_FLOAT32_ON = {
    "cpu": frozenset(
        (*_LOSSES, "binary_cross_entropy", "prod", "pad_edges", "ctc_loss", "grid_sample", "fractional_max_pool",
         "max_unpool")
    ),
    "cuda": frozenset(
        (*_LOSSES, "prod", "acos", "asin", "cosh", "erfinv", "exp", "expm1", "log", "log10", "log2", "log1p",
         "reciprocal", "rsqrt", "sinh", "tan", "pow", "pow_static", "softplus", "layer_norm", "group_norm", "norm",
         "softmax", "log_softmax", "cumprod", "cumsum", "sum", "renorm_rows", "rms_norm", "logsumexp")
    ),
}  # fmt: skip


def policies_of(name: str) -> dict[str, Policy] | None:
    """Device type -> word for one operation; None if no list has it."""
    found: dict[str, Policy] = {}
    for device in ("cpu", "cuda"):
        if name in _LOWER_ON[device]:
            found[device] = "lower"
        elif name in _FLOAT32_ON[device]:
            found[device] = "float32"
    return found or None
