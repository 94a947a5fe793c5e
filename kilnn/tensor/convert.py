"""From tensors to Python, NumPy and JAX: together with printing and saving, the only implicit reads of values."""

from __future__ import annotations

from typing import Any

import numpy as np

from kilnn.engine import explain, views
from kilnn.engine.error_word import PENDING
from kilnn.engine.host import array_of, data_of
from kilnn.engine.placement import to_device


def observed(x: Any) -> np.ndarray[Any, Any]:
    """The tensor's array, after running what it waits for; counted and blamed on the user's line as a read."""
    value = views.value_of_tensor(x)
    explain.count_read([value])
    array = array_of(value)
    PENDING.raise_first()
    return array


class ConvertMethods:
    """item, tolist, numpy, bool, float, int, index, array, DLPack, jax."""

    __slots__ = ()

    def item(self: Any) -> Any:
        """The value of a one-element tensor as a Python number.

        Raises:
            RuntimeError: the tensor has more or fewer than one element.

        Example:
            >>> import kilnn
            >>> kilnn.tensor([2.5]).item()
            2.5
        """
        aval = views.value_of_tensor(self).aval
        if aval.size != 1:
            raise RuntimeError(f"a Tensor with {aval.size} elements cannot be converted to Scalar")
        return observed(self).item()

    def tolist(self: Any) -> Any:
        """Nested lists of Python numbers; a number for a 0-dimensional tensor."""
        return observed(self).tolist()

    def numpy(self: Any, *, force: bool = False) -> np.ndarray[Any, Any]:
        """The values as a NumPy array.

        Args:
            force: detach first instead of raising for a tensor that requires grad.

        Differs from PyTorch: the array is a copy; writing to it does not change the tensor.
        """
        if self.requires_grad and not force:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        if self.aval.device != "cpu" and not force:
            raise TypeError(
                f"can't convert {self.aval.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to "
                "host memory first."
            )
        return np.array(observed(self))

    def jax(self: Any) -> Any:
        """The values as a jax.Array, without a copy where they already are one. kilnn never reuses that buffer."""
        value = views.value_of_tensor(self)
        data = data_of(value)
        if isinstance(data, np.ndarray):
            value.data = data = to_device(data, value.aval.device)
        return data

    def __array__(self: Any, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        array: np.ndarray[Any, Any] = self.numpy()
        return array if dtype is None else array.astype(dtype)

    def __dlpack__(self: Any, **kwargs: Any) -> Any:
        return self.jax().__dlpack__(**kwargs)

    def __dlpack_device__(self: Any) -> Any:
        return self.jax().__dlpack_device__()

    def __bool__(self: Any) -> bool:
        aval = views.value_of_tensor(self).aval
        if aval.size == 0:
            raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
        if aval.size > 1:
            raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
        return bool(observed(self).item())

    def __float__(self: Any) -> float:
        return float(_only_element(self))

    def __int__(self: Any) -> int:
        return int(_only_element(self))

    def __complex__(self: Any) -> complex:
        return complex(_only_element(self))

    def __index__(self: Any) -> int:
        aval = views.value_of_tensor(self).aval
        if aval.size != 1 or aval.dtype.kind not in "iub":
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __format__(self: Any, spec: str) -> str:
        if views.value_of_tensor(self).aval.shape == ():
            return self.item().__format__(spec)  # type: ignore[no-any-return]  # a str
        return object.__format__(self, spec)

    def __contains__(self: Any, element: Any) -> bool:
        return bool((self == element).any().item())


def _only_element(x: Any) -> Any:
    if views.value_of_tensor(x).aval.size != 1:
        raise ValueError("only one element tensors can be converted to Python scalars")
    return x.item()
