"""Your own operation: `autograd.Function` with forward and backward, checked by `gradcheck`.

You learn when you need one (a gradient that is not the formula's, or a better formula than the chain rule's), how
to save tensors for backward, and how to test what you wrote. The last part trains a network whose activations are
plus or minus one.
"""

import kilnn
from kilnn import nn, optim
from kilnn.autograd import Function, gradcheck
from kilnn.nn import functional as F

kilnn.manual_seed(0)


class LogCosh(Function):
    """log(cosh(x)), a smooth |x|. exp(x) would overflow in cosh; the gradient is simply tanh(x)."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        size = x.abs()
        return size + kilnn.log1p(kilnn.exp(-2 * size)) - 0.6931471805599453

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * kilnn.tanh(x)  # vector-Jacobian product: one result for each argument of forward


x = kilnn.tensor([-1000.0, -1.0, 0.5, 1000.0], requires_grad=True)
LogCosh.apply(x).sum().backward()
print("naive:   ", kilnn.log(kilnn.cosh(x)).tolist())
print("LogCosh: ", LogCosh.apply(x).tolist())
print("gradient:", [round(g, 4) for g in x.grad.tolist()])

# gradcheck compares backward with finite differences; it wants float64.
inputs = kilnn.randn(5, dtype=kilnn.float64, requires_grad=True)
assert gradcheck(LogCosh.apply, (inputs,))


class Wrong(LogCosh):
    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * kilnn.tanh(x) * 1.1


try:
    gradcheck(Wrong.apply, (inputs,))
except RuntimeError as error:
    print("gradcheck of a wrong backward:", str(error).splitlines()[0].rstrip(":,"))


class ClipGradient(Function):
    """The identity, with its gradient clamped to plus or minus `limit`: arguments that are no tensors get None."""

    @staticmethod
    def forward(ctx, x, limit):
        ctx.limit = limit
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output.clamp(-ctx.limit, ctx.limit), None


z = kilnn.tensor([0.1, 1.0, 10.0], requires_grad=True)
(ClipGradient.apply(z, 1.5) ** 2).sum().backward()
print("2 z, clamped to 1.5:", z.grad.tolist())


# The sign function is flat: its true gradient is zero everywhere, and nothing before it would learn. The
# straight-through estimator pretends in backward that it was the identity wherever |x| <= 1.
class Sign(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return kilnn.where(x >= 0, 1.0, -1.0)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * (x.abs() <= 1)


class BinaryNet(nn.Module):
    """Between the two layers only plus and minus one get through."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(2, 64)
        self.out = nn.Linear(64, 1)

    def forward(self, x):
        return self.out(Sign.apply(self.hidden(x))).squeeze(1)


points = kilnn.rand(512, 2) * 4 - 2
inside = (points.norm(dim=1) < 1.2).float()  # is the point in the circle?
model = BinaryNet()
optimizer = optim.Adam(model.parameters(), lr=0.02)
for step in range(301):
    optimizer.zero_grad()
    scores = model(points)
    loss = F.binary_cross_entropy_with_logits(scores, inside)
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        accuracy = ((scores > 0) == (inside > 0)).float().mean().item()
        print(f"step {step:3d}  loss {loss.item():.3f}  accuracy {accuracy:.1%}")
