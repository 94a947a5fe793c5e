"""kilnn.nn.functional: the functions behind the layers, with PyTorch's names and arguments."""

from kilnn.nn.functional.activation import (
    celu as celu,
)
from kilnn.nn.functional.activation import (
    elu as elu,
)
from kilnn.nn.functional.activation import (
    elu_ as elu_,
)
from kilnn.nn.functional.activation import (
    gelu as gelu,
)
from kilnn.nn.functional.activation import (
    glu as glu,
)
from kilnn.nn.functional.activation import (
    gumbel_softmax as gumbel_softmax,
)
from kilnn.nn.functional.activation import (
    hardshrink as hardshrink,
)
from kilnn.nn.functional.activation import (
    hardsigmoid as hardsigmoid,
)
from kilnn.nn.functional.activation import (
    hardswish as hardswish,
)
from kilnn.nn.functional.activation import (
    hardtanh as hardtanh,
)
from kilnn.nn.functional.activation import (
    hardtanh_ as hardtanh_,
)
from kilnn.nn.functional.activation import (
    leaky_relu as leaky_relu,
)
from kilnn.nn.functional.activation import (
    leaky_relu_ as leaky_relu_,
)
from kilnn.nn.functional.activation import (
    log_softmax as log_softmax,
)
from kilnn.nn.functional.activation import (
    logsigmoid as logsigmoid,
)
from kilnn.nn.functional.activation import (
    mish as mish,
)
from kilnn.nn.functional.activation import (
    prelu as prelu,
)
from kilnn.nn.functional.activation import (
    relu as relu,
)
from kilnn.nn.functional.activation import (
    relu6 as relu6,
)
from kilnn.nn.functional.activation import (
    relu_ as relu_,
)
from kilnn.nn.functional.activation import (
    rrelu as rrelu,
)
from kilnn.nn.functional.activation import (
    selu as selu,
)
from kilnn.nn.functional.activation import (
    sigmoid as sigmoid,
)
from kilnn.nn.functional.activation import (
    silu as silu,
)
from kilnn.nn.functional.activation import (
    softmax as softmax,
)
from kilnn.nn.functional.activation import (
    softmin as softmin,
)
from kilnn.nn.functional.activation import (
    softplus as softplus,
)
from kilnn.nn.functional.activation import (
    softshrink as softshrink,
)
from kilnn.nn.functional.activation import (
    softsign as softsign,
)
from kilnn.nn.functional.activation import (
    tanh as tanh,
)
from kilnn.nn.functional.activation import (
    tanhshrink as tanhshrink,
)
from kilnn.nn.functional.activation import (
    threshold as threshold,
)
from kilnn.nn.functional.attention import scaled_dot_product_attention as scaled_dot_product_attention
from kilnn.nn.functional.convolution import (
    conv1d as conv1d,
)
from kilnn.nn.functional.convolution import (
    conv2d as conv2d,
)
from kilnn.nn.functional.convolution import (
    conv3d as conv3d,
)
from kilnn.nn.functional.convolution import (
    conv_transpose1d as conv_transpose1d,
)
from kilnn.nn.functional.convolution import (
    conv_transpose2d as conv_transpose2d,
)
from kilnn.nn.functional.convolution import (
    conv_transpose3d as conv_transpose3d,
)
from kilnn.nn.functional.distance import (
    cosine_similarity as cosine_similarity,
)
from kilnn.nn.functional.distance import (
    pairwise_distance as pairwise_distance,
)
from kilnn.nn.functional.dropout import (
    alpha_dropout as alpha_dropout,
)
from kilnn.nn.functional.dropout import (
    dropout as dropout,
)
from kilnn.nn.functional.dropout import (
    dropout1d as dropout1d,
)
from kilnn.nn.functional.dropout import (
    dropout2d as dropout2d,
)
from kilnn.nn.functional.dropout import (
    dropout3d as dropout3d,
)
from kilnn.nn.functional.embedding import embedding as embedding
from kilnn.nn.functional.embedding import one_hot as one_hot
from kilnn.nn.functional.linear import bilinear as bilinear
from kilnn.nn.functional.linear import linear as linear
from kilnn.nn.functional.loss import (
    binary_cross_entropy as binary_cross_entropy,
)
from kilnn.nn.functional.loss import (
    binary_cross_entropy_with_logits as binary_cross_entropy_with_logits,
)
from kilnn.nn.functional.loss import (
    cosine_embedding_loss as cosine_embedding_loss,
)
from kilnn.nn.functional.loss import (
    cross_entropy as cross_entropy,
)
from kilnn.nn.functional.loss import (
    gaussian_nll_loss as gaussian_nll_loss,
)
from kilnn.nn.functional.loss import (
    hinge_embedding_loss as hinge_embedding_loss,
)
from kilnn.nn.functional.loss import (
    huber_loss as huber_loss,
)
from kilnn.nn.functional.loss import (
    kl_div as kl_div,
)
from kilnn.nn.functional.loss import (
    l1_loss as l1_loss,
)
from kilnn.nn.functional.loss import (
    margin_ranking_loss as margin_ranking_loss,
)
from kilnn.nn.functional.loss import (
    mse_loss as mse_loss,
)
from kilnn.nn.functional.loss import (
    nll_loss as nll_loss,
)
from kilnn.nn.functional.loss import (
    poisson_nll_loss as poisson_nll_loss,
)
from kilnn.nn.functional.loss import (
    smooth_l1_loss as smooth_l1_loss,
)
from kilnn.nn.functional.loss import (
    soft_margin_loss as soft_margin_loss,
)
from kilnn.nn.functional.loss import (
    triplet_margin_loss as triplet_margin_loss,
)
from kilnn.nn.functional.normalization import (
    batch_norm as batch_norm,
)
from kilnn.nn.functional.normalization import (
    group_norm as group_norm,
)
from kilnn.nn.functional.normalization import (
    instance_norm as instance_norm,
)
from kilnn.nn.functional.normalization import (
    layer_norm as layer_norm,
)
from kilnn.nn.functional.normalization import (
    normalize as normalize,
)
from kilnn.nn.functional.normalization import (
    rms_norm as rms_norm,
)
from kilnn.nn.functional.padding import pad as pad
from kilnn.nn.functional.pooling import (
    adaptive_avg_pool1d as adaptive_avg_pool1d,
)
from kilnn.nn.functional.pooling import (
    adaptive_avg_pool2d as adaptive_avg_pool2d,
)
from kilnn.nn.functional.pooling import (
    adaptive_avg_pool3d as adaptive_avg_pool3d,
)
from kilnn.nn.functional.pooling import (
    avg_pool1d as avg_pool1d,
)
from kilnn.nn.functional.pooling import (
    avg_pool2d as avg_pool2d,
)
from kilnn.nn.functional.pooling import (
    avg_pool3d as avg_pool3d,
)
from kilnn.nn.functional.pooling import (
    max_pool1d as max_pool1d,
)
from kilnn.nn.functional.pooling import (
    max_pool2d as max_pool2d,
)
from kilnn.nn.functional.pooling import (
    max_pool3d as max_pool3d,
)
from kilnn.nn.functional.vision import pixel_shuffle as pixel_shuffle
from kilnn.nn.functional.vision import pixel_unshuffle as pixel_unshuffle
