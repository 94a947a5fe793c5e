"""The C extension; everything else is declared in pyproject.toml."""

from setuptools import Extension, setup

SOURCE = "kilnn/native/src"
FILES = ("core.c", "record.c", "backward.c", "liveness.c", "update.c", "attributes.c")

setup(
    ext_modules=[
        Extension(
            "kilnn.native._core",
            [f"{SOURCE}/{name}" for name in FILES],
            depends=[f"{SOURCE}/core.h"],
            optional=True,  # without a compiler the installation goes on, and the Python twins are used
        )
    ]
)
