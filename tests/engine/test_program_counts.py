"""How many programs a plain training loop makes: a result like a loss value, asserted exactly.

"Step programs" are compiled programs that contain an optimizer update. Every test here also bounds all programs.
"""

import gc
import itertools
import math

import numpy as np
import pytest

import kilnn as T
from kilnn import nn
from kilnn.nn import functional as F

FEATURES, CLASSES, BATCH = 12, 4, 16


class Mlp(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.hidden, self.out = nn.Linear(FEATURES, width), nn.Linear(width, CLASSES)

    def forward(self, x):
        return self.out(T.relu(self.hidden(x)))


_widths = itertools.count(20)


def make(optimizer=T.optim.Adam, **options):
    """A model of a width that no other test uses: its programs are not in the cache."""
    model = Mlp(next(_widths))
    return model, optimizer(model.parameters(), **({"lr": 1e-2} | options))


def batches(count, size=BATCH, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, size, FEATURES)).astype(np.float32)
    y = rng.integers(0, CLASSES, (count, size))
    return [(T.tensor(a), T.tensor(b)) for a, b in zip(x, y, strict=True)]


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def ragged_loader(epochs, shuffle=True):
    rng = np.random.default_rng(0)
    x = T.tensor(rng.standard_normal((72, FEATURES)).astype(np.float32))
    y = T.tensor(rng.integers(0, CLASSES, 72))
    loader = T.utils.data.DataLoader(T.utils.data.TensorDataset(x, y), batch_size=BATCH, shuffle=shuffle)
    for _ in range(epochs):  # five batches an epoch, the last one of eight
        yield from loader


def test_adam_and_step_lr_with_a_ragged_last_batch(compiles):
    model, optimizer = make()
    scheduler = T.optim.lr_scheduler.StepLR(optimizer, step_size=10, gamma=0.9)
    with compiles(step=2, at_most=6, syncs_at_most=1):
        steps = 0
        for x, y in ragged_loader(epochs=20):
            loss = train_step(model, optimizer, x, y)
            scheduler.step()
            steps += 1
        assert steps == 100
        assert math.isfinite(loss.item())


def test_a_loop_without_a_loader(compiles):
    model, optimizer = make()
    data = batches(4)
    with compiles(step=1, at_most=3):
        for step in range(100):
            train_step(model, optimizer, *data[step % 4])


def test_every_step_runs_one_program(compiles):
    model, optimizer = make()
    data = batches(4)
    for step in range(10):
        train_step(model, optimizer, *data[step % 4])
    with compiles(exactly=0, syncs_at_most=0) as counted:
        for step in range(50):
            train_step(model, optimizer, *data[step % 4])
    assert counted["program_hits"] == 50


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_a_thousand_learning_rates(compiles, name):
    model, optimizer = make(getattr(T.optim, name))
    ((x, y),) = batches(1)
    with compiles(step=1, at_most=3):
        for step in range(1000):
            optimizer.param_groups[0]["lr"] = 1e-3 / (step + 1)
            train_step(model, optimizer, x, y)


def test_a_learning_rate_that_equals_another_number_once(compiles):
    model, optimizer = make(T.optim.SGD, lr=0.1, momentum=0.9, weight_decay=0.01)
    ((x, y),) = batches(1)
    with compiles(step=1, at_most=3):
        for step in range(100):
            group = optimizer.param_groups[0]
            group["lr"] = {40: 0.9, 50: 0.01, 60: 1.0, 70: 1e-8}.get(step, 0.1 / (step + 1))
            group["momentum"] = 0.01 if step == 80 else 0.9
            train_step(model, optimizer, x, y)


def test_numbers_in_the_loss_are_inputs(compiles):
    model, optimizer = make()
    ((x, y),) = batches(1)
    with compiles(step=1, at_most=3):
        for step in range(100):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y) * (1.0 / (step + 1)) + 0.1 * step
            loss.backward()
            optimizer.step()


def test_a_running_sum_after_the_step(compiles):
    model, optimizer = make()
    data = batches(4)
    with compiles(step=1, at_most=6):
        running = 0.0
        for step in range(100):
            loss = train_step(model, optimizer, *data[step % 4])
            running += loss.detach()
        assert 0 < running.item() / 100 < 5


