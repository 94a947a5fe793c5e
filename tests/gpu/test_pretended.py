"""The device tests run in every suite: in a process whose second CPU device plays the GPU."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = sorted(str(p) for p in HERE.glob("test_*.py") if p.name != Path(__file__).name)


@pytest.mark.parametrize("role", ["beside", "usual"])
def test_on_a_pretended_gpu(role):
    environment = os.environ | {
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        "KILNN_PRETEND_GPU": role,
        "JAX_PLATFORMS": "cpu",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *FILES]
    done = subprocess.run(
        command, check=False, env=environment, cwd=HERE.parents[1], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert "passed" in done.stdout
