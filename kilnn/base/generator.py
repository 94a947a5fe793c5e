"""`Generator`, the default one, and the functions that seed it."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from kilnn.base.device import Device, as_device
from kilnn.base.mt19937 import DEFAULT_SEED, UNUSED_BYTES, MT19937Generator


def _as_bytes(state: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    array = np.asarray(state.numpy() if hasattr(state, "numpy") else state)
    if array.dtype != np.uint8:
        raise TypeError("RNG state must be a kilnn.ByteTensor")
    return array.ravel()


_offsets = threading.Lock()  # two threads must never be given the same counter values


def _same(state: Any) -> Any:
    return state


class Generator:
    """A source of random numbers, seeded apart from all others.

    The numbers drawn from it on the host equal those of PyTorch's CPU generator of the same seed. Random numbers inside
    a compiled step are counted from (`initial_seed()`, `offset`).

    Args:
        device: kept for PyTorch's signature; the numbers do not depend on it.

    Example:
        >>> import kilnn
        >>> g = kilnn.Generator().manual_seed(0)
        >>> g.initial_seed()
        0

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.Generator.html
    """

    __slots__ = ("__weakref__", "device", "offset", "stream")

    # The tensor layer sets this, so that states are byte tensors; this layer knows only NumPy.
    wrap_state: Callable[[Any], Any] = staticmethod(_same)

    def __init__(self, device: Device | str = "cpu") -> None:
        self.device = as_device(device)
        self.stream = MT19937Generator(DEFAULT_SEED)
        self.offset = 0

    def manual_seed(self, seed: int) -> Generator:
        """Start over from `seed`, an integer in [-2**63, 2**64); returns the generator."""
        if not isinstance(seed, int) or isinstance(seed, bool):
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}")
        if not -(1 << 63) <= seed < 1 << 64:
            raise ValueError("Overflow when unpacking long long")
        self.stream.reseed(seed)
        self.offset = 0
        return self

    def seed(self) -> int:
        """Start over from a seed nobody can foresee, and return it."""
        seed = secrets.randbits(64)
        self.manual_seed(seed)
        return seed

    def initial_seed(self) -> int:
        """The seed the stream started from, in [0, 2**64)."""
        return self.stream.seed

    def take_offset(self, count: int) -> int:
        """Reserve `count` counter values for one use inside a step, and return the first."""
        with _offsets:
            first = self.offset
            self.offset += count
        return first

    def get_state(self) -> Any:
        """All of the state, in PyTorch's bytes for a CPU generator; the offset lies where PyTorch leaves eight unused.

        PyTorch goes on from this state as well, and kilnn from PyTorch's.
        """
        state = self.stream.get_state()
        state[UNUSED_BYTES] = np.array([self.offset], "<u8").view(np.uint8)
        return self.wrap_state(state)

    def set_state(self, new_state: Any) -> None:
        """Go on from a state taken by `get_state`, here or in PyTorch (offset 0)."""
        state = _as_bytes(new_state)
        self.stream.set_state(state)
        self.offset = int.from_bytes(state[UNUSED_BYTES].tobytes(), "little")

    def clone_state(self) -> Generator:
        """A generator of its own that goes on from here."""
        twin = Generator(self.device)
        twin.stream.set_state(self.stream.get_state())
        twin.offset = self.offset
        return twin

    def __deepcopy__(self, memo: object) -> Generator:
        return self.clone_state()

    def __reduce__(self) -> tuple[object, tuple[str, bytes, int]]:
        return _restore, (str(self.device), self.stream.get_state().tobytes(), self.offset)

    def __repr__(self) -> str:
        return f"<kilnn.Generator device='{self.device}' seed={self.initial_seed()}>"


def _restore(device: str, state: bytes, offset: int) -> Generator:
    generator = Generator(device)
    generator.stream.set_state(np.frombuffer(state, np.uint8))
    generator.offset = offset
    return generator


default_generator = Generator()
default_generator.seed()


def manual_seed(seed: int) -> Generator:
    """Seed the default generator; every random number of the process then repeats.

    Args:
        seed: an integer in [-2**63, 2**64); negative ones count from 2**64 down.

    Returns: the default generator.

    Raises: ValueError for a seed that is too large.

    Example:
        >>> import kilnn
        >>> kilnn.manual_seed(0).initial_seed()
        0

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.manual_seed.html
    """
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Seed the default generator with a number nobody can foresee, and return it.

    Example:
        >>> import kilnn
        >>> kilnn.seed() == kilnn.initial_seed()
        True

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.seed.html
    """
    return default_generator.seed()


def initial_seed() -> int:
    """The seed of the default generator.

    Example:
        >>> import kilnn
        >>> _ = kilnn.manual_seed(-1)
        >>> kilnn.initial_seed() == 2**64 - 1
        True

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.initial_seed.html
    """
    return default_generator.initial_seed()


def get_rng_state() -> Any:
    """The state of the default generator, for `set_rng_state`.

    Example:
        >>> import kilnn
        >>> state = kilnn.get_rng_state()
        >>> kilnn.set_rng_state(state)

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.get_rng_state.html
    """
    return default_generator.get_state()


def set_rng_state(new_state: Any) -> None:
    """Put the default generator into a state taken by `get_rng_state`.

    Args:
        new_state: bytes from `get_rng_state`, of kilnn or of PyTorch.

    Raises: TypeError if they are no bytes, RuntimeError if they are no generator's state.

    Example:
        >>> import kilnn
        >>> kilnn.set_rng_state(kilnn.get_rng_state())

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.set_rng_state.html
    """
    default_generator.set_state(new_state)


@contextmanager
def fork_rng(devices: object = None, enabled: bool = True, device_type: str = "cuda") -> Iterator[None]:
    """Leave the default generator as it was before the `with` block.

    Args:
        devices, device_type: kept for PyTorch's signature; one generator serves all devices.
        enabled: `False` makes the block an ordinary one.

    Example:
        >>> import kilnn
        >>> _ = kilnn.manual_seed(0)
        >>> with kilnn.random.fork_rng():
        ...     _ = kilnn.manual_seed(1)
        >>> kilnn.initial_seed()
        0

    Source: https://docs.pytorch.org/docs/2.13/random.html#torch.random.fork_rng
    """
    if not enabled:
        yield
        return
    kept = default_generator.clone_state()
    try:
        yield
    finally:
        default_generator.stream, default_generator.offset = kept.stream, kept.offset