def test_a_running_sum_before_the_step(compiles):
    model, optimizer = make()
    data = batches(4)
    with compiles(at_most=5) as counted:
        running = 0.0
        for step in range(100):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(data[step % 4][0]), data[step % 4][1])
            loss.backward()
            running += loss.detach()
            optimizer.step()
    assert counted["step_compiles"] <= 2


def test_reading_the_loss_every_ten_steps(compiles):
    """`loss.item()` after the step only waits; before it, it cuts the step in two (at most two programs more)."""
    model, optimizer = make()
    data = batches(4)
    with compiles(step=1, at_most=3, syncs_at_most=10):
        for step in range(100):
            loss = train_step(model, optimizer, *data[step % 4])
            if step % 10 == 0:
                loss.item()


@pytest.mark.parametrize("where", ["before backward", "before step"])
def test_reading_the_loss_in_mid_step_every_ten_steps(compiles, where):
    model, optimizer = make()
    data = batches(4)
    for step in range(3):
        train_step(model, optimizer, *data[step % 4])
    with compiles(at_most=2):
        for step in range(100):
            x, y = data[step % 4]
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            if where == "before backward" and step % 10 == 0:
                loss.item()
            loss.backward()
            if where == "before step" and step % 10 == 0:
                loss.item()
            optimizer.step()


def test_reading_the_loss_before_backward_makes_two_programs_a_step(compiles):
    model, optimizer = make()
    data = batches(4)
    with compiles(exactly=2, step=1) as counted:
        for step in range(50):
            x, y = data[step % 4]
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.item()
            loss.backward()
            optimizer.step()
    assert counted["program_hits"] <= 100


def test_activations_in_reference_cycles(compiles):
    """They live until Python's collector comes by, which may be in the middle of a step."""
    model, optimizer = make()
    data = batches(4)

    class Node:
        pass

    def forward(x):
        hidden = model.hidden(x)
        active = T.relu(hidden)
        logits = model.out(active)
        for kept in (hidden, active):
            node = Node()
            node.me, node.tensor = node, kept
        return logits

    rng = np.random.default_rng(0)
    with compiles(step=1, at_most=1):
        for step in range(200):
            x, y = data[step % 4]
            optimizer.zero_grad()
            loss = F.cross_entropy(forward(x), y)
            if step and rng.random() < 0.2:
                gc.collect()
            loss.backward()
            if step and rng.random() < 0.2:
                gc.collect()
            optimizer.step()


def test_one_caught_exception(compiles):
    model, optimizer = make()
    data = batches(4)
    for step in range(5):
        train_step(model, optimizer, *data[step % 4])
    with compiles(exactly=0):
        for step in range(20):
            x, y = data[step % 4]
            if step == 10:
                try:
                    F.cross_entropy(model(x), y[:3]).backward()
                except ValueError:
                    pass
            train_step(model, optimizer, x, y)


def test_a_loss_that_its_gradients_do_not_need_belongs_to_the_step(compiles):
    params = [T.full((3,), 0.5 + n, requires_grad=True) for n in range(20)]
    optimizer = T.optim.Adam(params, lr=1e-2)
    for step in range(4):
        before = T.stats()["op_runs"]
        optimizer.zero_grad()
        loss = sum((p * p).sum() for p in params)
        loss.backward()
        optimizer.step()
        assert math.isclose(loss.item(), sum(3 * (0.5 + n) ** 2 for n in range(20)), rel_tol=0.01 * (step + 1))
    assert T.stats()["op_runs"] == before


def test_an_exception_between_forward_and_backward(compiles):
    model, optimizer = make()
    data = batches(4)
    for step in range(5):
        train_step(model, optimizer, *data[step % 4])
    with compiles(exactly=0):
        for step in range(20):
            x, y = data[step % 4]
            if step in (5, 12):
                try:
                    loss = F.cross_entropy(model(x), y)
                    raise KeyError("the user's own mistake")
                except KeyError:
                    del loss
            train_step(model, optimizer, x, y)


