"""A generative adversarial network (GAN): two networks, two optimizers, one loop.

You learn the alternating game on a ring of eight Gaussian blobs: the discriminator tells real points from made
ones, the generator learns to be taken for real. Also where `detach` belongs, and why a GAN step is two programs.
Writes runs/tutorial/gan.png.
Paper: Goodfellow et al., Generative Adversarial Networks, https://arxiv.org/abs/1406.2661
"""

import math
from pathlib import Path

from matplotlib.figure import Figure

import kilnn
from kilnn import nn, optim
from kilnn.nn import functional as F

STEPS = 1000
BATCH = 256
NOISE = 8


def real_points(n):
    """n points from eight blobs of width 0.1 on the unit circle."""
    angle = kilnn.randint(0, 8, (n,)) * (2 * math.pi / 8)
    return kilnn.stack([angle.cos(), angle.sin()], dim=1) + 0.1 * kilnn.randn(n, 2)


kilnn.manual_seed(0)
generator = nn.Sequential(
    nn.Linear(NOISE, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2)
)  # noise to a point
discriminator = nn.Sequential(
    nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1)
)  # point to a score; positive: real
generator_optimizer = optim.Adam(generator.parameters(), lr=2e-3, betas=(0.5, 0.99))
discriminator_optimizer = optim.Adam(discriminator.parameters(), lr=2e-3, betas=(0.5, 0.99))
ones, zeros = kilnn.ones(BATCH, 1), kilnn.zeros(BATCH, 1)

for step in range(1, STEPS + 1):
    # 1. The discriminator: real points should score high, made ones low. `detach`: the generator does not learn here.
    real = real_points(BATCH)
    made = generator(kilnn.randn(BATCH, NOISE))
    discriminator_optimizer.zero_grad()
    real_loss = F.binary_cross_entropy_with_logits(discriminator(real), ones)
    made_loss = F.binary_cross_entropy_with_logits(discriminator(made.detach()), zeros)
    discriminator_loss = real_loss + made_loss
    discriminator_loss.backward()
    discriminator_optimizer.step()

    # 2. The generator: the same points should score high. Gradients pass through the discriminator, which is not
    # stepped; what they leave in its parameters, its zero_grad() of the next round clears.
    generator_optimizer.zero_grad()
    generator_loss = F.binary_cross_entropy_with_logits(discriminator(made), ones)
    generator_loss.backward()
    generator_optimizer.step()

    if step % 250 == 0:
        print(f"step {step:4d}  discriminator {discriminator_loss.item():.3f}  generator {generator_loss.item():.3f}")

# Where do made points lie? Near the circle, and near how many of the eight blobs?
with kilnn.no_grad():
    points = generator(kilnn.randn(2000, NOISE))
blobs = kilnn.arange(8) * (2 * math.pi / 8)
centres = kilnn.stack([blobs.cos(), blobs.sin()], dim=1)
distance, nearest = kilnn.cdist(points, centres).min(dim=1)
good = distance < 0.3
quality = good.float().mean().item()
counts = kilnn.bincount(nearest[good], minlength=8)
covered = (counts > 20).sum().item()
print(f"{quality:.1%} of 2,000 made points are within 0.3 of a blob; blobs covered: {covered} of 8")
print("points per blob:", counts.tolist())

figure = Figure(figsize=(5, 5))
axes = figure.subplots()
truth = real_points(1000).numpy()
axes.scatter(truth[:, 0], truth[:, 1], s=4, color="0.75", label="real")
axes.scatter(points.numpy()[:, 0], points.numpy()[:, 1], s=4, label="made")
axes.set(title="a ring of eight blobs", aspect="equal")
axes.legend()
folder = Path("runs/tutorial")
folder.mkdir(parents=True, exist_ok=True)
figure.savefig(folder / "gan.png", dpi=120)
print("wrote", folder / "gan.png")
