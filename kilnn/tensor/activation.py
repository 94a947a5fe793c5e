"""Tensor methods: activations."""

from __future__ import annotations

from kilnn.tensor.functions import activation


class ActivationMethods:
    """relu, softmax, log_softmax."""

    __slots__ = ()

    relu = activation.relu
    relu_ = activation.relu_
    softmax = activation.softmax
    log_softmax = activation.log_softmax
