"""Outputs of an autograd.Function that are no tensors."""

import torch

import kilnn


def gradients_received(T):
    received = []

    class Several(T.autograd.Function):
        @staticmethod
        def forward(ctx, x, number):
            return x * 2, number, None, x * 3

        @staticmethod
        def backward(ctx, *grads):
            received.extend(None if g is None else g.tolist() for g in grads)
            return grads[0] * 2 + grads[3] * 3, None

    x = T.ones(2, requires_grad=True)
    a, number, nothing, b = Several.apply(x, 5)
    (a.sum() + b.sum() * 2).backward()
    return received, number, nothing, x.grad.tolist()


def test_backward_gets_none_for_outputs_that_are_no_tensors():
    assert gradients_received(kilnn) == gradients_received(torch)
    assert gradients_received(kilnn)[0] == [[1.0, 1.0], None, None, [2.0, 2.0]]
