"""Packages that load at their first use look as if they had been loaded all along."""

import json
import os
import subprocess
import sys

import pytest

LATER = {"autograd", "data", "io", "nn", "optim", "utils"}

# Each code starts from a process that has JAX and no kilnn.
PROGRAM = """
import json, os, sys, traceback
import jax
for code in json.load(sys.stdin):
    if os.fork() == 0:
        try:
            exec(code, {})
            print(json.dumps([m for m in sys.modules if m.startswith("kilnn.")]), flush=True)
        except BaseException:
            print(json.dumps(traceback.format_exc()), flush=True)
        os._exit(0)
    os.wait()
"""


def loaded(*codes: str, **environment: str) -> list[set[str]]:
    """Runs each code in a fresh process of its own: which of the late packages each has loaded."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps(codes),
        capture_output=True,
        text=True,
        env=os.environ | {"JAX_PLATFORMS": "cpu"} | environment,
        check=True,
    )
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) == len(codes), done.stderr
    for code, result in zip(codes, results, strict=True):
        assert isinstance(result, list), f"{code}\n{result}"
    return [{name for name in LATER if f"kilnn.{name}" in result} for result in results]


def test_import_and_plain_tensors_load_none_of_them():
    assert loaded("import kilnn as T; (T.ones(3) + 1).sum().item(); T.no_grad(); dir(T); hasattr(T, 'nope')") == [set()]


def test_first_use():
    first_uses = {
        "import kilnn; kilnn.nn.Linear(2, 3)": {"nn"},
        "from kilnn import nn; nn.functional.relu": {"nn"},
        "import kilnn.nn as nn; nn.Linear": {"nn"},
        "import kilnn.nn.functional as F; F.relu": {"nn"},
        "import kilnn; assert kilnn.nn is kilnn.nn and 'nn' in vars(kilnn)": {"nn"},
        "import kilnn; kilnn.optim.lr_scheduler.StepLR": {"nn", "optim"},
        "import kilnn; kilnn.utils.data.DataLoader": {"autograd", "data", "utils"},
        "from kilnn.utils.data import DataLoader": {"autograd", "data", "utils"},
        "from kilnn.autograd import Function": {"autograd"},
        "import kilnn; kilnn.save": {"io"},
        "from kilnn import load": {"io"},
        "import kilnn; assert {'nn', 'optim', 'save', 'tensor'} <= set(dir(kilnn))": set(),
        "from kilnn import *; nn, optim, autograd, utils, load, save, tensor": LATER,
    }
    for code, found, expected in zip(first_uses, loaded(*first_uses), first_uses.values(), strict=True):
        assert expected <= found, code
        assert "nn" in expected or found == expected, code


def test_a_pickle_loads_what_it_needs(tmp_path):
    file = str(tmp_path / "pickled")
    save = f"import kilnn, pickle; pickle.dump(kilnn.nn.Linear(2, 3), open({file!r}, 'wb'))"
    load = f"import pickle; assert pickle.load(open({file!r}, 'rb')).weight.shape == (3, 2)"
    assert "nn" in loaded(save, load)[1]


def test_threads_may_touch_a_package_at_once():
    code = """
from concurrent.futures import ThreadPoolExecutor
import kilnn
with ThreadPoolExecutor(8) as pool:
    found = list(pool.map(lambda i: (kilnn.nn.Linear, kilnn.optim.SGD), range(32)))
assert len(set(found)) == 1
"""
    assert {"nn", "optim"} <= loaded(code)[0]


def test_an_unknown_name_is_an_attribute_error():
    code = """
import kilnn
assert not hasattr(kilnn, "nope")
try:
    kilnn.nope
except AttributeError as error:
    assert str(error) == "module 'kilnn' has no attribute 'nope'"
try:
    from kilnn import nope
except ImportError as error:
    assert "cannot import name 'nope' from 'kilnn'" in str(error)
else:
    raise AssertionError
"""
    assert loaded(code) == [set()]


@pytest.mark.parametrize("switch", [True, False])
def test_what_nn_loads_is_kept_out_of_collections_too(switch):
    code = f"""
import gc
import kilnn
first = gc.get_freeze_count()
kilnn.nn
second = gc.get_freeze_count()
assert (second > first > 50_000) if {switch} else (first == second == 0), (first, second)
"""
    assert "nn" in loaded(code, KILNN_GC_FREEZE=str(int(switch)))[0]
