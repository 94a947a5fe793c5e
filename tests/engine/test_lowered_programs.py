"""What a step's program holds once it is lowered: no double precision where the user has single precision."""

import re

import jax
import numpy as np
import pytest

import kilnn
from kilnn import nn
from kilnn.engine import cache, lower
from kilnn.engine.entry import HEADS, NONE, VALUE, spec_of

F = nn.functional


def lowered(program) -> str:
    """The StableHLO text of a reduced recording."""
    leaves = {}
    for instr in program.code:
        entry = HEADS[instr[0]]
        present = [(k, a) for k, a in zip(entry.kinds, entry.in_avals, strict=True) if k != NONE]
        for ref, (kind, aval) in zip(instr[1:], present, strict=True):
            if kind == VALUE and ref < 0:
                leaves[-1 - ref] = spec_of(aval.shape, aval.dtype)
    args = [leaves[slot] for slot in range(len(program.leaves))]
    for used, dtype in ((program.floats, np.float32), (program.ints, np.int64), (program.doubles, np.float64)):
        if used:
            args.append(spec_of((len(used),), dtype))
    with jax.enable_x64(True):
        return jax.jit(lower.build(program)).lower(*args).as_text()


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.3),
        nn.Linear(36, 10),
    )  # fmt: skip


def text_of_a_step(optimizer, dtype):
    model = cnn().to(dtype)
    update = optimizer(model.parameters())
    images, labels = kilnn.randn(8, 1, 8, 8, dtype=dtype), kilnn.arange(8)
    for _ in range(2):
        update.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        update.step()
    bounds = [b for r in cache._recipes.values() for b in r.bound if b.program.step]
    return lowered(max(bounds, key=lambda b: b.program.used).canonical)


OPTIMIZERS = {
    "SGD": lambda ps: kilnn.optim.SGD(ps, lr=0.1, momentum=0.9, weight_decay=1e-4),
    "AdamW": lambda ps: kilnn.optim.AdamW(ps, lr=1e-3),
    "RMSprop": lambda ps: kilnn.optim.RMSprop(ps, lr=1e-3, momentum=0.9),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_in_single_precision_holds_no_double(name):
    text = text_of_a_step(OPTIMIZERS[name], kilnn.float32)
    assert "convolution" in text
    assert re.findall(r".*\bf64\b.*", text) == []
    assert re.findall(r".*xf64\b.*", text) == []


def test_doubles_would_be_seen():
    assert re.findall(r"xf64\b", text_of_a_step(OPTIMIZERS["SGD"], kilnn.float64))
