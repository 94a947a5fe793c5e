"""Gaussian-process regression: marginal likelihood through Cholesky, hyper-parameters in log space."""

import math

import torch
from torch import nn


class GP(nn.Module):
    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y
        self.log_length = nn.Parameter(torch.tensor(0.0))
        self.log_scale = nn.Parameter(torch.tensor(0.0))
        self.log_noise = nn.Parameter(torch.tensor(-2.0))

    def kernel(self, a, b):
        sq = torch.cdist(a, b, p=2).pow(2) if a is not b else ((a[:, None] - b[None]) ** 2).sum(-1)
        return self.log_scale.exp() * torch.exp(-0.5 * sq / self.log_length.exp() ** 2)

    def nll(self):
        n = self.x.shape[0]
        K = self.kernel(self.x, self.x) + (self.log_noise.exp() + 1e-5) * torch.eye(n)
        L = torch.linalg.cholesky(K)
        alpha = torch.cholesky_solve(self.y.unsqueeze(-1), L)
        return 0.5 * (self.y @ alpha.squeeze(-1)) + L.diagonal().log().sum() + 0.5 * n * math.log(2 * math.pi)

    @torch.no_grad()
    def predict(self, xs):
        K = self.kernel(self.x, self.x) + self.log_noise.exp() * torch.eye(len(self.x))
        Ks = self.kernel(xs, self.x)
        L = torch.linalg.cholesky(K)
        mean = Ks @ torch.cholesky_solve(self.y.unsqueeze(-1), L)
        v = torch.linalg.solve_triangular(L, Ks.T, upper=False)
        var = self.kernel(xs, xs.clone()).diagonal() - (v**2).sum(0)
        return mean.squeeze(-1), var


torch.manual_seed(0)
x = torch.linspace(0, 6, 25).unsqueeze(-1)
y = torch.sin(x).squeeze(-1) + 0.1 * torch.randn(25)
gp = GP(x, y)
optimizer = torch.optim.Adam(gp.parameters(), lr=0.05)
for i in range(60):
    optimizer.zero_grad()
    loss = gp.nll()
    loss.backward()
    optimizer.step()
    if i % 20 == 19:
        print(
            f"{i} nll {loss.item():.4f} length {gp.log_length.exp().item():.3f} noise {gp.log_noise.exp().item():.4f}"
        )
mean, var = gp.predict(torch.linspace(0.5, 5.5, 5).unsqueeze(-1))
print([round(m, 2) for m in mean.tolist()], bool((var > -1e-4).all()))
dist = torch.distributions.MultivariateNormal(torch.zeros(3), covariance_matrix=torch.eye(3) * 2)
print(f"{dist.log_prob(torch.ones(3)).item():.4f}")
