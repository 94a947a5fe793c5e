"""Resampling against PyTorch: every mode, sizes and factors that grow and shrink, and places at and beyond the edge."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from kilnn.ops.interpolation import grid_sample, resample
from tests.ops.nn_harness import compare, data, forward

SHAPES = {1: (2, 3, 7), 2: (2, 3, 7, 5), 3: (1, 2, 4, 5, 3)}
LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}
MODES = [(rank, mode) for rank in SHAPES for mode in ("nearest", "nearest-exact", "linear")] + [(2, "cubic")]


def theirs(x, mode, size, factor, align, antialias=False):
    name = {"linear": LINEAR[x.dim() - 2], "cubic": "bicubic"}.get(mode, mode)
    align = None if mode.startswith("nearest") else align
    return F.interpolate(x, size, factor, name, align, antialias=antialias)


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("rank,mode", MODES)
def test_sizes(rank, mode, align):
    if align and mode.startswith("nearest"):
        return
    x = data(*SHAPES[rank])
    for size in ((9, 3, 5)[:rank], (1, 7, 3)[:rank], (14, 10, 6)[:rank]):
        compare(
            resample, lambda x, size=size: theirs(x, mode, size, None, align), [x], grads=["x"], size=size, scales=None,
            mode=mode, align=align, antialias=False,
        )  # fmt: skip


@pytest.mark.parametrize("rank,mode", MODES)
def test_factors_count_as_given(rank, mode):
    x = data(*SHAPES[rank])
    for factor in (1.7, 0.6):
        size = tuple(int(n * factor) for n in x.shape[2:])
        compare(
            resample, lambda x, factor=factor: theirs(x, mode, None, factor, False), [x], grads=["x"], size=size,
            scales=(factor,) * rank, mode=mode, align=False, antialias=False,
        )  # fmt: skip


@pytest.mark.parametrize("mode", ["linear", "cubic", "lanczos"])
@pytest.mark.parametrize("align", [False, True])
def test_antialias(mode, align):
    if align and mode == "lanczos":
        return
    x = data(2, 3, 13, 9)
    for size in ((5, 4), (20, 3)):
        compare(
            resample, lambda x, size=size: theirs(x, mode, size, None, align, True), [x], grads=["x"], size=size,
            scales=None, mode=mode, align=align, antialias=True,
        )  # fmt: skip


def test_what_has_no_weight_is_not_seen():
    x = data(1, 1, 4, 4)
    x[0, 0, 0, 0], x[0, 0, 3, 3] = np.inf, np.nan
    for align in (False, True):
        wanted = F.interpolate(torch.tensor(x), (8, 8), mode="bilinear", align_corners=align).numpy()
        found = forward(resample, [x], size=(8, 8), scales=None, mode="linear", align=align, antialias=False)[0]
        np.testing.assert_array_equal(np.isnan(found[0, 0, :5, :5]), np.isnan(wanted[0, 0, :5, :5]))
        assert np.isfinite(found).sum() >= np.isfinite(wanted).sum() > 30


def test_whole_numbers():
    x = np.random.default_rng(0).integers(0, 256, (1, 2, 6, 5)).astype(np.uint8)
    for mode, name in (("nearest", "nearest"), ("linear", "bilinear")):
        wanted = F.interpolate(torch.tensor(x), (4, 9), mode=name).numpy().astype(int)
        found = forward(resample, [x], size=(4, 9), scales=None, mode=mode, align=False, antialias=False)[0]
        assert found.dtype == np.uint8
        assert abs(np.asarray(found).astype(int) - wanted).max() <= (mode == "linear")
    with pytest.raises(RuntimeError, match="not implemented for 'Long'"):
        forward(resample, [x.astype(np.int64)], size=(4, 9), scales=None, mode="linear", align=False, antialias=False)


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("align", [False, True])
def test_grid_sample(mode, padding, align):
    for rank in (2, 3) if mode != "bicubic" else (2,):
        x = data(*SHAPES[rank]).astype(np.float64)
        grid = data(x.shape[0], *(4, 3, 2)[:rank], rank).astype(np.float64) * 0.9  # some places lie outside
        compare(
            grid_sample, lambda x, g: F.grid_sample(x, g, mode, padding, align), [x, grid], grads=["x", "grid"],
            rtol=1e-6, mode=mode, padding=padding, align=align,
        )  # fmt: skip


def test_errors():
    with pytest.raises(RuntimeError, match="sizes should be greater than 0"):
        forward(resample, [data(1, 1, 4)], size=(0,), scales=None, mode="nearest", align=False, antialias=False)
    attributes = {"mode": "bilinear", "padding": "zeros", "align": False}
    with pytest.raises(RuntimeError, match="same batch size"):
        forward(grid_sample, [data(2, 1, 3, 3), data(1, 2, 2, 2)], **attributes)
    with pytest.raises(RuntimeError, match="size 2 in last dimension"):
        forward(grid_sample, [data(2, 1, 3, 3), data(2, 2, 2, 3)], **attributes)
    with pytest.raises(RuntimeError, match="bicubic interpolation only supports 4D"):
        forward(grid_sample, [data(1, 1, 3, 3, 3), data(1, 2, 2, 2, 3)], **{**attributes, "mode": "bicubic"})
