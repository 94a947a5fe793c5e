"""The comparison of expressions must notice differences: it is fed some."""

import numpy as np
import pytest

import kilnn
from tests.oracle import Difference
from tests.tensor import expressions
from tests.tensor.expressions import check


def test_accepts_equal_results():
    check("x * y + row", gradients=True)
    check("x + T.zeros(7)", text=True)


@pytest.mark.parametrize(
    "source",
    [
        "x + (0.001 if T.__name__ == 'kilnn' else 0)",
        "x.double() if T.__name__ == 'kilnn' else x",
        "x.t() if T.__name__ == 'kilnn' else x.t().contiguous()",
        "x[5] if T.__name__ == 'kilnn' else x",
    ],
)
def test_notices_differences(source):
    with pytest.raises(Difference):
        check(source)


def test_notices_a_wrong_gradient():
    with pytest.raises(Difference, match="gradient of x"):
        check("x * x if T.__name__ == 'torch' else x * x.detach()", gradients=True)


def test_notices_a_wrong_text():
    with pytest.raises(Difference):
        check("T.zeros(2) + T.zeros(3 if T.__name__ == 'torch' else 4)", text=True)


def test_each_run_gets_its_own_tensors():
    names = expressions.environment(kilnn, False)
    names["x"].zero_()
    assert np.any(expressions.environment(kilnn, False)["x"].numpy())
