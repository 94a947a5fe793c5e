"""`kilnn.backends.cuda`: matrix products and attention on GPUs."""

from __future__ import annotations

from kilnn.base.device import devices_of
from kilnn.engine.precision import get_float32_matmul_precision, set_float32_matmul_precision


class _Matmul:
    """`kilnn.backends.cuda.matmul`: `allow_tf32` is `set_float32_matmul_precision` by another name."""

    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True

    @property
    def allow_tf32(self) -> bool:
        """Whether float32 products may be computed in TF32."""
        return get_float32_matmul_precision() != "highest"

    @allow_tf32.setter
    def allow_tf32(self, value: bool) -> None:
        set_float32_matmul_precision("high" if value else "highest")


matmul = _Matmul()


def is_built() -> bool:
    """Whether JAX's CUDA plugin is there and has a GPU.

    Source: https://docs.pytorch.org/docs/2.13/backends.html#torch.backends.cuda.is_built
    """
    return bool(devices_of("cuda"))


class _Attention:
    """Which kernels PyTorch's attention may use. XLA has one way to compute it; the answers are kept."""

    flash = memory_efficient = math = cudnn = True


_attention = _Attention()


def flash_sdp_enabled() -> bool:
    """What `enable_flash_sdp` was given."""
    return _attention.flash


def enable_flash_sdp(enabled: bool) -> None:
    """Kept for PyTorch's programs: XLA compiles attention in one way, with equal results."""
    _attention.flash = bool(enabled)


def mem_efficient_sdp_enabled() -> bool:
    """What `enable_mem_efficient_sdp` was given."""
    return _attention.memory_efficient


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Kept for PyTorch's programs: XLA compiles attention in one way, with equal results."""
    _attention.memory_efficient = bool(enabled)


def math_sdp_enabled() -> bool:
    """What `enable_math_sdp` was given."""
    return _attention.math


def enable_math_sdp(enabled: bool) -> None:
    """Kept for PyTorch's programs: XLA compiles attention in one way, with equal results."""
    _attention.math = bool(enabled)


def cudnn_sdp_enabled() -> bool:
    """What `enable_cudnn_sdp` was given."""
    return _attention.cudnn


def enable_cudnn_sdp(enabled: bool) -> None:
    """Kept for PyTorch's programs: XLA compiles attention in one way, with equal results."""
    _attention.cudnn = bool(enabled)
