"""RNNCell, LSTMCell, GRUCell: one time step."""

from __future__ import annotations

import math
from typing import Any

from kilnn.nn import functional as F, init
from kilnn.nn.module import Module
from kilnn.nn.parameter import Parameter
from kilnn.tensor.create import empty, zeros
from kilnn.tensor.tensor import Tensor


class RNNCellBase(Module):
    """The parameters of a cell with `num_chunks` gates: uniform in +-1 / sqrt(hidden_size) at first."""

    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor | None
    bias_hh: Tensor | None

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        self.weight_ih = Parameter(empty((rows, input_size), device=device, dtype=dtype))
        self.weight_hh = Parameter(empty((rows, hidden_size), device=device, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(empty(rows, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw initial values again."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        nonlinearity = self.__dict__.get("nonlinearity", "tanh")
        return text if nonlinearity == "tanh" else f"{text}, nonlinearity={nonlinearity}"

    def _check(self, input: Tensor, states: tuple[Tensor, ...] | None) -> None:
        name = type(self).__name__
        if input.dim() not in (1, 2):
            raise ValueError(f"{name}: Expected input to be 1D or 2D, got {input.dim()}D instead")
        if input.size(-1) != self.input_size:
            raise RuntimeError(f"input has inconsistent input_size: got {input.size(-1)} expected {self.input_size}")
        for place, state in enumerate(states or ()):
            if state.dim() not in (1, 2):
                which = "hidden" if len(states or ()) == 1 else f"hx[{place}]"
                raise ValueError(f"{name}: Expected {which} to be 1D or 2D, got {state.dim()}D instead")
            if state.size(-1) != self.hidden_size:
                raise RuntimeError(
                    f"hidden{place} has inconsistent hidden_size: got {state.size(-1)}, expected {self.hidden_size}"
                )
            if input.dim() == 2 and state.dim() == 2 and state.size(0) != input.size(0):
                raise RuntimeError(
                    f"Input batch size {input.size(0)} doesn't match hidden{place} batch size {state.size(0)}"
                )

    def _start(self, input: Tensor) -> Tensor:
        return zeros((*input.shape[:-1], self.hidden_size), dtype=input.dtype, device=input.device)


class RNNCell(RNNCellBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu.

    Args:
        input_size, hidden_size: sizes of x and h.
        bias: whether there are b_ih and b_hh.
        nonlinearity: "tanh" or "relu".

    Shape: x (N, input_size) or (input_size), h and h' (N, hidden_size) or (hidden_size).

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.RNNCell.html
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        self._check(input, None if hx is None else (hx,))
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        hx = self._start(input) if hx is None else hx
        total = F.linear(input, self.weight_ih, self.bias_ih) + F.linear(hx, self.weight_hh, self.bias_hh)
        return total.tanh() if self.nonlinearity == "tanh" else F.relu(total)


class LSTMCell(RNNCellBase):
    """i, f, g, o = the four parts of W_ih x + b_ih + W_hh h + b_hh;
    c' = sigmoid(f) c + sigmoid(i) tanh(g), h' = sigmoid(o) tanh(c').

    Args:
        input_size, hidden_size: sizes of x and of h and c.
        bias: whether there are b_ih and b_hh.

    Shape: x (N, input_size), (h, c) and (h', c') each (N, hidden_size); all without N as well.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LSTMCell.html
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        self._check(input, None if hx is None else tuple(hx))
        h, c = (self._start(input),) * 2 if hx is None else hx
        gates = F.linear(input, self.weight_ih, self.bias_ih) + F.linear(h, self.weight_hh, self.bias_hh)
        i, f, g, o = gates.chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


class GRUCell(RNNCellBase):
    """r, z = sigmoid of the first two parts of W_ih x + b_ih + W_hh h + b_hh;
    n = tanh(x's third part + r * h's third part), h' = (1 - z) n + z h.

    Args:
        input_size, hidden_size: sizes of x and h.
        bias: whether there are b_ih and b_hh.

    Shape: x (N, input_size), h and h' (N, hidden_size); all without N as well.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.GRUCell.html
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        self._check(input, None if hx is None else (hx,))
        hx = self._start(input) if hx is None else hx
        r, z, n = F.linear(input, self.weight_ih, self.bias_ih).chunk(3, -1)
        hr, hz, hn = F.linear(hx, self.weight_hh, self.bias_hh).chunk(3, -1)
        new = (n + (r + hr).sigmoid() * hn).tanh()
        return new + (z + hz).sigmoid() * (hx - new)
