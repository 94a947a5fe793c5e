"""Convolution and transposed convolution over one, two or three spatial dimensions, channels first.

All directions are the same `lax.conv_general_dilated` with its operands exchanged, so gradients are written out:
tracing them is four times cheaper than `jax.vjp`, and they save the input and the weight only.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

from functools import partial
from typing import Any

from jax import lax

from kilnn.ops import depthwise
from kilnn.ops.checks import dim_text, size_text, type_name
from kilnn.ops.spec import op

Pairs = tuple[tuple[int, int], ...]


def _numbers(rank: int, swap: bool) -> lax.ConvDimensionNumbers:
    plain = tuple(range(rank + 2))
    spec = (1, 0, *plain[2:]) if swap else plain
    return lax.ConvDimensionNumbers(spec, spec, spec)


def _forward(x: Any, w: Any, stride: Any, padding: Pairs, dilation: Any, groups: int) -> Any:
    def general(x: Any, w: Any) -> Any:
        return _general_forward(x, w, stride, padding, dilation, groups)

    if not depthwise.fits(w, groups):
        return general(x, w)
    on_cpu = partial(depthwise.forward, stride=stride, padding=padding, dilation=dilation)
    return lax.platform_dependent(x, w, cpu=on_cpu, default=general)


def _general_forward(x: Any, w: Any, stride: Any, padding: Pairs, dilation: Any, groups: int) -> Any:
    return lax.conv_general_dilated(
        x, w, stride, padding, rhs_dilation=dilation, dimension_numbers=_numbers(len(stride), False),
        feature_group_count=groups,
    )  # fmt: skip


def _to_input(ct: Any, w: Any, size: Any, stride: Any, padding: Pairs, dilation: Any, groups: int) -> Any:
    """The transpose with respect to x; `size` is the spatial size of x."""

    def general(ct: Any, w: Any) -> Any:
        return _general_to_input(ct, w, size, stride, padding, dilation, groups)

    if not depthwise.fits(w, groups):
        return general(ct, w)
    on_cpu = partial(depthwise.to_input, size=size, stride=stride, padding=padding, dilation=dilation)
    return lax.platform_dependent(ct, w, cpu=on_cpu, default=general)


def _general_to_input(ct: Any, w: Any, size: Any, stride: Any, padding: Pairs, dilation: Any, groups: int) -> Any:
    outs, ins, *kernel = w.shape
    rank = len(kernel)
    if groups == 1:
        flipped = lax.transpose(w, (1, 0, *range(2, rank + 2)))
    else:
        split = lax.reshape(w, (groups, outs // groups, ins, *kernel))
        swapped = lax.transpose(split, (0, 2, 1, *range(3, rank + 3)))
        flipped = lax.reshape(swapped, (groups * ins, outs // groups, *kernel))
    pads = []
    for n, k, s, d, (low, _), o in zip(size, kernel, stride, dilation, padding, ct.shape[2:], strict=True):
        before = d * (k - 1) - low
        pads.append((before, n + d * (k - 1) - before - ((o - 1) * s + 1)))
    return lax.conv_general_dilated(
        ct, lax.rev(flipped, tuple(range(2, rank + 2))), (1,) * rank, pads, lhs_dilation=stride,
        rhs_dilation=dilation, dimension_numbers=_numbers(rank, False), feature_group_count=groups,
    )  # fmt: skip


def _to_weight(ct: Any, x: Any, kernel: Any, stride: Any, padding: Pairs, dilation: Any, groups: int) -> Any:
    """The transpose with respect to the weight; the batch is what is summed over."""

    def general(ct: Any, x: Any) -> Any:
        return _general_to_weight(ct, x, kernel, stride, padding, dilation, groups)

    if groups == 1 or ct.shape[1] != groups or x.shape[1] != groups:
        return general(ct, x)
    on_cpu = partial(depthwise.to_weight, kernel=kernel, stride=stride, padding=padding, dilation=dilation)
    return lax.platform_dependent(ct, x, cpu=on_cpu, default=general)


def _general_to_weight(ct: Any, x: Any, kernel: Any, stride: Any, padding: Pairs, dilation: Any, groups: int) -> Any:
    pads = []
    for n, k, s, d, (low, _), o in zip(x.shape[2:], kernel, stride, dilation, padding, ct.shape[2:], strict=True):
        pads.append((low, (k - 1) * d + (o - 1) * s + 1 - n - low))
    return lax.conv_general_dilated(
        x, ct, dilation, pads, rhs_dilation=stride, dimension_numbers=_numbers(len(stride), True),
        batch_group_count=groups,
    )  # fmt: skip


def _batch(a: Any, rank: int) -> Any:
    """An unbatched input (channels, ...) as a batch of one."""
    return a if a.ndim == rank + 2 else lax.expand_dims(a, (0,))


def _unbatch(a: Any, shape: Any) -> Any:
    return a if a.ndim == len(shape) else lax.squeeze(a, (0,))


def _add_bias(out: Any, b: Any) -> Any:
    return out if b is None else out + lax.broadcast_in_dim(b, out.shape, (1,))


@op(backward_name="ConvolutionBackward0")
def conv(x, w, b=None, *, stride, padding, dilation, groups):
    """x (N, in, ...) with w (out, in / groups, ...); padding is a (low, high) pair for each dimension."""
    out = _add_bias(_forward(_batch(x, len(stride)), w, stride, padding, dilation, groups), b)
    return out if x.ndim == len(stride) + 2 else lax.squeeze(out, (0,))


conv.joint = True


@conv.grad("x")
def _(ct, w, x_shape, stride, padding, dilation, groups):
    rank = len(stride)
    return _unbatch(_to_input(_batch(ct, rank), w, x_shape[-rank:], stride, padding, dilation, groups), x_shape)


@conv.grad("w")
def _(ct, x, w_shape, stride, padding, dilation, groups):
    rank = len(stride)
    return _to_weight(_batch(ct, rank), _batch(x, rank), w_shape[2:], stride, padding, dilation, groups)


def _sum_channels(ct: Any, rank: int) -> Any:
    return lax.reduce_sum(ct, (0, *range(2, rank + 2)) if ct.ndim == rank + 2 else tuple(range(1, rank + 1)))


@conv.grad("b", frees=True)
def _(ct, stride):
    return _sum_channels(ct, len(stride))


def _check_operands(name: str, x: Any, w: Any, b: Any, rank: int) -> None:
    if len(x.shape) not in (rank + 1, rank + 2):
        raise RuntimeError(
            f"Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to {name}{rank}d, "
            f"but got input of size: {size_text(x.shape)}"
        )
    if len(w.shape) != rank + 2:
        raise RuntimeError(
            f"expected {rank + 2}-dimensional weight for {name}{rank}d, but got {len(w.shape)}-dimensional "
            f"weight of size {size_text(w.shape)}"
        )
    for other, word in ((w, "weight"), (b, "bias")):
        if other is not None and other.dtype != x.dtype:
            raise RuntimeError(
                f"Input type ({type_name(x.dtype)}) and {word} type ({type_name(other.dtype)}) should be the same"
            )


@conv.validate
def _(x, w, b=None, *, stride, padding, dilation, groups):
    rank = len(stride)
    _check_operands("conv", x, w, b, rank)
    outs, ins, *kernel = w.shape
    channels = x.shape[-rank - 1]
    if channels != ins * groups:
        raise RuntimeError(
            f"Given groups={groups}, weight of size {size_text(w.shape)}, expected input{size_text(x.shape)} "
            f"to have {ins * groups} channels, but got {channels} channels instead"
        )
    if outs % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size {size_text(w.shape)} instead"
        )
    if b is not None and tuple(b.shape) != (outs,):
        raise RuntimeError(
            f"Given weight of size {size_text(w.shape)}, expected bias to be 1-dimensional with {outs} elements, "
            f"but got bias of size {size_text(b.shape)} instead"
        )
    padded = [n + low + high for n, (low, high) in zip(x.shape[-rank:], padding, strict=True)]
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    if any(p < r for p, r in zip(padded, reach, strict=True)):
        raise RuntimeError(
            f"Calculated padded input size per channel: {dim_text(padded)}. Kernel size: {dim_text(reach)}. "
            "Kernel size can't be greater than actual input size"
        )


def _transposed_size(x_shape: Any, kernel: Any, stride: Any, padding: Any, extra: Any, dilation: Any) -> list[int]:
    size = x_shape[-len(stride) :]
    return [
        (n - 1) * s - 2 * p + d * (k - 1) + e + 1
        for n, k, s, p, e, d in zip(size, kernel, stride, padding, extra, dilation, strict=True)
    ]


def _pairs(padding: Any) -> Pairs:
    return tuple((p, p) for p in padding)


@op(backward_name="ConvolutionBackward0")
def conv_transpose(x, w, b=None, *, stride, padding, output_padding, dilation, groups):
    """x (N, in, ...) with w (in, out / groups, ...): the gradient of a convolution with respect to its input."""
    rank = len(stride)
    size = _transposed_size(x.shape, w.shape[2:], stride, padding, output_padding, dilation)
    out = _add_bias(_to_input(_batch(x, rank), w, size, stride, _pairs(padding), dilation, groups), b)
    return out if x.ndim == rank + 2 else lax.squeeze(out, (0,))


conv_transpose.joint = True


@conv_transpose.grad("x")
def _(ct, w, x_shape, stride, padding, output_padding, dilation, groups):
    rank = len(stride)
    # output_padding adds places that no input reaches in full: they are cut off before the plain convolution.
    pads = tuple((p, p - e) for p, e in zip(padding, output_padding, strict=True))
    return _unbatch(_forward(_batch(ct, rank), w, stride, pads, dilation, groups), x_shape)


@conv_transpose.grad("w")
def _(ct, x, w_shape, stride, padding, dilation, groups):
    rank = len(stride)
    return _to_weight(_batch(x, rank), _batch(ct, rank), w_shape[2:], stride, _pairs(padding), dilation, groups)


@conv_transpose.grad("b", frees=True)
def _(ct, stride):
    return _sum_channels(ct, len(stride))


@conv_transpose.validate
def _(x, w, b=None, *, stride, padding, output_padding, dilation, groups):
    rank = len(stride)
    _check_operands("conv_transpose", x, w, b, rank)
    channels = x.shape[-rank - 1]
    if channels != w.shape[0]:
        raise RuntimeError(
            f"Given transposed=1, weight of size {size_text(w.shape)}, expected input{size_text(x.shape)} "
            f"to have {w.shape[0]} channels, but got {channels} channels instead"
        )
    if any(e >= max(s, d) for e, s, d in zip(output_padding, stride, dilation, strict=True)):
        raise RuntimeError(
            f"output padding must be smaller than either stride or dilation, but got output_padding: "
            f"{dim_text(output_padding)} stride: {dim_text(stride)} dilation: {dim_text(dilation)}"
        )
    size = _transposed_size(x.shape, w.shape[2:], stride, padding, output_padding, dilation)
    if min(size) <= 0:
        raise RuntimeError(
            f"Given input size per channel: {dim_text(x.shape[-rank:])}. "
            f"Calculated output size per channel: {dim_text(size)}. Output size is too small"
        )
