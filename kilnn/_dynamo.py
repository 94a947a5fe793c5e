"""What people write of PyTorch's private name for the compiler: `torch._dynamo.reset()`."""

from __future__ import annotations

from kilnn.compiler import disable, is_compiling, list_backends, reset

__all__ = ["disable", "is_compiling", "list_backends", "reset"]
