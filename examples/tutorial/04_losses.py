"""Losses: what each measures, how it weighs outliers, and the inputs it wants.

You learn the losses for numbers (squared, absolute, Huber), for classes (cross entropy on raw scores and labels)
and for yes/no questions (BCE with logits), their `reduction`, and what label smoothing and class weights do.
"""

import math

import kilnn
from kilnn import nn
from kilnn.nn import functional as F

kilnn.manual_seed(0)

# Numbers. Nine errors of 0.1 and one outlier of 10: the gradient is how hard each loss pulls at each point.
errors = kilnn.tensor([0.1] * 9 + [10.0], requires_grad=True)
zeros = kilnn.zeros(10)
pulls = {}
for loss_fn in (nn.MSELoss(), nn.L1Loss(), nn.HuberLoss(delta=1.0)):
    errors.grad = None
    loss = loss_fn(errors, zeros)
    loss.backward()
    name = type(loss_fn).__name__
    pulls[name] = (errors.grad[9] / errors.grad[0]).item()
    print(f"{name:10s} {loss.item():7.4f}  the outlier pulls {pulls[name]:5.1f} times as hard")

# So their minima differ: the mean for squares, the median for absolute values.
points = kilnn.tensor([1.0, 2.0, 3.0, 4.0, 90.0])
centres = {}
for name, function in (("mse", F.mse_loss), ("l1", F.l1_loss), ("huber", F.huber_loss)):
    centre = kilnn.zeros(1, requires_grad=True)
    optimizer = kilnn.optim.SGD([centre], lr=0.5)
    for step in range(400):
        optimizer.param_groups[0]["lr"] = 0.5 / (1 + step / 20)
        optimizer.zero_grad()
        function(centre.expand(5), points).backward()
        optimizer.step()
    centres[name] = centre.item()
print("best constant for 1, 2, 3, 4, 90:", {name: round(c, 1) for name, c in centres.items()})

# Classes. cross_entropy takes raw scores (no softmax!) of shape (batch, classes) and int64 labels.
scores = kilnn.randn(6, 4)
labels = kilnn.tensor([0, 1, 2, 3, 0, 1])
loss = F.cross_entropy(scores, labels)
by_hand = -F.log_softmax(scores, dim=1)[kilnn.arange(6), labels].mean()
assert kilnn.allclose(loss, by_hand)
assert kilnn.allclose(loss, F.nll_loss(F.log_softmax(scores, 1), labels))
print(f"cross entropy {loss.item():.4f}; guessing among 4 classes costs ln 4 = {math.log(4):.4f}")
try:
    F.cross_entropy(scores, kilnn.tensor([0, 1, 2, 4, 0, 1]))
except IndexError as error:
    print("IndexError:", str(error).splitlines()[0])

# `reduction`: one number per sample, their sum, or (the default) their mean.
each = F.cross_entropy(scores, labels, reduction="none")
assert each.shape == (6,) and kilnn.allclose(each.mean(), loss)
assert kilnn.allclose(F.cross_entropy(scores, labels, reduction="sum"), each.sum())

# Targets may be probabilities; label smoothing moves a part of each label to all classes.
soft = F.one_hot(labels, 4) * 0.9 + 0.1 / 4
assert kilnn.allclose(F.cross_entropy(scores, soft), F.cross_entropy(scores, labels, label_smoothing=0.1))
sure = 20.0 * F.one_hot(labels, 4)
print(
    f"sure and right: {F.cross_entropy(sure, labels).item():.4f}, "
    f"with smoothing: {F.cross_entropy(sure, labels, label_smoothing=0.1).item():.4f}"
)

# `weight` makes rare classes count more; `ignore_index` leaves samples out, for example padding.
weighted = nn.CrossEntropyLoss(weight=kilnn.tensor([1.0, 1.0, 5.0, 1.0]))
padded = nn.CrossEntropyLoss(ignore_index=0)
print(f"weighted {weighted(scores, labels).item():.4f}, without class 0 {padded(scores, labels).item():.4f}")

# Yes or no: one raw score per question, targets 0.0 or 1.0. The logits form stays finite where sigmoid + BCE does not.
logits = kilnn.tensor([-200.0, 0.0, 200.0], requires_grad=True)
answers = kilnn.tensor([1.0, 1.0, 1.0])
stable = F.binary_cross_entropy_with_logits(logits, answers, reduction="none")
naive = -kilnn.log(kilnn.sigmoid(logits))
print("with logits:", stable.tolist(), " log of sigmoid:", naive.tolist())
stable.sum().backward()
print("gradient:", logits.grad.tolist())

# Distances between distributions: kl_div takes log-probabilities first.
p, q = F.softmax(kilnn.randn(4), 0), F.softmax(kilnn.randn(4), 0)
divergence = F.kl_div(q.log(), p, reduction="sum")
assert kilnn.allclose(divergence, (p * (p / q).log()).sum(), atol=1e-6)
assert kilnn.allclose(F.kl_div(p.log(), p, reduction="sum"), kilnn.tensor(0.0), atol=1e-6)
print(f"KL(p || q) = {divergence.item():.4f}, KL(p || p) = 0")
