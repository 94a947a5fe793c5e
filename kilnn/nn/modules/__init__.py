"""kilnn.nn.modules: the layers by the names of PyTorch's files."""

from kilnn.nn.modules import (
    activation as activation,
    adaptive as adaptive,
    batchnorm as batchnorm,
    channelshuffle as channelshuffle,
    container as container,
    conv as conv,
    distance as distance,
    dropout as dropout,
    flatten as flatten,
    fold as fold,
    instancenorm as instancenorm,
    lazy as lazy,
    linear as linear,
    loss as loss,
    module as module,
    normalization as normalization,
    padding as padding,
    pixelshuffle as pixelshuffle,
    pooling as pooling,
    rnn as rnn,
    sparse as sparse,
    transformer as transformer,
    upsampling as upsampling,
    utils as utils,
)
from kilnn.nn.modules.activation import *  # noqa: F403 - PyTorch has every layer here, too
from kilnn.nn.modules.adaptive import *  # noqa: F403 - PyTorch has every layer here, too
from kilnn.nn.modules.batchnorm import *  # noqa: F403 - PyTorch has every layer here, too
from kilnn.nn.modules.channelshuffle import *  # noqa: F403 - PyTorch has every layer here, too
from kilnn.nn.modules.container import *  # noqa: F403 - PyTorch has every layer here, too
from kilnn.nn.modules.conv import *  # noqa: F403 - PyTorch has every layer here, too
from kilnn.nn.modules.distance import *  # noqa: F403 - PyTorch has every layer here, too
from kilnn.nn.modules.dropout import *  # noqa: F403 - PyTorch has every layer here, too
from kilnn.nn.modules.flatten import *  # noqa: F403 - PyTorch has every layer here, too
from kilnn.nn.modules.fold import *  # noqa: F403 - PyTorch has every layer here, too
from kilnn.nn.modules.instancenorm import *  # noqa: F403 - PyTorch has every layer here, too
from kilnn.nn.modules.lazy import *  # noqa: F403 - PyTorch has every layer here, too
from kilnn.nn.modules.linear import *  # noqa: F403 - PyTorch has every layer here, too
from kilnn.nn.modules.loss import *  # noqa: F403 - PyTorch has every layer here, too
from kilnn.nn.modules.module import Module as Module
from kilnn.nn.modules.normalization import *  # noqa: F403
from kilnn.nn.modules.padding import *  # noqa: F403
from kilnn.nn.modules.pixelshuffle import *  # noqa: F403
from kilnn.nn.modules.pooling import *  # noqa: F403
from kilnn.nn.modules.rnn import *  # noqa: F403
from kilnn.nn.modules.sparse import *  # noqa: F403
from kilnn.nn.modules.transformer import *  # noqa: F403
from kilnn.nn.modules.upsampling import *  # noqa: F403
