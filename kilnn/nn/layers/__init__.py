"""The layers, by family."""

from kilnn.nn.layers.activation import (
    CELU as CELU,
)
from kilnn.nn.layers.activation import (
    ELU as ELU,
)
from kilnn.nn.layers.activation import (
    GELU as GELU,
)
from kilnn.nn.layers.activation import (
    GLU as GLU,
)
from kilnn.nn.layers.activation import (
    SELU as SELU,
)
from kilnn.nn.layers.activation import (
    Hardshrink as Hardshrink,
)
from kilnn.nn.layers.activation import (
    Hardsigmoid as Hardsigmoid,
)
from kilnn.nn.layers.activation import (
    Hardswish as Hardswish,
)
from kilnn.nn.layers.activation import (
    Hardtanh as Hardtanh,
)
from kilnn.nn.layers.activation import (
    LeakyReLU as LeakyReLU,
)
from kilnn.nn.layers.activation import (
    LogSigmoid as LogSigmoid,
)
from kilnn.nn.layers.activation import (
    LogSoftmax as LogSoftmax,
)
from kilnn.nn.layers.activation import (
    Mish as Mish,
)
from kilnn.nn.layers.activation import (
    PReLU as PReLU,
)
from kilnn.nn.layers.activation import (
    ReLU as ReLU,
)
from kilnn.nn.layers.activation import (
    ReLU6 as ReLU6,
)
from kilnn.nn.layers.activation import (
    RReLU as RReLU,
)
from kilnn.nn.layers.activation import (
    Sigmoid as Sigmoid,
)
from kilnn.nn.layers.activation import (
    SiLU as SiLU,
)
from kilnn.nn.layers.activation import (
    Softmax as Softmax,
)
from kilnn.nn.layers.activation import (
    Softmax2d as Softmax2d,
)
from kilnn.nn.layers.activation import (
    Softmin as Softmin,
)
from kilnn.nn.layers.activation import (
    Softplus as Softplus,
)
from kilnn.nn.layers.activation import (
    Softshrink as Softshrink,
)
from kilnn.nn.layers.activation import (
    Softsign as Softsign,
)
from kilnn.nn.layers.activation import (
    Tanh as Tanh,
)
from kilnn.nn.layers.activation import (
    Tanhshrink as Tanhshrink,
)
from kilnn.nn.layers.activation import (
    Threshold as Threshold,
)
from kilnn.nn.layers.container import (
    ModuleDict as ModuleDict,
)
from kilnn.nn.layers.container import (
    ModuleList as ModuleList,
)
from kilnn.nn.layers.container import (
    ParameterDict as ParameterDict,
)
from kilnn.nn.layers.container import (
    ParameterList as ParameterList,
)
from kilnn.nn.layers.container import (
    Sequential as Sequential,
)
from kilnn.nn.layers.convolution import (
    Conv1d as Conv1d,
)
from kilnn.nn.layers.convolution import (
    Conv2d as Conv2d,
)
from kilnn.nn.layers.convolution import (
    Conv3d as Conv3d,
)
from kilnn.nn.layers.convolution import (
    ConvTranspose1d as ConvTranspose1d,
)
from kilnn.nn.layers.convolution import (
    ConvTranspose2d as ConvTranspose2d,
)
from kilnn.nn.layers.convolution import (
    ConvTranspose3d as ConvTranspose3d,
)
from kilnn.nn.layers.distance import (
    CosineSimilarity as CosineSimilarity,
)
from kilnn.nn.layers.distance import (
    PairwiseDistance as PairwiseDistance,
)
from kilnn.nn.layers.dropout import (
    AlphaDropout as AlphaDropout,
)
from kilnn.nn.layers.dropout import (
    Dropout as Dropout,
)
from kilnn.nn.layers.dropout import (
    Dropout1d as Dropout1d,
)
from kilnn.nn.layers.dropout import (
    Dropout2d as Dropout2d,
)
from kilnn.nn.layers.dropout import (
    Dropout3d as Dropout3d,
)
from kilnn.nn.layers.embedding import (
    Embedding as Embedding,
)
from kilnn.nn.layers.linear import (
    Bilinear as Bilinear,
)
from kilnn.nn.layers.linear import (
    Identity as Identity,
)
from kilnn.nn.layers.linear import (
    Linear as Linear,
)
from kilnn.nn.layers.loss import (
    BCELoss as BCELoss,
)
from kilnn.nn.layers.loss import (
    BCEWithLogitsLoss as BCEWithLogitsLoss,
)
from kilnn.nn.layers.loss import (
    CosineEmbeddingLoss as CosineEmbeddingLoss,
)
from kilnn.nn.layers.loss import (
    CrossEntropyLoss as CrossEntropyLoss,
)
from kilnn.nn.layers.loss import (
    GaussianNLLLoss as GaussianNLLLoss,
)
from kilnn.nn.layers.loss import (
    HingeEmbeddingLoss as HingeEmbeddingLoss,
)
from kilnn.nn.layers.loss import (
    HuberLoss as HuberLoss,
)
from kilnn.nn.layers.loss import (
    KLDivLoss as KLDivLoss,
)
from kilnn.nn.layers.loss import (
    L1Loss as L1Loss,
)
from kilnn.nn.layers.loss import (
    MarginRankingLoss as MarginRankingLoss,
)
from kilnn.nn.layers.loss import (
    MSELoss as MSELoss,
)
from kilnn.nn.layers.loss import (
    NLLLoss as NLLLoss,
)
from kilnn.nn.layers.loss import (
    PoissonNLLLoss as PoissonNLLLoss,
)
from kilnn.nn.layers.loss import (
    SmoothL1Loss as SmoothL1Loss,
)
from kilnn.nn.layers.loss import (
    SoftMarginLoss as SoftMarginLoss,
)
from kilnn.nn.layers.loss import (
    TripletMarginLoss as TripletMarginLoss,
)
from kilnn.nn.layers.normalization import (
    BatchNorm1d as BatchNorm1d,
)
from kilnn.nn.layers.normalization import (
    BatchNorm2d as BatchNorm2d,
)
from kilnn.nn.layers.normalization import (
    BatchNorm3d as BatchNorm3d,
)
from kilnn.nn.layers.normalization import (
    GroupNorm as GroupNorm,
)
from kilnn.nn.layers.normalization import (
    InstanceNorm1d as InstanceNorm1d,
)
from kilnn.nn.layers.normalization import (
    InstanceNorm2d as InstanceNorm2d,
)
from kilnn.nn.layers.normalization import (
    InstanceNorm3d as InstanceNorm3d,
)
from kilnn.nn.layers.normalization import (
    LayerNorm as LayerNorm,
)
from kilnn.nn.layers.normalization import (
    RMSNorm as RMSNorm,
)
from kilnn.nn.layers.padding import (
    CircularPad1d as CircularPad1d,
)
from kilnn.nn.layers.padding import (
    CircularPad2d as CircularPad2d,
)
from kilnn.nn.layers.padding import (
    CircularPad3d as CircularPad3d,
)
from kilnn.nn.layers.padding import (
    ConstantPad1d as ConstantPad1d,
)
from kilnn.nn.layers.padding import (
    ConstantPad2d as ConstantPad2d,
)
from kilnn.nn.layers.padding import (
    ConstantPad3d as ConstantPad3d,
)
from kilnn.nn.layers.padding import (
    ReflectionPad1d as ReflectionPad1d,
)
from kilnn.nn.layers.padding import (
    ReflectionPad2d as ReflectionPad2d,
)
from kilnn.nn.layers.padding import (
    ReflectionPad3d as ReflectionPad3d,
)
from kilnn.nn.layers.padding import (
    ReplicationPad1d as ReplicationPad1d,
)
from kilnn.nn.layers.padding import (
    ReplicationPad2d as ReplicationPad2d,
)
from kilnn.nn.layers.padding import (
    ReplicationPad3d as ReplicationPad3d,
)
from kilnn.nn.layers.padding import (
    ZeroPad1d as ZeroPad1d,
)
from kilnn.nn.layers.padding import (
    ZeroPad2d as ZeroPad2d,
)
from kilnn.nn.layers.padding import (
    ZeroPad3d as ZeroPad3d,
)
from kilnn.nn.layers.pooling import (
    AdaptiveAvgPool1d as AdaptiveAvgPool1d,
)
from kilnn.nn.layers.pooling import (
    AdaptiveAvgPool2d as AdaptiveAvgPool2d,
)
from kilnn.nn.layers.pooling import (
    AdaptiveAvgPool3d as AdaptiveAvgPool3d,
)
from kilnn.nn.layers.pooling import (
    AvgPool1d as AvgPool1d,
)
from kilnn.nn.layers.pooling import (
    AvgPool2d as AvgPool2d,
)
from kilnn.nn.layers.pooling import (
    AvgPool3d as AvgPool3d,
)
from kilnn.nn.layers.pooling import (
    MaxPool1d as MaxPool1d,
)
from kilnn.nn.layers.pooling import (
    MaxPool2d as MaxPool2d,
)
from kilnn.nn.layers.pooling import (
    MaxPool3d as MaxPool3d,
)
from kilnn.nn.layers.recurrent import (
    GRUCell as GRUCell,
)
from kilnn.nn.layers.recurrent import (
    LSTMCell as LSTMCell,
)
from kilnn.nn.layers.recurrent import (
    RNNCell as RNNCell,
)
from kilnn.nn.layers.recurrent import (
    RNNCellBase as RNNCellBase,
)
from kilnn.nn.layers.shaping import (
    Flatten as Flatten,
)
from kilnn.nn.layers.shaping import (
    PixelShuffle as PixelShuffle,
)
from kilnn.nn.layers.shaping import (
    PixelUnshuffle as PixelUnshuffle,
)
from kilnn.nn.layers.shaping import (
    Unflatten as Unflatten,
)
