"""WGAN-GP on two-dimensional points: critic trained n times, gradient penalty with create_graph."""

import torch
from torch import autograd, nn, optim

torch.manual_seed(1)
dim, hidden, lambda_gp, n_critic, batch = 2, 32, 10, 3, 32

netG = nn.Sequential(nn.Linear(4, hidden), nn.ReLU(), nn.Linear(hidden, dim))
netD = nn.Sequential(
    nn.Linear(dim, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, hidden), nn.Tanh(), nn.Linear(hidden, 1)
)
optG = optim.Adam(netG.parameters(), lr=1e-3, betas=(0.0, 0.9))
optD = optim.Adam(netD.parameters(), lr=1e-3, betas=(0.0, 0.9))
one = torch.tensor(1, dtype=torch.float)
mone = one * -1


def calc_gradient_penalty(netD, real_data, fake_data):
    alpha = torch.rand(real_data.size(0), 1)
    alpha = alpha.expand(real_data.size())
    interpolates = alpha * real_data + ((1 - alpha) * fake_data)
    interpolates = autograd.Variable(interpolates, requires_grad=True)
    disc_interpolates = netD(interpolates)
    gradients = autograd.grad(
        outputs=disc_interpolates,
        inputs=interpolates,
        grad_outputs=torch.ones(disc_interpolates.size()),
        create_graph=True,
        retain_graph=True,
        only_inputs=True,
    )[0]
    return ((gradients.norm(2, dim=1) - 1) ** 2).mean() * lambda_gp


for iteration in range(20):
    for p in netD.parameters():
        p.requires_grad = True
    for _ in range(n_critic):
        real = torch.randn(batch, dim) * 0.2 + torch.tensor([1.0, -1.0])
        netD.zero_grad()
        D_real = netD(real).mean()
        D_real.backward(mone)
        with torch.no_grad():
            fake = netG(torch.randn(batch, 4))
        D_fake = netD(fake).mean()
        D_fake.backward(one)
        gradient_penalty = calc_gradient_penalty(netD, real.data, fake.data)
        gradient_penalty.backward()
        D_cost = D_fake - D_real + gradient_penalty
        optD.step()
    for p in netD.parameters():
        p.requires_grad = False
    netG.zero_grad()
    G = netD(netG(torch.randn(batch, 4))).mean()
    G.backward(mone)
    G_cost = -G
    optG.step()
    if iteration % 4 == 3:
        print(f"{iteration} D {D_cost.item():.4f} G {G_cost.item():.4f} gp {gradient_penalty.item():.4f}")
