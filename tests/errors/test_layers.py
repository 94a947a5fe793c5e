"""What layers say about inputs that do not fit: the lines that follow PyTorch's message, word for word."""

import warnings

import pytest

import kilnn as T
from kilnn import nn

MESSAGES = {
    "nn.Linear(3, 4)(T.ones(2, 5))": (
        "Linear(3 -> 4): got input (2, 5), last dimension must be 3", "Fix: Linear(5, 4)"),
    "nn.Linear(12, 4)(T.ones(2, 3, 4))": (
        "Linear(12 -> 4): got input (2, 3, 4), last dimension must be 12", "Fix: flatten it first: x.flatten(1)"),
    "nn.Linear(10, 4)(T.ones(2, 3, 4))": (
        "Linear(10 -> 4): got input (2, 3, 4), last dimension must be 10",
        "Fix: x.flatten(1) before it, and Linear(12, 4)"),
    "nn.Linear(3, 4)(T.ones(3, 2))": (
        "Linear(3 -> 4): got input (3, 2), last dimension must be 3", "Fix: transpose it first: x.t()"),
    "nn.Linear(3, 4)(T.ones(2, 3).double())": (
        "Linear(3 -> 4): got input (2, 3) of kilnn.float64, dtype must be kilnn.float32 as the parameters'",
        "Fix: input.to(kilnn.float32)"),
    "nn.Bilinear(3, 2, 4)(T.ones(5, 3), T.ones(5, 3))": (
        "Bilinear: got input1 (5, 3) and input2 (5, 3), input2: last dimension must be 2",),
    "nn.Conv1d(3, 4, 3)(T.ones(2, 9, 3))": (
        "Conv1d(3 -> 4): got input (2, 9, 3), dimension 1 (channels) must be 3",
        "Fix: channels come before the positions: x.movedim(-1, -2)"),
    "nn.Conv2d(3, 4, 3)(T.ones(1, 1, 8, 8))": (
        "Conv2d(3 -> 4): got input (1, 1, 8, 8), dimension 1 (channels) must be 3", "Fix: Conv2d(1, 4, ...)"),
    "nn.Conv2d(1, 4, 3)(T.ones(16, 8, 8))": (
        "Conv2d(1 -> 4): got input (16, 8, 8), dimension 0 (channels) must be 1",
        "Fix: add the channel dimension: x.unsqueeze(1)"),
    "nn.Conv2d(3, 4, 5)(T.ones(1, 3, 4, 4))": (
        "Conv2d(3 -> 4): got input (1, 3, 4, 4), positions must be at least 5 x 5",
        "Fix: a smaller kernel, or more padding"),
    "nn.Conv3d(3, 4, 3)(T.ones(3, 4))": (
        "Conv3d(3 -> 4): got input (3, 4), must be (channels, depth, height, width) or "
        "(batch, channels, depth, height, width)",),
    "nn.ConvTranspose2d(3, 4, 3)(T.ones(1, 2, 8, 8))": (
        "ConvTranspose2d(3 -> 4): got input (1, 2, 8, 8), dimension 1 (channels) must be 3",
        "Fix: ConvTranspose2d(2, 4, ...)"),
    "nn.MaxPool1d(2)(T.ones(4))": (
        "MaxPool1d(kernel_size=2): got input (4,), must have 2 or 3 dimensions",),
    "nn.MaxPool2d(2)(T.ones(1, 1, 1, 8, 8))": (
        "MaxPool2d(kernel_size=2): got input (1, 1, 1, 8, 8), must have 3 or 4 dimensions", "Fix: MaxPool3d"),
    "nn.AdaptiveAvgPool2d(1)(T.ones(4, 4))": (
        "AdaptiveAvgPool2d(output_size=1): got input (4, 4), must have 3 or 4 dimensions",),
    "nn.BatchNorm1d(3)(T.ones(2, 3, 4, 4))": (
        "BatchNorm1d(num_features=3): got input (2, 3, 4, 4), must have 2 or 3 dimensions", "Fix: BatchNorm2d"),
    "nn.BatchNorm2d(3)(T.ones(2, 4, 5, 5))": (
        "BatchNorm2d(num_features=3): got input (2, 4, 5, 5), dimension 1 (channels) must be 3",),
    "nn.BatchNorm1d(3)(T.ones(1, 3))": (
        "BatchNorm1d(num_features=3): got input (1, 3), must hold more than one value for each channel in training",
        "Fix: a larger batch (DataLoader(drop_last=True) leaves out a last batch of one), or eval()"),
    "nn.InstanceNorm2d(3, affine=True)(T.ones(2, 4, 5, 5))": (
        "InstanceNorm2d(num_features=3): got input (2, 4, 5, 5), dimension 1 (channels) must be 3",),
    "nn.GroupNorm(3, 6)(T.ones(2, 5))": (
        "GroupNorm(num_channels=6): got input (2, 5), dimension 1 (channels) must be 6",),
    "nn.LayerNorm((2, 3))(T.ones(2, 3, 3))": (
        "LayerNorm(normalized_shape=(2, 3)): got input (2, 3, 3), last dimensions must be (2, 3)",),
    "nn.RMSNorm(4)(T.ones(2, 3))": (
        "RMSNorm(normalized_shape=(4,)): got x (2, 3), last dimension must be 4",),
    "nn.Embedding(5, 2)(T.tensor([1, 5]))": (
        "Embedding(5 -> 2): got input (2,), indices must lie in 0 ... 4",
        "Fix: a larger num_embeddings, or the right indices"),
    "nn.RNNCell(3, 4)(T.ones(2, 5))": ("RNNCell(3 -> 4): got input (2, 5), last dimension must be 3",),
    "nn.LSTMCell(3, 4)(T.ones(2, 3), (T.zeros(2, 4), T.zeros(2, 5)))": (
        "LSTMCell(3 -> 4): got input (2, 3), hx[0] (2, 4) and hx[1] (2, 5), hx[1]: last dimension must be 4",),
    "nn.LSTM(3, 4)(T.ones(2, 5, 4))": ("LSTM(3 -> 4): got input (2, 5, 4), last dimension must be 3",),
    "nn.Softmax(dim=2)(T.ones(2, 3))": ("Softmax(dim=2): got input (2, 3)",),
    "nn.CosineSimilarity()(T.ones(2, 3), T.ones(2, 4))": ("CosineSimilarity: got x1 (2, 3) and x2 (2, 4)",),
    "nn.CrossEntropyLoss()(T.ones(2, 3), T.tensor([[1], [2]]))": (
        "CrossEntropyLoss: got input (2, 3) and target (2, 1), target must be (2,), a class for each row of scores",
        "Fix: target.squeeze(1)"),
    "nn.CrossEntropyLoss()(T.ones(2, 3), T.tensor([1, 3]))": (
        "CrossEntropyLoss: got input (2, 3) and target (2,), target: labels must lie in 0 ... 2",),
    "nn.NLLLoss()(T.ones(2, 3), T.tensor([1.0, 0.0]))": (
        "NLLLoss: got input (2, 3) of kilnn.float32 and target (2,) of kilnn.float32, "
        "target: labels must be whole numbers (int64)", "Fix: target.long()"),
    "nn.BCELoss()(T.ones(2, 1), T.ones(2))": (
        "BCELoss: got input (2, 1) and target (2,), target must have the input's shape (2, 1)",
        "Fix: target.unsqueeze(1)"),
    "nn.MSELoss()(T.ones(2, 3), T.ones(4, 5))": (
        "MSELoss: got input (2, 3) and target (4, 5), target must have the input's shape (2, 3)",),
}  # fmt: skip


@pytest.mark.parametrize("call", MESSAGES)
def test_message(call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(Exception) as error:
            eval(call, {"T": T, "nn": nn})
    first, *added = str(error.value).split("\n")
    assert first
    assert added == ["  " + line for line in MESSAGES[call]]


def test_there_are_enough():
    assert len({call.partition("(")[0] for call in MESSAGES}) >= 25
