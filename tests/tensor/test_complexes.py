"""Complex numbers: parts, views, arithmetic, gradients."""

import pytest

from tests.tensor.expressions import check, each

FORWARD = """
T.view_as_real(z); T.view_as_complex(tall[:2]); T.real(z); T.imag(z); T.conj(z); T.angle(z); T.angle(vec)
T.complex(pos,vec); T.polar(pos,vec); abs(z); z.conj()*z; z.real; z.imag; z.mean(); z.abs().sum(); z.exp()
T.adjoint(mat); mat.mH; mat.H; z.is_conj(); T.is_complex(z); z.to(T.complex128); z.cfloat(); vec * 2j; z + 1; 2j - z
z / vec[:3]; z ** 2; z == z; w = z.clone();w.real.zero_();w; w = z.clone();T.view_as_real(w)[0, 1] = 7.0;w
w = tall.clone();T.view_as_complex(w).mul_(2j);w
"""

GRADIENTS = """
T.view_as_real(T.complex(pos,pos.flip(0))*T.complex(pos,pos)); T.polar(pos,pos.flip(0)).real
T.angle(T.complex(pos,pos.flip(0))); T.view_as_complex(mat[:, :2].contiguous()).abs()
T.complex(pos,pos.flip(0)).conj().imag; T.complex(pos,pos.flip(0)).exp().real
(T.complex(pos,pos)/T.complex(pos.flip(0),pos)).abs(); (T.complex(pos,pos.flip(0))**2).real
T.complex(pos,pos.flip(0)).sqrt().imag; T.complex(pos,pos).prod().real; T.complex(pos,pos.flip(0)).cumsum(0).abs()
T.complex(pos,pos.flip(0)).mean().abs(); (T.complex(mat,mat)@T.complex(mat,mat.t())).abs()
T.complex(pos,pos).pow(T.complex(pos,pos)).real; T.complex(pos,pos.flip(0)).log().imag
T.complex(pos,pos.flip(0)).tanh().real; T.sgn(T.complex(pos,pos.flip(0))).real
T.linalg.inv(T.complex(mat,mat.t())).abs()
"""

ERRORS = """
T.imag(vec); T.view_as_real(vec); T.view_as_complex(vec)
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
