"""Files: saving and loading tensors and the structures around them."""

from kilnn.io.safetensors_format import load_safetensors, save_safetensors
from kilnn.io.serialization import load, save

__all__ = ["load", "load_safetensors", "save", "save_safetensors"]
