"""Modes, medians, histograms, integrals; scatters that combine."""

import pytest

from tests.tensor.expressions import check, each

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # of PyTorch's deprecations

FORWARD = """
T.mode(T.tensor([1,2,2,3,3])); T.mode(T.tensor([[1.,2,2],[3,3,1]]),1,True)
T.nanmedian(T.tensor([1.,float('nan'),3,2])); T.nanmedian(T.tensor([[1.,float('nan'),3],[4,5,6]]),1)
T.nanquantile(T.tensor([1.,float('nan'),3,2]),0.4)
T.nanquantile(T.tensor([[1.,float('nan'),3],[4,5,6]]),T.tensor([.2,.7]),1,True); T.logcumsumexp(vec,0)
T.corrcoef(mat); T.renorm(mat,2,0,2.); T.histogram(vec,4); T.histogram(vec,T.tensor([0.,1.,3.]))
T.histogram(vec,4,range=(0.,3.),density=True); T.trapezoid(vec); T.trapz(vec,pos); T.cumulative_trapezoid(mat,dim=0)
T.gradient(vec); T.gradient(mat,spacing=2.,edge_order=2); T.gradient(vec,spacing=(T.tensor([0.,1,3,4,7]),))
T.combinations(vec); T.combinations(vec[:3],2,True); T.vander(vec); T.vander(T.tensor([1,2,3]),4,True); T.pdist(mat)
T.scatter_reduce(vec,0,T.tensor([0,0,1]),pos[:3],'sum'); T.scatter_reduce(vec,0,T.tensor([0,0,1]),pos[:3],'prod')
T.scatter_reduce(vec,0,T.tensor([0,0,1]),pos[:3],'mean'); T.scatter_reduce(vec,0,T.tensor([0,0,1]),pos[:3],'amax')
T.scatter_reduce(vec,0,T.tensor([0,0,1]),pos[:3],'amin',include_self=False)
T.scatter_reduce(vec,0,T.tensor([0,0,1]),pos[:3],'mean',include_self=False)
T.scatter_reduce(vec,0,T.tensor([0,0,1]),pos[:3],'prod',include_self=False)
mat.index_reduce(0,T.tensor([0,0]),tall.T.new_ones(2,3)*3,'amax'); vec.put(T.tensor([0,-1]),pos[:2])
vec.put(T.tensor([0,0]),pos[:2],accumulate=True); T.nonzero_static(vec,size=6); T.unravel_index(T.tensor([3,5]),(2,3))
"""

GRADIENTS = """
T.scatter_reduce(pos,0,T.tensor([0, 0, 1]),pos.flip(0)[:3],'sum')
T.scatter_reduce(pos,0,T.tensor([0, 0, 1]),pos.flip(0)[:3],'prod')
T.scatter_reduce(pos,0,T.tensor([0, 0, 1]),pos.flip(0)[:3],'mean')
T.scatter_reduce(pos,0,T.tensor([0, 0, 1]),pos.flip(0)[:3],'amax')
T.scatter_reduce(pos,0,T.tensor([0, 0, 1]),pos.flip(0)[:3],'amin',include_self=False)
T.scatter_reduce(pos,0,T.tensor([0, 0, 1]),pos.flip(0)[:3],'prod',include_self=False)
T.scatter_reduce(pos*T.tensor([0.,1,1,1,1]),0,T.tensor([0, 0, 1]),pos.flip(0)[:3],'prod')
pos.put(T.tensor([0, 0, 1]),pos.flip(0)[:3]); pos.put(T.tensor([0, 0, 1]),pos.flip(0)[:3],True); T.mode(mat,1)[0]
T.nanmedian(mat,1)[0]; T.nanmedian(pos); T.nanquantile(pos,.3); T.corrcoef(mat); T.renorm(mat,2,0,1.)
T.trapezoid(pos,pos.flip(0)); T.gradient(pos)[0]; T.pdist(mat); T.linalg.multi_dot([mat,mat,mat.t()])
"""


@pytest.mark.parametrize("source", each(FORWARD))
def test_values(source):
    check(source, strides=False, rtol=3e-5)


@pytest.mark.parametrize("source", each(GRADIENTS))
def test_gradients(source):
    check(source, gradients=True, strides=False, rtol=1e-4)
