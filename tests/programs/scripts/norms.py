"""Spectral and weight normalisation in a hinge GAN, group and instance norm, orthogonal init, EMA model."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils import spectral_norm
from torch.nn.utils.parametrizations import weight_norm
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class ResBlock(nn.Module):
    def __init__(self, ch):
        super().__init__()
        self.c1 = spectral_norm(nn.Conv2d(ch, ch, 3, padding=1))
        self.c2 = spectral_norm(nn.Conv2d(ch, ch, 3, padding=1))

    def forward(self, x):
        return x + self.c2(F.relu(self.c1(F.relu(x))))


class D(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = spectral_norm(nn.Conv2d(1, 8, 3, padding=1))
        self.block = ResBlock(8)
        self.out = nn.utils.parametrizations.spectral_norm(nn.Linear(8, 1))

    def forward(self, x):
        h = F.avg_pool2d(self.block(self.stem(x)), 2)
        return self.out(F.relu(h).sum(dim=(2, 3)))


class G(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = weight_norm(nn.Linear(6, 16 * 4))
        self.gn, self.inorm = nn.GroupNorm(4, 16), nn.InstanceNorm2d(8, affine=True)
        self.c1, self.c2 = nn.Conv2d(16, 8, 3, padding=1, bias=False), nn.Conv2d(8, 1, 3, padding=1)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.orthogonal_(m.weight)

    def forward(self, z):
        h = F.relu(self.gn(self.fc(z).view(-1, 16, 2, 2)))
        h = F.interpolate(h, scale_factor=2, mode="nearest")
        h = F.relu(self.inorm(self.c1(h)))
        return torch.tanh(self.c2(F.interpolate(h, scale_factor=2)))


torch.manual_seed(17)
g, d = G(), D()
ema = AveragedModel(g, multi_avg_fn=get_ema_multi_avg_fn(0.9))
opt_g = torch.optim.Adam(g.parameters(), lr=1e-4, betas=(0.0, 0.9))
opt_d = torch.optim.Adam(d.parameters(), lr=4e-4, betas=(0.0, 0.9))
real = torch.tanh(torch.randn(32, 1, 8, 8) + torch.linspace(-1, 1, 8))
for step in range(10):
    opt_d.zero_grad()
    fake = g(torch.randn(32, 6)).detach()
    d_loss = F.relu(1.0 - d(real)).mean() + F.relu(1.0 + d(fake)).mean()
    d_loss.backward()
    opt_d.step()
    opt_g.zero_grad()
    g_loss = -d(g(torch.randn(32, 6))).mean()
    g_loss.backward()
    opt_g.step()
    ema.update_parameters(g)
    if step % 3 == 0:
        print(f"{step} d {d_loss.item():.4f} g {g_loss.item():.4f}")
print(sorted(n for n, _ in d.named_parameters())[:4], sorted(n for n, _ in g.named_parameters())[-3:])
with torch.no_grad():
    z = torch.ones(2, 6)
    gap = (ema(z) - g(z)).abs().mean()
print("averaged:", 0 < gap.item() < 0.1, ema.n_averaged.item())
print(f"singular value {torch.linalg.matrix_norm(d.block.c1.weight.flatten(1), 2).item():.2f}")
