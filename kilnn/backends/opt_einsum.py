"""`kilnn.backends.opt_einsum`: the order of an Einstein sum's products."""

from __future__ import annotations


def is_available() -> bool:
    """False: operands are multiplied from left to right."""
    return False
