"""`kilnn.special`, and rarer functions of two tensors."""

import pytest

from tests.tensor.expressions import check, each

FORWARD = """
T.special.entr(pos); T.special.i0(vec); T.special.i0e(vec); T.special.i1(vec); T.special.i1e(vec); T.special.ndtr(vec)
T.special.ndtri(pos/5); T.special.log_ndtr(vec); T.special.erfcx(vec); T.special.polygamma(1,pos)
T.special.multigammaln(pos+2,2); T.special.gammainc(pos,pos.flip(0)); T.special.gammaincc(pos,pos.flip(0))
T.special.zeta(pos+1.5,pos); T.special.xlog1py(pos,pos); T.special.sinc(vec); T.special.softmax(vec,0)
T.special.log_softmax(vec,0); T.special.expit(vec); T.special.psi(pos); T.special.gammaln(pos); T.special.logit(pos/5)
T.special.exp2(vec); T.special.erf(vec); T.special.logsumexp(vec,0); T.special.round(vec)
T.gcd(T.tensor([4,6]),T.tensor([6,9])); T.lcm(T.tensor([4,6]),T.tensor([6,9])); T.copysign(vec,-vec)
T.copysign(vec,-1.); T.nextafter(vec,pos); T.heaviside(vec,pos); T.logaddexp2(vec,pos)
T.ldexp(vec,T.tensor([1,2,3,4,5])); T.frexp(vec); T.float_power(pos,2); T.float_power(T.tensor([1,2]),0.5)
T.isposinf(vec/0); T.isneginf(vec); T.isreal(z); T.sgn(z); T.sgn(vec); T.sinc(vec); T.i0(vec); T.polygamma(2,pos)
pos.polygamma(1); T.mvlgamma(pos+2,2); T.igamma(pos,pos)
"""

GRADIENTS = """
T.special.i0(pos); T.special.i0e(pos); T.special.i1(pos); T.special.i1e(pos); T.special.entr(pos); T.special.ndtr(pos)
T.special.ndtri(pos/5); T.special.log_ndtr(pos); T.special.erfcx(pos); T.special.polygamma(1,pos)
T.special.polygamma(0,pos); T.special.multigammaln(pos+2,2); T.special.gammainc(pos.detach(),pos)
T.special.gammaincc(pos.detach(),pos); T.special.zeta(T.tensor(2.5),pos); T.special.xlog1py(pos,pos.flip(0))
T.sinc(pos); T.logaddexp2(pos,pos.flip(0)); T.copysign(pos,-pos); T.frexp(pos)[0]; T.ldexp(pos,T.tensor(2))
T.float_power(pos,3); T.logcumsumexp(pos,0)
"""

ERRORS = """
T.polygamma(-1,pos); T.heaviside(vec,vec.double()); T.gcd(vec,vec)
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
