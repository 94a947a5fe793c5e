"""`load_state_dict` takes what PyTorch and NumPy hold, as it is."""

import numpy as np
import pytest
import torch

import kilnn

FORMS = {
    "PyTorch's tensors": lambda model: model.state_dict(),
    "PyTorch's parameters": lambda model: model.state_dict(keep_vars=True),
    "arrays": lambda model: {k: v.numpy() for k, v in model.state_dict().items()},
}


def network(T):
    nn = T.nn
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.LSTM(4, 5))


@pytest.mark.parametrize("assign", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_the_same_outputs(form, assign):
    theirs, ours = network(torch), network(kilnn)
    report = ours.load_state_dict(FORMS[form](theirs), assign=assign)
    assert report.missing_keys == report.unexpected_keys == []
    x = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)
    a, b = ours(kilnn.tensor(x))[0], theirs(torch.tensor(x))[0]
    np.testing.assert_allclose(a.tolist(), b.tolist(), atol=1e-5)
    assert all(p.requires_grad for p in ours.parameters())


def test_it_is_a_copy():
    theirs, ours = torch.nn.Linear(2, 2), kilnn.nn.Linear(2, 2)
    ours.load_state_dict(theirs.state_dict(), assign=True)
    before = ours.weight.tolist()
    with torch.no_grad():
        theirs.weight.zero_()
    assert ours.weight.tolist() == before


def test_bfloat16():
    theirs, ours = torch.nn.Linear(2, 2).bfloat16(), kilnn.nn.Linear(2, 2).bfloat16()
    ours.load_state_dict(theirs.state_dict())
    assert ours.weight.tolist() == theirs.weight.tolist()


@pytest.mark.parametrize("value", ["text", None, [1.0, 2.0]])
def test_what_holds_no_array_is_refused(value):
    with pytest.raises(RuntimeError, match='named "weight", expected'):
        kilnn.nn.Linear(2, 2).load_state_dict({"weight": value, "bias": np.zeros(2, np.float32)})
