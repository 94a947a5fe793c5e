"""torch.nn.functional and what stands beside it."""

from tests.yardstick.kit import images, mask, matrix, positive, sequence, vector


def _f(name, *args, **kwargs):
    return lambda T: getattr(T.nn.functional, name)(matrix(T), *args, **kwargs)


LABELS = [2, 0]

RECIPES = {
    "torch.nn.functional.relu": _f("relu", inplace=False),
    "torch.nn.functional.leaky_relu": _f("leaky_relu", negative_slope=0.3, inplace=False),
    "torch.nn.functional.softmax": lambda T: [
        T.nn.functional.softmax(matrix(T), dim=1),
        T.nn.functional.softmax(matrix(T), dim=0, dtype=T.float64),
    ],
    "torch.nn.functional.log_softmax": lambda T: T.nn.functional.log_softmax(matrix(T), dim=1, dtype=T.float64),
    "torch.nn.functional.silu": _f("silu"),
    "torch.nn.functional.gelu": _f("gelu"),
    "torch.nn.functional.softplus": _f("softplus"),
    "torch.nn.functional.tanh": _f("tanh"),
    "torch.nn.functional.glu": lambda T: T.nn.functional.glu(sequence(T, 2, 4), dim=1),
    "torch.nn.functional.normalize": _f("normalize", p=2.0, dim=1, eps=1e-6),
    "torch.nn.functional.layer_norm": _f("layer_norm", (3,)),
    "torch.nn.functional.rms_norm": _f("rms_norm", (3,), eps=1e-5),
    "torch.nn.functional.pad": lambda T: [
        T.nn.functional.pad(matrix(T), (1, 2)),
        T.nn.functional.pad(matrix(T), pad=(1, 0), mode="constant", value=3.0),
        T.nn.functional.pad(images(T), (1, 1, 2, 2), mode="reflect"),
    ],
    "torch.nn.functional.linear": lambda T: [
        T.nn.functional.linear(matrix(T), positive(T)),
        T.nn.functional.linear(matrix(T), positive(T), bias=vector(T)[:2]),
    ],
    "torch.nn.functional.embedding": lambda T: T.nn.functional.embedding(T.tensor([1, 0, 1]), matrix(T)),
    "torch.nn.functional.one_hot": lambda T: [
        T.nn.functional.one_hot(T.tensor([0, 2])),
        T.nn.functional.one_hot(T.tensor([0, 2]), num_classes=4),
    ],
    "torch.nn.functional.dropout": lambda T: [
        T.nn.functional.dropout(matrix(T), p=0.5, training=False),
        T.nn.functional.dropout(matrix(T), 0.0, inplace=False),
    ],
    "torch.nn.functional.interpolate": lambda T: [
        T.nn.functional.interpolate(images(T), size=(4, 5), mode="bilinear", align_corners=False),
        T.nn.functional.interpolate(images(T), scale_factor=2, mode="nearest", recompute_scale_factor=False),
        T.nn.functional.interpolate(images(T), size=5, mode="bilinear", antialias=True),
    ],
    "torch.nn.functional.conv2d": lambda T: T.nn.functional.conv2d(
        input=images(T), weight=sequence(T, 4, 3, 3, 3), bias=vector(T), stride=2, padding=1
    ),
    "torch.nn.functional.max_pool2d": lambda T: T.nn.functional.max_pool2d(
        images(T), kernel_size=2, stride=2, padding=1
    ),
    "torch.nn.functional.max_pool1d": lambda T: T.nn.functional.max_pool1d(sequence(T, 2, 3, 9), kernel_size=3),
    "torch.nn.functional.avg_pool2d": lambda T: T.nn.functional.avg_pool2d(
        input=images(T), kernel_size=3, stride=2, padding=1, count_include_pad=False
    ),
    "torch.nn.functional.adaptive_avg_pool2d": lambda T: T.nn.functional.adaptive_avg_pool2d(
        images(T), output_size=(2, 3)
    ),
    "torch.nn.functional.scaled_dot_product_attention": lambda T: [
        T.nn.functional.scaled_dot_product_attention(
            sequence(T, 1, 2, 4, 3), sequence(T, 1, 2, 4, 3), sequence(T, 1, 2, 4, 3), is_causal=True, scale=0.3
        ),
        T.nn.functional.scaled_dot_product_attention(
            sequence(T, 1, 4, 2, 3),
            sequence(T, 1, 2, 3, 3),
            sequence(T, 1, 2, 3, 3),
            attn_mask=mask(T)[:1],
            dropout_p=0.0,
            enable_gqa=True,
        ),
    ],
    "torch.nn.functional.cross_entropy": lambda T: T.nn.functional.cross_entropy(
        input=matrix(T), target=T.tensor(LABELS), reduction="sum", ignore_index=1
    ),
    "torch.nn.functional.nll_loss": lambda T: T.nn.functional.nll_loss(
        matrix(T), T.tensor(LABELS), reduction="none", ignore_index=0
    ),
    "torch.nn.functional.mse_loss": lambda T: T.nn.functional.mse_loss(matrix(T), positive(T), reduction="sum"),
    "torch.nn.functional.l1_loss": lambda T: T.nn.functional.l1_loss(matrix(T), positive(T), reduction="mean"),
    "torch.nn.functional.smooth_l1_loss": lambda T: T.nn.functional.smooth_l1_loss(
        input=matrix(T), target=positive(T), reduction="sum", beta=0.5
    ),
    "torch.nn.functional.binary_cross_entropy": lambda T: T.nn.functional.binary_cross_entropy(
        matrix(T).sigmoid(), mask(T).float(), reduction="sum"
    ),
    "torch.nn.functional.binary_cross_entropy_with_logits": lambda T: T.nn.functional.binary_cross_entropy_with_logits(
        matrix(T), mask(T).float(), weight=positive(T), pos_weight=vector(T)[:3].abs(), reduction="none"
    ),
}
