"""Discrete latents: Gumbel-softmax with annealed temperature, hard samples, a VQ codebook straight through."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def sample_gumbel(shape, eps=1e-20):
    U = torch.rand(shape)
    return -torch.log(-torch.log(U + eps) + eps)


def gumbel_softmax(logits, temperature, hard=False):
    y = F.softmax((logits + sample_gumbel(logits.size())) / temperature, dim=-1)
    if not hard:
        return y
    ind = y.argmax(dim=-1)
    y_hard = torch.zeros_like(y).scatter_(-1, ind.unsqueeze(-1), 1.0)
    return (y_hard - y).detach() + y


class DiscreteVAE(nn.Module):
    def __init__(self, n=4, k=6):
        super().__init__()
        self.n, self.k = n, k
        self.enc = nn.Sequential(nn.Linear(20, 48), nn.ReLU(), nn.Linear(48, n * k))
        self.dec = nn.Sequential(nn.Linear(n * k, 48), nn.ReLU(), nn.Linear(48, 20), nn.Sigmoid())

    def forward(self, x, temp, hard):
        q = self.enc(x).view(x.size(0), self.n, self.k)
        z = gumbel_softmax(q, temp, hard).view(x.size(0), -1)
        return self.dec(z), F.softmax(q, dim=-1).reshape(*q.size())


class VectorQuantizer(nn.Module):
    def __init__(self, n_e=16, e_dim=5, beta=0.25):
        super().__init__()
        self.beta = beta
        self.embedding = nn.Embedding(n_e, e_dim)
        self.embedding.weight.data.uniform_(-1.0 / n_e, 1.0 / n_e)

    def forward(self, z):
        d = z.pow(2).sum(1, keepdim=True) + self.embedding.weight.pow(2).sum(1) - 2 * z @ self.embedding.weight.t()
        indices = torch.argmin(d, dim=1)
        one_hot = F.one_hot(indices, d.shape[1]).type(z.dtype)
        z_q = one_hot @ self.embedding.weight
        loss = torch.mean((z_q.detach() - z) ** 2) + self.beta * torch.mean((z_q - z.detach()) ** 2)
        z_q = z + (z_q - z).detach()
        e_mean = one_hot.mean(0)
        perplexity = torch.exp(-torch.sum(e_mean * torch.log(e_mean + 1e-10)))
        return z_q, loss, perplexity


torch.manual_seed(0)
data = (torch.rand(80, 20) < torch.rand(1, 20)).float()
model = DiscreteVAE()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
temp = 1.0
for step in range(24):
    recon, qy = model(data, temp, hard=step >= 12)
    bce = F.binary_cross_entropy(recon, data, reduction="sum") / data.shape[0]
    kld = torch.sum(qy * torch.log(qy * 6 + 1e-20), dim=-1).sum(-1).mean()
    loss = bce + kld
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 4 == 1:
        temp = np.maximum(temp * np.exp(-0.03 * step), 0.5)
    if step % 6 == 5:
        print(f"gumbel {step} {loss.item():.4f} temperature {temp:.3f}")
logits = nn.Parameter(torch.zeros(8, 3))
opt = torch.optim.SGD([logits], lr=0.5)
for _ in range(5):
    y = F.gumbel_softmax(logits, tau=0.7, hard=True, dim=-1)
    loss = (y * torch.tensor([1.0, 2.0, 3.0])).sum(1).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
print("one-hot", y.sum().item(), y.max().item())
encoder, vq, decoder = nn.Linear(20, 5), VectorQuantizer(), nn.Linear(5, 20)
optimizer = torch.optim.Adam([*encoder.parameters(), *vq.parameters(), *decoder.parameters()], lr=3e-3, amsgrad=True)
for step in range(12):
    z_q, vq_loss, perplexity = vq(encoder(data))
    loss = F.mse_loss(decoder(z_q), data) / 0.25 + vq_loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"vq {loss.item():.4f} perplexity {perplexity.item():.2f}")
