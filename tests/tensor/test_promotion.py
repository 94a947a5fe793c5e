"""Which dtype comes out: 12 x 12 dtypes x 20 operations x 5 kinds of operands, against PyTorch's.

Results are compared in dtype only (values have their own tests), or in the type of the error.
"""

import itertools
import operator

import pytest
import torch

import kilnn
from kilnn.base.dtypes import DTYPES
from tests.oracle import outcome

NAMES = [dtype.name for dtype in DTYPES]
OPERATIONS = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "truediv": operator.truediv,
    "floordiv": operator.floordiv, "mod": operator.mod, "pow": operator.pow, "eq": operator.eq, "lt": operator.lt,
    "and": operator.and_, "or": operator.or_, "xor": operator.xor, "lshift": operator.lshift,
    **{name: None for name in ("maximum", "fmod", "atan2", "logical_and", "where", "copysign", "logaddexp")},
}  # fmt: skip
NUMBERS = {"bool": True, "int": 2, "float": 1.5, "complex": 1j}

# Where PyTorch has a 16-bit complex dtype kilnn has complex64.
STANDS_FOR = {"complex32": "complex64"}


def result_of(library, name, a, b):
    operation = OPERATIONS[name]
    if name == "where":
        return library.where(library.tensor([True]), a, b)
    return getattr(library, name)(a, b) if operation is None else operation(a, b)


NO_KERNEL = "no kernel"
"""PyTorch has no code for its 16-bit complex dtype here: nothing to agree with."""


def verdict(library, name, a, b):
    """The name of the result's dtype, or that it raises."""
    done = outcome(lambda: result_of(library, name, a, b))
    if done.error is not None:
        return NO_KERNEL if "ComplexHalf" in str(done.error) else "raises"
    word = str(done.result.dtype).rsplit(".", 1)[-1]
    return STANDS_FOR.get(word, word)


def operand(library, dtype, rank):
    return library.ones((1,) * rank, dtype=getattr(library, dtype))


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", OPERATIONS)
def test_tensors(name):
    assert len(NAMES) == 12 and len(OPERATIONS) == 20
    wrong = []
    for (a, b), (i, j) in itertools.product(itertools.product(NAMES, NAMES), ((1, 1), (0, 1), (1, 0), (0, 0))):
        ours, theirs = (verdict(T, name, operand(T, a, i), operand(T, b, j)) for T in (kilnn, torch))
        if theirs not in (ours, NO_KERNEL):
            wrong.append(f"{a}[{i}], {b}[{j}]: {ours}, PyTorch {theirs}")
    assert not wrong, f"{len(wrong)}: " + "; ".join(wrong[:12])


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", [n for n in OPERATIONS if n not in ("maximum", "atan2", "logical_and", "logaddexp")])
def test_numbers(name):
    wrong = []
    for a, kind, rank in itertools.product(NAMES, NUMBERS, (0, 1)):
        for left in (False, True):
            if left and name in ("copysign", "fmod"):
                continue

            def run(T):
                pair = operand(T, a, rank), NUMBERS[kind]
                return verdict(T, name, *(reversed(pair) if left else pair))

            ours, theirs = run(kilnn), run(torch)
            if theirs not in (ours, NO_KERNEL):
                wrong.append(f"{a}[{rank}], {kind}{' left' * left}: {ours}, PyTorch {theirs}")
    assert not wrong, f"{len(wrong)}: " + "; ".join(wrong[:12])


def test_a_wrong_dtype_is_noticed(monkeypatch):
    monkeypatch.setitem(OPERATIONS, "add", lambda a, b: a.double() if isinstance(a, kilnn.Tensor) else a + b)
    with pytest.raises(AssertionError, match="PyTorch"):
        test_tensors("add")
