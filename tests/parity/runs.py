"""Twenty-step training runs written once and run on any library with PyTorch's names.

Each run is a function of the library. It gives its modules the same weights on every library (`copy_weights`), trains
on data from NumPy, and returns the losses and the final parameters.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

STEPS = 20
Result = tuple[list[float], dict[str, np.ndarray]]
RUNS: dict[str, Callable[[Any], Result]] = {}


def run(make):
    RUNS[make.__name__] = make
    return make


def copy_weights(T: Any, module: Any, seed: int = 0) -> Any:
    """Give a module weights that depend on names and shapes only."""
    rng = np.random.default_rng(seed)
    with T.no_grad():
        for _, p in module.named_parameters():
            fan = p.shape[-1] if p.dim() > 1 else 10
            p.copy_(T.tensor(rng.standard_normal(tuple(p.shape)).astype(np.float32) / math.sqrt(fan)))
    return module


def arrays(module: Any, prefix: str = "") -> dict[str, np.ndarray]:
    return {prefix + name: np.array(x.detach().numpy()) for name, x in module.state_dict().items()}


def data(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def labels(count: int, classes: int, seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, classes, count)


def mlp_model(T: Any) -> Any:
    nn = T.nn
    return nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 16), nn.Tanh(), nn.Linear(16, 4))


def train_classifier(
    T: Any, make_optimizer: Callable, make_scheduler: Callable | None = None, batches: int = 4
) -> Result:
    model = copy_weights(T, mlp_model(T))
    optimizer = make_optimizer(T, model.parameters())
    scheduler = make_scheduler(T, optimizer) if make_scheduler else None
    x, y = T.tensor(data(batches, 16, 12)), T.tensor(labels(batches * 16, 4).reshape(batches, 16))
    losses = []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = T.nn.functional.cross_entropy(model(x[step % batches]), y[step % batches])
        loss.backward()
        optimizer.step()
        if scheduler:
            scheduler.step()
        losses.append(loss.detach())
    return [loss.item() for loss in losses], arrays(model)


@run
def mlp_sgd(T):
    return train_classifier(T, lambda T, p: T.optim.SGD(p, lr=0.1))


@run
def mlp_sgd_momentum(T):
    return train_classifier(T, lambda T, p: T.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=1e-3))


@run
def mlp_sgd_nesterov(T):
    return train_classifier(T, lambda T, p: T.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True))


@run
def mlp_adam(T):
    return train_classifier(T, lambda T, p: T.optim.Adam(p, lr=0.01))


@run
def mlp_adamw(T):
    return train_classifier(T, lambda T, p: T.optim.AdamW(p, lr=0.01, weight_decay=0.05))


@run
def mlp_rmsprop(T):
    return train_classifier(T, lambda T, p: T.optim.RMSprop(p, lr=0.005))


@run
def mlp_adam_step_lr(T):
    return train_classifier(
        T,
        lambda T, p: T.optim.Adam(p, lr=0.02),
        lambda T, o: T.optim.lr_scheduler.StepLR(o, step_size=5, gamma=0.5),
    )


@run
def mlp_by_hand(T):
    """No optimizer: parameters are updated by in-place arithmetic under no_grad, and through `.data`."""
    model = copy_weights(T, mlp_model(T))
    x, y = T.tensor(data(16, 12)), T.tensor(labels(16, 4))
    losses = []
    for step in range(STEPS):
        loss = T.nn.functional.cross_entropy(model(x), y)
        model.zero_grad()
        loss.backward()
        if step % 2:
            with T.no_grad():
                for p in model.parameters():
                    p.sub_(0.1 * p.grad)
        else:
            for p in model.parameters():
                p.data.sub_(0.1 * p.grad.data)
        losses.append(loss.item())
    return losses, arrays(model)


@run
def mlp_clipped_and_accumulated(T):
    model = copy_weights(T, mlp_model(T))
    optimizer = T.optim.Adam(model.parameters(), lr=0.01)
    x, y = T.tensor(data(4, 16, 12)), T.tensor(labels(64, 4).reshape(4, 16))
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        total = 0.0
        for i in range(4):
            loss = T.nn.functional.cross_entropy(model(x[i]), y[i]) / 4
            loss.backward()
            total += loss.item()
        T.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        losses.append(total)
    return losses, arrays(model)


@run
def cnn_batch_norm(T):
    nn = T.nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
            self.norm1 = nn.BatchNorm2d(8)
            self.pool = nn.MaxPool2d(2)
            self.conv2 = nn.Conv2d(8, 8, 3, stride=2)
            self.norm2 = nn.BatchNorm2d(8)
            self.drop = nn.Dropout(0.0)
            self.head = nn.Linear(32, 5)

        def forward(self, x):
            x = self.pool(T.relu(self.norm1(self.conv1(x))))
            x = T.relu(self.norm2(self.conv2(x)))
            return self.head(self.drop(x.view(x.size(0), -1)))

    model = copy_weights(T, Net())
    optimizer = T.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    x, y = T.tensor(data(8, 1, 12, 12)), T.tensor(labels(8, 5))
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = nn.CrossEntropyLoss()(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with T.no_grad():
        losses.append(nn.CrossEntropyLoss()(model(x), y).item())
    return losses, arrays(model)


@run
def rnn_by_hand(T):
    """A loop over time with Linear layers and tanh, as in the character tutorial."""
    nn = T.nn

    class Rnn(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden = nn.Linear(6 + 16, 16)
            self.out = nn.Linear(16, 6)

        def forward(self, x, h):
            h = T.tanh(self.hidden(T.cat((x, h), 1)))
            return self.out(h), h

    model = copy_weights(T, Rnn())
    optimizer = T.optim.Adam(model.parameters(), lr=0.01)
    text = T.tensor(labels(4 * 9, 6).reshape(4, 9))
    losses = []
    for _ in range(STEPS):
        h, loss = T.zeros(4, 16), 0
        for t in range(8):
            x = T.nn.functional.one_hot(text[:, t], 6).float()
            logits, h = model(x, h)
            loss = loss + T.nn.functional.cross_entropy(logits, text[:, t + 1])
        optimizer.zero_grad()
        (loss / 8).backward()
        optimizer.step()
        losses.append(loss.item() / 8)
    return losses, arrays(model)


@run
def transformer(T):
    nn, F = T.nn, T.nn.functional

    class Block(nn.Module):
        def __init__(self, d, heads):
            super().__init__()
            self.heads = heads
            self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
            self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
            self.mlp = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d))
            self.register_buffer("mask", T.tril(T.ones(8, 8)).view(1, 1, 8, 8))

        def forward(self, x):
            b, t, d = x.size()
            q, k, v = self.qkv(self.norm1(x)).split(d, dim=2)
            q = q.view(b, t, self.heads, d // self.heads).transpose(1, 2)
            k = k.view(b, t, self.heads, d // self.heads).transpose(1, 2)
            v = v.view(b, t, self.heads, d // self.heads).transpose(1, 2)
            scores = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
            scores = scores.masked_fill(self.mask[:, :, :t, :t] == 0, float("-inf"))
            y = (F.softmax(scores, dim=-1) @ v).transpose(1, 2).contiguous().view(b, t, d)
            x = x + self.proj(y)
            return x + self.mlp(self.norm2(x))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens, self.places = nn.Embedding(11, 16), nn.Embedding(8, 16)
            self.blocks = nn.ModuleList([Block(16, 2) for _ in range(2)])
            self.norm, self.head = nn.LayerNorm(16), nn.Linear(16, 11, bias=False)

        def forward(self, ids):
            x = self.tokens(ids) + self.places(T.arange(ids.size(1)))
            for block in self.blocks:
                x = block(x)
            return self.head(self.norm(x))

    model = copy_weights(T, Model())
    # the keys' bias has no gradient but rounding: a larger eps keeps Adam from making steps of it
    optimizer = T.optim.AdamW(model.parameters(), lr=3e-3, eps=1e-5)
    ids = T.tensor(labels(4 * 9, 11).reshape(4, 9))
    losses = []
    for _ in range(STEPS):
        logits = model(ids[:, :-1])
        loss = F.cross_entropy(logits.view(-1, 11), ids[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, arrays(model)


def gan_nets(T: Any) -> tuple[Any, Any]:
    nn = T.nn
    generator = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 6), nn.Tanh())
    critic = nn.Sequential(nn.Linear(6, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
    return copy_weights(T, generator, 3), copy_weights(T, critic, 4)


@run
def gan(T):
    nn = T.nn
    generator, critic = gan_nets(T)
    loss_of = nn.BCEWithLogitsLoss()
    opt_g = T.optim.Adam(generator.parameters(), lr=0.01, betas=(0.5, 0.999))
    opt_d = T.optim.Adam(critic.parameters(), lr=0.01, betas=(0.5, 0.999))
    real, noise = T.tensor(data(8, 6)), T.tensor(data(STEPS, 8, 4, seed=5))
    losses = []
    for step in range(STEPS):
        fake = generator(noise[step])
        opt_d.zero_grad()
        real_loss = loss_of(critic(real), T.ones(8, 1))
        real_loss.backward()
        fake_loss = loss_of(critic(fake.detach()), T.zeros(8, 1))
        fake_loss.backward()
        opt_d.step()
        opt_g.zero_grad()
        g_loss = loss_of(critic(fake), T.ones(8, 1))
        g_loss.backward()
        opt_g.step()
        losses += [(real_loss + fake_loss).item(), g_loss.item()]
    return losses, {**arrays(generator, "g."), **arrays(critic, "d.")}


@run
def wgan_gradient_penalty(T):
    generator, critic = gan_nets(T)
    opt_g = T.optim.RMSprop(generator.parameters(), lr=1e-3)
    opt_d = T.optim.Adam(critic.parameters(), lr=1e-3)
    real, noise = T.tensor(data(8, 6)), T.tensor(data(STEPS, 8, 4, seed=5))
    mix = T.tensor(np.random.default_rng(6).random((STEPS, 8, 1)).astype(np.float32))
    losses = []
    for step in range(STEPS):
        fake = generator(noise[step]).detach()
        between = (mix[step] * real + (1 - mix[step]) * fake).requires_grad_(True)
        score = critic(between)
        (slope,) = T.autograd.grad(
            outputs=score, inputs=between, grad_outputs=T.ones_like(score), create_graph=True, retain_graph=True
        )
        penalty = ((slope.norm(2, dim=1) - 1) ** 2).mean()
        d_loss = critic(fake).mean() - critic(real).mean() + 10 * penalty
        opt_d.zero_grad()
        d_loss.backward()
        opt_d.step()
        losses.append(d_loss.item())
        if step % 2:
            opt_g.zero_grad()
            g_loss = -critic(generator(noise[step])).mean()
            g_loss.backward()
            opt_g.step()
            losses.append(g_loss.item())
    return losses, {**arrays(generator, "g."), **arrays(critic, "d.")}


@run
def autoencoder_with_tied_weights(T):
    nn = T.nn
    encoder, decoder = nn.Linear(8, 8, bias=False), nn.Linear(8, 8, bias=False)
    decoder.weight = encoder.weight
    model = copy_weights(T, nn.Sequential(encoder, nn.Sigmoid(), decoder))
    optimizer = T.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    x = T.tensor(data(8, 8))
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = nn.MSELoss()(model(x), x)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, arrays(model)


@run
def policy_gradient(T):
    """REINFORCE on a bandit: choices are made from values read in mid-step."""
    nn = T.nn
    policy = copy_weights(T, nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2)))
    optimizer = T.optim.Adam(policy.parameters(), lr=0.02)
    states = data(STEPS, 3, seed=8)
    losses = []
    for step in range(STEPS):
        total = 0
        for turn in range(1 + step % 3):
            probabilities = T.softmax(policy(T.tensor(states[(step + turn) % STEPS])), dim=-1)
            action = int(probabilities.argmax().item())
            reward = 1.0 if action == step % 2 else -0.5
            total = total - T.log(probabilities[action]) * reward
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        losses.append(total.item())
    return losses, arrays(policy)
