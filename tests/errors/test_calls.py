"""Bad calls raise PyTorch's exception type. Differences are a strict list with reasons."""

import warnings

import pytest
import torch
import torch.utils.data

import kilnn
import kilnn.utils.data
from tests.errors.calls import CALLS
from tests.oracle import assert_same_error, outcome

DIFFERENT: dict[str, str] = {}
"""Call -> why it raises something else."""


def run(call, T):
    names = {"T": T, "nn": T.nn, "F": T.nn.functional, "optim": T.optim, "data": T.utils.data}

    def body():
        eval(call, names)
        if T is kilnn:
            kilnn.synchronize()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return outcome(body).error


@pytest.mark.parametrize("call", CALLS)
def test_type(call):
    theirs, ours = run(call, torch), run(call, kilnn)
    assert theirs is not None, "PyTorch accepts it"
    if call in DIFFERENT:
        with pytest.raises(AssertionError):
            assert_same_error(ours, theirs, call)
        return
    assert_same_error(ours, theirs, call)
    assert str(ours) or isinstance(ours, StopIteration), "a message without words"
    for word in ("JitTracer", "ShapedArray", "dot_general", "jnp.", "lax."):
        assert word not in str(ours)


def test_the_list():
    assert len(CALLS) == len(set(CALLS)) >= 60
    assert set(DIFFERENT) <= set(CALLS) and len(DIFFERENT) <= 3
