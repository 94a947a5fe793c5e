"""Mixed precision as on a GPU, run on the CPU: autocast to bfloat16, GradScaler, unscale_ before clipping."""

import torch
import torch.nn as nn

torch.manual_seed(0)
device = "cuda" if torch.cuda.is_available() else "cpu"
model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 4)).to(device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
scaler = torch.amp.GradScaler(device, enabled=device == "cuda")
forced = torch.amp.GradScaler(device, init_scale=2.0**8, growth_interval=5)
loss_fn = nn.CrossEntropyLoss()
x, y = torch.randn(64, 1, 8, 8), torch.randint(0, 4, (64,))
x += y.view(-1, 1, 1, 1) * 0.5
for epoch in range(3):
    for i in range(0, 64, 16):
        inputs, targets = x[i : i + 16].to(device, non_blocking=True), y[i : i + 16].to(device, non_blocking=True)
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device_type=device, dtype=torch.bfloat16):
            output = model(inputs)
            loss = loss_fn(output, targets)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
    print(f"epoch {epoch} loss {loss.item():.1f} {output.dtype} {loss.dtype} scale {scaler.get_scale()}")
plain = nn.Linear(64, 4)
sgd = torch.optim.SGD(plain.parameters(), lr=0.02)
for step in range(12):
    sgd.zero_grad()
    loss = loss_fn(plain(x.flatten(1)), y)
    if step == 3:
        loss = loss * float("inf")
    forced.scale(loss).backward()
    forced.unscale_(sgd)
    forced.step(sgd)
    forced.update()
    if step % 3 == 0:
        print(f"scaled {step} loss {loss.item():.4f} scale {forced.get_scale()}")
