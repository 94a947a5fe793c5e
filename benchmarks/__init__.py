"""Measurements beside PyTorch and hand-written JAX."""
