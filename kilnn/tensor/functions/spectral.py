"""`kilnn.fft`: discrete Fourier transforms, and the short-time transform.

Every transform is given by four: complex to complex and real to half a spectrum, forwards and backwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kilnn.base import dtypes
from kilnn.base.shapes import normalize_dim, normalize_dims
from kilnn.ops import spectral as ops
from kilnn.tensor.create import numpy_dtype, placed
from kilnn.tensor.doors import cast, record
from kilnn.tensor.functions import complexes, joining

if TYPE_CHECKING:
    from kilnn.tensor.tensor import Tensor

_NORMS = (None, "backward", "forward", "ortho")
_OTHER_WAY = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}


def _as_complex(x: Tensor) -> Tensor:
    """x as the transforms take it: integers become the default float dtype, real numbers complex."""
    x = cast(x, dtypes.get_default_dtype()) if x.dtype.category < dtypes.FLOAT else x
    return x if x.dtype.is_complex else cast(x, x.dtype.to_complex())


def _as_real(name: str, x: Tensor) -> Tensor:
    if x.dtype.is_complex:
        raise RuntimeError(f"{name} expects a real input tensor, but got {dtypes.word_of(x.dtype)}")
    return cast(x, dtypes.get_default_dtype()) if x.dtype.category < dtypes.FLOAT else x


def _over(x: Tensor, s: Any, dim: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Sizes and dimensions of a transform over several dimensions."""
    s = None if s is None else tuple(s)
    s = (s,) if isinstance(s, int) else s
    if dim is None:
        dims = tuple(range(x.ndim)) if s is None else tuple(range(x.ndim - len(s), x.ndim))
    else:
        dims = normalize_dims((dim,) if isinstance(dim, int) else tuple(dim), x.ndim)
    if s is not None and len(s) != len(dims):
        raise RuntimeError("When given, dim and shape arguments must have the same length")
    sizes = tuple(x.shape[d] if s is None or s[i] == -1 else s[i] for i, d in enumerate(dims))
    return sizes, dims


def _apply(name: str, op: Any, x: Tensor, sizes: Sequence[int], dims: Sequence[int], norm: str | None) -> Tensor:
    if norm not in _NORMS:
        raise RuntimeError(f'Invalid normalization mode: "{norm}"')
    for n in sizes:
        if n < 1:
            raise RuntimeError(f"Invalid number of data points ({n}) specified")
    return record(op, (x,), (tuple(sizes), tuple(dims), norm or "backward"))


def _one(x: Tensor, n: int | None, dim: int) -> tuple[tuple[int], tuple[int]]:
    place = normalize_dim(dim, x.ndim)
    return (x.shape[place] if n is None else n,), (place,)


def fft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The discrete Fourier transform along one dimension: sum over j of x[j] exp(-2 pi i j k / n).

    Args:
        input: real or complex tensor.
        n: length to which the dimension is cut or padded with zeros.
        dim: dimension.
        norm: "backward" (no factor), "ortho" (1 / sqrt(n)) or "forward" (1 / n).

    Example:
        >>> import kilnn
        >>> kilnn.fft.fft(kilnn.tensor([1.0, 0.0])).tolist()
        [(1+0j), (1+0j)]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.fft.fft.html
    """
    return _apply("fft", ops.fftn, _as_complex(input), *_one(input, n, dim), norm)


def ifft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse of `fft`; with "backward" the factor is 1 / n.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.fft.ifft.html
    """
    return _apply("ifft", ops.ifftn, _as_complex(input), *_one(input, n, dim), norm)


def rfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """`fft` of a real tensor, without the half of the spectrum that mirrors the other.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.fft.rfft.html
    """
    return _apply("rfft", ops.rfftn, _as_real("rfft", input), *_one(input, n, dim), norm)


def irfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse of `rfft`: real; its length, which half a spectrum leaves open, is n or 2 (m - 1).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.fft.irfft.html
    """
    sizes, dims = _one(input, n, dim)
    return _apply("irfft", ops.irfftn, _as_complex(input), (2 * (sizes[0] - 1),) if n is None else sizes, dims, norm)


def hfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """`fft` of a signal given by half, because its other half mirrors it: real.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.fft.hfft.html
    """
    return irfft(complexes.conj(_as_complex(input)), n, dim, _other("hfft", norm))


def ihfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse of `hfft`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.fft.ihfft.html
    """
    return complexes.conj(rfft(_as_real("ihfft", input), n, dim, _other("ihfft", norm)))


def _other(name: str, norm: str | None) -> str:
    if norm not in _NORMS:
        raise RuntimeError(f'Invalid normalization mode: "{norm}"')
    return _OTHER_WAY[norm]


def fftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """`fft` along several dimensions (all by default); s: their lengths.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.fft.fftn.html
    """
    return _apply("fftn", ops.fftn, _as_complex(input), *_over(input, s, dim), norm)


def ifftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The inverse of `fftn`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.fft.ifftn.html
    """
    return _apply("ifftn", ops.ifftn, _as_complex(input), *_over(input, s, dim), norm)


def rfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """`rfft` along the last of several dimensions, `fft` along the others.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.fft.rfftn.html
    """
    return _apply("rfftn", ops.rfftn, _as_real("rfftn", input), *_over(input, s, dim), norm)


def irfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The inverse of `rfftn`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.fft.irfftn.html
    """
    sizes, dims = _over(input, s, dim)
    if s is None or s[-1] == -1:
        sizes = (*sizes[:-1], 2 * (sizes[-1] - 1))
    return _apply("irfftn", ops.irfftn, _as_complex(input), sizes, dims, norm)


def hfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """`hfft` along the last of several dimensions, `fft` along the others.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.fft.hfftn.html
    """
    return irfftn(complexes.conj(_as_complex(input)), s, dim, _other("hfftn", norm))


def ihfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The inverse of `hfftn`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.fft.ihfftn.html
    """
    return complexes.conj(rfftn(_as_real("ihfftn", input), s, dim, _other("ihfftn", norm)))


_LAST_TWO = (-2, -1)


def fft2(input: Tensor, s: Any = None, dim: Any = _LAST_TWO, norm: str | None = None) -> Tensor:
    """`fftn` along the last two dimensions.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.fft.fft2.html
    """
    return fftn(input, s, dim, norm)


def ifft2(input: Tensor, s: Any = None, dim: Any = _LAST_TWO, norm: str | None = None) -> Tensor:
    """`ifftn` along the last two dimensions.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.fft.ifft2.html
    """
    return ifftn(input, s, dim, norm)


def rfft2(input: Tensor, s: Any = None, dim: Any = _LAST_TWO, norm: str | None = None) -> Tensor:
    """`rfftn` along the last two dimensions.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.fft.rfft2.html
    """
    return rfftn(input, s, dim, norm)


def irfft2(input: Tensor, s: Any = None, dim: Any = _LAST_TWO, norm: str | None = None) -> Tensor:
    """`irfftn` along the last two dimensions.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.fft.irfft2.html
    """
    return irfftn(input, s, dim, norm)


def hfft2(input: Tensor, s: Any = None, dim: Any = _LAST_TWO, norm: str | None = None) -> Tensor:
    """`hfftn` along the last two dimensions.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.fft.hfft2.html
    """
    return hfftn(input, s, dim, norm)


def ihfft2(input: Tensor, s: Any = None, dim: Any = _LAST_TWO, norm: str | None = None) -> Tensor:
    """`ihfftn` along the last two dimensions.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.fft.ihfft2.html
    """
    return ihfftn(input, s, dim, norm)


def fftfreq(n: int, d: float = 1.0, *, dtype: dtypes.DType | None = None, layout: Any = None, device: Any = None,
            requires_grad: bool = False) -> Tensor:  # fmt: skip
    """The frequencies of the bins of `fft` for n samples at distance d.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.fft.fftfreq.html
    """
    return placed(np.fft.fftfreq(n, d).astype(numpy_dtype(dtype)), device, requires_grad)


def rfftfreq(n: int, d: float = 1.0, *, dtype: dtypes.DType | None = None, layout: Any = None, device: Any = None,
             requires_grad: bool = False) -> Tensor:  # fmt: skip
    """The frequencies of the bins of `rfft` for n samples at distance d.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.fft.rfftfreq.html
    """
    return placed(np.fft.rfftfreq(n, d).astype(numpy_dtype(dtype)), device, requires_grad)


def _dims_to_shift(input: Tensor, dim: Any) -> tuple[int, ...]:
    if dim is None:
        return tuple(range(input.ndim))
    return normalize_dims((dim,) if isinstance(dim, int) else tuple(dim), input.ndim)


def fftshift(input: Tensor, dim: Any = None) -> Tensor:
    """The bins rolled so that frequency 0 stands in the middle.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.fft.fftshift.html
    """
    dims = _dims_to_shift(input, dim)
    return joining.roll(input, tuple(input.shape[d] // 2 for d in dims), dims)


def ifftshift(input: Tensor, dim: Any = None) -> Tensor:
    """The inverse of `fftshift`.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.fft.ifftshift.html
    """
    dims = _dims_to_shift(input, dim)
    return joining.roll(input, tuple((input.shape[d] + 1) // 2 for d in dims), dims)


# The short-time transform. -------------------------------------------------------------------------------------------


def _window(input: Tensor, window: Tensor | None, win_length: int, n_fft: int) -> Tensor:
    """The window, padded to n_fft on both sides."""
    if window is None:
        real = input.dtype.to_real()
        window = placed(np.ones(win_length, real.np), None, False)
    if window.ndim != 1 or window.shape[0] != win_length:
        raise RuntimeError(
            f"expected a 1D window tensor of size equal to win_length={win_length}, but got window with size "
            f"{list(window.shape)}"
        )
    if win_length == n_fft:
        return window
    left = (n_fft - win_length) // 2
    zeros = window.new_zeros
    return joining.cat([zeros(left), window, zeros(n_fft - win_length - left)])


def stft(
    input: Tensor, n_fft: int, hop_length: int | None = None, win_length: int | None = None,
    window: Tensor | None = None, center: bool = True, pad_mode: str = "reflect", normalized: bool = False,
    onesided: bool | None = None, return_complex: bool | None = None, align_to_window: bool | None = None,
) -> Tensor:  # fmt: skip
    """The short-time Fourier transform: transforms of overlapping windows of a signal.

    Args:
        input: (L,) or (N, L).
        n_fft: length of each transform.
        hop_length: distance of neighbouring windows, by default n_fft // 4.
        win_length: length of the window, by default n_fft.
        window: its values; ones by default.
        center: pad the signal by n_fft // 2 on both sides, so that window t is centred at t * hop_length.
        pad_mode: how, "reflect" or "constant" (zeros).
        normalized: divide by sqrt(n_fft).
        onesided: only the first n_fft // 2 + 1 frequencies; the default for real signals.
        return_complex: must be given: True for complex numbers, False for their parts in a last dimension.
        align_to_window: not supported.

    Returns: (N, frequencies, windows).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.stft.html
    """
    if align_to_window is not None:
        raise NotImplementedError("stft(): the argument align_to_window is not supported: use center")
    is_complex = input.dtype.is_complex or (window is not None and window.dtype.is_complex)
    if return_complex is None:
        if not is_complex:
            raise RuntimeError(
                "stft requires the return_complex parameter be given for real inputs, and will further require that "
                "return_complex=True in a future PyTorch release."
            )
        return_complex = True
    if input.ndim not in (1, 2):
        raise RuntimeError(f"stft: expected a 1D or 2D tensor, but got {input.ndim}D")
    hop = n_fft // 4 if hop_length is None else hop_length
    length = n_fft if win_length is None else win_length
    signal = input.unsqueeze(0) if input.ndim == 1 else input
    if center:
        signal = _padded(signal, n_fft // 2, pad_mode)
    if not 0 < n_fft <= signal.shape[-1]:
        raise RuntimeError(f"stft: expected 0 < n_fft < {signal.shape[-1]}, but got n_fft={n_fft}")
    if hop <= 0:
        raise RuntimeError(f"stft: expected hop_length > 0, but got hop_length={hop}")
    if not 0 < length <= n_fft:
        raise RuntimeError(f"stft: expected 0 < win_length <= n_fft, but got win_length={length}")
    frames = signal.unfold(-1, n_fft, hop) * _window(input, window, length, n_fft)
    norm = "ortho" if normalized else None
    half = not is_complex if onesided is None else onesided
    spectrum = rfft(frames, norm=norm) if half else fft(frames, norm=norm)
    found = spectrum.transpose(-2, -1)
    found = found.squeeze(0) if input.ndim == 1 else found
    return found if return_complex else complexes.view_as_real(found.contiguous())


def _padded(signal: Tensor, count: int, mode: str) -> Tensor:
    if mode == "constant":
        zeros = signal.new_zeros((signal.shape[0], count))
        return joining.cat([zeros, signal, zeros], -1)
    if mode != "reflect":
        raise NotImplementedError(f"stft(): pad_mode {mode!r} is not supported: use 'reflect' or 'constant'")
    if count >= signal.shape[-1]:
        raise RuntimeError(
            f"Argument #4: Padding size should be less than the corresponding input dimension, but got: padding "
            f"({count}, {count}) at dimension 1 of input {list(signal.shape)}"
        )
    left = joining.flip(signal[:, 1 : count + 1], -1)
    right = joining.flip(signal[:, signal.shape[-1] - count - 1 : -1], -1)
    return joining.cat([left, signal, right], -1)


def istft(
    input: Tensor, n_fft: int, hop_length: int | None = None, win_length: int | None = None,
    window: Tensor | None = None, center: bool = True, normalized: bool = False, onesided: bool | None = None,
    length: int | None = None, return_complex: bool = False,
) -> Tensor:  # fmt: skip
    """The signal whose `stft` is nearest to `input`: windows laid over each other, divided by the sum of their squares.

    Args:
        input: complex (frequencies, windows) or (N, frequencies, windows).
        n_fft, hop_length, win_length, window, center, normalized, onesided: as in `stft`.
        length: of the result; by default all that the windows cover.
        return_complex: a complex signal, for two-sided spectra.

    Raises: RuntimeError where the squared windows sum up to nothing.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.istft.html
    """
    if not input.dtype.is_complex:
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with return_complex=True."
        )
    hop = n_fft // 4 if hop_length is None else hop_length
    width = n_fft if win_length is None else win_length
    spectrum = input.unsqueeze(0) if input.ndim == 2 else input
    half = spectrum.shape[-2] != n_fft if onesided is None else onesided
    spectrum = spectrum.transpose(-2, -1)
    norm = "ortho" if normalized else None
    if half:
        frames = irfft(spectrum, n_fft, norm=norm)
    else:
        frames = ifft(spectrum, norm=norm)
        frames = frames if return_complex else complexes.real(frames)
    values = _window(frames, window, width, n_fft)
    count = frames.shape[1]
    total = n_fft + hop * (count - 1)
    places = placed(
        (np.arange(count)[:, None] * hop + np.arange(n_fft)[None]).reshape(-1), None, False
    )  # fmt: skip
    batch = frames.shape[0]
    signal = (frames * values).reshape(batch, -1)
    laid = signal.new_zeros((batch, total)).index_add(1, places, signal)
    squares = (values * values).expand(count, n_fft).reshape(-1)
    weight = squares.new_zeros(total).index_add(0, places, squares)
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else total - n_fft // 2 if center else total
    kept = slice(start, min(end, total))
    if weight.detach()[kept].abs().min().item() < 1e-11:
        raise RuntimeError(
            "window overlap add min: 1. Choose a window and a hop_length whose squared windows cover the signal"
        )
    found = laid[:, kept] / weight[kept]
    if length is not None and end > total:
        found = joining.cat([found, found.new_zeros((batch, end - total))], -1)
    return found.squeeze(0) if input.ndim == 2 else found


# Windows. ------------------------------------------------------------------------------------------------------------


def _made(values: np.ndarray[Any, Any], dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    return placed(values.astype(numpy_dtype(dtype)), device, requires_grad)


def _angles(length: int, periodic: bool) -> np.ndarray[Any, Any]:
    """0 to 1 over the window; a periodic one leaves out the last value."""
    if length < 0:
        raise RuntimeError(f"window_length must be non-negative, but got {length}")
    steps = length if periodic else length - 1
    return np.arange(length) / max(steps, 1)


def hann_window(window_length: int, periodic: bool = True, *, dtype: Any = None, layout: Any = None, device: Any = None,
                requires_grad: bool = False, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """The window sin(pi n / N)**2.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.hann_window.html
    """
    return hamming_window(
        window_length, periodic, 0.5, 0.5, dtype=dtype, device=device, requires_grad=requires_grad
    )  # fmt: skip


def hamming_window(window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, *,
                   dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
                   pin_memory: bool = False) -> Tensor:  # fmt: skip
    """The window alpha - beta cos(2 pi n / N).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.hamming_window.html
    """
    values = alpha - beta * np.cos(2 * np.pi * _angles(window_length, periodic))
    return _made(np.ones(1) if window_length == 1 else values, dtype, device, requires_grad)


def blackman_window(window_length: int, periodic: bool = True, *, dtype: Any = None, layout: Any = None,
                    device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """The window 0.42 - 0.5 cos(2 pi n / N) + 0.08 cos(4 pi n / N).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.blackman_window.html
    """
    angle = 2 * np.pi * _angles(window_length, periodic)
    values = 0.42 - 0.5 * np.cos(angle) + 0.08 * np.cos(2 * angle)
    return _made(np.ones(1) if window_length == 1 else values, dtype, device, requires_grad)


def bartlett_window(window_length: int, periodic: bool = True, *, dtype: Any = None, layout: Any = None,
                    device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """The triangle 1 - |2 n / N - 1|.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.bartlett_window.html
    """
    values = 1 - np.abs(2 * _angles(window_length, periodic) - 1)
    return _made(np.ones(1) if window_length == 1 else values, dtype, device, requires_grad)


def kaiser_window(window_length: int, periodic: bool = True, beta: float = 12.0, *, dtype: Any = None,
                  layout: Any = None, device: Any = None, requires_grad: bool = False,
                  pin_memory: bool = False) -> Tensor:  # fmt: skip
    """The window I0(beta sqrt(1 - (2 n / N - 1)**2)) / I0(beta).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.kaiser_window.html
    """
    position = 2 * _angles(window_length, periodic) - 1
    values = np.i0(beta * np.sqrt(np.maximum(1 - position**2, 0))) / np.i0(beta)
    return _made(np.ones(1) if window_length == 1 else values, dtype, device, requires_grad)
