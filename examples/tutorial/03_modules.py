"""Layers: Module and function, parameters, containers, state_dict.

You learn that a layer is a function plus the tensors it owns, how to write your own, and what `nn.Module` does for
you: it finds parameters, names them, moves them, saves them and switches modes.
"""

import kilnn
from kilnn import nn
from kilnn.nn import functional as F

kilnn.manual_seed(0)
x = kilnn.randn(4, 8)

# The functional form takes its weights as arguments; the module owns them. The formula is one and the same.
layer = nn.Linear(8, 3)
print(layer, "weight", layer.weight.shape, "bias", layer.bias.shape)
assert kilnn.equal(layer(x), F.linear(x, layer.weight, layer.bias))
assert kilnn.allclose(layer(x), x @ layer.weight.T + layer.bias)

# Functions without weights need no module: nn.ReLU() exists so that it can stand in a Sequential.
assert kilnn.equal(nn.ReLU()(x), F.relu(x))


# Your own module: layers in __init__, the formula in forward. Call the module, not forward: hooks run in the call.
class Residual(nn.Module):
    """x + scale * f(x), with a learnt scale."""

    def __init__(self, width):
        super().__init__()
        self.inner = nn.Linear(width, width)
        self.scale = nn.Parameter(kilnn.zeros(1))  # a tensor becomes a parameter by being one
        self.register_buffer("calls", kilnn.zeros((), dtype=kilnn.int64))  # saved, but not trained

    def forward(self, x):
        self.calls += 1
        return x + self.scale * F.gelu(self.inner(x))


model = nn.Sequential(Residual(8), Residual(8), nn.Linear(8, 3))
print(model)
for name, p in model.named_parameters():
    print(f"  {name:16s} {tuple(p.shape)}")
count = sum(p.numel() for p in model.parameters())
print("parameters:", count, " buffers:", [name for name, _ in model.named_buffers()])
model(x)

# The same in the functional style: weights in a dictionary that you look after yourself.
weights = {name: p.detach().clone().requires_grad_() for name, p in model.named_parameters()}


def residual(x, w, prefix):
    return x + w[f"{prefix}.scale"] * F.gelu(F.linear(x, w[f"{prefix}.inner.weight"], w[f"{prefix}.inner.bias"]))


def forward(x, w):
    x = residual(residual(x, w, "0"), w, "1")
    return F.linear(x, w["2.weight"], w["2.bias"])


target = kilnn.tensor([0, 1, 2, 0])
F.cross_entropy(model(x), target).backward()
F.cross_entropy(forward(x, weights), target).backward()
for name, p in model.named_parameters():
    assert kilnn.allclose(p.grad, weights[name].grad, atol=1e-6), name
print("both styles give the same gradients")

# Containers other than Sequential: ModuleList and ModuleDict register what they hold; a plain list would hide it.
heads = nn.ModuleDict({"digit": nn.Linear(8, 10), "parity": nn.Linear(8, 2)})
print("heads:", {name: head(x).shape for name, head in heads.items()})

# state_dict: names to tensors. Loading is strict, and says what does not fit.
other = nn.Sequential(Residual(8), Residual(8), nn.Linear(8, 3))
other.load_state_dict(model.state_dict())
assert kilnn.equal(other(x), model(x))
try:
    other.load_state_dict({"0.scale": kilnn.zeros(2)})
except RuntimeError as error:
    print("RuntimeError:", str(error).splitlines()[0])

# Freezing: parameters without requires_grad get no gradient. Hooks look into a model without changing it.
for p in other[0].parameters():
    p.requires_grad_(False)
seen = []
handle = other[1].register_forward_hook(lambda module, args, output: seen.append(tuple(output.shape)))
F.cross_entropy(other(x), target).backward()
handle.remove()
print("frozen:", other[0].scale.grad, " trained:", other[1].scale.grad is not None, " seen by the hook:", seen)
