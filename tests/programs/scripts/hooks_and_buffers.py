"""Modules with buffers and hooks: running statistics, features by forward hooks, gradient hooks, apply."""

import torch
import torch.nn as nn


class RunningNorm(nn.Module):
    def __init__(self, size, momentum=0.1):
        super().__init__()
        self.momentum = momentum
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("var", torch.ones(size))
        self.register_buffer("count", torch.tensor(0, dtype=torch.long))
        self.register_buffer("scratch", torch.zeros(1), persistent=False)

    def forward(self, x):
        if self.training:
            with torch.no_grad():
                self.mean.lerp_(x.mean(0), self.momentum)
                self.var.mul_(1 - self.momentum).add_(x.var(0, unbiased=False), alpha=self.momentum)
                self.count += 1
        return (x - self.mean) / (self.var + 1e-5).sqrt()

    def extra_repr(self):
        return f"momentum={self.momentum}"


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = RunningNorm(6)
        self.body = nn.ModuleList([nn.Linear(6, 16), nn.Linear(16, 16)])
        self.act = nn.ModuleDict({"relu": nn.ReLU(), "tanh": nn.Tanh()})
        self.head = nn.Linear(16, 2)

    def forward(self, x):
        x = self.norm(x)
        for name, layer in zip(("relu", "tanh"), self.body):
            x = self.act[name](layer(x))
        return self.head(x)


def init_weights(m):
    if type(m) is nn.Linear:
        nn.init.kaiming_uniform_(m.weight, nonlinearity="relu")
        m.bias.data.fill_(0.01)


torch.manual_seed(0)
net = Net()
net.apply(init_weights)
print(net)
activation, gradients = {}, []


def get_activation(name):
    def hook(model, input, output):
        activation[name] = output.detach()

    return hook


handles = [layer.register_forward_hook(get_activation(f"body{i}")) for i, layer in enumerate(net.body)]
net.head.register_full_backward_hook(lambda module, grad_in, grad_out: gradients.append(grad_out[0].norm()))
net.body[0].weight.register_hook(lambda grad: grad * 0.5)
net.register_forward_pre_hook(lambda module, args: (args[0].clamp(-3, 3),))
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
x = torch.randn(64, 6) * 2 + 1
y = (x[:, 0] * x[:, 1] > 1).long()
for step in range(20):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(net(x), y)
    loss.backward()
    optimizer.step()
    if step % 5 == 4:
        dead = (activation["body0"] == 0).float().mean()
        print(f"{step} loss {loss.item():.4f} dead {dead.item():.3f} gradient {gradients[-1].item():.5f}")
for h in handles:
    h.remove()
activation.clear()
net.eval()
net(x)
print(len(activation), net.norm.count.item(), sorted(net.state_dict()))
print(f"mean {net.norm.mean.mean().item():.4f} grads {len(gradients)}")
print([n for n, _ in net.named_buffers()], sum(1 for _ in net.named_modules()))
