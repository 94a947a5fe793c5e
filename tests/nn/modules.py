"""One row for every layer: how it is made, what it is fed. The generic tests and the completeness test run over it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


def data(T: Any, *shape: int, seed: int = 0, grad: bool = True) -> Any:
    """The same normal numbers as a tensor of either library."""
    values = np.random.default_rng(sum(shape) + 7 * len(shape) + seed).standard_normal(shape).astype(np.float32)
    return T.tensor(values, requires_grad=grad)


def whole(T: Any, *shape: int, below: int = 5, seed: int = 0) -> Any:
    return T.tensor(np.random.default_rng(seed + sum(shape)).integers(0, below, shape))


def unit(T: Any, *shape: int, seed: int = 0, grad: bool = False) -> Any:
    return T.tensor(np.random.default_rng(seed + sum(shape)).random(shape).astype(np.float32), requires_grad=grad)


def signs(T: Any, *shape: int) -> Any:
    return T.tensor(np.where(np.random.default_rng(1).random(shape) < 0.5, -1.0, 1.0).astype(np.float32))


@dataclass(frozen=True)
class Row:
    """make(nn, T) gives the module, inputs(T) its arguments."""

    name: str
    make: Callable[[Any, Any], Any]
    inputs: Callable[[Any], tuple[Any, ...]]
    random: bool = False  # its training pass draws numbers that are not PyTorch's


ROWS: list[Row] = []


def row(name: str, *shapes: tuple[int, ...], inputs: Any = None, random: bool = False, **arguments: Any) -> None:
    args = arguments.pop("args", ())
    feed = inputs or (lambda T: tuple(data(T, *s, seed=i) for i, s in enumerate(shapes)))
    ROWS.append(Row(name, lambda nn, T: getattr(nn, name)(*args, **arguments), feed, random))


row("Identity", (2, 3), args=(54,), unused=True)
row("Linear", (5, 3), args=(3, 4))
row("Linear", (2, 5, 3), args=(3, 4), bias=False)
row("Bilinear", (5, 3), (5, 2), args=(3, 2, 4))
for rank, size in ((1, (9,)), (2, (7, 6)), (3, (5, 4, 6))):
    row(f"Conv{rank}d", (2, 3, *size), args=(3, 4, 3))
    row(f"Conv{rank}d", (2, 4, *size), args=(4, 6, 2), stride=2, padding=1, dilation=2, groups=2, bias=False)
    row(f"Conv{rank}d", (4, *size), args=(4, 4, 3), padding="same", padding_mode="circular")
    row(f"ConvTranspose{rank}d", (2, 3, *size), args=(3, 4, 3), stride=2, padding=1, output_padding=1)
    row(f"Conv{rank}d", (2, 4, *size), args=(4, 4, 3), stride=2, padding=1, groups=4)
    row(f"MaxPool{rank}d", (2, 3, *size), args=(2,))
    row(f"MaxPool{rank}d", (2, 3, *size), args=(3,), stride=2, padding=1, ceil_mode=True)
    row(f"AvgPool{rank}d", (2, 3, *size), args=(2,))
    row(f"AvgPool{rank}d", (3, *size), args=(3, 2, 1, True, False))
    row(f"AdaptiveAvgPool{rank}d", (2, 3, *size), args=(3,))
    row(f"BatchNorm{rank}d", (4, 3, *size), args=(3,))
    row(f"BatchNorm{rank}d", (4, 3, *size), args=(3,), momentum=None, affine=False)
    row(f"BatchNorm{rank}d", (4, 3, *size), args=(3,), track_running_stats=False, bias=False)
    row(f"InstanceNorm{rank}d", (4, 3, *size), args=(3,))
    row(f"InstanceNorm{rank}d", (4, 3, *size), args=(3,), affine=True, track_running_stats=True)
    pads = tuple(range(1, 2 * rank + 1))
    row(f"ConstantPad{rank}d", (2, 3, *size), args=(pads, 1.5))
    row(f"ZeroPad{rank}d", (2, 3, *size), args=(2,))
    row(f"ReflectionPad{rank}d", (2, 3, *size), args=((1, 2) * rank,))
    row(f"ReplicationPad{rank}d", (2, 3, *size), args=(pads,))
    row(f"CircularPad{rank}d", (2, 3, *size), args=(1,))
row("BatchNorm1d", (6, 3), args=(3,), eps=1e-3)
row("LayerNorm", (2, 5, 6), args=(6,))
row("LayerNorm", (2, 5, 6), args=((5, 6),), bias=False)
row("LayerNorm", (2, 5, 6), args=([6],), elementwise_affine=False, eps=1e-3)
row("RMSNorm", (2, 5, 6), args=(6,))
row("RMSNorm", (2, 5, 6), args=((5, 6),), eps=1e-3, elementwise_affine=False)
row("GroupNorm", (2, 6, 5), args=(3, 6))
row("GroupNorm", (2, 6, 4, 4), args=(2, 6), affine=False)
row("Embedding", inputs=lambda T: (whole(T, 4, 3, below=7),), args=(7, 5))
row("Embedding", inputs=lambda T: (whole(T, 4, below=7),), args=(7, 5), padding_idx=-2, scale_grad_by_freq=True)
for name in ("Dropout", "AlphaDropout"):
    row(name, (4, 5), random=True, p=0.3)
for rank, size in ((1, (4,)), (2, (4, 5)), (3, (3, 4, 2))):
    row(f"Dropout{rank}d", (2, 3, *size), random=True, p=0.3)
for name in ("ReLU", "SELU", "SiLU", "Mish", "Hardsigmoid", "Hardswish", "ReLU6"):
    row(name, (3, 4))
for name in ("Tanh", "Sigmoid", "LogSigmoid", "Softsign", "Tanhshrink"):
    row(name, (3, 4))
row("LeakyReLU", (3, 4), negative_slope=0.2)
row("RReLU", (3, 4), random=True)
row("PReLU", (2, 3, 4))
row("PReLU", (2, 3, 4), num_parameters=3, init=0.1)
row("ELU", (3, 4), alpha=1.5)
row("CELU", (3, 4), alpha=1.5)
row("GELU", (3, 4))
row("GELU", (3, 4), approximate="tanh")
row("Hardtanh", (3, 4), min_val=-0.5, max_val=0.7)
row("Threshold", (3, 4), args=(0.1, 20))
row("Softplus", (3, 4), beta=2, threshold=1)
row("Hardshrink", (3, 4))
row("Softshrink", (3, 4), lambd=0.3)
for name in ("Softmax", "LogSoftmax", "Softmin"):
    row(name, (3, 4, 5), dim=1)
row("Softmax2d", (2, 3, 4, 5))
row("GLU", (4, 3), dim=0)
row("Flatten", (2, 3, 4))
row("Flatten", (2, 3, 4), start_dim=0, end_dim=1)
row("Unflatten", (2, 12), args=(1, (3, 4)))
row("PixelShuffle", (2, 8, 3, 4), args=(2,))
row("PixelUnshuffle", (2, 2, 6, 4), args=(2,))
row("CosineSimilarity", (4, 5), (4, 5))
row("PairwiseDistance", (4, 5), (4, 5), p=1.5, keepdim=True)
row("RNNCell", (4, 3), args=(3, 5))
row("RNNCell", (4, 3), (4, 5), args=(3, 5), nonlinearity="relu", bias=False)
row("GRUCell", (4, 3), (4, 5), args=(3, 5))
row("GRUCell", (3,), args=(3, 5))
row("LSTMCell", inputs=lambda T: (data(T, 4, 3), (data(T, 4, 5), data(T, 4, 5, seed=1))), args=(3, 5))
row("LSTMCell", (3,), args=(3, 5))
row("RNN", (4, 2, 3), (2, 2, 5), args=(3, 5, 2))
row("RNN", (4, 3), args=(3, 5), nonlinearity="relu", bias=False)
row("GRU", (2, 4, 3), args=(3, 5), batch_first=True, bidirectional=True)
row("LSTM", inputs=lambda T: (data(T, 4, 2, 3), (data(T, 1, 2, 2), data(T, 1, 2, 5))), args=(3, 5), proj_size=2)
row("MultiheadAttention", (3, 2, 4), (5, 2, 3), (5, 2, 6), args=(4, 2), kdim=3, vdim=6, add_bias_kv=True)
row("TransformerEncoderLayer", (3, 2, 4), args=(4, 2, 6, 0.0), norm_first=True, bias=False)
row("TransformerDecoderLayer", (2, 3, 4), (2, 5, 4), args=(4, 2, 6, 0.0, "gelu"), batch_first=True)
row("Transformer", (5, 2, 4), (3, 2, 4), args=(4, 2, 2, 1, 6, 0.0))


def stack(kind: str, shapes: list[tuple[int, ...]]) -> None:
    """A row of two layers and a norm."""

    def make(nn: Any, T: Any) -> Any:
        layer = getattr(nn, f"Transformer{kind}Layer")(4, 2, 6, 0.0, batch_first=True)
        return getattr(nn, f"Transformer{kind}")(layer, 2, nn.LayerNorm(4))

    ROWS.append(Row(f"Transformer{kind}", make, lambda T: tuple(data(T, *s, seed=k) for k, s in enumerate(shapes))))


stack("Encoder", [(2, 3, 4)])
stack("Decoder", [(2, 3, 4), (2, 5, 4)])


def losses(name: str, inputs: Any, **arguments: Any) -> None:
    for reduction in ("mean", "sum", "none"):
        row(name, inputs=inputs, reduction=reduction, **arguments)


losses("CrossEntropyLoss", lambda T: (data(T, 6, 5), whole(T, 6)), label_smoothing=0.1)
losses("CrossEntropyLoss", lambda T: (data(T, 2, 5, 3), whole(T, 2, 3)), ignore_index=2)
losses("CrossEntropyLoss", lambda T: (data(T, 6, 5), unit(T, 6, 5)))
losses("NLLLoss", lambda T: (data(T, 6, 5), whole(T, 6)))
for pair in ("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss"):
    losses(pair, lambda T: (data(T, 4, 5), data(T, 4, 5, seed=1)))
losses("SmoothL1Loss", lambda T: (data(T, 4, 5), data(T, 4, 5, seed=1)), beta=0)
losses("BCELoss", lambda T: (unit(T, 4, 5, grad=True), unit(T, 4, 5, seed=1)))
losses("BCEWithLogitsLoss", lambda T: (data(T, 4, 5), unit(T, 4, 5, seed=1)))
losses("KLDivLoss", lambda T: (data(T, 4, 5), unit(T, 4, 5, seed=1)))
row("KLDivLoss", (4, 5), (4, 5), reduction="batchmean", log_target=True)
losses("PoissonNLLLoss", lambda T: (data(T, 4, 5), unit(T, 4, 5, seed=1)))
row("PoissonNLLLoss", inputs=lambda T: (unit(T, 4, 5, grad=True), whole(T, 4, 5) + 0.5), log_input=False, full=True)
row("GaussianNLLLoss", inputs=lambda T: (data(T, 4, 5), data(T, 4, 5, seed=1), unit(T, 4, 5, grad=True)), full=True)
losses("SoftMarginLoss", lambda T: (data(T, 4, 5), signs(T, 4, 5)))
losses("HingeEmbeddingLoss", lambda T: (data(T, 4, 5), signs(T, 4, 5)), margin=0.5)
losses("MarginRankingLoss", lambda T: (data(T, 6), data(T, 6, seed=1), signs(T, 6)), margin=0.2)
losses("CosineEmbeddingLoss", lambda T: (data(T, 6, 3), data(T, 6, 3, seed=1), signs(T, 6)), margin=0.1)
losses("TripletMarginLoss", lambda T: (data(T, 6, 3), data(T, 6, 3, seed=1), data(T, 6, 3, seed=2)), swap=True)

CONTAINERS = {"Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"}
OTHERS = {"Module", "RNNBase", "RNNCellBase"}
