"""PyTorch's own records of recurrent layers, attention and transformers, run on both libraries."""

import pytest
import torch

import kilnn
from tests.nn.module_info import records, run
from tests.oracle import assert_same_tree

pytestmark = [
    pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN"),
    pytest.mark.filterwarnings("ignore:enable_nested_tensor is True"),
    pytest.mark.filterwarnings("ignore:Support for mismatched"),
]

# Every how-manieth record a usual run takes: a program is compiled for each.
EVERY = {
    "RNN": 11, "LSTM": 11, "GRU": 7, "RNNCell": 2, "LSTMCell": 1, "GRUCell": 1, "MultiheadAttention": 9,
    "TransformerEncoderLayer": 11, "TransformerDecoderLayer": 17, "Transformer": 31,
}  # fmt: skip


def compare(name, training, every):
    taken = records(name, training)[::every]
    for k, record in enumerate(taken):
        ours, theirs = (run(T, name, record, training) for T in (kilnn, torch))
        what = f"{name}, record {k * every}: {record.constructor_input.kwargs}"
        assert_same_tree(ours[0], theirs[0], rtol=0, atol=0, what=what)
        assert_same_tree(ours[1:], theirs[1:], rtol=5e-4, atol=2e-4, what=what)
    return len(taken)


@pytest.mark.parametrize("name", EVERY)
def test_a_sample_of_the_records(name):
    assert compare(name, True, EVERY[name]) > 0


@pytest.mark.slow
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", EVERY)
def test_all_records(name, training):
    assert compare(name, training, 1) > 0
