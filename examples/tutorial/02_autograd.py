"""Autograd: `backward()` fills `.grad`; gradient descent written by hand.

You learn which tensors get a gradient, that gradients add up until you clear them, how to step outside of recording
(`no_grad`, `detach`), and how to take a gradient of a gradient.
"""

import kilnn

kilnn.manual_seed(0)

# Ask for a gradient, compute a number, call backward(): d(a^2 b)/da = 2ab, d(a^2 b)/db = a^2.
a = kilnn.tensor(3.0, requires_grad=True)
b = kilnn.tensor(2.0, requires_grad=True)
out = a**2 * b
out.backward()
print("out:", out.item(), " d/da:", a.grad.item(), " d/db:", b.grad.item())
assert (a.grad, b.grad) == (12, 9)

# Gradients are added to what is there. That is why a training loop begins with zero_grad().
(a * 5).backward()
print("d/da, added up:", a.grad.item())
assert a.grad == 17
a.grad = None

# Only results of tensors that require gradients carry a graph; the tensors you made are its leaves.
print("out.requires_grad:", out.requires_grad, " a.is_leaf:", a.is_leaf, " out.is_leaf:", out.is_leaf)
with kilnn.no_grad():
    assert not (a * b).requires_grad  # nothing is recorded for backward
stop = a.detach()  # the same number, and the end of the gradient's path
(a * stop).backward()
print("d(a * detached a)/da:", a.grad.item())
assert a.grad == 3  # not 2a

# A vector needs a number to start from, or weights: this is a vector-Jacobian product.
v = kilnn.tensor([1.0, 2.0, 3.0], requires_grad=True)
try:
    (v * v).backward()
except RuntimeError as error:
    print("RuntimeError:", error)
(v * v).backward(kilnn.tensor([1.0, 0.0, 1.0]))
print("weighted gradient of v * v:", v.grad)

# autograd.grad returns gradients instead of storing them; create_graph=True makes them differentiable.
t = kilnn.tensor(0.5, requires_grad=True)
(first,) = kilnn.autograd.grad(kilnn.sin(t), t, create_graph=True)
(second,) = kilnn.autograd.grad(first, t)
print(f"sin' = {first.item():.4f} (cos: {kilnn.cos(t).item():.4f}), sin'' = {second.item():.4f}")
assert kilnn.allclose(second, -kilnn.sin(t))

# backward() frees what it used, so a second one through the same graph must be announced.
cube = t**3
cube.backward(retain_graph=True)
cube.backward()
try:
    cube.backward()
except RuntimeError as error:
    print("RuntimeError:", str(error)[:60], "...")

# Gradient descent by hand: find the line y = 3 x - 1 from noisy points.
x = kilnn.rand(200)
y = 3 * x - 1 + 0.1 * kilnn.randn(200)
slope = kilnn.zeros((), requires_grad=True)
offset = kilnn.zeros((), requires_grad=True)
for step in range(101):
    loss = ((slope * x + offset - y) ** 2).mean()
    loss.backward()
    with kilnn.no_grad():  # the update itself must not be recorded for backward
        for p in (slope, offset):
            p.sub_(0.5 * p.grad)
            p.grad = None
    if step % 25 == 0:
        print(f"step {step:3d}  loss {loss.item():.4f}  y = {slope.item():.3f} x + {offset.item():.3f}")
line = slope.item(), offset.item()
