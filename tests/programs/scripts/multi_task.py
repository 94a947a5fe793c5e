"""Multi-task learning: shared trunk, learned uncertainties, ranking; then GradNorm weights."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class MultiTaskLossWrapper(nn.Module):
    def __init__(self, task_num):
        super().__init__()
        self.log_vars = nn.Parameter(torch.zeros(task_num))

    def forward(self, losses):
        total = 0
        for i, loss in enumerate(losses):
            precision = torch.exp(-self.log_vars[i])
            total += precision * loss + self.log_vars[i]
        return total


class Trunk(nn.Module):
    def __init__(self):
        super().__init__()
        self.shared = nn.Sequential(nn.Linear(10, 32), nn.ELU(), nn.Linear(32, 32), nn.ELU())
        self.heads = nn.ModuleDict({"reg": nn.Linear(32, 1), "cls": nn.Linear(32, 4), "rank": nn.Linear(32, 1)})

    def forward(self, x):
        h = self.shared(x)
        return {k: head(h) for k, head in self.heads.items()}


torch.manual_seed(9)
x = torch.randn(96, 10)
target = x[:, :3].sum(1) + 0.1 * torch.randn(96)
label = (x[:, 3] > 0).long() + 2 * (x[:, 4] > 0).long()
model, wrapper = Trunk(), MultiTaskLossWrapper(3)
optimizer = torch.optim.Adam(list(model.parameters()) + list(wrapper.parameters()), lr=5e-3)
history = {"reg": [], "cls": [], "rank": []}
for step in range(30):
    out = model(x)
    pairs = torch.randint(0, 96, (2, 40))
    better = torch.sign(target[pairs[0]] - target[pairs[1]])
    losses = {
        "reg": F.mse_loss(out["reg"].squeeze(-1), target),
        "cls": F.cross_entropy(out["cls"], label),
        "rank": F.margin_ranking_loss(out["rank"][pairs[0], 0], out["rank"][pairs[1], 0], better, margin=0.1),
    }
    loss = wrapper(list(losses.values()))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    for k, v in losses.items():
        history[k].append(v.item())
    if step % 10 == 9:
        print(
            step,
            {k: round(sum(v[-10:]) / 10, 4) for k, v in history.items()},
            [round(s, 3) for s in wrapper.log_vars.exp().tolist()],
        )

weights = torch.ones(2, requires_grad=True)
optimizer_w = torch.optim.Adam([weights], lr=0.02)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(8):
    out = model(x)
    task_loss = torch.stack([F.mse_loss(out["reg"].squeeze(-1), target), F.cross_entropy(out["cls"], label)])
    if step == 0:
        initial = task_loss.data
    weighted = weights * task_loss
    optimizer.zero_grad()
    weighted.sum().backward(retain_graph=True)
    weights.grad.data.zero_()
    W = model.shared[2]
    norms = torch.stack(
        [
            torch.norm(torch.autograd.grad(weighted[i], W.weight, retain_graph=True, create_graph=True)[0])
            for i in range(2)
        ]
    )
    ratio = (task_loss.data / initial) / (task_loss.data / initial).mean()
    constant = (norms.mean() * ratio**0.12).detach()
    weights.grad = torch.autograd.grad((norms - constant).abs().sum(), weights)[0]
    optimizer_w.step()
    optimizer.step()
    weights.data = torch.nn.functional.relu(weights.data)
    weights.data = 2 * weights.data / weights.data.sum()
print("gradnorm", [round(w, 3) for w in weights.tolist()], round(task_loss.sum().item(), 4))
