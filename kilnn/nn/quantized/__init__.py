"""kilnn.nn.quantized: the one layer of PyTorch's package that computes with ordinary floats."""

from kilnn.nn.layers.float_functional import FloatFunctional as FloatFunctional