def test_the_loss_stays_bound_or_not(compiles):
    model, optimizer = make()
    data = batches(4)
    for step in range(3):
        loss = train_step(model, optimizer, *data[step % 4])
    with compiles(exactly=0):
        for step in range(40):
            loss = train_step(model, optimizer, *data[step % 4])
            if step % 3 == 0:
                loss = None
    del loss


def gan_step(nets, optimizers, real, noise):
    (generator, critic), (opt_g, opt_d) = nets, optimizers
    ones, zeros = T.ones(BATCH, 1), T.zeros(BATCH, 1)
    fake = generator(noise)
    opt_d.zero_grad()
    real_loss = F.binary_cross_entropy_with_logits(critic(real), ones)
    fake_loss = F.binary_cross_entropy_with_logits(critic(fake.detach()), zeros)
    (real_loss + fake_loss).backward()
    opt_d.step()
    opt_g.zero_grad()
    loss = F.binary_cross_entropy_with_logits(critic(fake), ones)
    loss.backward()
    opt_g.step()
    return loss


def test_a_gan_with_two_optimizers(compiles):
    generator = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, FEATURES))
    critic = nn.Sequential(nn.Linear(FEATURES, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
    opt_g = T.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.999))
    opt_d = T.optim.Adam(critic.parameters(), lr=1e-3, betas=(0.5, 0.999))
    rng = np.random.default_rng(0)
    real = T.tensor(rng.standard_normal((BATCH, FEATURES)).astype(np.float32))
    noise = [T.tensor(rng.standard_normal((BATCH, 4)).astype(np.float32)) for _ in range(4)]
    with compiles(step=2, at_most=4):
        for step in range(100):
            gan_step((generator, critic), (opt_g, opt_d), real, noise[step % 4])


def test_gradient_accumulation(compiles):
    """First micro-batch, middle ones, last one with the update: three programs."""
    model, optimizer = make()
    data = batches(8)
    with compiles(exactly=3, step=1):
        for _ in range(20):
            optimizer.zero_grad()
            for x, y in data:
                (F.cross_entropy(model(x), y) / len(data)).backward()
            optimizer.step()


def test_a_hand_written_update(compiles):
    """No optimizer at all: the loop still settles on a few programs."""
    model, _ = make()
    data = batches(4)

    def steps(count):
        for step in range(count):
            x, y = data[step % 4]
            F.cross_entropy(model(x), y).backward()
            with T.no_grad():
                for p in model.parameters():
                    p.sub_(p.grad, alpha=0.01)
                    p.grad = None

    with compiles(at_most=3):
        steps(10)
    with compiles(exactly=0):
        steps(100)


def computed(array):
    """A tensor that is the result of a program: small host tensors would be worked on in NumPy and record nothing."""
    return (T.tensor(array.astype(np.float32), requires_grad=True) * 1).detach()


EVALUATIONS = pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])


def resident_bytes() -> int:
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * 4096


def evaluation_settles(compiles, evaluate, count):
    half = []

    def halfway():
        gc.collect()
        half.append(resident_bytes())

    with compiles(at_most=3) as counted:
        total = evaluate(count, halfway)
    gc.collect()
    before, grown = half[0], resident_bytes() - half[0]
    assert grown < 0.05 * before + 4e6, f"memory grew by {grown / 1e6:.1f} MB"
    assert math.isfinite(total)
    assert counted["op_compiles"] <= 40


@EVALUATIONS
def test_evaluation_with_a_loader(compiles, count):
    model = Mlp().eval()
    rng = np.random.default_rng(0)
    x = T.tensor(rng.standard_normal((count * 2, FEATURES)).astype(np.float32))
    y = T.tensor(rng.integers(0, CLASSES, count * 2))
    loader = T.utils.data.DataLoader(T.utils.data.TensorDataset(x, y), batch_size=2)

    def evaluate(steps, halfway):
        total = 0.0
        with T.no_grad():
            for step, (a, b) in enumerate(loader):
                total += F.cross_entropy(model(a), b)
                if step == steps // 2:
                    halfway()
        assert step == steps - 1
        return total.item()

    evaluation_settles(compiles, evaluate, count)


