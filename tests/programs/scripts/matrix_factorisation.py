"""Matrix factorisation: user and item embeddings with biases, MSE on ratings, two optimizers compared, top-k."""

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


class MatrixFactorization(nn.Module):
    def __init__(self, num_users, num_items, emb_size=8):
        super().__init__()
        self.user_emb = nn.Embedding(num_users, emb_size)
        self.user_bias = nn.Embedding(num_users, 1)
        self.item_emb = nn.Embedding(num_items, emb_size)
        self.item_bias = nn.Embedding(num_items, 1)
        self.user_emb.weight.data.uniform_(0, 0.05)
        self.item_emb.weight.data.uniform_(0, 0.05)
        self.user_bias.weight.data.uniform_(-0.01, 0.01)
        self.item_bias.weight.data.uniform_(-0.01, 0.01)

    def forward(self, u, v):
        U, V = self.user_emb(u), self.item_emb(v)
        b_u, b_v = self.user_bias(u).squeeze(), self.item_bias(v).squeeze()
        return (U * V).sum(1) + b_u + b_v


torch.manual_seed(6)
n_users, n_items, n = 30, 20, 400
users, items = torch.randint(n_users, (n,)), torch.randint(n_items, (n,))
p, q = torch.randn(n_users, 3), torch.randn(n_items, 3)
ratings = (p[users] * q[items]).sum(1) + 0.1 * torch.randn(n)
train, valid = slice(0, 320), slice(320, n)
for lr, wd, kind in [(0.01, 0.0, torch.optim.Adam), (0.5, 1e-4, torch.optim.Adagrad), (0.05, 0.0, torch.optim.SGD)]:
    torch.manual_seed(1)
    model = MatrixFactorization(n_users, n_items)
    optimizer = kind(model.parameters(), lr=lr, weight_decay=wd)
    loader = DataLoader(TensorDataset(users[train], items[train], ratings[train]), batch_size=64, shuffle=True)
    for epoch in range(5):
        model.train()
        for u, v, r in loader:
            loss = torch.nn.functional.mse_loss(model(u, v), r)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        test = torch.nn.functional.mse_loss(model(users[valid], items[valid]), ratings[valid])
        scores = model.user_emb.weight @ model.item_emb.weight.t() + model.item_bias.weight.squeeze()
        best = scores.topk(3, dim=1).indices
    print(f"{kind.__name__} train {loss.item():.4f} test {test.item():.4f} {tuple(best.shape)}")
