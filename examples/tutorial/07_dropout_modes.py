"""Modes: what `train()` and `eval()` change, shown with Dropout and BatchNorm.

You learn why a model has a mode, what dropout multiplies by and why, how the functional form gets its mode (it must
be told), and that `no_grad` is something else.
"""

import kilnn
from kilnn import nn
from kilnn.nn import functional as F

kilnn.manual_seed(0)
ones = kilnn.ones(10_000)

# In training mode each number is zeroed with probability p, and the rest are divided by 1 - p: the mean stays.
drop = nn.Dropout(p=0.25)
out = drop(ones)
share = (out == 0).float().mean().item()
print(f"train: {share:.1%} are zero, the others {out.max().item():.4f} = 1 / 0.75, the mean {out.mean().item():.3f}")
assert out.max() == ones[0] / 0.75
assert not kilnn.equal(drop(ones), drop(ones))  # another mask each time
kilnn.manual_seed(1)
mask = drop(ones)
kilnn.manual_seed(1)
assert kilnn.equal(mask, drop(ones))  # ... unless you seed

# In evaluation mode dropout is the identity.
drop.eval()
assert kilnn.equal(drop(ones), ones)

# The mode is one flag, `training`, that train() and eval() set in the whole tree.
model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2))
model.eval()
print("eval: ", {type(m).__name__: m.training for m in model})
model.train()
model[1].eval()  # one layer alone: a frozen batch norm while the rest trains
print("mixed:", {type(m).__name__: m.training for m in model})


# The functional form knows no mode. Its default is training=True: forget the argument, and evaluation stays noisy.
class Forgetful(nn.Module):
    def forward(self, x):
        return F.dropout(x, 0.5)


class Careful(nn.Module):
    def forward(self, x):
        return F.dropout(x, 0.5, training=self.training)


assert (Forgetful().eval()(ones) == 0).any()
assert kilnn.equal(Careful().eval()(ones), ones)
print("F.dropout without training=self.training still drops in eval mode")

# BatchNorm: batch statistics in training, which also move the running ones; running statistics in evaluation.
norm = nn.BatchNorm1d(1, momentum=0.1)
batch = kilnn.tensor([[4.0], [6.0]])
print("train:", norm(batch).flatten(), " running mean:", norm.running_mean.item())
for _ in range(100):
    norm(batch)
norm.eval()
print("eval after 101 batches:", norm(batch).flatten(), f" running mean: {norm.running_mean.item():.4f}")
assert abs(norm.running_mean.item() - 5) < 1e-3

# Dropout2d drops whole channels: neighbouring pixels are alike, so dropping them one by one would hide nothing.
channels = nn.Dropout2d(0.5)(kilnn.ones(1, 8, 2, 2))
kept = channels.amax((2, 3)).flatten()
assert kilnn.equal(channels.amin((2, 3)).flatten(), kept)
assert ((kept == 0) | (kept == 2)).all()
print("Dropout2d: each channel is wholly dropped (0) or wholly kept (2)")

# no_grad is not eval: it stops the recording of gradients and changes no layer.
model.train()
x = kilnn.randn(16, 4)
with kilnn.no_grad():
    assert not kilnn.equal(model(x), model(x))
model.eval()
assert model(x).requires_grad
print("no_grad() keeps dropout on; eval() keeps gradients on; evaluation wants both")

# A use of dropout in evaluation: many noisy answers tell how sure the model is (Monte Carlo dropout).
model.eval()
model[3].train()
with kilnn.no_grad():
    answers = kilnn.stack([model(x).softmax(1) for _ in range(200)])
spread = answers.std(0).mean().item()
print(f"200 noisy answers spread by {spread:.2f} around {answers.mean(0)[0, 0].item():.2f}")
