"""In-place forms of rarer functions."""

import pytest

from tests.tensor.expressions import check, each

FORWARD = """
mat.clone().sinc_(); pos.clone().igamma_(pos); vec.clone().copysign_(-pos); T.tensor([4,6]).gcd_(T.tensor([6,4]))
vec.clone().hypot_(pos); pos.clone().deg2rad_(); vec.clone().put_(T.tensor([1]),pos[:1])
vec.clone().scatter_reduce_(0,T.tensor([0,0,1]),pos[:3],'sum'); vec.clone().apply_(lambda v:v+1)
vec.clone().map_(pos,lambda a,b:a*b); mat.clone().renorm_(2,0,1.); T.tensor([1,2]).bitwise_left_shift_(1)
pos.clone().xlogy_(pos); mat.clone().addr_(vec[:3],vec[:3]); vec[:3].clone().addmv_(mat,vec[:3])
mat.clone().as_strided_((2,),(1,)); mat.clone().swapaxes_(0,1); T.tensor([1,2]).sinc_()
"""

ERRORS = """
T.tensor([1, 2]).sinc_(); vec.clone().igamma_(mat)
"""


@pytest.mark.parametrize("source", each(FORWARD))
def test_values(source):
    check(source, strides=False, rtol=3e-5)


@pytest.mark.parametrize("source", each(ERRORS))
def test_errors(source):
    check(source)
