"""Knowledge distillation: teacher under no_grad, temperature-softened KL plus hard labels, a hint."""

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim


class Net(nn.Module):
    def __init__(self, width, classes=5):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(16, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.classifier = nn.Linear(width, classes)

    def forward(self, x):
        h = self.features(x)
        return self.classifier(h), h


def batches(n):
    for _ in range(n):
        y = torch.randint(0, 5, (32,))
        yield centres[y] + 0.8 * torch.randn(32, 16), y


def train(model, n, lr):
    optimizer = optim.Adam(model.parameters(), lr=lr)
    model.train()
    for x, y in batches(n):
        optimizer.zero_grad()
        outputs, _ = model(x)
        loss = F.cross_entropy(outputs, y)
        loss.backward()
        optimizer.step()
    return loss.item()


def train_kd(teacher, student, n, T=2.0, soft_weight=0.25, ce_weight=0.75):
    ce, hint = nn.CrossEntropyLoss(), nn.CosineEmbeddingLoss()
    regressor = nn.Linear(12, 48)
    optimizer = optim.Adam([*student.parameters(), *regressor.parameters()], lr=3e-3)
    teacher.eval()
    student.train()
    running = 0.0
    for x, y in batches(n):
        optimizer.zero_grad()
        with torch.no_grad():
            teacher_logits, teacher_hidden = teacher(x)
        student_logits, hidden = student(x)
        soft_targets = nn.functional.softmax(teacher_logits / T, dim=-1)
        soft_prob = nn.functional.log_softmax(student_logits / T, dim=-1)
        soft_loss = torch.sum(soft_targets * (soft_targets.log() - soft_prob)) / soft_prob.size()[0] * (T**2)
        kl = F.kl_div(soft_prob, soft_targets, reduction="batchmean") * T * T
        hint_loss = hint(regressor(hidden), teacher_hidden, target=torch.ones(x.size(0)))
        loss = soft_weight * soft_loss + 0.01 * kl + ce_weight * ce(student_logits, y) + 0.1 * hint_loss
        loss.backward()
        optimizer.step()
        running += loss.item()
    return running / n


@torch.no_grad()
def test(model):
    model.eval()
    correct = total = 0
    for x, y in batches(4):
        outputs, _ = model(x)
        _, predicted = torch.max(outputs.data, 1)
        total += y.size(0)
        correct += (predicted == y).sum().item()
    return 100 * correct / total


torch.manual_seed(42)
centres = torch.randn(5, 16)
teacher, student = Net(48), Net(12)
print(f"teacher {train(teacher, 40, 3e-3):.4f} {test(teacher):.0f}%")
for epoch in range(3):
    print(f"student {train_kd(teacher, student, 15):.4f} {test(student):.0f}%")
