"""Views by strides, tensors that change their size, copies of views."""

import pytest
import torch

import kilnn
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


KEEPING = (
    "isnan isinf isfinite isposinf isneginf isreal signbit logical_not nan_to_num sort argsort msort frexp zeros_like "
    "ones_like empty_like nonzero argwhere neg exp relu clone square"
).split()


@pytest.mark.parametrize("name", KEEPING)
@pytest.mark.parametrize("kind", ["float32", "int64", "bool"])
def test_results_of_permuted_tensors_have_pytorchs_layout(name, kind):
    def layouts(T):
        x = (T.arange(24.0).view(2, 3, 4) % 5).to(getattr(T, kind)).permute(2, 0, 1)
        try:
            found = getattr(T, name)(x)
        except RuntimeError as error:
            return type(error)
        return [(tuple(y.shape), y.stride()) for y in (found if isinstance(found, tuple) else (found,))]

    assert layouts(kilnn) == layouts(torch)
