"""Names, promotion and limits against PyTorch's, for all 12 dtypes."""

import copy
import itertools
import pickle

import ml_dtypes
import numpy as np
import pytest
import torch

from kilnn.base import dtypes, limits
from kilnn.base.dtypes import DTYPES, DType

ALL = {dtype.name: dtype for dtype in DTYPES}
PAIRS = list(itertools.product(ALL, ALL))


def theirs(dtype: DType) -> torch.dtype:
    return getattr(torch, dtype.name)


def same(ours: DType, torch_dtype: torch.dtype) -> bool:
    return str(torch_dtype) == f"torch.{ours.name}"


def expected_result(torch_dtype: torch.dtype) -> torch.dtype:
    """kilnn has no complex32: complex64 stands in."""
    return torch.complex64 if torch_dtype is torch.complex32 else torch_dtype


def test_there_are_twelve():
    assert len(ALL) == 12
    assert sorted(ALL) == sorted(str(getattr(torch, name)).removeprefix("torch.") for name in ALL)


@pytest.mark.parametrize("name", ALL)
def test_facts(name):
    ours, torch_dtype = ALL[name], getattr(torch, name)
    assert repr(ours) == f"kilnn.{name}" == str(ours)
    for fact in ("itemsize", "is_floating_point", "is_complex", "is_signed"):
        assert getattr(ours, fact) == getattr(torch_dtype, fact), fact
    assert same(ours.to_real(), torch_dtype.to_real())
    if ours.category >= dtypes.FLOAT:
        assert same(ours.to_complex(), expected_result(torch_dtype.to_complex()))
    else:
        with pytest.raises(RuntimeError, match="floating point dtype first"):
            ours.to_complex()


@pytest.mark.parametrize("alias", dtypes.ALIASES)
def test_aliases(alias):
    assert same(dtypes.ALIASES[alias], getattr(torch, alias))


@pytest.mark.parametrize("dtype", DTYPES, ids=repr)
def test_numpy_round_trip(dtype):
    assert dtypes.from_numpy(dtype.np) is dtype
    assert dtypes.from_numpy(np.zeros(1, dtype.np).dtype) is dtype


def test_bfloat16_is_that_of_ml_dtypes():
    assert dtypes.bfloat16.np == np.dtype(ml_dtypes.bfloat16)


def test_from_numpy_refuses_what_the_table_lacks():
    with pytest.raises(TypeError, match="can't convert np.ndarray of type numpy.str_. The only supported types are"):
        dtypes.from_numpy(np.array(["a"]).dtype)
    with pytest.raises(ValueError, match="byte order different"):
        dtypes.from_numpy(np.dtype(">f4"))


@pytest.mark.parametrize("dtype", DTYPES, ids=repr)
def test_singleton(dtype):
    assert pickle.loads(pickle.dumps(dtype)) is dtype
    assert copy.copy(dtype) is dtype
    assert copy.deepcopy({"a": dtype})["a"] is dtype
    assert dtype == dtype and hash(dtype) == object.__hash__(dtype)
    with pytest.raises(AttributeError, match="not writable"):
        dtype.name = "x"
    with pytest.raises(AttributeError):
        del dtype.name
    with pytest.raises(TypeError, match="cannot create"):
        DType("float8")


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_promote_types(a, b):
    assert same(dtypes.promote_types(ALL[a], ALL[b]), torch.promote_types(getattr(torch, a), getattr(torch, b)))


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_can_cast(a, b):
    assert dtypes.can_cast(ALL[a], ALL[b]) == torch.can_cast(getattr(torch, a), getattr(torch, b))


def test_promote_types_refuses_other_objects():
    with pytest.raises(TypeError, match="got str"):
        dtypes.promote_types(dtypes.float32, "float32")
    with pytest.raises(TypeError, match="got list"):
        dtypes.promote_types([], dtypes.float32)


def operand(dtype: torch.dtype, dims: int) -> torch.Tensor:
    return torch.ones([1] * dims, dtype=dtype)


