"""A conditional VAE: one-hot labels beside the input, KL annealing, MSE reconstruction, GELU, ragged batches."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class Blobs(Dataset):
    def __init__(self, n=150):
        g = torch.Generator().manual_seed(5)
        self.y = torch.randint(0, 3, (n,), generator=g)
        centres = torch.tensor([[2.0, 0, 0, 1], [0, 2.0, -1, 0], [-2.0, 0, 0, -1]])
        self.x = centres[self.y] + 0.3 * torch.randn(n, 4, generator=g)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, idx):
        return {"x": self.x[idx], "y": self.y[idx]}


class CVAE(nn.Module):
    def __init__(self, features=4, classes=3, latent=2):
        super().__init__()
        self.classes, self.latent = classes, latent
        self.encoder = nn.Sequential(nn.Linear(features + classes, 32), nn.GELU(), nn.Linear(32, 2 * latent))
        self.decoder = nn.Sequential(nn.Linear(latent + classes, 32), nn.GELU(), nn.Linear(32, features))

    def forward(self, x, y):
        c = F.one_hot(y, num_classes=self.classes).float()
        mu, log_var = self.encoder(torch.cat([x, c], dim=-1)).chunk(2, dim=-1)
        z = mu + torch.randn_like(mu) * (0.5 * log_var).exp()
        return self.decoder(torch.cat([z, c], dim=-1)), mu, log_var

    @torch.no_grad()
    def sample(self, y):
        z = torch.randn(y.shape[0], self.latent, device=y.device)
        return self.decoder(torch.cat([z, F.one_hot(y, self.classes).to(z.dtype)], dim=-1))


def main():
    torch.manual_seed(7)
    loader = DataLoader(Blobs(), batch_size=32, shuffle=True, drop_last=False)
    model = CVAE()
    opt = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for epoch in range(6):
        beta = min(1.0, epoch / 4)
        running = {"recon": 0.0, "kl": 0.0}
        for batch in loader:
            recon, mu, log_var = model(batch["x"], batch["y"])
            rec = F.mse_loss(recon, batch["x"], reduction="none").sum(-1).mean()
            kl = -0.5 * (1 + log_var - mu.square() - log_var.exp()).sum(-1).mean()
            loss = rec + beta * kl
            opt.zero_grad()
            loss.backward()
            opt.step()
            running["recon"] += rec.detach().item() * len(batch["x"])
            running["kl"] += kl.detach().item() * len(batch["x"])
        print(f"epoch {epoch} " + " ".join(f"{k}={v / len(loader.dataset):.4f}" for k, v in running.items()))
    made = model.sample(torch.arange(3).repeat_interleave(50))
    print(made.view(3, 50, 4).mean(dim=1).shape)


if __name__ == "__main__":
    main()
