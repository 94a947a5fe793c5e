"""Linear algebra: `kilnn.linalg` and its older spellings."""

import pytest

from tests.tensor.expressions import check, each

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # of PyTorch's deprecations

FORWARD = """
T.linalg.inv(mat); T.linalg.det(mat); T.linalg.slogdet(mat); T.linalg.solve(mat,tall); T.linalg.solve(mat,tall[:,0])
T.linalg.cholesky(spd); T.linalg.cholesky(spd,upper=True); T.linalg.qr(mat); T.linalg.qr(tall,'complete')
T.linalg.qr(tall,'r'); T.linalg.svdvals(mat); T.linalg.eigh(spd)[0]; T.linalg.eigvalsh(spd); T.linalg.pinv(tall)
T.linalg.matrix_rank(mat); T.linalg.matrix_power(mat,3); T.linalg.matrix_power(mat,-2); T.linalg.matrix_power(mat,0)
T.linalg.matrix_exp(mat); T.linalg.multi_dot([mat,tall,tall.T,mat]); T.linalg.norm(mat); T.linalg.norm(mat,2)
T.linalg.norm(mat,'nuc'); T.linalg.norm(vec,1); T.linalg.norm(mat,float('inf'))
T.linalg.vector_norm(mat,3,dim=1,keepdim=True); T.linalg.matrix_norm(mat); T.linalg.matrix_norm(mat,1)
T.linalg.matrix_norm(mat,-2,keepdim=True); T.linalg.cross(mat,mat.flip(0)); T.linalg.vecdot(mat,mat)
T.linalg.lstsq(tall,mat[:,:2]); T.linalg.lstsq(tall,mat[:,:2],driver='gels')
T.linalg.lstsq(tall,mat[:,:2],driver='gelsd'); T.linalg.lu(mat); T.linalg.lu_factor(mat)
T.linalg.lu_solve(*T.linalg.lu_factor(mat),tall); T.linalg.solve_triangular(mat,tall,upper=True)
T.linalg.solve_triangular(mat,tall.T,upper=False,left=False); T.linalg.cond(mat); T.linalg.cond(mat,1)
T.linalg.tensorinv(mat.reshape(3,3,1)[...,0],1); T.linalg.vander(vec); T.linalg.diagonal(mat); T.linalg.inv_ex(mat)
T.linalg.cholesky_ex(spd); T.linalg.eigvals(spd).real.sort()[0]; T.cholesky_solve(tall,T.linalg.cholesky(spd))
T.cholesky_inverse(T.linalg.cholesky(spd)); T.triangular_solve(tall,mat); T.logdet(spd); mat.inverse(); mat.det()
mat.logdet(); spd.cholesky(); mat.qr(); mat.pinverse(); T.inverse(mat); T.chain_matmul(mat,tall); mat.matrix_power(2)
T.linalg.solve(mat,tall.T,left=False); T.linalg.tensorsolve(mat.reshape(3,3),vec[:3]); T.linalg.inv(spd.double())
T.linalg.inv(mat.to(T.complex64)); T.linalg.inv(T.stack([mat,spd])); T.svd(spd)[1]
T.linalg.svd(mat,full_matrices=False)[1]; T.lu_unpack(*T.linalg.lu_factor(mat)); mat.norm("nuc")
T.linalg.norm(mat, -1); mat.svd()[1]
"""

GRADIENTS = """
T.linalg.inv(mat); T.linalg.det(mat); T.linalg.slogdet(mat)[1]; T.linalg.solve(mat,mat.t())
T.linalg.cholesky(mat@mat.t()); T.linalg.qr(mat)[1]; T.linalg.qr(mat)[0]; T.linalg.svdvals(mat)
T.linalg.eigvalsh(mat+mat.t()); T.linalg.eigh(mat+mat.t())[1].abs(); T.linalg.pinv(mat); T.linalg.matrix_exp(mat)
T.linalg.lu_factor(mat)[0]; T.linalg.solve_triangular(mat,mat,upper=True)
T.linalg.svd(mat,full_matrices=False)[0].abs(); T.linalg.matrix_norm(mat,2); T.linalg.eigvals(mat+mat.t()).real
T.linalg.lstsq(mat,mat.t(),driver='gels')[0]
"""

ERRORS = """
T.linalg.inv(mat*0); T.linalg.solve(mat*0,tall); T.linalg.cholesky(-spd); T.linalg.inv(tall); T.linalg.inv(vec)
T.linalg.inv(mat.half()); T.linalg.inv(T.ones(2,2,dtype=T.int64)); T.linalg.det(tall); T.linalg.qr(mat,'x')
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
