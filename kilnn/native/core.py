"""The hot paths in C, where they were built: `core` is the extension module, or None and `why_absent` says why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilnn.base.config import config

core: Any = None
why_absent = ""

if not config.native:
    why_absent = "KILNN_NATIVE=0"
else:
    try:
        from kilnn.native import _core as core  # type: ignore[attr-defined, no-redef]  # a compiled module
    except ImportError as error:
        why_absent = f"not built when kilnn was installed, which takes a C compiler: {error}"

if TYPE_CHECKING:

    class Attributes:
        """Base of `nn.Module`: finds parameters, buffers and submodules without an AttributeError on the way."""
else:
    Attributes = object if core is None else core.Attributes
