"""kilnn.optim.lr_scheduler: learning-rate schedules. They only write numbers into `optimizer.param_groups`."""

from kilnn.optim.lr_scheduler.base import LRScheduler as LRScheduler
from kilnn.optim.lr_scheduler.base import _LRScheduler as _LRScheduler
from kilnn.optim.lr_scheduler.composite import ChainedScheduler as ChainedScheduler
from kilnn.optim.lr_scheduler.composite import SequentialLR as SequentialLR
from kilnn.optim.lr_scheduler.cosine import (
    CosineAnnealingLR as CosineAnnealingLR,
)
from kilnn.optim.lr_scheduler.cosine import (
    CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts,
)
from kilnn.optim.lr_scheduler.cycles import CyclicLR as CyclicLR
from kilnn.optim.lr_scheduler.cycles import OneCycleLR as OneCycleLR
from kilnn.optim.lr_scheduler.factors import (
    ConstantLR as ConstantLR,
)
from kilnn.optim.lr_scheduler.factors import (
    ExponentialLR as ExponentialLR,
)
from kilnn.optim.lr_scheduler.factors import (
    LambdaLR as LambdaLR,
)
from kilnn.optim.lr_scheduler.factors import (
    LinearLR as LinearLR,
)
from kilnn.optim.lr_scheduler.factors import (
    MultiplicativeLR as MultiplicativeLR,
)
from kilnn.optim.lr_scheduler.factors import (
    MultiStepLR as MultiStepLR,
)
from kilnn.optim.lr_scheduler.factors import (
    PolynomialLR as PolynomialLR,
)
from kilnn.optim.lr_scheduler.factors import (
    StepLR as StepLR,
)
from kilnn.optim.lr_scheduler.plateau import ReduceLROnPlateau as ReduceLROnPlateau
