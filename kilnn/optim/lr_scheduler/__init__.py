"""kilnn.optim.lr_scheduler: learning-rate schedules. They only write numbers into `optimizer.param_groups`."""

from kilnn.optim.lr_scheduler.base import LRScheduler as LRScheduler, _LRScheduler as _LRScheduler
from kilnn.optim.lr_scheduler.composite import ChainedScheduler as ChainedScheduler, SequentialLR as SequentialLR
from kilnn.optim.lr_scheduler.cosine import (
    CosineAnnealingLR as CosineAnnealingLR,
    CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts,
)
from kilnn.optim.lr_scheduler.cycles import CyclicLR as CyclicLR, OneCycleLR as OneCycleLR
from kilnn.optim.lr_scheduler.factors import (
    ConstantLR as ConstantLR,
    ExponentialLR as ExponentialLR,
    LambdaLR as LambdaLR,
    LinearLR as LinearLR,
    MultiplicativeLR as MultiplicativeLR,
    MultiStepLR as MultiStepLR,
    PolynomialLR as PolynomialLR,
    StepLR as StepLR,
)
from kilnn.optim.lr_scheduler.plateau import ReduceLROnPlateau as ReduceLROnPlateau
