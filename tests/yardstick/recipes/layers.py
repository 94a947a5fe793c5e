"""Layers: with PyTorch's initial values, forward, gradients and state."""

from tests.yardstick.kit import images, layer, matrix, sequence


def _on(make, name, *args, **kwargs):
    return lambda T: layer(T, name, *args, inputs=[make(T)], **kwargs)


def seq(*shape):
    return lambda T: sequence(T, *shape)


ACTIVATIONS = {
    "ReLU": {"inplace": False},
    "LeakyReLU": {"negative_slope": 0.2},
    "Tanh": {},
    "Sigmoid": {},
    "GELU": {"approximate": "tanh"},
    "SiLU": {},
    "Softmax": {"dim": 1},
    "ReLU6": {},
    "LogSoftmax": {"dim": -1},
    "ELU": {},
    "Identity": {},
    "Flatten": {"start_dim": 1},
}
RECIPES = {f"torch.nn.{name}": _on(matrix, name, **kwargs) for name, kwargs in ACTIVATIONS.items()} | {
    "torch.nn.GLU": _on(seq(2, 4), "GLU", dim=1),
    "torch.nn.Linear": lambda T: [
        layer(T, "Linear", 3, 2, inputs=[matrix(T)]),
        layer(
            T, "Linear", in_features=3, out_features=2, bias=False, device="cpu", dtype=T.float32, inputs=[matrix(T)]
        ),
    ],
    "torch.nn.LazyLinear": lambda T: layer(T, "LazyLinear", out_features=2, bias=True, inputs=[matrix(T)]),
    "torch.nn.Conv1d": _on(
        seq(2, 4, 9), "Conv1d", 4, 6, kernel_size=3, stride=2, padding=1, dilation=1, groups=2, bias=True
    ),
    "torch.nn.Conv2d": _on(
        images, "Conv2d", in_channels=3, out_channels=4, kernel_size=3, stride=2, padding=1, bias=False
    ),
    "torch.nn.Conv3d": _on(seq(1, 2, 4, 5, 4), "Conv3d", 2, 3, kernel_size=2, stride=1, padding=0, groups=1),
    "torch.nn.LazyConv2d": _on(images, "LazyConv2d", 4, kernel_size=3, stride=1, padding=1, groups=1, bias=True),
    "torch.nn.ConvTranspose2d": _on(
        images, "ConvTranspose2d", 3, 2, kernel_size=3, stride=2, padding=1, output_padding=1
    ),
    "torch.nn.BatchNorm1d": _on(matrix, "BatchNorm1d", num_features=3, momentum=0.2, affine=True),
    "torch.nn.BatchNorm2d": _on(
        images, "BatchNorm2d", num_features=3, eps=1e-4, momentum=0.2, affine=True, track_running_stats=True
    ),
    "torch.nn.BatchNorm3d": _on(seq(2, 3, 2, 2, 2), "BatchNorm3d", 3),
    "torch.nn.LazyBatchNorm2d": _on(images, "LazyBatchNorm2d"),
    "torch.nn.InstanceNorm2d": _on(images, "InstanceNorm2d", 3, affine=True, track_running_stats=True),
    "torch.nn.LayerNorm": _on(matrix, "LayerNorm", normalized_shape=3, eps=1e-4, elementwise_affine=True),
    "torch.nn.RMSNorm": _on(matrix, "RMSNorm", 3, eps=1e-4),
    "torch.nn.GroupNorm": _on(seq(2, 4, 3), "GroupNorm", num_groups=2, num_channels=4, eps=1e-4, affine=True),
    "torch.nn.MaxPool2d": _on(images, "MaxPool2d", kernel_size=2, stride=2, padding=1, dilation=1, ceil_mode=True),
    "torch.nn.AvgPool2d": _on(
        images, "AvgPool2d", kernel_size=3, stride=2, padding=1, count_include_pad=False, ceil_mode=True
    ),
    "torch.nn.AdaptiveAvgPool2d": _on(images, "AdaptiveAvgPool2d", output_size=(3, 2)),
    "torch.nn.AdaptiveMaxPool2d": _on(images, "AdaptiveMaxPool2d", (3, 2)),
    "torch.nn.ZeroPad2d": _on(images, "ZeroPad2d", (1, 2, 0, 1)),
    "torch.nn.ReflectionPad2d": _on(images, "ReflectionPad2d", 2),
    "torch.nn.Upsample": _on(images, "Upsample", scale_factor=2, mode="bilinear"),
    "torch.nn.Dropout": lambda T: [
        layer(T, "Dropout", p=0.0, inputs=[matrix(T)]),
        layer(T, "Dropout", 0.5, inplace=False, train=False, inputs=[matrix(T)]),
    ],
    "torch.nn.Dropout2d": lambda T: layer(T, "Dropout2d", p=0.3, inplace=False, train=False, inputs=[images(T)]),
    "torch.nn.Embedding": lambda T: layer(
        T, "Embedding", num_embeddings=5, embedding_dim=3, padding_idx=0, inputs=[T.tensor([[0, 4], [2, 2]])]
    ),
    "torch.nn.RNN": _on(
        seq(2, 5, 3),
        "RNN",
        input_size=3,
        hidden_size=4,
        num_layers=2,
        batch_first=True,
        nonlinearity="relu",
        dropout=0.0,
    ),
    "torch.nn.LSTM": _on(
        seq(2, 5, 3),
        "LSTM",
        input_size=3,
        hidden_size=4,
        num_layers=2,
        batch_first=True,
        bidirectional=True,
        dropout=0.0,
    ),
    "torch.nn.GRU": _on(seq(5, 2, 3), "GRU", input_size=3, hidden_size=4, num_layers=1, bidirectional=True),
    "torch.nn.LSTMCell": _on(seq(2, 3), "LSTMCell", input_size=3, hidden_size=4, bias=True),
    "torch.nn.MultiheadAttention": lambda T: layer(
        T,
        "MultiheadAttention",
        embed_dim=8,
        num_heads=2,
        dropout=0.0,
        bias=True,
        batch_first=True,
        inputs=[sequence(T, 2, 5, 8), sequence(T, 2, 5, 8), sequence(T, 2, 5, 8)],
    ),
    "torch.nn.TransformerEncoderLayer": _on(
        seq(2, 5, 8),
        "TransformerEncoderLayer",
        d_model=8,
        nhead=2,
        dim_feedforward=16,
        dropout=0.0,
        activation="gelu",
        batch_first=True,
        norm_first=True,
    ),
    "torch.nn.TransformerEncoder": lambda T: [
        T.manual_seed(0).initial_seed(),
        T.nn.TransformerEncoder(
            encoder_layer=T.nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True),
            num_layers=2,
            enable_nested_tensor=False,
        )(sequence(T, 2, 5, 8)),
    ],
}
