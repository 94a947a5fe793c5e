"""A convolutional autoencoder, denoising and sparse, for anomalies; running sums that are never read."""

import torch
from torch import nn, optim


class ConvAutoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 24, 3),
        )
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(24, 16, 3),
            nn.ReLU(),
            nn.ConvTranspose2d(16, 8, 3, stride=2, padding=1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(8, 1, 3, stride=2, padding=1, output_padding=1),
            nn.Sigmoid(),
        )

    def forward(self, x):
        z = self.encoder(x)
        return self.decoder(z), z


def stripes(n, vertical=True):
    phase = torch.rand(n, 1, 1, 1) * 6.28
    ramp = torch.arange(12.0).view(1, 1, 1, -1) if vertical else torch.arange(12.0).view(1, 1, -1, 1)
    return (torch.sin(ramp + phase) * 0.5 + 0.5).expand(n, 1, 12, 12).clone()


torch.manual_seed(2)
model = ConvAutoencoder()
optimizer = optim.Adam(model.parameters(), lr=4e-3)
criterion = nn.MSELoss()
for epoch in range(5):
    running = torch.zeros(())
    sparsity = torch.zeros(())
    for _ in range(6):
        clean = stripes(16)
        noisy = (clean + 0.2 * torch.randn_like(clean)).clamp_(0.0, 1.0)
        recon, z = model(noisy)
        penalty = z.abs().mean()
        loss = criterion(recon, clean) + 1e-3 * penalty
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.detach()
        sparsity += penalty.detach()
    print(f"Epoch [{epoch + 1}/5], Loss: {running / 6:.4f}, sparsity: {sparsity / 6:.4f}")
model.eval()
with torch.no_grad():
    normal, odd = stripes(8), stripes(8, vertical=False)
    score = lambda x: (model(x)[0] - x).pow(2).flatten(1).mean(1)  # noqa: E731
    scores = torch.cat([score(normal), score(odd)])
order = scores.argsort(descending=True)
print("odd ones first:", (order[:8] >= 8).sum().item(), f"threshold {torch.quantile(score(normal), 0.95):.4f}")
