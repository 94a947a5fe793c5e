"""Adversarial examples: FGSM with data.grad, PGD with projection, adversarial training of a small CNN."""

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, 1)
        self.conv2 = nn.Conv2d(8, 8, 3, 1)
        self.fc1 = nn.Linear(128, 4)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        x = F.max_pool2d(x, 2)
        return F.log_softmax(self.fc1(torch.flatten(x, 1)), dim=1)


def fgsm_attack(image, epsilon, data_grad):
    sign_data_grad = data_grad.sign()
    return torch.clamp(image + epsilon * sign_data_grad, 0, 1)


def pgd(model, images, labels, eps=0.1, alpha=0.03, iters=5):
    original = images.data
    images = images.clone().detach()
    for _ in range(iters):
        images.requires_grad = True
        cost = F.nll_loss(model(images), labels)
        model.zero_grad()
        cost.backward()
        adv = images + alpha * images.grad.sign()
        eta = torch.clamp(adv - original, min=-eps, max=eps)
        images = torch.clamp(original + eta, min=0, max=1).detach_()
    return images


torch.manual_seed(42)
y = torch.randint(0, 4, (64,))
x = torch.rand(64, 1, 12, 12) * 0.4
for c in range(4):
    x[y == c, :, 3 * c : 3 * c + 3] += 0.5
model = Net()
optimizer = optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(5):
    for i in range(0, 64, 16):
        optimizer.zero_grad()
        loss = F.nll_loss(model(x[i : i + 16]), y[i : i + 16])
        loss.backward()
        optimizer.step()
print(f"clean loss {loss.item():.4f}")

for epsilon in [0, 0.1, 0.2]:
    correct = 0
    for i in range(12):
        data, target = x[i : i + 1].clone(), y[i : i + 1]
        data.requires_grad = True
        output = model(data)
        init_pred = output.max(1, keepdim=True)[1]
        if init_pred.item() != target.item():
            continue
        loss = F.nll_loss(output, target)
        model.zero_grad()
        loss.backward()
        perturbed = fgsm_attack(data, epsilon, data.grad.data)
        final_pred = model(perturbed).max(1, keepdim=True)[1]
        correct += int(final_pred.item() == target.item())
    print(f"epsilon {epsilon} kept {correct} of 12")

for step in range(6):
    i = (step % 4) * 16
    adv = pgd(model, x[i : i + 16], y[i : i + 16])
    optimizer.zero_grad()
    loss = 0.5 * F.nll_loss(model(x[i : i + 16]), y[i : i + 16]) + 0.5 * F.nll_loss(model(adv), y[i : i + 16])
    loss.backward()
    optimizer.step()
    print(f"robust {step} {loss.item():.4f} moved {(adv - x[i : i + 16]).abs().max().item():.3f}")
