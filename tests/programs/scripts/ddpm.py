"""Denoising diffusion on toy points: cosine schedule buffers, time embedding, EMA weights, ancestral sampling."""

import copy
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
T = 20


class SinusoidalPosEmb(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, t):
        half = self.dim // 2
        emb = torch.exp(torch.arange(half, device=t.device) * -(math.log(10000) / (half - 1)))
        emb = t[:, None].float() * emb[None, :]
        return torch.cat((emb.sin(), emb.cos()), dim=-1)


class Denoiser(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.time_mlp = nn.Sequential(SinusoidalPosEmb(16), nn.Linear(16, hidden), nn.SiLU(), nn.Linear(hidden, hidden))
        self.inp = nn.Linear(2, hidden)
        self.mid = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, 2)

    def forward(self, x, t):
        h = self.inp(x) + self.time_mlp(t)
        h = F.silu(h)
        h = h + F.silu(self.mid(h))
        return self.out(h)


class GaussianDiffusion(nn.Module):
    def __init__(self, model, timesteps):
        super().__init__()
        self.model, self.timesteps = model, timesteps
        s = torch.linspace(0, timesteps, timesteps + 1, dtype=torch.float64)
        bar = torch.cos((s / timesteps + 0.008) / 1.008 * math.pi * 0.5) ** 2
        bar = bar / bar[0]
        betas = torch.clip(1 - bar[1:] / bar[:-1], 0, 0.999)
        alphas = 1.0 - betas
        cumprod = torch.cumprod(alphas, dim=0)
        cumprod_prev = F.pad(cumprod[:-1], (1, 0), value=1.0)

        def register(name, value):
            self.register_buffer(name, value.to(torch.float32))

        register("betas", betas)
        register("sqrt_cumprod", torch.sqrt(cumprod))
        register("sqrt_one_minus", torch.sqrt(1.0 - cumprod))
        register("sqrt_recip_alphas", torch.sqrt(1.0 / alphas))
        register("posterior_variance", betas * (1.0 - cumprod_prev) / (1.0 - cumprod))

    def q_sample(self, x0, t, noise):
        return extract(self.sqrt_cumprod, t, x0.shape) * x0 + extract(self.sqrt_one_minus, t, x0.shape) * noise

    def forward(self, x0):
        t = torch.randint(0, self.timesteps, (x0.shape[0],), device=x0.device).long()
        noise = torch.randn_like(x0)
        return F.smooth_l1_loss(self.model(self.q_sample(x0, t, noise), t), noise)

    @torch.no_grad()
    def sample(self, n):
        x = torch.randn(n, 2)
        for i in reversed(range(self.timesteps)):
            t = torch.full((n,), i, dtype=torch.long)
            eps = self.model(x, t)
            mean = extract(self.sqrt_recip_alphas, t, x.shape) * (
                x - extract(self.betas, t, x.shape) * eps / extract(self.sqrt_one_minus, t, x.shape)
            )
            if i > 0:
                mean = mean + torch.sqrt(extract(self.posterior_variance, t, x.shape)) * torch.randn_like(x)
            x = mean
        return x


def extract(a, t, x_shape):
    out = a.gather(-1, t)
    return out.reshape(t.shape[0], *((1,) * (len(x_shape) - 1)))


def update_ema(ema, model, decay=0.95):
    for e, p in zip(ema.parameters(), model.parameters()):
        e.data.mul_(decay).add_(p.data, alpha=1 - decay)


diffusion = GaussianDiffusion(Denoiser(), T)
ema_model = copy.deepcopy(diffusion)
optimizer = torch.optim.Adam(diffusion.parameters(), lr=2e-3)
for step in range(60):
    angle = torch.rand(64) * 2 * math.pi
    x0 = torch.stack((angle.cos(), angle.sin()), dim=1)
    loss = diffusion(x0)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    update_ema(ema_model, diffusion)
    if step % 15 == 14:
        print(f"step {step}: loss {loss.item():.4f}")
points = ema_model.sample(100)
print("radius", round(points.norm(dim=1).mean().item(), 3))
