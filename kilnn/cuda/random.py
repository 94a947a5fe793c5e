"""Seeds and states: one generator serves all devices, so these are those of the default generator."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kilnn.base import generator
from kilnn.base.device import devices_of
from kilnn.base.hardware import device_at


def manual_seed(seed: int) -> None:
    """Seed the generator that serves the GPU. On a machine without GPUs nothing happens.

    Differs from PyTorch: it is the generator of the CPU too.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.manual_seed.html
    """
    if devices_of("cuda"):
        generator.manual_seed(int(seed))


manual_seed_all = manual_seed


def seed() -> None:
    """Seed it with a number nobody can foresee.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.seed.html
    """
    if devices_of("cuda"):
        generator.seed()


seed_all = seed


def initial_seed() -> int:
    """The seed it started from.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.initial_seed.html
    """
    device_at(None)
    return generator.initial_seed()


def get_rng_state(device: Any = "cuda") -> Any:
    """The generator's state.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.get_rng_state.html
    """
    device_at(device)
    return generator.get_rng_state()


def get_rng_state_all() -> list[Any]:
    """The state for each GPU.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.get_rng_state_all.html
    """
    return [generator.get_rng_state() for _ in devices_of("cuda")]


def set_rng_state(new_state: Any, device: Any = "cuda") -> None:
    """Put the generator into a state taken by `get_rng_state`. On a machine without GPUs nothing happens.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.set_rng_state.html
    """
    if devices_of("cuda"):
        generator.set_rng_state(new_state)


def set_rng_state_all(new_states: Iterable[Any]) -> None:
    """Put the generator into the first of these states.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.set_rng_state_all.html
    """
    for state in list(new_states)[:1]:
        set_rng_state(state)
