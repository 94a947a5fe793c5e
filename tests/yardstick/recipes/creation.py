"""Making tensors: from data, from sizes, from random numbers; the legacy classes."""

import numpy as np

from tests.yardstick.kit import matrix, vector, whole, word


def _seeded(make):
    def recipe(T):
        T.manual_seed(3)
        return make(T)

    return recipe


def _sized(name):
    def recipe(T):
        make = getattr(T, name)
        out = T.ones(2, 3)
        out_same = make(2, 3, out=out) is out
        found = [
            make(2, 3),
            make((2,), dtype=T.float64, device="cpu"),
            make(size=(3,), requires_grad=True),
            out_same,
            make(2, layout=T.strided),
            make([2, 1], pin_memory=False),
        ]
        return [[tuple(t.shape), word(t.dtype)] for t in found[:3]] if name == "empty" else found

    return recipe


def _drawn(name):
    def recipe(T):
        make = getattr(T, name)
        T.manual_seed(3)
        out = T.empty(2, 3)
        make(2, 3, out=out)
        generator = T.Generator().manual_seed(5)
        return [
            make(2, 3),
            make(size=(4,), dtype=T.float64),
            make((2,), generator=generator, device="cpu"),
            out,
            make(2, requires_grad=True, layout=T.strided),
            make(3, pin_memory=False),
        ]

    return recipe


def _tensor(T):
    return [
        T.tensor([[1, 2], [3, 4]]),
        T.tensor(2.5, dtype=T.float64, device="cpu"),
        T.tensor([1.0], requires_grad=True),
        T.tensor(np.arange(3.0)),
        T.tensor([True, False], pin_memory=False),
        T.tensor([]),
    ]


def _legacy(name):
    def recipe(T):
        make = getattr(T, name)
        return [
            make([[1, 2], [3, 4]]),
            tuple(make(2, 3).shape),
            isinstance(make([1]), make),
            isinstance(T.zeros(1, dtype=T.complex64), make),
        ]

    return recipe


RECIPES = {
    "torch.tensor": _tensor,
    "torch.Tensor": lambda T: [
        T.Tensor([1, 2]),
        tuple(T.Tensor(2, 3).shape),
        tuple(T.Tensor(T.Size([2])).shape),
        isinstance(T.ones(1), T.Tensor),
        T.Tensor([1.0], device="cpu"),
    ],
    "torch.LongTensor": _legacy("LongTensor"),
    "torch.FloatTensor": _legacy("FloatTensor"),
    "torch.IntTensor": _legacy("IntTensor"),
    "torch.ByteTensor": _legacy("ByteTensor"),
    "torch.zeros": _sized("zeros"),
    "torch.ones": _sized("ones"),
    "torch.empty": _sized("empty"),
    "torch.randn": _drawn("randn"),
    "torch.rand": _drawn("rand"),
    "torch.full": lambda T: [
        T.full((2, 2), 3),
        T.full(size=(2,), fill_value=0.5, dtype=T.float64, device="cpu", requires_grad=True),
    ],
    "torch.arange": lambda T: [
        T.arange(4),
        T.arange(1, 7, 2),
        T.arange(start=0, end=1, step=0.25, device="cpu"),
        T.arange(3, dtype=T.float32, requires_grad=True),
        T.arange(2, out=T.zeros(2, dtype=T.int64)),
    ],
    "torch.linspace": lambda T: T.linspace(0, 1, steps=5, dtype=T.float64, device="cpu", requires_grad=True),
    "torch.eye": lambda T: [T.eye(2), T.eye(2, 3, dtype=T.int64), T.eye(2, device="cpu", requires_grad=True)],
    "torch.zeros_like": lambda T: [
        T.zeros_like(matrix(T)),
        T.zeros_like(input=whole(T), dtype=T.float32, device="cpu"),
        T.zeros_like(matrix(T), memory_format=T.preserve_format),
    ],
    "torch.ones_like": lambda T: [
        T.ones_like(whole(T)),
        T.ones_like(matrix(T), dtype=T.int32, device="cpu", memory_format=T.contiguous_format),
    ],
    "torch.empty_like": lambda T: [
        (*t.shape, word(t.dtype), t.requires_grad)
        for t in (
            T.empty_like(matrix(T)),
            T.empty_like(whole(T), dtype=T.float32, device="cpu", layout=T.strided),
            T.empty_like(matrix(T), requires_grad=True, pin_memory=False, memory_format=T.preserve_format),
        )
    ],
    "torch.full_like": lambda T: [
        T.full_like(matrix(T), 2),
        T.full_like(whole(T), fill_value=1.5, dtype=T.float64, device="cpu", memory_format=T.preserve_format),
    ],
    "torch.rand_like": _seeded(lambda T: [T.rand_like(matrix(T)), T.rand_like(whole(T), dtype=T.float32)]),
    "torch.randn_like": _seeded(
        lambda T: [T.randn_like(matrix(T)), T.randn_like(whole(T), dtype=T.float64, device="cpu")]
    ),
    "torch.randint": _seeded(
        lambda T: [
            T.randint(10, (4,)),
            T.randint(2, 5, (2, 3)),
            T.randint(low=0, high=9, size=(3,), dtype=T.int32, device="cpu"),
            T.randint(5, (2,), generator=T.Generator().manual_seed(1)),
            T.randint(3, (2,), layout=T.strided),
        ]
    ),
    "torch.randperm": _seeded(
        lambda T: [T.randperm(6), T.randperm(4, dtype=T.int32, device="cpu", generator=T.Generator().manual_seed(1))]
    ),
    "torch.normal": _seeded(
        lambda T: [
            T.normal(0.0, 1.0, size=(3,)),
            T.normal(mean=vector(T), std=vector(T).abs()),
            T.normal(0.0, 2.0, size=(2,), device="cpu", requires_grad=True),
        ]
    ),
    "torch.multinomial": _seeded(
        lambda T: [
            T.multinomial(T.tensor([0.1, 0.2, 0.7]), num_samples=2),
            T.multinomial(T.tensor([0.1, 0.9]), 4, replacement=True, generator=T.Generator().manual_seed(1)),
        ]
    ),
    "torch.from_numpy": lambda T: [T.from_numpy(np.arange(6).reshape(2, 3)), T.from_numpy(np.ones(2, np.float32))],
    "torch.as_tensor": lambda T: [T.as_tensor([1, 2], dtype=T.float32, device="cpu"), T.as_tensor(np.arange(2.0))],
    "torch.scalar_tensor": lambda T: [T.scalar_tensor(2), T.scalar_tensor(3, dtype=T.int64)],
    "torch.manual_seed": _seeded(lambda T: [T.manual_seed(seed=2).initial_seed(), T.rand(2)]),
    "torch.random.manual_seed": lambda T: [T.random.manual_seed(seed=4).initial_seed(), T.rand(2)],
    "torch.Generator": lambda T: T.rand(2, generator=T.Generator(device="cpu").manual_seed(9)),
    "torch.meshgrid": lambda T: [
        T.meshgrid(T.arange(2), T.arange(3), indexing="ij"),
        T.meshgrid([T.arange(2), T.arange(3)], indexing="xy"),
    ],
}