@EVALUATIONS
@pytest.mark.parametrize("extra_ops", [0, 1, 2, 3])
def test_evaluation_without_a_loader_at_loop_lengths_coprime_to_the_cap(compiles, count, extra_ops):
    """11, 12, 13, 14... instructions a batch: a cut at a bare count would drift through the loop body."""
    w, b = computed(np.eye(FEATURES)), computed(np.ones(FEATURES))
    x = computed(np.linspace(-1, 1, BATCH * FEATURES).reshape(BATCH, FEATURES))

    def evaluate(steps, halfway):
        total = computed(np.zeros(()))
        for step in range(steps):
            if step == steps // 2:
                halfway()
            h = T.tanh(x @ w + b)
            h = T.relu(h @ w - b) * 0.5
            for _ in range(extra_ops):
                h = h + b
            total += (h * h).mean()
        return total.item()

    evaluation_settles(compiles, evaluate, count)


@EVALUATIONS
def test_module_evaluation_without_a_loader(compiles, count):
    model = Mlp().eval()
    data = batches(8)

    def evaluate(steps, halfway):
        total = 0.0
        with T.no_grad():
            for step in range(steps):
                if step == steps // 2:
                    halfway()
                x, y = data[step % 8]
                total += F.cross_entropy(model(x), y)
        return total.item()

    evaluation_settles(compiles, evaluate, count)


def test_train_and_evaluate_every_epoch(compiles):
    """A normal script: loader, ragged batch, evaluation, logging, best weights kept."""
    model, optimizer = make()
    best, kept = float("inf"), None
    with compiles(step=2, at_most=10):
        for _ in range(6):
            model.train()
            for x, y in ragged_loader(epochs=1):
                loss = train_step(model, optimizer, x, y)
            model.eval()
            total, right, seen = 0.0, 0, 0
            with T.no_grad():
                for x, y in ragged_loader(epochs=1, shuffle=False):
                    logits = model(x)
                    total += F.cross_entropy(logits, y).item() * len(y)
                    right += (logits.argmax(1) == y).sum().item()
                    seen += len(y)
            if total / seen < best:
                best, kept = total / seen, {k: v.clone() for k, v in model.state_dict().items()}
        assert kept is not None
        assert math.isfinite(loss.item())
    with compiles(step=0):
        for x, y in ragged_loader(epochs=3):
            train_step(model, optimizer, x, y)


def test_snapshots_do_not_recompile_the_step(compiles):
    """clone(), state_dict(), an average and a target network copy shared buffers; the step program stays one."""
    model, optimizer = make()
    target = Mlp(model.hidden.out_features)
    data = batches(4)
    averages = [p.detach().clone() for p in model.parameters()]
    with compiles(step=1, at_most=6):
        for step in range(60):
            train_step(model, optimizer, *data[step % 4])
            if step % 10 == 3:
                target.load_state_dict(model.state_dict())
            if step % 15 == 4:
                snapshot = {k: v.clone() for k, v in model.state_dict().items()}
            with T.no_grad():
                for a, p in zip(averages, model.parameters(), strict=True):
                    a.mul_(0.9).add_(p, alpha=0.1)
    assert all(T.isfinite(v).all().item() for v in snapshot.values())


def test_growing_sequences_compile_no_operation_for_each_length(compiles):
    """What writing a text token by token records is met once for each length, and runs in NumPy."""
    table, head, norm = T.nn.Embedding(7, 8), T.nn.Linear(8, 7), T.nn.LayerNorm(8)
    ids = T.zeros((1, 1), dtype=T.long)

    def write(ids, count):
        for _ in range(count):
            x = norm(table(ids) + T.arange(ids.size(1)).unsqueeze(-1))
            scores = (x @ x.transpose(-2, -1)).softmax(-1)
            logits = head(T.nn.functional.gelu(scores @ x))[:, -1]
            ids = T.cat([ids, logits.argmax(-1, keepdim=True)], dim=1)
        return ids

    with T.no_grad():
        ids = write(ids, 2)
        with compiles(at_most=2) as counted:
            ids = write(ids, 8)
            assert len(ids.tolist()[0]) == 11
    assert counted["op_compiles"] <= 8
