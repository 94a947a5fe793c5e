"""Files: saving and loading tensors and the structures around them."""

from kilnn.io.serialization import load, save

__all__ = ["load", "save"]
