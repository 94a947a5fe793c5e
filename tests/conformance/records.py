"""PyTorch's OpInfo records, and which of their samples are run."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from tests.conformance.compare import Record, error_difference, tensors
from tests.conformance.differences import ABSENT
from tests.pytorch_records import records_module

DTYPES = (torch.float32, torch.int64, torch.bool)
MOST = 3
"""Samples of one operation in one dtype, spread evenly over all of them."""


def name_of(info: Any) -> str:
    return f"{info.name}|{info.variant_test_name}" if info.variant_test_name else str(info.name)


INFOS = {name_of(info): info for info in records_module("common_methods_invocations").op_db}
PRESENT = [name for name in INFOS if name not in ABSENT]


def expressible(sample: Any) -> bool:
    """Whether the sample's tensors can be made of NumPy arrays."""
    found = [t for t in tensors((sample.input, sample.args, sample.kwargs)) if isinstance(t, torch.Tensor)]
    return all(t.layout is torch.strided and t.device.type == "cpu" and t.ndim <= 64 for t in found)


def spread(samples: list[Any]) -> list[tuple[int, Any]]:
    """At most MOST of the samples, each with its number."""
    samples = [sample for sample in samples if expressible(sample)]
    count = len(samples)
    if count <= MOST:
        return list(enumerate(samples))
    return [(i, samples[i]) for i in sorted({round(k * (count - 1) / (MOST - 1)) for k in range(MOST)})]


def runs(name: str, one: bool) -> Iterator[tuple[str, int, dict[str, str | None]]]:
    """(dtype or "errors", number of the sample, differences by part); with `one`, a single sample of each kind."""
    info, turn = INFOS[name], PRESENT.index(name)
    for dtype in DTYPES:
        if dtype not in info.supported_dtypes("cpu"):
            continue
        wanted = info.supports_autograd and dtype is torch.float32
        for seed in (random.seed, np.random.seed, torch.manual_seed):
            seed(1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            chosen = spread(list(info.sample_inputs("cpu", dtype, requires_grad=wanted)))
            for i, sample in [chosen[turn % len(chosen)]] if one and chosen else chosen:
                yield str(dtype)[6:], i, Record(info, sample).parts()
    if info.error_inputs_func is not None:
        chosen = spread([error.sample_input for error in info.error_inputs("cpu")])
        for i, sample in [chosen[turn % len(chosen)]] if one and chosen else chosen:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield "errors", i, {"errors": error_difference(info, sample)}
