"""kilnn.onnx: not there."""

from __future__ import annotations

from typing import Any, NoReturn


def export(*args: Any, **kwargs: Any) -> NoReturn:
    """Not available: raises NotImplementedError.

    Source: https://docs.pytorch.org/docs/2.13/onnx.html
    """
    raise NotImplementedError(
        "onnx.export: kilnn writes no ONNX files. kilnn.save(model.state_dict(), path) is read by PyTorch, which does"
    )
