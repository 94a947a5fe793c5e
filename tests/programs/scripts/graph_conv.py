"""Graph convolutions by hand: adjacency normalised with scatter_add_, attention by scatter softmax, masks."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class GCNConv(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.lin = nn.Linear(in_channels, out_channels, bias=False)
        self.bias = nn.Parameter(torch.empty(out_channels))
        self.reset_parameters()

    def reset_parameters(self):
        nn.init.xavier_uniform_(self.lin.weight)
        self.bias.data.zero_()

    def forward(self, x, edge_index):
        row, col = edge_index
        deg = torch.zeros(x.size(0)).scatter_add_(0, col, torch.ones(col.size(0)))
        deg_inv_sqrt = deg.pow(-0.5)
        deg_inv_sqrt[deg_inv_sqrt == float("inf")] = 0
        norm = deg_inv_sqrt[row] * deg_inv_sqrt[col]
        x = self.lin(x)
        out = torch.zeros_like(x)
        out.index_add_(0, col, norm.unsqueeze(-1) * x[row])
        return out + self.bias


class GATConv(nn.Module):
    def __init__(self, in_channels, out_channels, heads=2):
        super().__init__()
        self.heads, self.out = heads, out_channels
        self.lin = nn.Linear(in_channels, heads * out_channels, bias=False)
        self.att_src = nn.Parameter(torch.empty(1, heads, out_channels))
        self.att_dst = nn.Parameter(torch.empty(1, heads, out_channels))
        for p in (self.att_src, self.att_dst):
            nn.init.xavier_normal_(p)

    def forward(self, x, edge_index):
        src, dst = edge_index[0], edge_index[1]
        N = x.size(0)
        h = self.lin(x).view(N, self.heads, self.out)
        alpha = (h * self.att_src).sum(-1)[src] + (h * self.att_dst).sum(-1)[dst]
        alpha = F.leaky_relu(alpha, 0.2)
        index = dst.unsqueeze(-1).expand_as(alpha)
        amax = torch.full((N, self.heads), -1e9).scatter_reduce(
            0, index, alpha.detach(), reduce="amax", include_self=True
        )
        alpha = (alpha - amax[dst]).exp()
        denom = torch.zeros(N, self.heads).scatter_add(0, index, alpha)
        alpha = alpha / (denom[dst] + 1e-16)
        out = torch.zeros(N, self.heads, self.out).index_add(0, dst, h[src] * alpha.unsqueeze(-1))
        return out.flatten(1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2, self.lin = GCNConv(8, 16), GATConv(16, 8), nn.Linear(16, 3)

    def forward(self, x, edge_index):
        x = F.relu(self.conv1(x, edge_index))
        x = F.elu(self.conv2(x, edge_index))
        return F.log_softmax(self.lin(x), dim=1)


torch.manual_seed(12345)
N = 60
y = torch.arange(N) % 3
x = torch.randn(N, 8)
x[torch.arange(N), y] += 1.0
same = (y[:, None] == y[None, :]) & (torch.rand(N, N) < 0.15) | (torch.rand(N, N) < 0.02)
same.fill_diagonal_(True)
edge_index = same.nonzero().t().contiguous()
train_mask = torch.zeros(N, dtype=torch.bool)
train_mask[:30] = True
test_mask = ~train_mask
model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
for epoch in range(1, 31):
    model.train()
    optimizer.zero_grad()
    out = model(x, edge_index)
    loss = F.nll_loss(out[train_mask], y[train_mask])
    loss.backward()
    optimizer.step()
    if epoch % 10 == 0:
        model.eval()
        pred = model(x, edge_index).argmax(dim=1)
        accs = [int((pred[m] == y[m]).sum()) / int(m.sum()) for m in (train_mask, test_mask)]
        print(f"Epoch: {epoch:03d}, Loss: {loss:.4f}, Train: {accs[0]:.3f}, Test: {accs[1]:.3f}")
