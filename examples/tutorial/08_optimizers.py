"""Optimizers: SGD, momentum, RMSprop and Adam, racing down a badly conditioned valley.

You learn what each update rule does with the same gradients. The valley f(x, y) = (x^2 + 50 y^2) / 2 is fifty times
as steep across as along. Writes their paths to runs/tutorial/optimizers.png.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import kilnn
from kilnn import optim

STEEP = 50.0
START = (-9.0, 1.5)
STEPS = 60


def valley(p):
    return 0.5 * (p[0] ** 2 + STEEP * p[1] ** 2)


def descend(make_optimizer):
    """The path from START, one point a step: (STEPS + 1, 2)."""
    p = kilnn.tensor(START, requires_grad=True)
    optimizer = make_optimizer([p])
    path = [p.detach().clone()]
    for _ in range(STEPS):
        optimizer.zero_grad()
        valley(p).backward()
        optimizer.step()
        path.append(p.detach().clone())
    return kilnn.stack(path)


# Plain SGD must keep lr below 2 / 50, or it diverges across the valley; along it, it then crawls.
# Momentum adds up what consecutive gradients agree on (along) and cancels what alternates (across).
# RMSprop divides each coordinate by the size of its recent gradients: the valley becomes round.
# Adam is both: momentum of the gradient, divided by its size, with both averages corrected for their start at zero.
RACERS = {
    "SGD": lambda ps: optim.SGD(ps, lr=0.036),
    "SGD, momentum 0.9": lambda ps: optim.SGD(ps, lr=0.018, momentum=0.9),
    "RMSprop": lambda ps: optim.RMSprop(ps, lr=0.2, alpha=0.9),
    "Adam": lambda ps: optim.Adam(ps, lr=0.6, betas=(0.8, 0.95)),
}

paths = {name: descend(make) for name, make in RACERS.items()}
heights = {name: [valley(p).item() for p in path] for name, path in paths.items()}
print(f"height of the valley after     10 {'20':>9} {'40':>9} {'60':>9} steps")
for name, h in heights.items():
    print(f"{name:24s}" + "".join(f"{h[n]:10.4f}" for n in (10, 20, 40, 60)))
final = {name: h[-1] for name, h in heights.items()}

too_fast = descend(lambda ps: optim.SGD(ps, lr=2.1 / STEEP))
diverged = valley(too_fast[-1]).item()
print(f"SGD just above its limit, lr = 2.1 / {STEEP:.0f}: height {diverged:.0f}, and rising")

# The rules in a line each, checked against the optimizers. g is the gradient, t the number of the step.
p, velocity = kilnn.tensor(START), kilnn.zeros(2)
mean, square = kilnn.zeros(2), kilnn.zeros(2)
q = p.clone()
for t in range(1, STEPS + 1):
    g = p * kilnn.tensor([1.0, STEEP])
    velocity = 0.9 * velocity + g
    p = p - 0.018 * velocity
    g = q * kilnn.tensor([1.0, STEEP])
    mean = 0.8 * mean + 0.2 * g
    square = 0.95 * square + 0.05 * g**2
    q = q - 0.6 * (mean / (1 - 0.8**t)) / ((square / (1 - 0.95**t)).sqrt() + 1e-8)
assert kilnn.allclose(p, paths["SGD, momentum 0.9"][-1], atol=1e-4)
assert kilnn.allclose(q, paths["Adam"][-1], atol=1e-4)
print("momentum and Adam, written by hand, end at the same points")

figure = Figure(figsize=(8, 5))
axes = figure.subplots()
grid_x, grid_y = np.meshgrid(np.linspace(-10, 6, 200), np.linspace(-2, 2, 200))
levels = np.geomspace(0.1, 200, 12)
axes.contour(grid_x, grid_y, 0.5 * (grid_x**2 + STEEP * grid_y**2), levels=levels, colors="0.8", linewidths=0.8)
for name, path in paths.items():
    points = path.numpy()
    axes.plot(points[:, 0], points[:, 1], marker=".", markersize=4, linewidth=1, label=name)
axes.plot(0, 0, "k*", markersize=12)
axes.set(xlabel="x", ylabel="y", title="60 steps down the valley (x² + 50 y²) / 2", xlim=(-10, 6), ylim=(-2, 2))
axes.legend(loc="lower right")
folder = Path("runs/tutorial")
folder.mkdir(parents=True, exist_ok=True)
figure.savefig(folder / "optimizers.png", dpi=120)
print("wrote", folder / "optimizers.png")
