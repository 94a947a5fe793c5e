"""What kilnn compiles: how many programs a loop makes, what makes a new one, what forces the recording to run.

You learn to read `kilnn.stats()` and `kilnn.explain()`, and to pin both down with `kilnn.expect`. This script is
about kilnn itself; nothing of it is needed to train, and the other scripts here do without.
"""

import kilnn
from kilnn import nn, optim
from kilnn.nn import functional as F

kilnn.manual_seed(0)
x, y = kilnn.randn(256, 100), kilnn.randint(0, 10, (256,))
short_x, short_y = x[:100].clone(), y[:100].clone()
model = nn.Sequential(nn.Linear(100, 200), nn.ReLU(), nn.Dropout(0.1), nn.Linear(200, 10))
optimizer = optim.Adam(model.parameters(), lr=1e-3)


def train_step(x=x, y=y, weight=1.0, look=False):
    optimizer.zero_grad()
    scores = model(x)
    if look:
        print("    looking at the scores in the middle of a step:", round(scores[0, 0].item(), 3))
    loss = F.cross_entropy(scores, y) * weight
    loss.backward()
    optimizer.step()
    return loss


def report(what, function, *args, **options):
    """Call the function and print how kilnn's counters moved."""
    before = kilnn.stats()
    function(*args, **options)
    moved = {name: n - before[name] for name, n in kilnn.stats().items()}
    print(
        f"{what:46s} programs compiled {moved['compiles']}, recordings run {moved['flushes']}, reads {moved['syncs']}"
    )
    return moved


# 1. Forward, backward and update are recorded; at the end of step() they run as one program. It is compiled once.
assert report("first step", train_step)["step_compiles"] == 1
assert report("second step", train_step)["compiles"] == 0


def hundred_steps():
    for _ in range(100):
        train_step()


assert report("a hundred more", hundred_steps)["compiles"] == 0

# 2. Numbers are inputs of the program, so changing them costs nothing.
optimizer.param_groups[0]["lr"] = 5e-4
assert report("another learning rate", train_step)["compiles"] == 0
assert report("another loss weight", train_step, weight=0.3)["compiles"] == 0
assert report("another batch of the same shape", train_step, kilnn.randn(256, 100))["compiles"] == 0

# 3. Structure is compiled: shapes, dtypes, which operations, which modes. Each variant once; then it is kept.
assert report("a shorter last batch", train_step, short_x, short_y)["step_compiles"] == 1
assert report("the full batch again", train_step)["compiles"] == 0
assert report("the shorter one again", train_step, short_x, short_y)["compiles"] == 0
model.eval()  # dropout is another operation now, namely none
assert report("after model.eval()", train_step)["step_compiles"] == 1
model.train()
assert report("after model.train()", train_step)["compiles"] == 0

# 4. Looking at a value runs what is pending. After the step, that costs a wait; within it, the step falls in two.
assert report("loss.item() after the step", lambda: train_step().item())["compiles"] == 0
for n in range(3):
    moved = report(f"a look in the middle, time {n + 1}", train_step, look=True)
assert moved["compiles"] == 0  # the two halves are programs like any other

# 5. What counts as looking? Asking for shapes does not; asking for values does.
with kilnn.no_grad():
    for name, question in {
        "h.shape, h.dtype": lambda h: (h.shape, h.dtype),
        "len(h)": len,
        "h.item()": lambda h: h.mean().item(),
        "print(h)": str,
        "if (h > 0).any():": lambda h: bool((h > 0).any()),
        "h.numpy()": lambda h: h.numpy(),
        "h[h > 0]  (its shape depends on values)": lambda h: h[h > 0],
    }.items():
        kilnn.synchronize()  # run what is pending, so that each question starts from nothing
        report(name, lambda question=question: question(kilnn.relu(x * 2)))

# 6. Collect values as tensors, and look once at the end.
losses = []
with kilnn.expect(compiles=None, syncs=0):
    for _ in range(50):
        losses.append(train_step().detach())
report("the mean of 50 losses", lambda: kilnn.stack(losses).mean().item())

# 7. `expect` turns a claim into a test. When it fails, its message names your lines.
with kilnn.expect(compiles=0, syncs=0):
    train_step()
try:
    with kilnn.expect(compiles=0):
        train_step(x[:99].clone(), y[:99])
except AssertionError as error:
    print("AssertionError:", error)

# 8. Everything at a glance: the programs, why each is new, where values were read. KILNN_EAGER=1 switches it all off.
print(kilnn.explain())
step_compiles = kilnn.stats()["step_compiles"]
