"""A temporal convolutional network: dilated causal Conv1d, weight_norm, chomp, sliding windows by unfold."""

import torch
import torch.nn as nn
from torch.nn.utils import weight_norm


class Chomp1d(nn.Module):
    def __init__(self, chomp_size):
        super().__init__()
        self.chomp_size = chomp_size

    def forward(self, x):
        return x[:, :, : -self.chomp_size].contiguous()


class TemporalBlock(nn.Module):
    def __init__(self, n_inputs, n_outputs, kernel_size, dilation, dropout=0.0):
        super().__init__()
        padding = (kernel_size - 1) * dilation
        self.conv1 = weight_norm(nn.Conv1d(n_inputs, n_outputs, kernel_size, padding=padding, dilation=dilation))
        self.conv2 = weight_norm(nn.Conv1d(n_outputs, n_outputs, kernel_size, padding=padding, dilation=dilation))
        self.net = nn.Sequential(
            self.conv1,
            Chomp1d(padding),
            nn.ReLU(),
            nn.Dropout(dropout),
            self.conv2,
            Chomp1d(padding),
            nn.ReLU(),
            nn.Dropout(dropout),
        )
        self.downsample = nn.Conv1d(n_inputs, n_outputs, 1) if n_inputs != n_outputs else None
        self.relu = nn.ReLU()
        self.init_weights()

    def init_weights(self):
        self.conv1.weight.data.normal_(0, 0.01)
        self.conv2.weight.data.normal_(0, 0.01)
        if self.downsample is not None:
            self.downsample.weight.data.normal_(0, 0.01)

    def forward(self, x):
        out = self.net(x)
        res = x if self.downsample is None else self.downsample(x)
        return self.relu(out + res)


class TCN(nn.Module):
    def __init__(self, channels=(8, 8, 8), kernel_size=3):
        super().__init__()
        sizes = [1, *channels]
        self.network = nn.Sequential(
            *[TemporalBlock(a, b, kernel_size, 2**i) for i, (a, b) in enumerate(zip(sizes, sizes[1:]))]
        )
        self.linear = nn.Linear(channels[-1], 1)

    def forward(self, x):
        return self.linear(self.network(x)[:, :, -1])


torch.manual_seed(1111)
time = torch.arange(0, 40, 0.1)
series = torch.sin(time) + 0.5 * torch.sin(2.3 * time) + 0.05 * torch.randn(len(time))
mean, std = series.mean(), series.std()
series = (series - mean) / std
windows = series.unfold(0, 33, 1)
X, Y = windows[:, None, :-1], windows[:, -1:]
n = int(0.8 * len(X))
model = TCN()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for epoch in range(1, 4):
    model.train()
    total_loss, batch_idx = 0.0, 1
    for i in range(0, n, 64):
        x, y = X[i : i + 64], Y[i : i + 64]
        if len(x) < 64:
            break
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        batch_idx += 1
        total_loss += loss.item()
    model.eval()
    with torch.no_grad():
        test = nn.functional.l1_loss(model(X[n:]), Y[n:])
    print(f"Epoch {epoch} loss {total_loss / batch_idx:.5f} test {test.item():.5f}")
with torch.no_grad():
    window = X[-1:].clone()
    out = []
    for _ in range(5):
        nxt = model(window)
        out.append(nxt.item())
        window = torch.cat([window[:, :, 1:], nxt.unsqueeze(-1)], dim=-1)
print("forecast", [round(v * std.item() + mean.item(), 2) for v in out])
