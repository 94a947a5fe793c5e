"""The free functions of the namespace, by family. Most are also the tensor method of the same name."""
