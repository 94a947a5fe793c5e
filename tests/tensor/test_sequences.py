"""Sequences, triangles of indices, and other ways to make tensors."""

import pytest

from tests.tensor.expressions import check, each

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # of PyTorch's deprecations

FORWARD = """
T.scalar_tensor(3); T.scalar_tensor(2,dtype=T.int64); T.logspace(0,2,5); T.logspace(0,2,5,base=2.); T.range(1,4)
T.range(0,1,0.25); T.tril_indices(3,3); T.triu_indices(3,4,1); T.empty_strided((2,3),(1,2)).stride()
T.broadcast_shapes((2,1),(3,),(1,1,1)); T.asarray([1,2.]); T.frombuffer(b"abcd",dtype=T.uint8)
"""

ERRORS = """
T.range(3, 1); T.range(1, 3, 0); T.logspace(0, 1, -1)
"""


@pytest.mark.parametrize("source", each(FORWARD))
def test_values(source):
    check(source, strides=False, rtol=3e-5)


@pytest.mark.parametrize("source", each(ERRORS))
def test_errors(source):
    check(source)
