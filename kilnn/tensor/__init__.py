"""class Tensor, the functions that make tensors, and the free functions of the namespace."""
