"""Learning rates: changing them through `param_groups`, by a scheduler, or by a new optimizer (which loses state).

You learn that an optimizer is its groups (numbers you may edit at any time) plus its state (momentum, Adam's
averages), that a new optimizer starts with no state, what that costs in the steps after it, and how to carry the
state over.
"""

import copy

import kilnn
from kilnn import nn, optim
from kilnn.nn import functional as F
from kilnn.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR

kilnn.manual_seed(0)
x = kilnn.randn(256, 20)
y = kilnn.sin(x @ kilnn.randn(20, 1))
start = nn.Sequential(nn.Linear(20, 64), nn.Tanh(), nn.Linear(64, 1))


def train(model, optimizer, steps):
    """The loss of every step."""
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


# 1. param_groups: a list of dictionaries. Editing one is all it takes; the next step uses the new number.
model = copy.deepcopy(start)
optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
train(model, optimizer, 50)
for group in optimizer.param_groups:
    group["lr"] *= 0.1
print("after the edit:", {k: v for k, v in optimizer.param_groups[0].items() if k in ("lr", "momentum")})

# 2. Groups can differ: the last layer learns ten times as fast here, and its bias is not decayed.
optimizer = optim.AdamW(
    [
        {"params": model[0].parameters(), "lr": 1e-3},
        {"params": [model[2].weight]},
        {"params": [model[2].bias], "weight_decay": 0.0},
    ],
    lr=1e-2,
    weight_decay=0.05,
)
print("groups:", [(g["lr"], g["weight_decay"], len(g["params"])) for g in optimizer.param_groups])
train(model, optimizer, 5)

# 3. A scheduler edits param_groups for you: five steps up, then down along a cosine.
optimizer = optim.SGD(model.parameters(), lr=0.1)
warm_up = LinearLR(optimizer, start_factor=0.2, total_iters=5)
cosine = CosineAnnealingLR(optimizer, T_max=15)
scheduler = SequentialLR(optimizer, [warm_up, cosine], milestones=[5])
rates = []
for _ in range(20):
    rates.append(optimizer.param_groups[0]["lr"])
    train(model, optimizer, 1)
    scheduler.step()
print("schedule:", " ".join(f"{r:.3f}" for r in rates))


# 4. A new optimizer with the smaller rate does the same to the rate - and forgets the state.
def continuations(make, steps=30):
    """Train for 60 steps at full rate; then go on at half of it in three ways. The losses of each."""
    results = {}
    for way in ("param_groups", "new optimizer", "new optimizer, state loaded"):
        model = copy.deepcopy(start)
        optimizer = make(model.parameters())
        train(model, optimizer, 60)
        lr = optimizer.param_groups[0]["lr"] / 2
        if way != "param_groups":
            old_state = optimizer.state_dict()
            optimizer = make(model.parameters())
            assert len(optimizer.state) == 0  # no momentum, no averages, no step count
            if way == "new optimizer, state loaded":
                optimizer.load_state_dict(old_state)  # brings the old rate along, so set it afterwards
        optimizer.param_groups[0]["lr"] = lr
        results[way] = train(model, optimizer, steps)
    return results


momentum = continuations(lambda ps: optim.SGD(ps, lr=0.1, momentum=0.9))
adam = continuations(lambda ps: optim.Adam(ps, lr=0.02))

# Momentum: without its velocity the new optimizer starts from rest and falls behind.
# Adam: without its averages the first step moves each parameter by the full rate, however small its gradient: a jump.
for name, results in (("SGD with momentum", momentum), ("Adam", adam)):
    print(f"{name}: loss 0, 1, 3, 10, 29 steps after the rate was halved")
    for way, losses in results.items():
        print(f"  {way:30s}" + " ".join(f"{losses[n]:.5f}" for n in (0, 1, 3, 10, 29)))
