"""Fourier transforms, short-time transforms, windows."""

import pytest

from tests.tensor.expressions import check, each

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # of PyTorch's deprecations

FORWARD = """
T.fft.fft(vec); T.fft.ifft(z); T.fft.rfft(vec); T.fft.irfft(z); T.fft.irfft(z,5); T.fft.hfft(z); T.fft.ihfft(vec)
T.fft.fft2(mat); T.fft.ifft2(mat); T.fft.rfft2(mat); T.fft.irfft2(T.fft.rfft2(mat)); T.fft.fftn(mat); T.fft.ifftn(mat)
T.fft.rfftn(mat,norm='ortho'); T.fft.irfftn(T.fft.rfftn(mat)); T.fft.hfft2(T.fft.rfft2(mat)); T.fft.ihfft2(mat)
T.fft.fftfreq(5,0.5); T.fft.rfftfreq(6); T.fft.fftshift(mat); T.fft.ifftshift(vec)
T.fft.fft(mat,n=5,dim=0,norm='forward'); T.fft.fft(T.arange(4)); T.fft.fftn(mat,s=(2,4),dim=(0,1)); T.hann_window(5)
T.hann_window(5,periodic=False); T.hamming_window(6); T.blackman_window(6); T.bartlett_window(6); T.kaiser_window(6)
T.bartlett_window(7,periodic=False); T.stft(T.linspace(0,9,40).sin(),8,return_complex=True)
T.stft(T.linspace(0,9,40).sin(),8,4,8,T.hann_window(8),return_complex=True,normalized=True)
T.stft(T.linspace(0,9,40).sin().reshape(2,20),8,return_complex=False,center=False)
T.istft(T.stft(T.linspace(0,9,40).sin(),8,window=T.hann_window(8),return_complex=True),8,window=T.hann_window(8))
T.istft(T.stft(T.linspace(0,9,40).sin(),8,window=T.hann_window(8),return_complex=True),8,window=T.hann_window(8),length=33)
"""

GRADIENTS = """
T.fft.fft(pos).abs(); T.fft.rfft(pos).abs(); T.fft.irfft(T.fft.rfft(pos)); T.fft.ifft(pos).real; T.fft.hfft(pos)
T.fft.fft2(mat).imag; T.fft.irfftn(T.fft.rfftn(mat),s=(3,3))
"""

ERRORS = """
T.fft.fft(vec,n=0); T.fft.rfft(z); T.fft.fft(vec,norm='x')
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
