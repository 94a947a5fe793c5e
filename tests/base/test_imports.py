"""The ground floor starts fast: JAX is imported only inside the function that needs it."""

import ast
from pathlib import Path

import pytest

import kilnn.base

FILES = sorted(Path(kilnn.base.__file__).parent.glob("*.py"))
ALLOWED = {"numpy", "ml_dtypes", "kilnn.base"}


def top_level_imports(source: str) -> set[str]:
    """What a module imports as it is loaded, standard library left out; blocks for type checkers do not count."""
    found = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return {name for name in found if name.split(".")[0] in ("jax", "jaxlib", "numpy", "ml_dtypes", "kilnn", "torch")}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_imports(path):
    for name in top_level_imports(path.read_text()):
        assert any(name == root or name.startswith(f"{root}.") for root in ALLOWED), name


def test_the_check_can_fail():
    assert top_level_imports("import jax.numpy as jnp\nfrom kilnn.ops import spec") == {"jax.numpy", "kilnn.ops"}
    assert len(FILES) > 5
