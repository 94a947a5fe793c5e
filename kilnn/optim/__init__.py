"""Optimizers and learning-rate schedulers."""

from kilnn.optim import lr_scheduler as lr_scheduler, swa_utils as swa_utils
from kilnn.optim.adadelta import Adadelta as Adadelta
from kilnn.optim.adafactor import Adafactor as Adafactor
from kilnn.optim.adagrad import Adagrad as Adagrad
from kilnn.optim.adam import Adam as Adam, AdamW as AdamW
from kilnn.optim.adamax import Adamax as Adamax
from kilnn.optim.asgd import ASGD as ASGD
from kilnn.optim.lbfgs import LBFGS as LBFGS
from kilnn.optim.muon import Muon as Muon
from kilnn.optim.nadam import NAdam as NAdam
from kilnn.optim.optimizer import Optimizer as Optimizer
from kilnn.optim.radam import RAdam as RAdam
from kilnn.optim.rmsprop import RMSprop as RMSprop
from kilnn.optim.rprop import Rprop as Rprop
from kilnn.optim.sgd import SGD as SGD
from kilnn.optim.sparse_adam import SparseAdam as SparseAdam
