"""Shared settings: invariants checked, fixed seeds, and the `compiles` fixture that counts programs."""

import gc
import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

os.environ.setdefault("KILNN_VERIFY", "1")
os.environ["KILNN_DISK_CACHE"] = "0"  # what earlier runs left must not decide what a test sees

import numpy as np
import pytest
import torch

import kilnn  # after KILNN_VERIFY is set

torch.set_num_threads(1)
# A runner started in the background may have been given an ignored SIGINT, which children inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="also run the tests marked slow")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes minutes; run with --slow")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--slow"):
        return
    skip = pytest.mark.skip(reason="slow: run with --slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def fixed_seeds():
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    torch.set_default_device(None)  # one that another test set is a mode around every call of PyTorch
    kilnn.manual_seed(0)


@pytest.fixture(scope="module", autouse=True)
def quick_collections():
    """A whole run compiles thousands of programs, whose traces stay in JAX's caches. The tests ask for hundreds of full
    collections, each of which would take seconds if it walked what earlier modules left."""
    gc.collect()
    gc.freeze()


class Counted:
    """What a block of code cost, in the engine's own counters."""

    def __init__(self):
        self.delta: dict[str, int] = {}

    def __getitem__(self, name: str) -> int:
        return self.delta[name]


@pytest.fixture
def compiles() -> Callable:
    """`with compiles(step=2, at_most=6) as counted:` asserts how many programs the block made.

    `step` is the exact number of compiled programs with an optimizer update; `at_most` bounds all fused programs;
    `exactly` fixes them; `syncs_at_most` bounds the reads that had to wait.
    """

    @contextmanager
    def expect(
        exactly: int | None = None,
        *,
        step: int | None = None,
        at_most: int | None = None,
        syncs_at_most: int | None = None,
    ) -> Iterator[Counted]:
        gc.collect()
        counted = Counted()
        before = dict(kilnn.stats())
        yield counted
        after = kilnn.stats()
        counted.delta = {name: after[name] - before.get(name, 0) for name in after}
        delta = counted.delta
        if step is not None:
            assert delta["step_compiles"] == step, f"expected {step} step programs: {delta}"
        if exactly is not None:
            assert delta["compiles"] == exactly, f"expected {exactly} programs: {delta}"
        if at_most is not None:
            assert delta["compiles"] <= at_most, f"expected at most {at_most} programs: {delta}"
        if syncs_at_most is not None:
            assert delta["syncs"] <= syncs_at_most, f"expected at most {syncs_at_most} waiting reads: {delta}"

    return expect
