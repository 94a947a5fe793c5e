"""A variational autoencoder (VAE) on 8 x 8 digits: codes of two numbers, and new digits drawn from them.

You learn the two parts of its loss (reconstruct; stay close to a standard normal), the reparametrisation that lets
gradients pass a random draw, and how to generate. Writes runs/tutorial/vae.png: the plane of codes, decoded.
Paper: Kingma and Welling, Auto-Encoding Variational Bayes, https://arxiv.org/abs/1312.6114
"""

from pathlib import Path

from matplotlib.figure import Figure
from sklearn import datasets

import kilnn
from kilnn import nn, optim
from kilnn.nn import functional as F
from kilnn.utils.data import DataLoader, TensorDataset

EPOCHS = 30
CODE = 2


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 2 * CODE))
        self.decoder = nn.Sequential(nn.Linear(CODE, 128), nn.ReLU(), nn.Linear(128, 64))

    def forward(self, x):
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        # A draw from N(mean, variance) has no gradient; mean + deviation * noise is the same draw and has one.
        noise = kilnn.randn_like(mean)
        code = mean + kilnn.exp(0.5 * log_variance) * noise
        return self.decoder(code), mean, log_variance


def loss_parts(logits, x, mean, log_variance):
    """(reconstruction, divergence from N(0, 1)), both summed over an image and averaged over the batch, in nats."""
    reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
    divergence = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(1).mean()
    return reconstruction, divergence


kilnn.manual_seed(0)
digits = datasets.load_digits()
images = kilnn.tensor(digits.data / 16, dtype=kilnn.float32)  # grey values 0..1, taken as probabilities
loader = DataLoader(TensorDataset(images), batch_size=128, shuffle=True, drop_last=True)
model = VAE()
optimizer = optim.Adam(model.parameters(), lr=3e-3)

history = []
for epoch in range(1, EPOCHS + 1):
    totals = kilnn.zeros(2)
    for (x,) in loader:
        optimizer.zero_grad()
        logits, mean, log_variance = model(x)
        reconstruction, divergence = loss_parts(logits, x, mean, log_variance)
        (reconstruction + divergence).backward()
        optimizer.step()
        totals += kilnn.stack([reconstruction.detach(), divergence.detach()])
    history.append((totals / len(loader)).tolist())
    if epoch in (1, 2, 5, 10, 20, 30):
        print(f"epoch {epoch:2d}  reconstruction {history[-1][0]:.2f}  divergence {history[-1][1]:.2f}")

# Codes of images of one digit lie together: the mean code of each, and how many images are nearest to their own.
labels = kilnn.tensor(digits.target)
with kilnn.no_grad():
    codes = model.encoder(images)[:, :CODE]
    centres = kilnn.stack([codes[labels == n].mean(0) for n in range(10)])
    nearest = kilnn.cdist(codes, centres).argmin(1)
share = (nearest == labels).float().mean().item()
print(f"{share:.1%} of the images are nearest to their own digit's centre, on two numbers, without having seen labels")

# Generation: decode a grid of codes.
with kilnn.no_grad():
    ticks = kilnn.linspace(-2, 2, 12)
    grid = kilnn.cartesian_prod(ticks, ticks)
    pictures = kilnn.sigmoid(model.decoder(grid)).reshape(12, 12, 8, 8)
sheet = pictures.permute(0, 2, 1, 3).reshape(96, 96)
figure = Figure(figsize=(5, 5))
axes = figure.subplots()
axes.imshow(sheet.numpy(), cmap="gray_r", extent=(-2, 2, 2, -2))
axes.set(xlabel="second number of the code", ylabel="first number of the code", title="decoded codes")
folder = Path("runs/tutorial")
folder.mkdir(parents=True, exist_ok=True)
figure.savefig(folder / "vae.png", dpi=120)
print("wrote", folder / "vae.png")
