"""LBFGS: an optimizer that calls your function itself, for problems without noise.

You learn what a closure is and why LBFGS needs one, what the line search buys, and when a second-order method beats
Adam: small, smooth, full-batch problems. On minibatches its idea of the curvature is spoilt by the noise.
Paper: Liu and Nocedal, On the limited memory BFGS method for large scale optimization, https://doi.org/10.1007/BF01589116
"""

from sklearn import datasets

import kilnn
from kilnn import nn, optim
from kilnn.nn import functional as F

kilnn.manual_seed(0)


# 1. Rosenbrock's banana valley: easy to enter, hard to follow to its minimum at (1, 1).
def rosenbrock(p):
    return (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2


def minimise(make_optimizer, goal=1e-4, most=5000):
    """(calls of the function until it is below the goal, the point)."""
    p = kilnn.tensor([-1.5, 2.0], requires_grad=True)
    optimizer = make_optimizer([p])
    calls = 0

    def closure():
        """The loss, with fresh gradients left in place; LBFGS may call it often in one step."""
        nonlocal calls
        calls += 1
        optimizer.zero_grad()
        loss = rosenbrock(p)
        loss.backward()
        return loss

    while calls < most:
        loss = optimizer.step(closure)  # every optimizer takes a closure; only LBFGS needs it. Returns the first loss.
        if loss.item() < goal:
            break
    return calls, p.tolist()


calls = {}
for name, make in {
    "LBFGS, strong Wolfe": lambda ps: optim.LBFGS(ps, lr=1, max_iter=4, line_search_fn="strong_wolfe"),
    "Adam": lambda ps: optim.Adam(ps, lr=0.02),
    "SGD, momentum": lambda ps: optim.SGD(ps, lr=5e-4, momentum=0.9),
}.items():
    calls[name], point = minimise(make)
    print(f"{name:20s} {calls[name]:5d} gradients, at ({point[0]:.3f}, {point[1]:.3f})")

# 2. Logistic regression on all digits at once, with a quadratic penalty: convex, so everybody agrees on the answer.
digits = datasets.load_digits()
x = kilnn.tensor(digits.data / 16, dtype=kilnn.float32)
y = kilnn.tensor(digits.target, dtype=kilnn.int64)


def objective(model):
    return F.cross_entropy(model(x), y) + 1e-3 * model.weight.square().sum()


def fit(make_optimizer, steps):
    model = nn.Linear(64, 10)
    with kilnn.no_grad():
        model.weight.zero_()
        model.bias.zero_()
    optimizer = make_optimizer(model.parameters())

    def closure():
        optimizer.zero_grad()
        loss = objective(model)
        loss.backward()
        return loss

    for _ in range(steps):
        optimizer.step(closure)
    with kilnn.no_grad():
        accuracy = (model(x).argmax(1) == y).float().mean().item()
        return objective(model).item(), accuracy


lbfgs_loss, lbfgs_accuracy = fit(lambda ps: optim.LBFGS(ps, max_iter=10, line_search_fn="strong_wolfe"), steps=4)
adam_loss, adam_accuracy = fit(lambda ps: optim.Adam(ps, lr=0.02), steps=50)
print(f"LBFGS, 4 steps of up to 10 iterations: objective {lbfgs_loss:.4f}, accuracy {lbfgs_accuracy:.2%}")
print(f"Adam, 50 steps:                        objective {adam_loss:.4f}, accuracy {adam_accuracy:.2%}")
