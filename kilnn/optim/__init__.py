"""Optimizers and learning-rate schedulers."""

from kilnn.optim import lr_scheduler as lr_scheduler
from kilnn.optim.adam import Adam as Adam, AdamW as AdamW
from kilnn.optim.optimizer import Optimizer as Optimizer
from kilnn.optim.rmsprop import RMSprop as RMSprop
from kilnn.optim.sgd import SGD as SGD
