"""One row for every layer: how it is made, what it is fed. The generic tests and the completeness test run over it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
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


def pooled(T: Any, rank: int) -> Any:
    """Maxima, and where they were."""
    best, where = getattr(T.nn, f"MaxPool{rank}d")(2, return_indices=True)(data(T, 2, 3, *(4, 6, 2)[:rank]))
    return best.detach().requires_grad_(), where


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
    row(f"AdaptiveMaxPool{rank}d", (2, 3, *size), args=(3,), return_indices=True)
    row(f"LPPool{rank}d", (2, 3, *size), args=(3, 2))
    row(f"MaxUnpool{rank}d", inputs=partial(pooled, rank=rank), args=(2,))
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
for rank, size in ((2, (7, 6)), (3, (5, 4, 6))):
    row(f"FractionalMaxPool{rank}d", (2, 3, *size), args=(2,), output_size=2, return_indices=True)
    row(f"FractionalMaxPool{rank}d", (3, *size), args=(2,), output_ratio=0.6)
row("AdaptiveMaxPool2d", (3, 7, 6), args=((None, 4),))
row("LPPool2d", (3, 7, 6), args=(2.0, (2, 3)), stride=(2, 1), ceil_mode=True)
row("Unfold", (2, 3, 7, 6), args=((2, 3),), dilation=(2, 1), padding=1, stride=2)
row("Fold", (2, 3 * 6, 12), args=((7, 6), (2, 3)), dilation=(2, 1), padding=1, stride=2)
row("Upsample", (2, 3, 5), scale_factor=1.7)
row("Upsample", (2, 3, 5, 4), size=(7, 3), mode="bilinear")
row("UpsamplingNearest2d", (2, 3, 5, 4), scale_factor=2)
row("UpsamplingBilinear2d", (2, 3, 5, 4), scale_factor=(2, 1.5))
row("ChannelShuffle", (2, 6, 3, 2), args=(3,))
row("LocalResponseNorm", (2, 6, 5), args=(3,), alpha=0.5)
row("LocalResponseNorm", (2, 6, 5, 4), args=(4,), alpha=0.5, k=2)
for size in (3, 4):  # PyTorch's gradient of this layer is not the derivative
    row("CrossMapLRN2d", inputs=lambda T: (data(T, 2, 6, 5, 4, grad=False),), args=(size,), alpha=0.5)
row("SyncBatchNorm", (4, 3, 5), args=(3,))
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
bags = lambda T: (whole(T, 4, 3, below=7),)  # noqa: E731
row("EmbeddingBag", inputs=bags, args=(7, 5))
row("EmbeddingBag", inputs=bags, args=(7, 5), mode="sum", padding_idx=3)
row("EmbeddingBag", inputs=bags, args=(7, 5), mode="max", max_norm=1.5, norm_type=3.0)
row("EmbeddingBag", inputs=lambda T: (whole(T, 9, below=7), T.tensor([0, 3, 3, 5])), args=(7, 5))
row(
    "EmbeddingBag", inputs=lambda T: (whole(T, 9, below=7), T.tensor([0, 3, 3, 9]), data(T, 9)), args=(7, 5),
    mode="sum", include_last_offset=True,
)  # fmt: skip
row("FeatureAlphaDropout", (2, 3, 4, 5), random=True, p=0.3)
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

losses("MultiMarginLoss", lambda T: (data(T, 6, 5), whole(T, 6)), p=2, margin=0.7)
row("MultiMarginLoss", inputs=lambda T: (data(T, 5), T.tensor(3)))
labels = [[3, 0, -1, 2], [1, -1, 0, 0], [-1, 2, 2, 2], [0, 1, 2, 3], [2, 2, -1, -1]]
losses("MultiLabelMarginLoss", lambda T: (data(T, 5, 4), T.tensor(labels)))
losses("MultiLabelSoftMarginLoss", lambda T: (data(T, 5, 4), unit(T, 5, 4)))
triplet = lambda T: (data(T, 6, 3), data(T, 6, 3, seed=1), data(T, 6, 3, seed=2))  # noqa: E731
losses("TripletMarginWithDistanceLoss", triplet, swap=True)
losses("CTCLoss", lambda T: (data(T, 9, 3, 6), whole(T, 3, 4) + 1, (9, 8, 4), (4, 0, 3)))
row(
    "CTCLoss", inputs=lambda T: (data(T, 5, 2, 6), whole(T, 9), T.tensor([5, 3]), T.tensor([3, 6])), blank=5,
    reduction="sum", zero_infinity=True,
)  # fmt: skip
losses("LinearCrossEntropyLoss", lambda T: (data(T, 6, 3), whole(T, 6)), in_features=3, num_classes=5, bias=True)
row("LinearCrossEntropyLoss", inputs=lambda T: (data(T, 6, 3), whole(T, 6, 2)), args=(3, 5), out_features=(2,))
targets = [0, 3, 4, 10, 11, 19, 14, 15]
row("AdaptiveLogSoftmaxWithLoss", inputs=lambda T: (data(T, 8, 16), T.tensor(targets)), args=(16, 20, [4, 11]))
row(
    "AdaptiveLogSoftmaxWithLoss", inputs=lambda T: (data(T, 8, 16), T.tensor(targets)), args=(16, 20, [4, 11, 15]),
    div_value=2.0, head_bias=True,
)  # fmt: skip
for rank, size in ((1, (9,)), (2, (5, 4)), (3, (5, 4, 3))):
    row(f"LazyConv{rank}d", (2, 4, *size), args=(6, 2), stride=2, groups=2)
    row(f"LazyConvTranspose{rank}d", (2, 4, *size), args=(6, 2), groups=2, bias=False)
    row(f"LazyBatchNorm{rank}d", (4, 3, *size))
    row(f"LazyInstanceNorm{rank}d", (4, 3, *size))
row("LazyLinear", (5, 3), args=(4,))

CONTAINERS = {"Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"}
OTHERS = {"Module", "RNNBase", "RNNCellBase", "DataParallel"}  # bases, and a wrapper around any module
