"""A physics-informed network for u'' + u = 0 and a heat equation: second derivatives, Adam then LBFGS."""

import math

import torch
import torch.nn as nn


class PINN(nn.Module):
    def __init__(self, inputs, hidden=20):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(inputs, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(), nn.Linear(hidden, 1)
        )
        for m in self.net:
            if isinstance(m, nn.Linear):
                nn.init.xavier_normal_(m.weight, gain=nn.init.calculate_gain("tanh"))
                nn.init.zeros_(m.bias)

    def forward(self, *xs):
        return self.net(torch.cat(xs, dim=1))


def d(u, x):
    return torch.autograd.grad(u, x, grad_outputs=torch.ones_like(u), retain_graph=True, create_graph=True)[0]


torch.manual_seed(123)
model = PINN(1)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
t_boundary = torch.tensor(0.0).view(-1, 1).requires_grad_(True)
t_physics = torch.linspace(0, 2, 30).view(-1, 1).requires_grad_(True)
for i in range(101):
    optimizer.zero_grad()
    u = model(t_boundary)
    loss1 = (torch.squeeze(u) - 1) ** 2
    loss2 = (torch.squeeze(d(u, t_boundary)) - 0) ** 2
    u = model(t_physics)
    dudt = d(u, t_physics)
    d2udt2 = d(dudt, t_physics)
    loss3 = torch.mean((d2udt2 + u) ** 2)
    loss = loss1 + 1e-1 * loss2 + 1e-1 * loss3
    loss.backward()
    optimizer.step()
    if i % 50 == 0:
        print(f"ode {i} {loss.item():.5f}")

heat = PINN(2)
x = torch.rand(40, 1, requires_grad=True)
t = torch.rand(40, 1, requires_grad=True)
x0 = torch.rand(20, 1)
optimizer = torch.optim.LBFGS(heat.parameters(), lr=0.5, max_iter=4, history_size=10)
calls = 0


def closure():
    global calls
    calls += 1
    optimizer.zero_grad()
    u = heat(x, t)
    residual = d(u, t) - 0.1 * d(d(u, x), x)
    start = heat(x0, torch.zeros_like(x0)) - torch.sin(math.pi * x0)
    loss = residual.pow(2).mean() + start.pow(2).mean()
    loss.backward()
    return loss


for i in range(5):
    loss = optimizer.step(closure)
    print(f"heat {i} {loss.item():.5f}")
print("closure calls", calls)
