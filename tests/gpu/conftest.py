"""Tests of a device beside the CPU: on a CUDA device where there is one, else - with KILNN_PRETEND_GPU set, as
`test_pretended.py` does - on a second CPU device of JAX that goes by the name "cuda:0".

"beside": JAX's usual device is the CPU. "usual": it is the other one, as on a machine with a GPU.
"""

import os

import jax
import pytest

import kilnn

PRETENDED = os.environ.get("KILNN_PRETEND_GPU", "")


def pretend() -> None:
    find = jax.local_devices
    cpus = find(backend="cpu")
    assert len(cpus) == 2, "XLA_FLAGS=--xla_force_host_platform_device_count=2 must be set"

    def local_devices(process_index=None, backend=None, host_id=None):
        if backend in ("cuda", "cpu"):
            return cpus[1:] if backend == "cuda" else cpus[:1]
        if backend is not None:
            raise RuntimeError(f"no {backend} here")
        return find(process_index, backend, host_id)

    jax.local_devices = local_devices
    if PRETENDED == "usual":
        jax.config.update("jax_default_device", cpus[1])


if PRETENDED:
    pretend()


@pytest.fixture
def gpu():
    """The other device."""
    if not kilnn.cuda.is_available():
        pytest.skip("no CUDA device")
    return kilnn.device("cuda")
