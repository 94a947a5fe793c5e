"""Testing, compiling, and other tools around a model."""

from tests.yardstick.kit import matrix


def _close(T):
    T.testing.assert_close(matrix(T), matrix(T) + 1e-7, rtol=1e-4, atol=1e-4)
    try:
        T.testing.assert_close(matrix(T), matrix(T) + 1)
    except AssertionError:
        return "raises"
    return "returns"


RECIPES = {
    "torch.testing.assert_close": _close,
    "torch.testing.make_tensor": lambda T: [
        tuple(T.testing.make_tensor((2, 3), dtype=T.float32, device="cpu", low=0, high=1).shape),
        T.testing.make_tensor(4, dtype=T.int64, device="cpu", low=3, high=4),
    ],
}
