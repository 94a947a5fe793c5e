"""Automatic differentiation: backward, grad, Function, gradient modes."""

from kilnn.autograd import forward_ad as forward_ad, functional as functional, graph as graph, profiler as profiler
from kilnn.autograd.backward import Variable as Variable, backward as backward, grad as grad
from kilnn.autograd.function import Function as Function, once_differentiable as once_differentiable
from kilnn.autograd.gradcheck import gradcheck as gradcheck, gradgradcheck as gradgradcheck
from kilnn.engine.anomaly import detect_anomaly as detect_anomaly, set_detect_anomaly as set_detect_anomaly
from kilnn.engine.grad_mode import (
    enable_grad as enable_grad,
    inference_mode as inference_mode,
    no_grad as no_grad,
    set_grad_enabled as set_grad_enabled,
)
