"""The C extension; everything else is declared in pyproject.toml."""

from glob import glob

from setuptools import Extension, setup

SOURCE = "kilnn/native/src"

setup(
    ext_modules=[
        Extension(
            "kilnn.native._core",
            sorted(glob(f"{SOURCE}/*.c")),
            depends=sorted(glob(f"{SOURCE}/*.h")),
            optional=True,  # without a compiler the installation goes on, and the Python twins are used
        )
    ]
)
