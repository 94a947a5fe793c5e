"""Batch normalisation folded into the layer before it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from kilnn.engine.grad_mode import no_grad
from kilnn.nn.module import Module
from kilnn.nn.parameter import Parameter
from kilnn.tensor.create import ones_like, zeros_like
from kilnn.tensor.tensor import Tensor


def _evaluating(layer: Module, bn: Module) -> None:
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval! Call eval() on both modules first.")


def _folded(
    weight: Tensor, bias: Tensor | None, mean: Tensor, var: Tensor, eps: float, gain: Tensor | None,
    shift: Tensor | None, shape: tuple[int, ...],
) -> tuple[Parameter, Parameter]:  # fmt: skip
    with no_grad():
        bias = zeros_like(mean) if bias is None else bias
        gain = ones_like(mean) if gain is None else gain
        shift = zeros_like(mean) if shift is None else shift
        factor = gain * (var + eps).rsqrt()
        made = (weight * factor.reshape(shape)).to(weight.dtype), ((bias - mean) * factor + shift).to(bias.dtype)
    return Parameter(made[0], weight.requires_grad), Parameter(made[1], bias.requires_grad)


def fuse_conv_bn_weights(
    conv_w: Tensor, conv_b: Tensor | None, bn_rm: Tensor, bn_rv: Tensor, bn_eps: float, bn_w: Tensor | None,
    bn_b: Tensor | None, transpose: bool = False,
) -> tuple[Parameter, Parameter]:  # fmt: skip
    """(weight, bias) of the convolution that does what convolution and batch normalisation in evaluation do.

    Args:
        conv_w, conv_b: of the convolution.
        bn_rm, bn_rv, bn_eps, bn_w, bn_b: running mean and variance, eps, weight and bias of the normalisation.
        transpose: the convolution is a transposed one.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.fuse_conv_bn_weights.html
    """
    rest = (1,) * (conv_w.dim() - 2)
    return _folded(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, (1, -1, *rest) if transpose else (-1, 1, *rest))


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """A copy of a convolution that does what it and the batch normalisation after it do in evaluation.

    Args:
        conv, bn: the two, both in evaluation mode.
        transpose: the convolution is a transposed one.

    Raises: AssertionError when one of them is training.

    Example:
        >>> import kilnn
        >>> conv, bn = kilnn.nn.Conv1d(2, 3, 1).eval(), kilnn.nn.BatchNorm1d(3).eval()
        >>> kilnn.nn.utils.fuse_conv_bn_eval(conv, bn)
        Conv1d(2, 3, kernel_size=(1,), stride=(1,))

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.fuse_conv_bn_eval.html
    """
    _evaluating(conv, bn)
    made = deepcopy(conv)
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn must have running statistics (track_running_stats=True) to be fused")
    made.weight, made.bias = fuse_conv_bn_weights(
        made.weight, made.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias, transpose
    )
    return made


def fuse_linear_bn_weights(
    linear_w: Tensor, linear_b: Tensor | None, bn_rm: Tensor, bn_rv: Tensor, bn_eps: float, bn_w: Tensor, bn_b: Tensor
) -> tuple[Parameter, Parameter]:
    """(weight, bias) of the linear layer that does what a linear layer and batch normalisation in evaluation do.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.fuse_linear_bn_weights.html
    """
    return _folded(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, (-1, 1))


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """A copy of a linear layer that does what it and the batch normalisation after it do in evaluation.

    Raises: AssertionError when one of them is training, or when their sizes do not fit.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.fuse_linear_bn_eval.html
    """
    _evaluating(linear, bn)
    made = deepcopy(linear)
    if bn.num_features not in (1, linear.out_features):
        raise AssertionError("To fuse, linear.out_features == bn.num_features or bn.num_features == 1")
    made.weight, made.bias = fuse_linear_bn_weights(
        made.weight, made.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    return made