@pytest.mark.parametrize("default", ["float32", "float64", "bfloat16"])
def test_ranks_of_two_operands(default):
    """Every dtype of every rank against every other, and against every kind of number."""
    numbers = {0: True, 1: 3, 2: 0.5, 3: 1j}
    torch.set_default_dtype(getattr(torch, default))
    dtypes.set_default_dtype(ALL[default])
    try:
        for a, b in PAIRS:
            x, y = operand(getattr(torch, a), 1), operand(getattr(torch, b), 0)
            assert same(dtypes.promote([ALL[a]], [ALL[b]]), expected_result(torch.result_type(x, y))), (a, b)
            assert same(dtypes.promote([], [ALL[a], ALL[b]]), torch.result_type(x[0], y))
        for a, (kind, number) in itertools.product(ALL, numbers.items()):
            for dims in (0, 1):
                ours = dtypes.promote([ALL[a]] * dims, [ALL[a]] * (1 - dims), [kind])
                expected = expected_result(torch.result_type(operand(getattr(torch, a), dims), number))
                assert same(ours, expected), (a, kind, dims)
    finally:
        torch.set_default_dtype(torch.float32)
        dtypes.set_default_dtype(dtypes.float32)


def test_ranks_of_three_operands():
    """Ranks are folded one by one before they meet: `where` shows it for (dim, zero-dim)."""
    for a, b, c in itertools.product(("bool", "int16", "float16", "float64", "complex64"), repeat=3):
        x, y, z = (getattr(torch, name) for name in (a, b, c))
        pair = torch.result_type(operand(y, 0), operand(z, 0))
        expected = expected_result(torch.result_type(operand(x, 1), operand(pair, 0)))
        assert same(dtypes.promote([ALL[a]], [ALL[b], ALL[c]]), expected), (a, b, c)


def test_promote_needs_an_operand():
    with pytest.raises(ValueError, match="at least one operand"):
        dtypes.promote()


def test_default_dtype():
    assert dtypes.get_default_dtype() is dtypes.float32
    dtypes.set_default_dtype(dtypes.float64)
    try:
        assert dtypes.promote([dtypes.int64], [], [2]) is dtypes.float64
    finally:
        dtypes.set_default_dtype(dtypes.float32)
    assert dtypes.promote([dtypes.int64], [], [2]) is dtypes.float32
    for wrong in (dtypes.int32, dtypes.complex64, "float32", None):
        with pytest.raises(TypeError, match="only floating-point types are supported as the default type"):
            dtypes.set_default_dtype(wrong)


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64", "complex64", "complex128"])
def test_finfo(name):
    ours, expected = limits.finfo(ALL[name]), torch.finfo(getattr(torch, name))
    for field in ("bits", "eps", "max", "min", "tiny", "smallest_normal", "resolution", "dtype"):
        assert getattr(ours, field) == getattr(expected, field), field
    assert repr(ours) == repr(expected)
    assert ours == limits.finfo(ALL[name]) and hash(ours) == hash(limits.finfo(ALL[name]))


@pytest.mark.parametrize("name", ["uint8", "int8", "int16", "int32", "int64"])
def test_iinfo(name):
    ours, expected = limits.iinfo(ALL[name]), torch.iinfo(getattr(torch, name))
    for field in ("bits", "max", "min", "dtype"):
        assert getattr(ours, field) == getattr(expected, field), field
    # PyTorch's text rounds to six digits.
    assert repr(ours) == f"iinfo(min={expected.min}, max={expected.max}, dtype={name})"


def test_limits_refuse_the_wrong_kind():
    assert limits.finfo() == limits.finfo(dtypes.float32)
    with pytest.raises(TypeError, match="requires a floating point input type"):
        limits.finfo(dtypes.int32)
    with pytest.raises(TypeError, match="requires an integer input type"):
        limits.iinfo(dtypes.float32)
    with pytest.raises(TypeError, match="not supported by kilnn.iinfo"):
        limits.iinfo(dtypes.bool)
    with pytest.raises(TypeError, match="must be kilnn.dtype, not str"):
        limits.finfo("float32")
