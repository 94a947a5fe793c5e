"""Recipes by family: each module has a dictionary RECIPES, name -> function of a library."""

from importlib import import_module

FAMILIES = (
    "around",
    "autograd",
    "creation",
    "data",
    "devices",
    "dtypes",
    "functional",
    "functions",
    "graphs",
    "init",
    "layers",
    "losses",
    "modules",
    "optimizers",
    "packed",
    "tensors",
    "tools",
)


def every_recipe():
    """All recipes; a name that two families claim is an error."""
    found = {}
    for family in FAMILIES:
        for name, recipe in import_module(f"tests.yardstick.recipes.{family}").RECIPES.items():
            assert name not in found, f"{name} has two recipes"
            found[name] = recipe
    return found
