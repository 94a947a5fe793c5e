"""SimCLR: two noisy views, projection head, NT-Xent loss with a masked similarity matrix, then a linear probe."""

import torch
import torch.nn as nn
import torch.nn.functional as F


def nt_xent(z1, z2, temperature=0.5):
    n = z1.size(0)
    z = F.normalize(torch.cat([z1, z2], dim=0), dim=1)
    sim = torch.matmul(z, z.T) / temperature
    mask = torch.eye(2 * n, dtype=torch.bool, device=z.device)
    sim = sim.masked_fill(mask, float("-inf"))
    labels = torch.cat([torch.arange(n) + n, torch.arange(n)]).to(z.device)
    return F.cross_entropy(sim, labels)


def info_nce_logits(features, n_views=2, temperature=0.07):
    labels = torch.cat([torch.arange(features.shape[0] // n_views) for i in range(n_views)], dim=0)
    labels = (labels.unsqueeze(0) == labels.unsqueeze(1)).float()
    features = F.normalize(features, dim=1)
    similarity = torch.matmul(features, features.T)
    mask = torch.eye(labels.shape[0], dtype=torch.bool)
    labels = labels[~mask].view(labels.shape[0], -1)
    similarity = similarity[~mask].view(similarity.shape[0], -1)
    positives = similarity[labels.bool()].view(labels.shape[0], -1)
    negatives = similarity[~labels.bool()].view(similarity.shape[0], -1)
    logits = torch.cat([positives, negatives], dim=1)
    return logits / temperature, torch.zeros(logits.shape[0], dtype=torch.long)


torch.manual_seed(12)
encoder = nn.Sequential(nn.Linear(10, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 16))
projector = nn.Sequential(nn.Linear(16, 16, bias=False), nn.ReLU(inplace=True), nn.Linear(16, 8))
params = list(encoder.parameters()) + list(projector.parameters())
optimizer = torch.optim.Adam(params, lr=3e-3, weight_decay=1e-6)
y = torch.randint(0, 4, (128,))
x = torch.randn(4, 10)[y] * 2 + 0.3 * torch.randn(128, 10)
for epoch in range(4):
    total = 0.0
    for idx in torch.randperm(128).split(32):
        v1, v2 = (x[idx] + 0.2 * torch.randn(len(idx), 10) for _ in range(2))
        loss = nt_xent(projector(encoder(v1)), projector(encoder(v2)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"nt-xent {epoch}: {total / 4:.4f}")
for step in range(4):
    views = torch.cat([x[:32], x[:32] + 0.2 * torch.randn(32, 10)])
    logits, labels = info_nce_logits(projector(encoder(views)))
    loss = F.cross_entropy(logits, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"info-nce {step}: {loss.item():.4f}")
encoder.eval()
for p in encoder.parameters():
    p.requires_grad_(False)
probe = nn.Linear(16, 4)
opt = torch.optim.SGD(probe.parameters(), lr=0.1)
with torch.no_grad():
    feats = encoder(x)
for _ in range(30):
    opt.zero_grad()
    loss = F.cross_entropy(probe(feats), y)
    loss.backward()
    opt.step()
print(f"probe loss {loss.item():.4f} accuracy {(probe(feats).argmax(1) == y).float().mean().item():.2f}")
