"""Dtypes, constants, sizes."""

from tests.yardstick.kit import matrix, vector, word

WORDS = (
    "float32",
    "long",
    "float",
    "float16",
    "bfloat16",
    "int64",
    "float64",
    "bool",
    "int32",
    "uint8",
    "double",
    "int",
    "half",
    "complex64",
    "int8",
    "int16",
    "uint16",
    "float8_e4m3fn",
)


def _dtype(name):
    def recipe(T):
        dtype = getattr(T, name)
        x = T.tensor([1, 0, 2], dtype=T.float32).to(dtype)
        return [word(dtype), word(x.dtype), dtype.itemsize, dtype.is_floating_point, x.to(T.float64)]

    return recipe


RECIPES = {f"torch.{name}": _dtype(name) for name in WORDS} | {
    "torch.dtype": lambda T: [isinstance(T.float32, T.dtype), isinstance(2, T.dtype)],
    "torch.finfo": lambda T: [[T.finfo(d).max, T.finfo(d).eps, T.finfo(d).tiny] for d in (T.float32, T.bfloat16)],
    "torch.Size": lambda T: [
        tuple(T.Size([2, 3])),
        T.Size((2, 3)).numel(),
        isinstance(T.zeros(2).shape, T.Size),
        len(T.Size([1])),
    ],
    "torch.pi": lambda T: T.pi,
    "torch.preserve_format": lambda T: [
        word(T.preserve_format),
        T.empty_like(matrix(T), memory_format=T.preserve_format).fill_(2),
    ],
    "torch.contiguous_format": lambda T: matrix(T).t().contiguous(memory_format=T.contiguous_format),
    "torch.channels_last": lambda T: [
        word(T.channels_last),
        T.ones(1, 2, 2, 2).contiguous(memory_format=T.channels_last),
    ],
    "torch.strided": lambda T: [word(T.strided), T.zeros(2).layout is T.strided],
    "torch.is_floating_point": lambda T: [T.is_floating_point(x) for x in (vector(T), vector(T).int())],
}
