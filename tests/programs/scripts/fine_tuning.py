"""Fine-tuning: strict=False, frozen body, new head, groups with their own rates, add_param_group, OneCycleLR."""

import copy

import torch
import torch.nn as nn
from torch.optim import lr_scheduler


def backbone(classes):
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)),
        nn.Sequential(nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d((1, 1))),
        nn.Flatten(),
        nn.Linear(16, classes),
    )


def train_epoch(model, x, y, optimizer, scheduler=None):
    model.train()
    running_loss, running_corrects = 0.0, 0
    for i in range(0, len(x), 16):
        inputs, labels = x[i : i + 16], y[i : i + 16]
        optimizer.zero_grad()
        with torch.set_grad_enabled(True):
            outputs = model(inputs)
            _, preds = torch.max(outputs, 1)
            loss = nn.functional.cross_entropy(outputs, labels)
            loss.backward()
            optimizer.step()
        running_loss += loss.item() * inputs.size(0)
        running_corrects += torch.sum(preds == labels.data)
    if scheduler:
        scheduler.step()
    return running_loss / len(x), running_corrects.double() / len(x)


torch.manual_seed(4)
x, y = torch.randn(48, 3, 12, 12), torch.randint(0, 3, (48,))
x += y.view(-1, 1, 1, 1) - 1.0
pretrained = backbone(10)
state = {k: v for k, v in pretrained.state_dict().items() if not k.startswith("3.")}
model = backbone(3)
result = model.load_state_dict(state, strict=False)
print("missing", result.missing_keys, "unexpected", result.unexpected_keys)

for name, param in model.named_parameters():
    param.requires_grad = name.startswith("3.")
optimizer = torch.optim.SGD(filter(lambda p: p.requires_grad, model.parameters()), lr=0.05, momentum=0.9)
scheduler = lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
before = copy.deepcopy(model.state_dict())
for epoch in range(2):
    loss, acc = train_epoch(model, x, y, optimizer, scheduler)
    print(f"frozen {epoch} loss {loss:.4f} acc {acc:.3f}")
frozen = [k for k, v in model.state_dict().items() if v.dtype.is_floating_point and torch.equal(v, before[k])]
print("unchanged:", len(frozen))

for p in model[1].parameters():
    p.requires_grad = True
optimizer.add_param_group({"params": model[1].parameters(), "lr": 0.005, "weight_decay": 1e-3})
for epoch in range(2):
    loss, acc = train_epoch(model, x, y, optimizer)
    print(f"half {epoch} loss {loss:.4f} acc {acc:.3f} lrs {[g['lr'] for g in optimizer.param_groups]}")

model.requires_grad_(True)
optimizer = torch.optim.AdamW(
    [
        {"params": model[0].parameters(), "lr": 1e-4},
        {"params": model[1].parameters(), "lr": 5e-4},
        {"params": [p for n, p in model.named_parameters() if n.startswith("3")]},
    ],
    lr=1e-3,
    weight_decay=0.01,
)
scheduler = lr_scheduler.OneCycleLR(optimizer, max_lr=[1e-3, 5e-3, 1e-2], steps_per_epoch=3, epochs=2)
for epoch in range(2):
    loss, acc = train_epoch(model, x, y, optimizer, scheduler)
    print(f"full {epoch} loss {loss:.4f} acc {acc:.3f}")
