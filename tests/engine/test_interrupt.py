"""Ctrl-C at random moments of training: parameters and optimizer state stay readable, and training goes on."""

import gc
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

SHORT, LONG = 25, 200

TRAIN = textwrap.dedent("""
    import numpy as np
    import kilnn as T
    from kilnn.nn import functional as F

    def setting(width=32):
        T.manual_seed(0)
        model = T.nn.Sequential(T.nn.Linear(16, width), T.nn.ReLU(), T.nn.Linear(width, 4))
        optimizer = T.optim.Adam(model.parameters(), lr=1e-3)
        rng = np.random.default_rng(0)
        x = T.tensor(rng.standard_normal((8, 16)).astype(np.float32))
        y = T.tensor(rng.integers(0, 4, 8))
        return model, optimizer, x, y

    def step(model, optimizer, x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    def readable(model, optimizer):
        for p in model.parameters():
            assert np.isfinite(p.detach().numpy()).all()
        for state in optimizer.state.values():
            for value in state.values():
                if hasattr(value, "detach"):
                    assert np.isfinite(np.asarray(value.detach().tolist())).all()
""")


def interrupted_after(seconds: float, work) -> bool:
    """Run `work` with a SIGINT after `seconds`; True if it came as a KeyboardInterrupt."""
    gc.collect()  # Python drops an exception that is raised in the callback of a collected object
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        work()
    except KeyboardInterrupt:
        return True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return False


def survive(times: int) -> None:
    scope: dict = {}
    exec(TRAIN, scope)
    model, optimizer, x, y = scope["setting"]()
    step, readable = scope["step"], scope["readable"]
    for _ in range(5):
        step(model, optimizer, x, y).item()
    rng, caught = random.Random(0), 0

    def train():
        end = time.monotonic() + 2
        while time.monotonic() < end:
            step(model, optimizer, x, y)

    for _ in range(times):
        caught += interrupted_after(rng.uniform(1e-4, 0.02), train)
        readable(model, optimizer)
    assert caught == times
    other = (y + 1) % 4  # the first labels may be learnt to a loss of zero by now
    before = step(model, optimizer, x, other).item()
    for _ in range(50):
        after = step(model, optimizer, x, other).item()
    assert after < before


def test_parameters_survive_interruption():
    survive(SHORT)


@pytest.mark.slow
def test_parameters_survive_two_hundred_interruptions():
    survive(LONG)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_during_the_first_compilation():
    """The program is not yet known: the interrupt may come while it is being built. JAX keeps weak dictionaries, and
    Python drops what is raised in their callbacks: then the interrupt is sent again."""
    scope: dict = {}
    exec(TRAIN, scope)
    for i, delay in enumerate((0.01, 0.05, 0.1, 0.2)):
        for again in range(12):
            model, optimizer, x, y = scope["setting"](width=40 + 14 * i + again)

            def train(model=model, optimizer=optimizer, x=x, y=y):
                end = time.monotonic() + 2
                while time.monotonic() < end:
                    scope["step"](model, optimizer, x, y)

            if interrupted_after(delay, train):
                break
        else:
            pytest.fail("the interrupt never arrived")
        scope["readable"](model, optimizer)
        assert scope["step"](model, optimizer, x, y).item() > 0


def test_an_exception_from_any_line_of_the_engine():
    """As a signal handler does: an exception raised at random moments of the main thread."""
    scope: dict = {}
    exec(TRAIN, scope)
    model, optimizer, x, y = scope["setting"]()
    step = scope["step"]
    for _ in range(3):
        step(model, optimizer, x, y).item()

    class Timeout(Exception):
        pass

    def handler(*_):
        raise Timeout

    rng = random.Random(1)
    for _ in range(15):
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-4, 5e-3))
        with pytest.raises(Timeout):
            end = time.monotonic() + 2
            while time.monotonic() < end:
                step(model, optimizer, x, y)
        scope["readable"](model, optimizer)


def test_ctrl_c_ends_a_script_with_the_model_saved():
    """A user's script: KeyboardInterrupt is caught, the weights are printed."""
    script = TRAIN + textwrap.dedent("""
        model, optimizer, x, y = setting()
        step(model, optimizer, x, y).item()
        print("ready", flush=True)
        try:
            while True:
                step(model, optimizer, x, y)
        except KeyboardInterrupt:
            readable(model, optimizer)
            print("saved", flush=True)
    """)
    child = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
    )
    guard = threading.Timer(60, child.kill)
    guard.start()
    try:
        assert child.stdout.readline().strip() == "ready", child.stderr.read()
        time.sleep(0.3)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate()
    finally:
        guard.cancel()
    assert out.strip() == "saved", err
    assert child.returncode == 0
