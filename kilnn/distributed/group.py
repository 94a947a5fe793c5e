"""The process group: who takes part. Knows no tensors, so that samplers may ask it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

BACKENDS = ("gloo", "nccl", "mpi", "ucc", "xla", "cpu:gloo,cuda:nccl")


class ProcessGroup:
    """Processes that talk to each other.

    Args:
        backend: the name that was asked for.
        world_size: how many there are.
        rank: the number of this one.
        group_name: its name; by default a number, from 0 on.
    """

    def __init__(self, backend: str, world_size: int, rank: int, group_name: str = "") -> None:
        self.backend = backend
        self._world_size, self._rank = world_size, rank
        self.group_name = group_name or str(len(_groups))
        _groups[self.group_name] = self

    def size(self) -> int:
        """How many processes."""
        return self._world_size

    def rank(self) -> int:
        """The number of this one."""
        return self._rank

    def name(self) -> str:
        """The backend's name."""
        return self.backend


_NONE_YET = "Default process group has not been initialized, please make sure to call init_process_group."
_default: ProcessGroup | None = None
_groups: dict[str, ProcessGroup] = {}


def is_available() -> bool:
    """Whether the package is there: always.

    Source: https://docs.pytorch.org/docs/2.13/distributed.html#torch.distributed.is_available
    """
    return True


def is_initialized() -> bool:
    """Whether there is a process group.

    Source: https://docs.pytorch.org/docs/2.13/distributed.html#torch.distributed.is_initialized
    """
    return _default is not None


def is_gloo_available() -> bool:
    """True: groups of one process need no transport, so every backend's name is accepted.

    Source: https://docs.pytorch.org/docs/2.13/distributed.html#torch.distributed.is_gloo_available
    """
    return True


def is_nccl_available() -> bool:
    """False: collectives between GPUs are not there.

    Source: https://docs.pytorch.org/docs/2.13/distributed.html#torch.distributed.is_nccl_available
    """
    return False


def is_mpi_available() -> bool:
    """False.

    Source: https://docs.pytorch.org/docs/2.13/distributed.html#torch.distributed.is_mpi_available
    """
    return False


def is_torchelastic_launched() -> bool:
    """Whether a launcher like torchrun has started this process.

    Source: https://docs.pytorch.org/docs/2.13/distributed.html#torch.distributed.is_torchelastic_launched
    """
    return os.environ.get("TORCHELASTIC_RUN_ID") is not None


def _from_environment(name: str) -> int:
    if name not in os.environ:
        raise ValueError(
            "Error initializing torch.distributed using env:// rendezvous: environment variable "
            f"{name} expected, but not set"
        )
    return int(os.environ[name])


def members(init_method: str | None, store: Any, world_size: int, rank: int) -> tuple[int, int]:
    """This process's number and how many there are, from arguments or the environment."""
    if init_method not in (None, "env://") or store is not None:
        if world_size < 1 or rank < 0:
            raise ValueError("Error initializing torch.distributed: rank and world_size have to be given")
    else:
        rank = _from_environment("RANK") if rank < 0 else rank
        world_size = _from_environment("WORLD_SIZE") if world_size < 1 else world_size
    if not 0 <= rank < world_size:
        raise ValueError(f"the rank has to be from 0 to world_size - 1 = {world_size - 1}, but is {rank}")
    return rank, world_size


def init_process_group(
    backend: str | None = None, init_method: str | None = None, timeout: Any = None, world_size: int = -1,
    rank: int = -1, store: Any = None, group_name: str = "", pg_options: Any = None, device_id: Any = None,
) -> None:  # fmt: skip
    """Make the process group. Groups of one process are there, so that scripts for many run as they are on one.

    Args:
        backend: "gloo", "nccl" and so on; all names are accepted.
        init_method: "env://" (default) reads RANK and WORLD_SIZE, which torchrun sets; "tcp://" and "file://" need
            world_size and rank.
        timeout, store, group_name, pg_options, device_id: accepted.
        world_size: number of processes.
        rank: number of this one, from 0 on.

    Raises: NotImplementedError for more than one process, ValueError for a second call and for missing numbers.

    Example:
        >>> import kilnn
        >>> kilnn.distributed.init_process_group("gloo", world_size=1, rank=0)
        >>> kilnn.distributed.get_world_size()
        1
        >>> kilnn.distributed.destroy_process_group()

    Source: https://docs.pytorch.org/docs/2.13/distributed.html#torch.distributed.init_process_group
    """
    global _default  # noqa: PLW0603 - one group for the process, as in PyTorch
    if _default is not None:
        raise ValueError("trying to initialize the default process group twice!")
    if backend is not None and backend.lower() not in BACKENDS:
        raise ValueError(f"Invalid backend: {backend!r}; expected one of {', '.join(BACKENDS)}")
    rank, world_size = members(init_method, store, world_size, rank)
    if world_size > 1:
        raise NotImplementedError(
            f"distributed: a group of {world_size} processes: this release trains in one process. Start the script "
            "with WORLD_SIZE=1"
        )
    _default = ProcessGroup((backend or "gloo").lower(), world_size, rank, group_name)


def destroy_process_group(group: ProcessGroup | None = None) -> None:
    """Forget the process group.

    Args:
        group: the default one.

    Source: https://docs.pytorch.org/docs/2.13/distributed.html#torch.distributed.destroy_process_group
    """
    global _default  # noqa: PLW0603 - as above
    the_group(group)
    if group is None or group is _default:
        _default = None
        _groups.clear()
    else:
        _groups.pop(group.group_name, None)


def the_group(group: ProcessGroup | None = None) -> ProcessGroup:
    """A group, or the default one. ValueError if there is none."""
    if group is not None:
        return group
    if _default is None:
        raise ValueError(_NONE_YET)
    return _default


def group_of_name(group_name: str) -> ProcessGroup:
    """The group of a name. RuntimeError if there is none."""
    if group_name not in _groups:
        raise RuntimeError(f"Could not resolve the process group registered under the name {group_name}")
    return _groups[group_name]


def get_rank(group: ProcessGroup | None = None) -> int:
    """The number of this process.

    Source: https://docs.pytorch.org/docs/2.13/distributed.html#torch.distributed.get_rank
    """
    return the_group(group).rank()


def get_world_size(group: ProcessGroup | None = None) -> int:
    """How many processes there are.

    Source: https://docs.pytorch.org/docs/2.13/distributed.html#torch.distributed.get_world_size
    """
    return the_group(group).size()


def get_backend(group: ProcessGroup | None = None) -> str:
    """The backend's name.

    Source: https://docs.pytorch.org/docs/2.13/distributed.html#torch.distributed.get_backend
    """
    return the_group(group).backend


def new_group(ranks: Sequence[int] | None = None, *args: Any, **kwargs: Any) -> ProcessGroup:
    """A group of some of the processes.

    Args:
        ranks: which; None for all.
        args, kwargs: PyTorch's other arguments; accepted.

    Raises: ValueError for numbers that are not in the default group.

    Source: https://docs.pytorch.org/docs/2.13/distributed.html#torch.distributed.new_group
    """
    default = the_group()
    chosen = list(range(default.size())) if ranks is None else sorted(ranks)
    if not chosen or chosen[0] < 0 or chosen[-1] >= default.size() or len(set(chosen)) < len(chosen):
        raise ValueError("the new group's rank should be within the world_size set by init_process_group")
    return ProcessGroup(default.backend, len(chosen), chosen.index(default.rank()))
