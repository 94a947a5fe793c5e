"""Threads: two train, a third reads their losses; values travel between threads while they are pending."""

import threading
import time
from functools import partial

import numpy as np
import pytest

import kilnn as T
from kilnn.nn import functional as F

STEPS = 150


def train(seed, steps=STEPS, publish=lambda loss: None):
    rng = np.random.default_rng(seed)
    hidden = T.tensor(rng.standard_normal((8, 12)).astype(np.float32), requires_grad=True)
    out = T.tensor(rng.standard_normal((12, 3)).astype(np.float32), requires_grad=True)
    optimizer = T.optim.SGD([hidden, out], lr=0.05, momentum=0.9)
    x = T.tensor(rng.standard_normal((6, 8)).astype(np.float32))
    y = T.tensor(rng.integers(0, 3, 6))
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(T.tanh(x @ hidden) @ out, y)
        losses.append(loss.detach())
        publish(loss)
        loss.backward()
        optimizer.step()
    return [loss.item() for loss in losses]


def run_all(*targets):
    """Run each target in its own thread; their results, or the first error."""
    results, errors = [None] * len(targets), []

    def call(i, target):
        try:
            results[i] = target()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=call, args=pair, daemon=True) for pair in enumerate(targets)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
        assert not thread.is_alive(), "a thread hangs"
    if errors:
        raise errors[0]
    return results


def test_two_threads_train_and_a_third_reads_their_losses():
    expected = [train(1), train(2)]
    boxes, done, reads = [[], []], threading.Event(), []

    def trainer(i):
        def target():
            return train(i + 1, publish=boxes[i].append)

        return target

    def reader():
        seen = [0, 0]
        while not done.is_set() or any(seen[i] < len(boxes[i]) for i in (0, 1)):
            for i in (0, 1):
                if seen[i] < len(boxes[i]):
                    step = len(boxes[i]) - 1
                    reads.append((i, step, boxes[i][step].item()))
                    seen[i] = step + 1
            time.sleep(0)

    def both():
        try:
            return run_all(trainer(0), trainer(1))
        finally:
            done.set()

    (losses, _) = run_all(both, reader)
    np.testing.assert_allclose(losses[0], expected[0], rtol=1e-4)
    np.testing.assert_allclose(losses[1], expected[1], rtol=1e-4)
    assert len(reads) > 5
    for i, step, value in reads:
        assert value == pytest.approx(expected[i][step], rel=1e-4)


def test_a_value_recorded_in_another_thread_can_be_used():
    (x,) = run_all(lambda: T.ones(3) * 2 + 1)
    assert (x * x).sum().item() == 27


def test_backward_of_a_graph_built_in_another_thread():
    w = T.tensor([1.0, 2.0], requires_grad=True)
    (loss,) = run_all(lambda: (w * w).sum())
    loss.backward()
    assert w.grad.tolist() == [2.0, 4.0]


def test_grad_mode_belongs_to_the_thread():
    entered, leave = threading.Event(), threading.Event()

    def without_grad():
        with T.no_grad():
            entered.set()
            leave.wait(20)
            return T.is_grad_enabled()

    def with_grad():
        entered.wait(20)
        try:
            return T.is_grad_enabled(), (T.ones(2, requires_grad=True) * 2).requires_grad
        finally:
            leave.set()

    assert run_all(without_grad, with_grad) == [False, (True, True)]


def test_many_threads_with_small_work():
    def work(seed):
        def target():
            total = T.zeros(())
            for i in range(40):
                total = total + T.tensor(float(i)) * seed
                if i % 7 == seed % 7:
                    total.item()
            return total.item()

        return target

    assert run_all(*[work(s) for s in range(6)]) == [780.0 * s for s in range(6)]


def test_an_error_in_one_thread_leaves_the_others_alone():
    def wrong():
        with pytest.raises(RuntimeError):
            for _ in range(20):
                T.ones(2, 3) @ T.ones(2, 3)
        return True

    losses, was_wrong = run_all(partial(train, 3), wrong)
    assert was_wrong
    np.testing.assert_allclose(losses, train(3), rtol=1e-4)
