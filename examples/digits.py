"""Train a small convolutional network on scikit-learn's handwritten digits (1,797 images of 8 x 8 pixels).

    python examples/digits.py                        # train; writes loss.png and digits.ckpt into runs/digits
    python examples/digits.py --resume runs/digits/digits.ckpt
    python examples/evaluate_digits.py runs/digits/digits.ckpt

The loop is the one of PyTorch's tutorials. Ctrl-C stops it at any time: the last checkpoint stays whole.
"""

import argparse
import sys
import time
from pathlib import Path

from matplotlib.figure import Figure
from sklearn import datasets

import kilnn
from kilnn import nn
from kilnn.data import DataLoader, TensorDataset, random_split
from kilnn.nn import functional as F

BATCH = 64


class DigitNet(nn.Module):
    """Two blocks of convolution, batch normalisation and pooling, and two linear layers: 8 x 8 pixels to 10 scores."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 24, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(24)
        self.conv2 = nn.Conv2d(24, 48, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(48)
        self.pool = nn.MaxPool2d(2)
        self.drop = nn.Dropout(0.3)
        self.fc1 = nn.Linear(48 * 2 * 2, 96)
        self.fc2 = nn.Linear(96, 10)

    def forward(self, x):  # (B, 1, 8, 8)
        x = self.pool(F.relu(self.norm1(self.conv1(x))))  # (B, 24, 4, 4)
        x = self.pool(F.relu(self.norm2(self.conv2(x))))  # (B, 48, 2, 2)
        x = self.drop(x.flatten(1))
        x = self.drop(F.relu(self.fc1(x)))  # (B, 96)
        return self.fc2(x)


def load_digits():
    """(training set, test set); the split is always the same."""
    data = datasets.load_digits()
    images = kilnn.tensor(data.images[:, None] / 16, dtype=kilnn.float32)  # grey values 0..16 to 0..1
    labels = kilnn.tensor(data.target, dtype=kilnn.int64)
    dataset = TensorDataset(images, labels)
    return random_split(dataset, [1437, 360], generator=kilnn.Generator().manual_seed(0))


def train_epoch(model, loader, optimizer):
    """One pass over the training set; returns the loss of every step."""
    model.train()
    losses = []
    for images, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@kilnn.no_grad()
def evaluate(model, loader):
    """The share of images that the model names rightly."""
    model.eval()
    correct = 0
    for images, labels in loader:
        correct += (model(images).argmax(1) == labels).sum().item()
    return correct / len(loader.dataset)


def plot(losses, path):
    """Draw the training loss."""
    figure = Figure(figsize=(6, 3.5))
    axes = figure.subplots()
    axes.plot(losses, linewidth=1)
    axes.set(xlabel="step", ylabel="cross entropy", yscale="log", title="digits: training loss")
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def train(args):
    kilnn.manual_seed(args.seed)
    train_set, test_set = load_digits()
    train_loader = DataLoader(train_set, batch_size=BATCH, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=BATCH)
    model = DigitNet()
    optimizer = kilnn.optim.Adam(model.parameters(), lr=2e-3)
    first, losses = 1, []
    if args.resume:
        checkpoint = kilnn.load(args.resume)
        model.load_state_dict(checkpoint["model"])
        optimizer.load_state_dict(checkpoint["optimizer"])
        first, losses = checkpoint["epoch"] + 1, checkpoint["losses"]

    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(train_set)} training images", flush=True)
    for epoch in range(first, args.epochs + 1):
        start = time.perf_counter()
        epoch_losses = train_epoch(model, train_loader, optimizer)
        seconds = time.perf_counter() - start
        losses += epoch_losses
        accuracy = evaluate(model, test_loader)
        print(
            f"epoch {epoch:2d}  loss {sum(epoch_losses) / len(epoch_losses):.4f}  test accuracy {accuracy:.2%}  "
            f"lr {optimizer.param_groups[0]['lr']:.1e}  {len(train_set) / seconds:8,.0f} images/s",
            flush=True,
        )
        if epoch % 4 == 0:
            for g in optimizer.param_groups:
                g["lr"] *= 0.5
        if epoch % 3 == 0 or epoch == args.epochs:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch, "losses": losses}
            kilnn.save(state, args.out / "digits.ckpt")
    plot(losses, args.out / "loss.png")
    print(f"test accuracy {evaluate(model, test_loader):.2%}")
    print(f"wrote {args.out / 'digits.ckpt'} and {args.out / 'loss.png'}")
    print("kilnn.stats():", kilnn.stats())


def main():
    parser = argparse.ArgumentParser(description="Train a convolutional network on handwritten digits.")
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/digits"), help="folder for the checkpoint and the plot")
    parser.add_argument("--resume", type=Path, help="go on from this checkpoint")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    try:
        train(args)
    except KeyboardInterrupt:
        checkpoint = args.out / "digits.ckpt"
        kept = f"the last checkpoint is whole: {checkpoint}" if checkpoint.exists() else "no checkpoint was written yet"
        sys.exit(f"\ninterrupted; {kept}")


if __name__ == "__main__":
    main()
