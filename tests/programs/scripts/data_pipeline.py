"""Datasets of one's own: transforms, WeightedRandomSampler, batch samplers, IterableDataset, k-fold Subset."""

import random

import numpy as np
import torch
from torch import nn
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    Sampler,
    Subset,
    WeightedRandomSampler,
)


class Compose:
    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, x):
        for t in self.transforms:
            x = t(x)
        return x


def to_tensor(array):
    return torch.from_numpy(array.transpose(2, 0, 1)).float().div(255)


def random_flip(img):
    return img.flip(-1) if random.random() < 0.5 else img


def normalize(img):
    return (img - torch.tensor([0.5, 0.5, 0.5]).view(3, 1, 1)) / 0.25


class Images(Dataset):
    def __init__(self, n, seed, transform=None):
        rng = np.random.default_rng(seed)
        self.labels = (rng.random(n) < 0.2).astype(np.int64)
        self.images = rng.integers(0, 200, (n, 8, 8, 3)).astype(np.uint8)
        self.images[self.labels == 1, :4] += 50
        self.transform = transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, idx):
        img = self.images[idx]
        if self.transform:
            img = self.transform(img)
        return img, int(self.labels[idx])


class EvenSampler(Sampler):
    def __init__(self, source):
        self.source = source

    def __iter__(self):
        return iter(range(0, len(self.source), 2))

    def __len__(self):
        return (len(self.source) + 1) // 2


class Lines(IterableDataset):
    def __iter__(self):
        for i in range(7):
            yield torch.arange(i % 3 + 1)


def pad_collate(batch):
    longest = max(len(b) for b in batch)
    return torch.stack([nn.functional.pad(b, (0, longest - len(b)), value=-1) for b in batch])


random.seed(0)
torch.manual_seed(0)
transform = Compose([to_tensor, random_flip, normalize])
train = ConcatDataset([Images(30, 1, transform), Images(34, 2, transform)])
labels = torch.tensor([y for _, y in train])
weights = 1.0 / torch.bincount(labels).float()
sampler = WeightedRandomSampler(weights[labels], num_samples=len(labels), replacement=True)
loader = DataLoader(train, batch_size=16, sampler=sampler, pin_memory=False, drop_last=True)
print("even", [len(y) for _, y in DataLoader(train, batch_sampler=BatchSampler(EvenSampler(train), 12, False))])
print("lines", [tuple(b.shape) for b in DataLoader(Lines(), batch_size=3, collate_fn=pad_collate)])


def make_model():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveMaxPool2d(2), nn.Flatten(), nn.Linear(16, 2))


model = make_model()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(3):
    total, positives = 0.0, 0
    for images, targets in loader:
        optimizer.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(model(images), targets)
        loss.backward()
        optimizer.step()
        total += loss.item()
        positives += int(targets.sum())
    print(f"epoch {epoch} loss {total / len(loader):.4f} positives {positives}")

indices = torch.randperm(len(train), generator=torch.Generator().manual_seed(1)).tolist()
folds = [indices[i::3] for i in range(3)]
for k, held_out in enumerate(folds):
    rest = [i for f in folds if f is not held_out for i in f]
    torch.manual_seed(k)
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for images, targets in DataLoader(Subset(train, rest), batch_size=14, shuffle=True):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), targets).backward()
        optimizer.step()
    with torch.no_grad():
        scores = [
            nn.functional.cross_entropy(model(i), t).item()
            for i, t in DataLoader(Subset(train, held_out), batch_size=32)
        ]
    print(f"fold {k} {np.mean(scores):.4f} {len(rest)} {len(held_out)}")
