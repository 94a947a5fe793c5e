"""A Siamese embedding network: triplet margin loss, cosine embedding loss, pairwise distance accuracy."""

import random

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class TripletDataset(Dataset):
    def __init__(self, data, targets):
        self.data, self.targets = data, targets
        self.by_label = {c: torch.where(targets == c)[0].tolist() for c in targets.unique().tolist()}

    def __getitem__(self, index):
        label = self.targets[index].item()
        positive = random.choice(self.by_label[label])
        negative = random.choice(self.by_label[random.choice([c for c in self.by_label if c != label])])
        return self.data[index], self.data[positive], self.data[negative]

    def __len__(self):
        return len(self.data)


class EmbeddingNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.convnet = nn.Sequential(
            nn.Conv2d(1, 8, 3),
            nn.PReLU(),
            nn.MaxPool2d(2, stride=2),
            nn.Conv2d(8, 16, 3),
            nn.PReLU(),
            nn.MaxPool2d(2, stride=2),
        )
        self.fc = nn.Sequential(nn.Linear(16 * 2 * 2, 32), nn.PReLU(), nn.Linear(32, 8))

    def forward(self, x):
        output = self.convnet(x)
        output = output.view(output.size()[0], -1)
        output = self.fc(output)
        return nn.functional.normalize(output, p=2, dim=1)


random.seed(0)
torch.manual_seed(0)
targets = torch.arange(60) % 3
data = torch.randn(60, 1, 14, 14) * 0.5
data[targets == 1, :, :7] += 1
data[targets == 2, :, :, 7:] += 1
loader = DataLoader(TripletDataset(data, targets), batch_size=20, shuffle=True)
model = EmbeddingNet()
triplet = nn.TripletMarginLoss(margin=0.5, p=2)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(5):
    losses, correct = [], 0
    for anchor, positive, negative in loader:
        a, p, n = model(anchor), model(positive), model(negative)
        loss = triplet(a, p, n)
        loss = loss + 0.1 * nn.functional.cosine_embedding_loss(a, n, -torch.ones(len(a)), margin=0.2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        correct += (nn.functional.pairwise_distance(a, p) < nn.functional.pairwise_distance(a, n)).sum().item()
    print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f} ordered {correct} of {len(data)}")
