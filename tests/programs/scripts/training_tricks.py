"""Label smoothing, warmup + cosine by LambdaLR, gradient clipping and accumulation, a progress list of losses."""

import math

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, TensorDataset


def get_cosine_schedule_with_warmup(optimizer, num_warmup_steps, num_training_steps, num_cycles=0.5, last_epoch=-1):
    def lr_lambda(current_step):
        if current_step < num_warmup_steps:
            return float(current_step) / float(max(1, num_warmup_steps))
        progress = float(current_step - num_warmup_steps) / float(max(1, num_training_steps - num_warmup_steps))
        return max(0.0, 0.5 * (1.0 + math.cos(math.pi * float(num_cycles) * 2.0 * progress)))

    return LambdaLR(optimizer, lr_lambda, last_epoch)


class LabelSmoothingLoss(nn.Module):
    def __init__(self, classes, smoothing=0.1, dim=-1):
        super().__init__()
        self.confidence, self.smoothing, self.cls, self.dim = 1.0 - smoothing, smoothing, classes, dim

    def forward(self, pred, target):
        pred = pred.log_softmax(dim=self.dim)
        with torch.no_grad():
            true_dist = torch.zeros_like(pred)
            true_dist.fill_(self.smoothing / (self.cls - 1))
            true_dist.scatter_(1, target.data.unsqueeze(1), self.confidence)
        return torch.mean(torch.sum(-true_dist * pred, dim=self.dim))


torch.manual_seed(0)
x = torch.randn(200, 12)
y = (x @ torch.randn(12, 5)).argmax(1)
loader = DataLoader(TensorDataset(x, y), batch_size=10, shuffle=True)
model = nn.Sequential(nn.Linear(12, 32), nn.SiLU(), nn.LayerNorm(32), nn.Linear(32, 5))
no_decay = ["bias", "2.weight"]
grouped = [
    {"params": [p for n, p in model.named_parameters() if not any(nd in n for nd in no_decay)], "weight_decay": 0.01},
    {"params": [p for n, p in model.named_parameters() if any(nd in n for nd in no_decay)], "weight_decay": 0.0},
]
optimizer = torch.optim.AdamW(grouped, lr=5e-3)
criterion, builtin = LabelSmoothingLoss(5), nn.CrossEntropyLoss(label_smoothing=0.1)
accumulation_steps, epochs = 4, 4
scheduler = get_cosine_schedule_with_warmup(optimizer, 3, len(loader) // accumulation_steps * epochs)
history, norms = [], []
model.zero_grad()
for epoch in range(epochs):
    for step, (xb, yb) in enumerate(loader):
        logits = model(xb)
        loss = 0.5 * criterion(logits, yb) + 0.5 * builtin(logits, yb)
        loss = loss / accumulation_steps
        loss.backward()
        history.append(loss.detach() * accumulation_steps)
        if (step + 1) % accumulation_steps == 0:
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
            norms.append(norm)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
    mean = torch.stack(history[-len(loader) :]).mean()
    print(f"epoch {epoch} loss {mean.item():.4f} norm {norms[-1].item():.3f} lr {scheduler.get_last_lr()[0]:.6f}")
