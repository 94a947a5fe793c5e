"""Automatic differentiation: backward, grad, Function, gradient modes."""

from kilnn.autograd.function import Function as Function
from kilnn.autograd.function import once_differentiable as once_differentiable
from kilnn.autograd.functional import Variable as Variable
from kilnn.autograd.functional import backward as backward
from kilnn.autograd.functional import grad as grad
from kilnn.autograd.gradcheck import gradcheck as gradcheck
from kilnn.autograd.gradcheck import gradgradcheck as gradgradcheck
from kilnn.engine.grad_mode import enable_grad as enable_grad
from kilnn.engine.grad_mode import inference_mode as inference_mode
from kilnn.engine.grad_mode import no_grad as no_grad
from kilnn.engine.grad_mode import set_grad_enabled as set_grad_enabled
