"""Tensors as text: PyTorch's, to the last blank."""

import numpy as np
import pytest
import torch

import kilnn

KINDS = ("float32", "float64", "int64", "int32", "bool", "uint8", "complex64", "complex128", "float16", "whole")


@pytest.fixture(autouse=True)
def usual_options():
    yield
    for library in (torch, kilnn):
        library.set_printoptions(profile="default")


def same_text(make):
    ours, theirs = repr(make(kilnn)), repr(make(torch))
    assert ours.replace("kilnn.", "torch.") == theirs


def drawn(rng, kind):
    shape = tuple(int(n) for n in rng.integers(rng.random() > 0.1, [8, 14, 60, 9][rng.integers(4)], rng.integers(0, 5)))
    array = rng.standard_normal(shape) * (10.0 ** rng.integers(-6, 10) if rng.random() < 0.5 else 1)
    if rng.random() < 0.2 and array.size:
        array.reshape(-1)[rng.integers(array.size)] = rng.choice([np.nan, np.inf, -np.inf, 0])
    if kind == "whole":
        return np.round(array).astype(np.float32)
    if kind == "bool":
        return array > 0
    if kind.startswith("complex"):
        return (array + 1j * rng.standard_normal(shape)).astype(kind)
    if "int" in kind:
        return np.nan_to_num(np.clip(array * 10, -1e6, 1e6)).astype(np.int64).astype(kind)
    with np.errstate(over="ignore"):
        return array.astype(kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [False, True])
def test_drawn_tensors(kind, options):
    rng = np.random.default_rng(KINDS.index(kind))
    for n in range(25):
        if options:
            chosen = {
                "precision": int(rng.integers(7)), "threshold": int(rng.integers(5, 100)),
                "edgeitems": int(rng.integers(5)), "linewidth": int(rng.integers(20, 120)),
                "sci_mode": [None, True, False][rng.integers(3)],
            }  # fmt: skip
            torch.set_printoptions(**chosen)
            kilnn.set_printoptions(**chosen)
        array = drawn(rng, kind)

        def make(library):
            t = library.tensor(array)
            if array.dtype.kind not in "fc" or n % 3:
                return t
            return t.requires_grad_() if n % 2 else t.requires_grad_() * 1

        same_text(make)


@pytest.mark.parametrize("profile", ["default", "short", "full"])
def test_profiles(profile):
    for library in (torch, kilnn):
        library.set_printoptions(profile=profile)
    same_text(lambda T: T.arange(2000) / 7)


def test_other_dtypes_and_classes():
    same_text(lambda T: T.tensor([1.0, 2.5]).bfloat16())
    same_text(lambda T: T.tensor([1.0, 2.5]).to(T.float8_e5m2))
    same_text(lambda T: T.tensor([1, 2], dtype=T.uint16))
    same_text(lambda T: T.nn.Parameter(T.ones(2, 3)))
    same_text(lambda T: T.zeros(0, 3))
    same_text(lambda T: [T.tensor(2.5), T.tensor([True])])
    same_text(lambda T: str(T.ones(2)) + f"{T.tensor(1.5)} {T.tensor([1]):} {T.tensor(2.5):.1f}")


def test_a_different_text_is_noticed():
    with pytest.raises(AssertionError):
        same_text(lambda T: T.tensor([1.0 if T is torch else 1.5]))
