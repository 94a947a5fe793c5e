"""Custom autograd.Functions: straight-through sign, a polynomial with saved tensors, gradient reversal, gradcheck."""

import math

import torch
from torch import nn
from torch.autograd import Function


class LegendrePolynomial3(torch.autograd.Function):
    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return 0.5 * (5 * input**3 - 3 * input)

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        return grad_output * 1.5 * (5 * input**2 - 1)


class BinarizeSTE(Function):
    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return input.sign()

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        grad_input = grad_output.clone()
        grad_input[input.abs() > 1] = 0
        return grad_input


class ReverseLayerF(Function):
    @staticmethod
    def forward(ctx, x, alpha):
        ctx.alpha = alpha
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output.neg() * ctx.alpha, None


class BinaryLinear(nn.Linear):
    def forward(self, x):
        return nn.functional.linear(x, BinarizeSTE.apply(self.weight), self.bias)


torch.manual_seed(3)
x = torch.linspace(-math.pi, math.pi, 500)
y = torch.sin(x)
a, b, c, d = (torch.full((), v, requires_grad=True) for v in (0.0, -1.0, 0.0, 0.3))
P3 = LegendrePolynomial3.apply
for t in range(60):
    y_pred = a + b * P3(c + d * x)
    loss = (y_pred - y).pow(2).sum()
    if t % 20 == 19:
        print(t, round(loss.item(), 3))
    loss.backward()
    with torch.no_grad():
        for p in (a, b, c, d):
            p -= 5e-6 * p.grad
            p.grad = None
print(f"Result: y = {a.item():.4f} + {b.item():.4f} * P3({c.item():.4f} + {d.item():.4f} x)")

net = nn.Sequential(BinaryLinear(8, 16), nn.BatchNorm1d(16), nn.Hardtanh(), BinaryLinear(16, 3))
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
data, target = torch.randn(48, 8), torch.randint(0, 3, (48,))
for step in range(10):
    loss = nn.functional.cross_entropy(net(data), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    for m in net:
        if isinstance(m, BinaryLinear):
            m.weight.data.clamp_(-1, 1)
print(f"binary {loss.item():.3f}")

features, label_head, domain_head = nn.Linear(8, 8), nn.Linear(8, 3), nn.Linear(8, 2)
params = [*features.parameters(), *label_head.parameters(), *domain_head.parameters()]
optimizer = torch.optim.SGD(params, lr=0.1)
domain = (torch.arange(48) < 24).long()
for step in range(10):
    alpha = 2.0 / (1.0 + math.exp(-10 * step / 10)) - 1
    h = torch.tanh(features(data))
    loss = nn.functional.cross_entropy(label_head(h), target)
    loss = loss + nn.functional.cross_entropy(domain_head(ReverseLayerF.apply(h, alpha)), domain)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"reversed {loss.item():.4f}")
print(torch.autograd.gradcheck(P3, (torch.randn(4, dtype=torch.float64, requires_grad=True),)))
