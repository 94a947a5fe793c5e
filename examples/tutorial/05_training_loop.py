"""The training loop: zero_grad, forward, loss, backward, step; evaluation; saving and going on.

You learn the five lines that every other script here repeats, why evaluation has a mode and a `no_grad` of its own,
and how to interrupt a training and go on as if nothing had happened.
"""

from pathlib import Path

from sklearn import datasets

import kilnn
from kilnn import nn, optim
from kilnn.nn import functional as F
from kilnn.utils.data import DataLoader, TensorDataset, random_split

kilnn.manual_seed(0)

# 1,797 handwritten digits of 8 x 8 pixels, grey values 0 to 16; a fifth is kept for testing.
digits = datasets.load_digits()
images = kilnn.tensor(digits.data / 16, dtype=kilnn.float32)  # (1797, 64)
labels = kilnn.tensor(digits.target, dtype=kilnn.int64)
train_set, test_set = random_split(TensorDataset(images, labels), [1437, 360])
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
test_loader = DataLoader(test_set, batch_size=120)


def make_model():
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def train_epoch(model, optimizer):
    """One pass over the training set; returns the mean loss."""
    model.train()
    total = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()  # 1. forget the last gradients
        scores = model(x)  # 2. forward
        loss = F.cross_entropy(scores, y)  # 3. how wrong is it?
        loss.backward()  # 4. backward: a gradient for every parameter
        optimizer.step()  # 5. move every parameter against its gradient
        total += loss.item() * len(x)
    return total / len(train_set)


@kilnn.no_grad()  # no graph is kept: less memory, less work
def accuracy(model):
    """The share of test images that are named rightly."""
    model.eval()  # dropout off, batch norm on its running statistics (none here; a habit worth having)
    correct = 0
    for x, y in test_loader:
        correct += (model(x).argmax(1) == y).sum().item()
    return correct / len(test_set)


model = make_model()
optimizer = optim.Adam(model.parameters(), lr=3e-3)
print(f"untrained: accuracy {accuracy(model):.2%}")
losses = []
for epoch in range(1, 11):
    losses.append(train_epoch(model, optimizer))
    print(f"epoch {epoch:2d}  loss {losses[-1]:.4f}  test accuracy {accuracy(model):.2%}")
test_accuracy = accuracy(model)

# A checkpoint needs the model and the optimizer: Adam's moments are part of where the training is.
folder = Path("runs/tutorial")
folder.mkdir(parents=True, exist_ok=True)
path = folder / "checkpoint.pt"
kilnn.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch}, path)

resumed = make_model()
resumed_optimizer = optim.Adam(resumed.parameters())
checkpoint = kilnn.load(path)
resumed.load_state_dict(checkpoint["model"])
resumed_optimizer.load_state_dict(checkpoint["optimizer"])  # brings lr = 3e-3 along
assert resumed_optimizer.param_groups[0]["lr"] == 3e-3

# From here both go the same way, given the same shuffles.
for m, o in ((model, optimizer), (resumed, resumed_optimizer)):
    kilnn.manual_seed(1)
    print(f"one more epoch: loss {train_epoch(m, o):.6f}")
difference = max((p - q).abs().max().item() for p, q in zip(model.parameters(), resumed.parameters(), strict=True))
print(f"largest difference between the trained and the resumed model: {difference:.1e}")
