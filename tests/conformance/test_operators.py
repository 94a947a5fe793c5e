"""Every operation that PyTorch's OpInfo records know and kilnn has: results, gradients, in-place forms, `out=`, errors.

By default one sample of each kind for every third operation; `make test-all` runs three of each for all of them.
"""

import pytest
import torch

import kilnn
from tests.conformance.compare import difference
from tests.conformance.differences import ABSENT, known
from tests.conformance.records import INFOS, PRESENT, runs
from tests.conformance.translate import function_of


def check(name: str, one: bool) -> None:
    """Differences are those of the table: no other, and none less."""
    unexpected, vanished = [], []
    for kind, number, parts in runs(name, one):
        for part, found in parts.items():
            reason = known(name, part, kind, number)
            if found and not reason:
                unexpected.append(f"{kind} sample {number}: {found}")
            if reason and not found:
                vanished.append(f"{kind} sample {number}, {part}: agrees, although listed: {reason}")
    assert not unexpected + vanished, "\n".join([name, *unexpected, *vanished])


@pytest.mark.parametrize("name", PRESENT[::3])
def test_a_sample_of_each_kind(name):
    check(name, one=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESENT)
def test_three_samples_of_each_kind(name):
    check(name, one=False)


@pytest.mark.parametrize("wrong", [[1.0, 2.001], [1.0], [1, 2]])
def test_wrong_values_shapes_and_dtypes_are_found(wrong):
    right = [1.0, 2.0]
    assert difference(kilnn.tensor(right), torch.tensor(right), "x") is None
    assert difference(kilnn.tensor(wrong), torch.tensor(right), "x")
    assert difference((kilnn.tensor(right), kilnn.tensor(wrong)), (torch.tensor(right),) * 2, "x")
    assert difference(kilnn.tensor(right, requires_grad=True), torch.tensor(right), "x")


@pytest.mark.slow
def test_absent_operations_are_absent():
    """A name that has come into being is to be compared."""
    assert not [name for name in ABSENT if function_of(INFOS[name]) is not None]
