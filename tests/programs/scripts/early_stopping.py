"""Early stopping with the best weights kept by deepcopy of state_dict, and ReduceLROnPlateau."""

import copy

import numpy as np
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset, random_split


class EarlyStopping:
    def __init__(self, patience=3, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.counter, self.best_loss, self.best_state, self.early_stop = 0, np.inf, None, False

    def __call__(self, val_loss, model):
        if val_loss < self.best_loss - self.min_delta:
            self.best_loss, self.counter = val_loss, 0
            self.best_state = copy.deepcopy(model.state_dict())
        else:
            self.counter += 1
            self.early_stop = self.counter >= self.patience


class MLP(nn.Module):
    def __init__(self, sizes=(5, 64, 64, 1)):
        super().__init__()
        layers = []
        for a, b in zip(sizes[:-2], sizes[1:-1]):
            layers += [nn.Linear(a, b), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))

    def forward(self, x):
        return self.layers(x).squeeze(-1)


torch.manual_seed(10)
x = torch.rand(90, 5)
y = torch.sin(6 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.3 * torch.randn(90)
train_set, valid_set = random_split(TensorDataset(x, y), [0.7, 0.3], generator=torch.Generator().manual_seed(1))
train_loader = DataLoader(train_set, batch_size=21, shuffle=True)
valid_loader = DataLoader(valid_set, batch_size=27)
model = MLP()
optimizer = optim.Adam(model.parameters(), lr=0.02)
scheduler = optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="min", factor=0.5, patience=1)
stopper = EarlyStopping()
criterion = nn.MSELoss()
for epoch in range(40):
    model.train()
    train_losses = []
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        train_losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        val_loss = np.mean([criterion(model(xb), yb).item() for xb, yb in valid_loader])
    scheduler.step(val_loss)
    stopper(val_loss, model)
    if epoch % 4 == 0:
        print(f"{epoch},{np.mean(train_losses):.4f},{val_loss:.4f},{optimizer.param_groups[0]['lr']:.5f}")
    if stopper.early_stop:
        print("stopped at", epoch)
        break
model.load_state_dict(stopper.best_state)
with torch.inference_mode():
    final = sum(criterion(model(xb), yb).item() for xb, yb in valid_loader) / len(valid_loader)
print(f"best {stopper.best_loss:.4f} restored {final:.4f}")
