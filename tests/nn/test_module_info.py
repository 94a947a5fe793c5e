"""PyTorch's own records of modules, run on both libraries."""

import pytest
import torch

import kilnn
from tests.nn.module_info import records, run
from tests.oracle import assert_same_tree

pytestmark = [
    pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN"),
    pytest.mark.filterwarnings("ignore:enable_nested_tensor is True"),
    pytest.mark.filterwarnings("ignore:Support for mismatched"),
    pytest.mark.filterwarnings("ignore:Using a target size"),
    pytest.mark.filterwarnings("ignore:reduction. 'mean' divides"),
    pytest.mark.filterwarnings("ignore:Using padding='same'"),
    pytest.mark.filterwarnings("ignore:input's size at dim"),
]

# Every how-manieth record a usual run takes: a program is compiled for each.
EVERY = {
    "RNN": 11, "LSTM": 11, "GRU": 7, "RNNCell": 2, "LSTMCell": 1, "GRUCell": 1, "MultiheadAttention": 9,
    "TransformerEncoderLayer": 11, "TransformerDecoderLayer": 17, "Transformer": 31,
}  # fmt: skip

EVERY |= {
    "AdaptiveMaxPool2d": 3, "AdaptiveMaxPool3d": 5, "LPPool1d": 3, "LocalResponseNorm": 3, "MultiMarginLoss": 4,
    "MultiLabelMarginLoss": 4, "MultiLabelSoftMarginLoss": 3, "GaussianNLLLoss": 4, "Bilinear": 2, "GroupNorm": 6,
}  # fmt: skip

# Run with all their records only, in the slow tests: their rows in the table of modules cover them.
SLOW = """
AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AvgPool1d AvgPool2d AvgPool3d BatchNorm1d
BatchNorm2d BatchNorm3d CELU Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d CosineEmbeddingLoss
ELU L1Loss SmoothL1Loss Linear LPPool2d LPPool3d MaxPool1d MaxPool2d MaxPool3d KLDivLoss MSELoss MarginRankingLoss
SoftMarginLoss NLLLoss PoissonNLLLoss HingeEmbeddingLoss HuberLoss BCELoss BCEWithLogitsLoss CrossEntropyLoss GELU GLU
Hardshrink Hardswish Hardtanh InstanceNorm1d InstanceNorm2d InstanceNorm3d LayerNorm RMSNorm Embedding ReLU LeakyReLU
ReLU6 PReLU Sigmoid LogSigmoid SiLU Softmax Softmax2d LogSoftmax Softmin Softplus Softshrink Softsign Tanh Tanhshrink
Threshold Mish ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d SELU
ZeroPad1d ZeroPad2d ZeroPad3d CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d
""".split()


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
@pytest.mark.parametrize("name", [*EVERY, *SLOW])
def test_all_records(name, training):
    assert compare(name, training, 1) > 0
