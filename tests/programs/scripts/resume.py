"""Checkpoint and resume in the middle: model, optimizer, scheduler, generator state; both runs agree."""

import os
import tempfile

import torch
from torch import nn


def build():
    model = nn.Sequential(nn.Linear(6, 24), nn.BatchNorm1d(24), nn.Tanh(), nn.Linear(24, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, amsgrad=True)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.95)
    return model, optimizer, scheduler


def train(model, optimizer, scheduler, start, stop, checkpoint=None):
    losses = []
    for step in range(start, stop):
        if checkpoint and step == 10:
            torch.save(
                {
                    "step": step,
                    "model_state_dict": model.state_dict(),
                    "optimizer_state_dict": optimizer.state_dict(),
                    "scheduler": scheduler.state_dict(),
                    "rng": torch.get_rng_state(),
                    "loss": losses[-1],
                },
                checkpoint,
            )
        x = torch.randn(32, 6)
        y = x.pow(2).sum(1, keepdim=True) + 0.1 * torch.randn(32, 1)
        loss = nn.functional.huber_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    return losses


torch.manual_seed(5)
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "checkpoint.pt")
    whole = train(*build(), 0, 20, checkpoint=path)
    torch.manual_seed(99)
    model, optimizer, scheduler = build()
    checkpoint = torch.load(path, map_location="cpu")
    model.load_state_dict(checkpoint["model_state_dict"])
    optimizer.load_state_dict(checkpoint["optimizer_state_dict"])
    scheduler.load_state_dict(checkpoint["scheduler"])
    torch.set_rng_state(checkpoint["rng"])
    resumed = train(model, optimizer, scheduler, checkpoint["step"], 20)
    print("whole  ", [round(v, 4) for v in whole[10::3]])
    print("resumed", [round(v, 4) for v in resumed[::3]])
    print("equal", max(abs(a - b) for a, b in zip(whole[10:], resumed)) < 1e-5, checkpoint["loss"] == whole[9])
