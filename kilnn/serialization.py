"""kilnn.serialization: `save`, `load`, and which classes files may hold."""

from kilnn.io.safe_globals import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals
from kilnn.io.serialization import load, save

__all__ = ["add_safe_globals", "clear_safe_globals", "get_safe_globals", "load", "safe_globals", "save"]
