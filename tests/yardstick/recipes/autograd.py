"""Gradients: modes, grad, Function."""

from tests.yardstick.kit import matrix, square


def _grad(T):
    x = matrix(T, requires_grad=True)
    y = x.square()
    (first,) = T.autograd.grad(
        outputs=y, inputs=x, grad_outputs=T.ones_like(y), create_graph=True, retain_graph=True, allow_unused=False
    )
    (second,) = T.autograd.grad(first.sum(), x)
    return [first.detach(), second]


def _function(T):
    class Double(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 2 + x

    x = matrix(T, requires_grad=True)
    Double.apply(x).sum().backward()
    return x.grad


def _modes(T, mode):
    x = matrix(T, requires_grad=True)
    with mode:
        inside = (x * 2).requires_grad
    return [inside, (x * 2).requires_grad, T.is_grad_enabled()]


def _backward(T):
    x = matrix(T, requires_grad=True)
    y = square(T).requires_grad_()
    T.autograd.backward([x.sum(), (y * 2).sum()], inputs=[x])
    return [x.grad, y.grad]


RECIPES = {
    "torch.no_grad": lambda T: _modes(T, T.no_grad()),
    "torch.enable_grad": lambda T: _modes(T, T.enable_grad()),
    "torch.inference_mode": lambda T: _modes(T, T.inference_mode()),
    "torch.set_grad_enabled": lambda T: _modes(T, T.set_grad_enabled(False)),
    "torch.is_grad_enabled": lambda T: T.is_grad_enabled(),
    "torch.autograd.Variable": lambda T: [
        T.autograd.Variable(matrix(T), requires_grad=True),
        isinstance(matrix(T), T.autograd.Variable),
    ],
    "torch.autograd.grad": _grad,
    "torch.autograd.backward": _backward,
    "torch.autograd.Function": _function,
    "torch.autograd.gradcheck": lambda T: T.autograd.gradcheck(
        lambda x: (x * x).sum(), matrix(T).double().requires_grad_(), eps=1e-6, atol=1e-4
    ),
    "torch.nn.utils.clip_grad_norm_": lambda T: _clipped(T),
}


def _clipped(T):
    w = T.nn.Parameter(matrix(T))
    w.square().sum().backward()
    total = T.nn.utils.clip_grad_norm_([w], max_norm=1.0, norm_type=2.0, error_if_nonfinite=False)
    return [total, w.grad]
