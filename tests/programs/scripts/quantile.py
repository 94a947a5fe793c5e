"""Quantile regression: pinball loss for several quantiles, coverage, and a mixture density network with logsumexp."""

import math

import torch
from torch import nn


class QuantileLoss(nn.Module):
    def __init__(self, quantiles):
        super().__init__()
        self.quantiles = quantiles

    def forward(self, preds, target):
        assert not target.requires_grad
        assert preds.size(0) == target.size(0)
        losses = []
        for i, q in enumerate(self.quantiles):
            errors = target - preds[:, i]
            losses.append(torch.max((q - 1) * errors, q * errors).unsqueeze(1))
        return torch.mean(torch.sum(torch.cat(losses, dim=1), dim=1))


class MDN(nn.Module):
    def __init__(self, n_hidden, n_gaussians):
        super().__init__()
        self.z_h = nn.Sequential(nn.Linear(1, n_hidden), nn.Tanh())
        self.z_pi = nn.Linear(n_hidden, n_gaussians)
        self.z_mu = nn.Linear(n_hidden, n_gaussians)
        self.z_sigma = nn.Linear(n_hidden, n_gaussians)

    def forward(self, x):
        z_h = self.z_h(x)
        return (
            nn.functional.log_softmax(self.z_pi(z_h), -1),
            self.z_mu(z_h),
            nn.functional.softplus(self.z_sigma(z_h)) + 1e-3,
        )


def mdn_loss(log_pi, mu, sigma, y):
    log_prob = -0.5 * ((y - mu) / sigma) ** 2 - torch.log(sigma) - 0.5 * math.log(2 * math.pi)
    return -torch.logsumexp(log_pi + log_prob, dim=1).mean()


torch.manual_seed(0)
x = torch.rand(200, 1) * 4 - 2
y = (x + (0.2 + x.abs() / 2) * torch.randn_like(x)).squeeze(1)
quantiles = [0.05, 0.5, 0.95]
model = nn.Sequential(nn.Linear(1, 32), nn.ReLU(), nn.Dropout(0.0), nn.Linear(32, len(quantiles)))
loss_func = QuantileLoss(quantiles)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, weight_decay=1e-6)
for epoch in range(6):
    shuffle_idx = torch.randperm(len(x))
    x_s, y_s = x[shuffle_idx], y[shuffle_idx]
    epoch_losses = []
    for idx in range(0, len(x_s), 64):
        optimizer.zero_grad()
        loss = loss_func(model(x_s[idx : min(idx + 64, len(x_s)), :]), y_s[idx : min(idx + 64, len(x_s))])
        loss.backward()
        optimizer.step()
        epoch_losses.append(loss.cpu().detach().numpy())
    print("epoch", epoch, round(float(sum(epoch_losses) / len(epoch_losses)), 4))
model.eval()
with torch.no_grad():
    low, mid, high = model(x).t()
print(
    f"inside {((y >= low) & (y <= high)).float().mean().item():.2f} quantile {torch.quantile(y - mid, 0.5).item():.3f}"
)
network = MDN(16, 4)
optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
xs, ys = y.unsqueeze(1), x
for epoch in range(40):
    log_pi, mu, sigma = network(xs)
    loss = mdn_loss(log_pi, mu, sigma, ys)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 10 == 9:
        print(f"mdn {epoch} {loss.item():.4f}")
k = torch.multinomial(log_pi.detach().exp(), 1)
print("sampled", tuple(torch.normal(mu, sigma).gather(1, k).shape))
