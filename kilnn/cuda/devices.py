"""Which GPUs there are, which is current, and waiting for them."""

from __future__ import annotations

from typing import Any, NamedTuple

from kilnn.base.device import current_index, devices_of, set_current_index
from kilnn.base.hardware import device_at, number_of
from kilnn.engine import expect

BFLOAT16_CAPABILITY = 8


def is_available() -> bool:
    """Whether JAX has an NVIDIA (or AMD) GPU to run programs on.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.is_available.html
    """
    return bool(devices_of("cuda"))


def device_count() -> int:
    """The number of GPUs of this process.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.device_count.html
    """
    return len(devices_of("cuda"))


def is_initialized() -> bool:
    """Whether a GPU is in use: JAX takes it when it starts.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.is_initialized.html
    """
    return is_available()


def init() -> None:
    """Check that there is a GPU.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.init.html
    """
    device_at(None)


def current_device() -> int:
    """The number of the current GPU: what "cuda" without a number stands for.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.current_device.html
    """
    device_at(None)
    return current_index("cuda")


def set_device(device: Any) -> None:
    """Make a GPU the current one: what "cuda" without a number stands for in this thread.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.set_device.html
    """
    device_at(device)
    set_current_index("cuda", number_of(device))


class device:
    """`with kilnn.cuda.device(0):` makes a GPU the current one in the block. On a machine without GPUs it does nothing.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.device.html
    """

    def __init__(self, device: Any) -> None:
        self.idx = -1 if device is None else number_of(device)
        self.prev_idx = -1

    def __enter__(self) -> None:
        if is_available() and self.idx >= 0:
            self.prev_idx = current_index("cuda")
            set_device(self.idx)

    def __exit__(self, *error: object) -> None:
        if self.prev_idx >= 0:
            set_current_index("cuda", self.prev_idx)


class device_of(device):
    """`device` of a tensor's GPU; nothing for a tensor elsewhere.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.device_of.html
    """

    def __init__(self, obj: Any) -> None:
        super().__init__(obj.get_device() if obj.is_cuda else None)


class DeviceProperties(NamedTuple):
    """What is known of a GPU: name, compute capability, bytes of memory, multiprocessors."""

    name: str
    major: int
    minor: int
    total_memory: int
    multi_processor_count: int


def get_device_properties(device: Any = None) -> DeviceProperties:
    """Name, compute capability, memory in bytes and number of multiprocessors of a GPU.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.get_device_properties.html
    """
    found = device_at(device)
    major, _, minor = str(getattr(found, "compute_capability", "0.0")).partition(".")
    total = (found.memory_stats() or {}).get("bytes_limit", 0)
    return DeviceProperties(found.device_kind, int(major), int(minor or 0), total, getattr(found, "core_count", 0))


def get_device_name(device: Any = None) -> str:
    """The name of a GPU.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.get_device_name.html
    """
    return get_device_properties(device).name


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """The compute capability of a GPU, (major, minor).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.get_device_capability.html
    """
    found = get_device_properties(device)
    return found.major, found.minor


def get_arch_list() -> list[str]:
    """The architectures of this machine's GPUs: XLA compiles for them, whatever they are.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.get_arch_list.html
    """
    return sorted({"sm_{}{}".format(*get_device_capability(k)) for k in range(device_count())})


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether the GPU computes in bfloat16, in hardware or by emulation.

    Source: https://docs.pytorch.org/docs/2.13/cuda.html
    """
    return is_available() and (including_emulation or get_device_capability()[0] >= BFLOAT16_CAPABILITY)


def is_tf32_supported() -> bool:
    """Whether the GPU has TF32 matrix products.

    Source: https://docs.pytorch.org/docs/2.13/cuda.html
    """
    return is_available() and get_device_capability()[0] >= BFLOAT16_CAPABILITY


def can_device_access_peer(device: Any, peer_device: Any) -> bool:
    """Whether one GPU reads another's memory: XLA copies between GPUs itself, so only whether they are two.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.can_device_access_peer.html
    """
    device_at(device)
    device_at(peer_device)
    return number_of(device) != number_of(peer_device)


def is_current_stream_capturing() -> bool:
    """Always False: programs are compiled, not captured.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.is_current_stream_capturing.html
    """
    return False


def ipc_collect() -> None:
    """Nothing to do: no GPU memory is shared between processes.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.ipc_collect.html
    """
    device_at(None)


def synchronize(device: Any = None) -> None:
    """Run everything recorded by this thread and wait until the GPU has finished.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.cuda.synchronize.html
    """
    device_at(device)
    expect.synchronize()
