"""Testing, compiling, and other tools around a model."""

import warnings

from tests.yardstick.kit import mask, matrix, square


def _close(T):
    T.testing.assert_close(matrix(T), matrix(T) + 1e-7, rtol=1e-4, atol=1e-4)
    try:
        T.testing.assert_close(matrix(T), matrix(T) + 1)
    except AssertionError:
        return "raises"
    return "returns"


def _coo(T):
    return T.sparse_coo_tensor(T.tensor([[0, 1, 1], [2, 0, 2]]), T.tensor([3, 4, 5]), size=(2, 4), dtype=T.float32)


def _to_sparse(T):
    s = T.eye(3).mul(2).to_sparse()
    return [s.indices(), s.values(), T.sparse.mm(s, square(T))]


def _scaled_mm(T):
    a, b = (matrix(T).to(T.float8_e4m3fn) for _ in range(2))
    one, rows = T.tensor(0.5), T.tensor([[1.0], [2.0]])
    return [
        T._scaled_mm(a, b.t(), scale_a=one, scale_b=one * 3, out_dtype=T.bfloat16, use_fast_accum=True),
        T._scaled_mm(a, b.t(), rows, rows.t().contiguous(), bias=T.ones(2, dtype=T.bfloat16), out_dtype=T.bfloat16),
    ]


def _masked(T):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        m = T.masked.masked_tensor(matrix(T), mask(T), requires_grad=True)
        (m * 2).exp().sum(dim=1).sum().backward()
        return [m.detach().mean(dim=0).to_tensor(0.0), m.grad.to_tensor(0.0), repr(m.detach())]


def _reset(T):
    T._dynamo.reset()
    return matrix(T) * 2


RECIPES = {
    "torch.masked.masked_tensor": _masked,
    "torch._dynamo.reset": _reset,
    "torch._scaled_mm": _scaled_mm,
    "torch.sparse_coo_tensor": lambda T: [_coo(T).to_dense(), _coo(T) @ T.ones(4, 2), _coo(T).is_sparse],
    "Tensor.to_sparse": _to_sparse,
    "Tensor._values": lambda T: _coo(T)._values(),
    "torch.testing.assert_close": _close,
    "torch.testing.make_tensor": lambda T: [
        tuple(T.testing.make_tensor((2, 3), dtype=T.float32, device="cpu", low=0, high=1).shape),
        T.testing.make_tensor(4, dtype=T.int64, device="cpu", low=3, high=4),
    ],
}
