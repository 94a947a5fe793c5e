"""Views by strides, tensors that change their size, copies of views."""

import pytest

from tests.tensor.expressions import check, each

FORWARD = """
mat.as_strided((2,2),(3,1),1); mat[1:].as_strided((2,2),(1,2)); mat.t().as_strided((3,),(1,))
mat.clone().resize_(2,2); mat.clone().resize_(4,3).shape; T.hsplit(mat,3); T.vsplit(mat,[1])
T.dsplit(mat.reshape(1,3,3),3); T.diagonal_scatter(mat,vec[:3]); T.as_strided_scatter(mat,vec[:2],(2,),(2,))
mat.narrow_copy(0,1,1); T.permute_copy(mat,(1,0)); T.split_copy(mat,1); T.unbind_copy(mat); mat.is_set_to(mat)
mat.diagflat().shape; T.diagflat(vec); mat.dim_order()
"""

GRADIENTS = """
pos.as_strided((3,2),(1,1)); mat.as_strided((2,2),(1,2),1); T.diagonal_scatter(mat,pos[:3])
"""

ERRORS = """
T.as_strided(vec,(9,),(1,)); T.as_strided(vec,(2,),(-1,)); vec.as_strided((2,2),(1,))
w = vec.clone().requires_grad_();w.resize_(2)
"""


@pytest.mark.parametrize("source", each(FORWARD))
def test_values(source):
    check(source, strides=False, rtol=3e-5)


@pytest.mark.parametrize("source", each(GRADIENTS))
def test_gradients(source):
    check(source, gradients=True, strides=False, rtol=1e-4)


@pytest.mark.parametrize("source", each(ERRORS))
def test_errors(source):
    check(source)
