"""`out=` and NumPy's words for arguments, for the free functions of a namespace.

PyTorch's argument parser gives almost every function an `out` argument, and takes `axis` for `dim`, `keepdims` for
`keepdim`, `x` for `input`. Functions elsewhere state what they compute; `complete` wraps those of a namespace.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, MutableMapping
from typing import Any

from kilnn.base import dtypes
from kilnn.engine.context import local
from kilnn.engine.grad_mode import no_grad
from kilnn.engine.handle import Handle
from kilnn.tensor.functions.strided import resize_

_NUMPY_WORDS = {"axis": "dim", "keepdims": "keepdim", "x": "input", "a": "input", "x1": "input", "x2": "other"}


def _write(function: str, out: Any, result: Any) -> None:
    if not isinstance(out, Handle):
        raise TypeError(f"{function}(): argument 'out' must be Tensor, not {type(out).__name__}")
    target: Any = out
    if not dtypes.can_cast(result.dtype, target.dtype):
        raise RuntimeError(
            f"result type {dtypes.word_of(result.dtype)} can't be cast to the desired output type "
            f"{dtypes.word_of(target.dtype)}"
        )
    if result.shape != target.shape:
        if target.numel():
            warnings.warn(
                f"An output with one or more elements was resized since it had shape {list(target.shape)}, which does "
                f"not match the required output shape {list(result.shape)}.",
                UserWarning,
                stacklevel=4,
            )
        resize_(target, result.shape)
    target.copy_(result)


def _into(function: Callable[..., Any], out: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    name = function.__name__.strip("_")
    tensors = [x for x in (*args, *kwargs.values()) if isinstance(x, Handle)]
    targets = out if isinstance(out, tuple | list) else (out,)
    if local.context.grad and any(x.requires_grad for x in (*tensors, *targets) if isinstance(x, Handle)):  # type: ignore[attr-defined]  # Tensors
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        )
    result = function(*args, **kwargs)
    with no_grad():
        if not isinstance(result, tuple):
            _write(name, out, result)
            return out
        if not isinstance(out, tuple | list) or len(out) != len(result):
            raise TypeError(f"{name}(): argument 'out' must be tuple of {len(result)} Tensors")
        for target, part in zip(out, result, strict=True):
            _write(name, target, part)
    return type(result)(*out) if hasattr(result, "_fields") else tuple(out)


def _completed(function: Callable[..., Any], takes_out: bool, tensors: int) -> Callable[..., Any]:
    signature = inspect.signature(function)
    takes_out = takes_out and "out" not in signature.parameters
    words = {
        word: name for word, name in _NUMPY_WORDS.items()
        if name in signature.parameters and word not in signature.parameters
    }  # fmt: skip

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        for k, x in enumerate(args[:tensors]):
            if not isinstance(x, Handle):
                raise TypeError(
                    f"{function.__name__}(): argument '{list(signature.parameters)[k]}' (position {k + 1}) must be "
                    f"Tensor, not {type(x).__name__}"
                )
        if not kwargs:
            return function(*args)
        out = kwargs.pop("out", None) if takes_out else None
        for word in kwargs.keys() & words.keys():
            kwargs[words[word]] = kwargs.pop(word)
        if out is None:
            return function(*args, **kwargs)
        return _into(function, out, args, kwargs)

    if takes_out:
        parameters = list(signature.parameters.values())
        extra = inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None, annotation="Tensor | None")
        place = next((n for n, p in enumerate(parameters) if p.kind is p.VAR_KEYWORD), len(parameters))
        wrapper.__signature__ = signature.replace(parameters=[*parameters[:place], extra, *parameters[place:]])  # type: ignore[attr-defined]  # functions have one
    return wrapper


_FIRST = frozenset(
    """clamp_max clamp_min copysign eq fmod ge greater greater_equal gt le less less_equal lt max min ne not_equal
    rsub""".split()
)
"""Functions that take a tensor first, although their operations also serve operators such as `2 < x`."""
_TWO = frozenset(
    """arctan2 atan2 complex fmax fmin gcd heaviside hypot igamma igammac lcm ldexp logaddexp logaddexp2 logical_and
    logical_or logical_xor maximum minimum nextafter polar""".split()
)
"""Those that take no number in second place either."""


def complete(namespace: MutableMapping[str, Any], with_out: str, with_words: str = "") -> None:
    """Wrap functions of a namespace: those named in `with_out` take `out` and NumPy's words, the others the words."""
    for names, takes_out in ((with_out, True), (with_words, False)):
        for name in names.split():
            tensors = 2 if name in _TWO else 1 if name in _FIRST else 0
            namespace[name] = _completed(namespace[name], takes_out, tensors)


FUNCTIONS = """
abs absolute acos acosh add addbmm addcdiv addcmul addmm addmv addr all amax amin aminmax any arccos arccosh
arcsin arcsinh arctan arctan2 arctanh argmax argmin argsort asin asinh atan atan2 atanh baddbmm bernoulli
bitwise_and bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor bmm bucketize cat ceil
chain_matmul cholesky cholesky_inverse cholesky_solve clamp clamp_max clamp_min clip column_stack complex
concat concatenate conj_physical copysign cos cosh cross cummax cummin cumprod cumsum deg2rad diag diff
digamma div divide dot dstack eq erf erfc erfinv exp exp2 expm1 fix float_power floor floor_divide fmax fmin
fmod frac frexp gather gcd ge ger greater greater_equal gt heaviside histc histogram hstack hypot i0 igamma
igammac index_add index_copy index_reduce index_select inner inverse isin isneginf isposinf kron kthvalue lcm
ldexp le lerp less less_equal lgamma log log10 log1p log2 logaddexp logaddexp2 logcumsumexp logical_and
logical_not logical_or logical_xor logit logsumexp lt lu_solve lu_unpack masked_select matmul matrix_power max
maximum mean median min minimum mm mode msort mul multiply mv mvlgamma nan_to_num nanmean
nanmedian nanquantile nansum narrow_copy ne neg negative nextafter nonzero nonzero_static norm not_equal outer
polar polygamma pow prod qr quantile rad2deg reciprocal remainder renorm round row_stack rsqrt scatter
scatter_add scatter_reduce searchsorted sgn sigmoid sign signbit sin sinc sinh slogdet sort sqrt square stack
std sub subtract sum svd t_copy take take_along_dim tan tanh tensordot topk triangular_solve tril triu
true_divide trunc unbind_copy unfold_copy unsqueeze_copy var vdot view_copy vstack where xlogy
alias_copy angle as_strided_copy detach_copy diagonal_copy expand_copy log_softmax permute_copy select_copy
slice_scatter softmax split_copy squeeze_copy transpose_copy
"""
"""Of PyTorch's free functions, those that take `out`."""

WORDS = """
chunk clone count_nonzero cumulative_trapezoid flip gradient index_fill isfinite isinf isnan
narrow permute relu repeat_interleave reshape roll rsub select select_scatter split squeeze
std_mean tensor_split transpose trapezoid trapz unbind unflatten unique unique_consecutive unsqueeze var_mean
"""
"""Those that take NumPy's words and no `out`."""
