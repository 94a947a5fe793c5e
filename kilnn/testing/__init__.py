"""Comparing tensors in tests, and making some: PyTorch's `torch.testing`."""

from kilnn.testing.comparison import assert_allclose as assert_allclose, assert_close as assert_close
from kilnn.testing.drawing import make_tensor as make_tensor
