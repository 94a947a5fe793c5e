"""MAML on sine waves: inner steps on manual parameters, second-order outer step; again with functional_call."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

torch.manual_seed(0)


def task(k=10):
    amplitude, phase = torch.rand(1) * 4.9 + 0.1, torch.rand(1) * math.pi

    def sample():
        x = torch.rand(k, 1) * 10 - 5
        return x, amplitude * torch.sin(x - phase)

    return sample(), sample()


class MetaNet:
    def __init__(self):
        self.weights = [
            torch.empty(20, 1).uniform_(-1, 1).requires_grad_(),
            torch.zeros(20, requires_grad=True),
            torch.nn.Parameter(torch.randn(1, 20) * 0.2),
            torch.zeros(1, requires_grad=True),
        ]

    @staticmethod
    def forward(x, w):
        return F.linear(F.relu(F.linear(x, w[0], w[1])), w[2], w[3])

    def parameters(self):
        return self.weights


net = MetaNet()
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for iteration in range(12):
    outer = 0.0
    for _ in range(3):
        (x_s, y_s), (x_q, y_q) = task()
        fast = list(net.parameters())
        for _ in range(2):
            loss = F.mse_loss(net.forward(x_s, fast), y_s)
            grads = torch.autograd.grad(loss, fast, create_graph=True)
            fast = [w - 0.01 * g for w, g in zip(fast, grads)]
        outer = outer + F.mse_loss(net.forward(x_q, fast), y_q)
    opt.zero_grad()
    (outer / 3).backward()
    opt.step()
    if iteration % 4 == 3:
        print(f"manual {iteration} {outer.item() / 3:.4f}")

model = nn.Sequential(nn.Linear(1, 20), nn.Tanh(), nn.Linear(20, 1))
meta = torch.optim.SGD(model.parameters(), lr=0.01)
for iteration in range(12):
    meta.zero_grad()
    total = 0.0
    for _ in range(3):
        (x_s, y_s), (x_q, y_q) = task()
        params = dict(model.named_parameters())
        inner = F.mse_loss(functional_call(model, params, (x_s,)), y_s)
        grads = torch.autograd.grad(inner, params.values(), create_graph=True)
        adapted = {name: p - 0.01 * g for (name, p), g in zip(params.items(), grads)}
        query = F.mse_loss(functional_call(model, adapted, (x_q,)), y_q)
        (query / 3).backward()
        total += query.item()
    meta.step()
    if iteration % 4 == 3:
        print(f"functional {iteration} {total / 3:.4f}")
