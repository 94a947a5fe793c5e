"""Tensors: making them, their shapes and dtypes, arithmetic, views, random numbers.

You learn what a tensor is, what broadcasting does, which operations share memory with the tensor they came from,
and how to go to NumPy and back. No gradients yet.
"""

import numpy as np

import kilnn

# A tensor is an array with a shape, a dtype and a device. Python floats become float32, Python ints int64.
x = kilnn.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
n = kilnn.tensor([1, 2, 3])
print("x:", x.shape, x.dtype, x.device)
print("n:", n.shape, n.dtype)
assert x.shape == (2, 3) and x.dtype == kilnn.float32 and n.dtype == kilnn.int64

# Other ways to make one. The `_like` functions copy shape and dtype.
print("zeros_like(x):", kilnn.zeros_like(x))
print("arange, linspace:", kilnn.arange(4), kilnn.linspace(0, 1, 5))

# Arithmetic is element by element; mixed dtypes are promoted as little as possible. `@` is the matrix product.
print("x * n:", x * n)  # int64 meets float32: float32
print("n / 2:", n / 2, " n // 2:", n // 2)
print("x @ x.T:", x @ x.T)

# Broadcasting: shapes are aligned at the right, and sizes of 1 are stretched.
rows = kilnn.tensor([[10.0], [20.0]])  # (2, 1)
print("x + rows:", x + rows)  # (2, 3) + (2, 1) -> (2, 3)
try:
    x + kilnn.ones(2)  # (2, 3) + (2,): 3 and 2 do not fit
except RuntimeError as error:
    print("RuntimeError:", str(error).splitlines()[0])

# Reductions take a `dim`; `keepdim=True` keeps it with size 1, ready for broadcasting.
centred = x - x.mean(dim=1, keepdim=True)
print("rows centred:", centred, " row sums:", centred.sum(1))
values, places = x.max(dim=0)
print("column maxima:", values, "in rows", places)

# Subscripts are NumPy's. Slices, `view`, `T` and `unsqueeze` are views: they share memory with `x`.
first_row = x[0]
first_row.add_(100)  # the trailing underscore: in place
print("x after writing to a view of it:", x)
picked = x[:, [0, 2]]  # a list of positions makes a copy
picked.zero_()
assert x[0, 0] == 101
print("elements above 5:", x[x > 5])

# Shapes can be changed as long as the number of elements stays; -1 is worked out.
pixels = kilnn.arange(24).reshape(2, 3, -1)
print("reshape:", pixels.shape, " permute:", pixels.permute(2, 0, 1).shape, " flatten:", pixels.flatten(1).shape)
print("cat, stack:", kilnn.cat([x, x]).shape, kilnn.stack([x, x]).shape)

# One seed fixes all that follows. (The numbers are those of PyTorch's CPU generator.)
kilnn.manual_seed(0)
a = kilnn.randn(3)
kilnn.manual_seed(0)
assert kilnn.equal(a, kilnn.randn(3))
print("randn(3) after manual_seed(0):", a)
print("randperm(5):", kilnn.randperm(5))

# Out of the library and back. `item` is for one number, `tolist` for all, `numpy` for arrays.
total = x.sum().item()
print("total:", total, type(total).__name__)
array = x.numpy()
assert isinstance(array, np.ndarray)
assert kilnn.equal(kilnn.from_numpy(array), x)
