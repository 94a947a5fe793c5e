"""RealNVP: coupling layers with alternating masks, exact log-likelihood, inverse check, sampling."""

import math

import torch
from torch import nn


class Coupling(nn.Module):
    def __init__(self, dim, hidden, mask):
        super().__init__()
        self.register_buffer("mask", mask)
        self.scale = nn.Sequential(
            nn.Linear(dim, hidden),
            nn.LeakyReLU(),
            nn.Linear(hidden, hidden),
            nn.LeakyReLU(),
            nn.Linear(hidden, dim),
            nn.Tanh(),
        )
        self.translate = nn.Sequential(
            nn.Linear(dim, hidden), nn.LeakyReLU(), nn.Linear(hidden, hidden), nn.LeakyReLU(), nn.Linear(hidden, dim)
        )

    def forward(self, x):
        kept = x * self.mask
        s = self.scale(kept) * (1 - self.mask)
        t = self.translate(kept) * (1 - self.mask)
        return kept + (1 - self.mask) * (x * torch.exp(s) + t), s.sum(dim=1)

    def inverse(self, z):
        kept = z * self.mask
        s = self.scale(kept) * (1 - self.mask)
        t = self.translate(kept) * (1 - self.mask)
        return kept + (1 - self.mask) * (z - t) * torch.exp(-s)


class RealNVP(nn.Module):
    def __init__(self, dim=2, hidden=24, n_layers=4):
        super().__init__()
        masks = torch.tensor([[0.0, 1.0], [1.0, 0.0]] * (n_layers // 2))
        self.layers = nn.ModuleList(Coupling(dim, hidden, m) for m in masks)
        self.dim = dim

    def log_prob(self, x):
        log_det = x.new_zeros(x.shape[0])
        for layer in self.layers:
            x, ld = layer(x)
            log_det += ld
        log_pz = -0.5 * (x**2).sum(dim=1) - 0.5 * self.dim * math.log(2 * math.pi)
        return log_pz + log_det

    def sample(self, n):
        z = torch.randn(n, self.dim)
        for layer in reversed(self.layers):
            z = layer.inverse(z)
        return z


def moons(n):
    half = n // 2
    a = torch.rand(half) * math.pi
    b = torch.rand(n - half) * math.pi
    upper = torch.stack([a.cos(), a.sin()], 1)
    lower = torch.stack([1 - b.cos(), 0.5 - b.sin()], 1)
    return torch.cat([upper, lower])[torch.randperm(n)] + 0.05 * torch.randn(n, 2)


torch.manual_seed(42)
flow = RealNVP()
optimizer = torch.optim.Adam(flow.parameters(), lr=1e-3)
for it in range(1, 81):
    x = moons(128)
    nll = -flow.log_prob(x).mean()
    optimizer.zero_grad()
    nll.backward()
    optimizer.step()
    if it % 20 == 0:
        print(f"iteration {it:4d} nll {nll:.4f}")
with torch.no_grad():
    x = moons(16)
    z = x
    for layer in flow.layers:
        z, _ = layer(z)
    for layer in reversed(flow.layers):
        z = layer.inverse(z)
    print("inverse ok:", torch.allclose(x, z, atol=1e-4))
    print("sample", tuple(flow.sample(10).shape))
