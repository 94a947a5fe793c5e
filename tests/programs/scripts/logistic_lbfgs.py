"""Logistic regression three ways: hand-written gradient descent, LBFGS with strong Wolfe, NumPy in and out."""

import numpy as np
import torch

rng = np.random.RandomState(0)
X = rng.randn(100, 3).astype(np.float32)
true_w = np.array([1.5, -2.0, 0.5], dtype=np.float32)
labels = (X @ true_w + 0.3 * rng.randn(100) > 0).astype(np.float32)
x, y = torch.from_numpy(X), torch.from_numpy(labels)

w = torch.zeros(3, requires_grad=True)
b = torch.zeros(1, requires_grad=True)
lr = 0.5
for step in range(100):
    y_hat = torch.sigmoid(x @ w + b)
    loss = -(y * torch.log(y_hat) + (1 - y) * torch.log(1 - y_hat)).mean() + 0.01 * (w**2).sum()
    loss.backward()
    with torch.no_grad():
        w -= lr * w.grad
        b -= lr * b.grad
        w.grad.zero_()
        b.grad.zero_()
    if step % 25 == 0:
        print(f"gd {step} {loss.item():.5f}")

model = torch.nn.Linear(3, 1)
torch.nn.init.zeros_(model.weight)
torch.nn.init.zeros_(model.bias)
optimizer = torch.optim.LBFGS(model.parameters(), lr=1, max_iter=20, line_search_fn="strong_wolfe")


def closure():
    if torch.is_grad_enabled():
        optimizer.zero_grad()
    output = model(x).squeeze()
    loss = torch.nn.functional.binary_cross_entropy_with_logits(output, y) + 0.01 * model.weight.square().sum()
    if loss.requires_grad:
        loss.backward()
    return loss


for epoch in range(3):
    optimizer.step(closure)
    print(f"lbfgs {epoch} {closure().item():.5f}")
predicted = (model(x).detach().numpy().ravel() > 0).astype(int)
print("accuracy", np.mean(predicted == labels), np.round(model.weight.detach().cpu().numpy(), 2).tolist())
