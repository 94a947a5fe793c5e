"""RNN, LSTM, GRU: recurrent layers over whole sequences."""

from __future__ import annotations

import math
import numbers
import warnings
from typing import Any

from kilnn.engine.context import local
from kilnn.nn import init
from kilnn.nn.functional.recurrent import recurrent
from kilnn.nn.module import Module
from kilnn.nn.parameter import Parameter
from kilnn.nn.utils.rnn import PackedSequence, packing_of, padded_of
from kilnn.tensor.create import empty, from_host
from kilnn.tensor.tensor import Tensor

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


class RNNBase(Module):
    """What RNN, LSTM and GRU share: parameters by layer and direction, checks, packed and unbatched input.

    Args:
        mode: "RNN_TANH", "RNN_RELU", "LSTM" or "GRU".
        input_size, hidden_size: sizes of x and h, above 0.
        num_layers: how many layers; each takes the outputs of the one before it.
        bias: whether there are biases.
        batch_first: sequences are (N, T, size) instead of (T, N, size). States are not affected.
        dropout: probability of dropout on the outputs of all layers but the last, while training.
        bidirectional: a second pass from the end to the beginning, its outputs beside those of the first.
        proj_size: size of h after a projection, below hidden_size; 0 for none. LSTM only.
        device, dtype: of the parameters.

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.RNNBase.html
    """

    mode: str
    input_size: int
    hidden_size: int
    num_layers: int
    bias: bool
    batch_first: bool
    dropout: float
    bidirectional: bool
    proj_size: int

    def __init__(
        self, mode: str, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if not isinstance(dropout, numbers.Real) or isinstance(dropout, bool) or not 0 <= dropout <= 1:
            raise ValueError(
                "dropout should be a number in range [0, 1], the probability of an element being zeroed, but got "
                f"{dropout!r}"
            )
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                f"dropout={dropout} does nothing with num_layers=1: it is applied to the outputs of all layers but "
                "the last",
                stacklevel=3,
            )
        for name, flag in (("bias", bias), ("batch_first", batch_first)):
            if not isinstance(flag, bool):
                raise TypeError(f"{name} should be of type bool, got: {type(flag).__name__}")
        for name, size in (("input_size", input_size), ("hidden_size", hidden_size)):
            if not isinstance(size, int):
                raise TypeError(f"{name} should be of type int, got: {type(size).__name__}")
            if size <= 0:
                raise ValueError(f"{name} must be greater than zero, got {size}")
        if num_layers <= 0:
            raise ValueError(f"num_layers must be greater than zero, got {num_layers}")
        if proj_size < 0:
            raise ValueError(f"proj_size should be a positive integer or zero to disable projections, got {proj_size}")
        if proj_size >= hidden_size:
            raise ValueError(f"proj_size has to be smaller than hidden_size, got {proj_size} and {hidden_size}")
        if mode not in _GATES:
            raise ValueError(f"Unrecognized RNN mode: {mode}")
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._names: list[dict[str, str]] = []
        for layer in range(num_layers):
            for suffix in ("", "_reverse")[: self._directions]:
                self._add_layer(layer, suffix, {"device": device, "dtype": dtype})
        self.reset_parameters()

    def _add_layer(self, layer: int, suffix: str, factory: dict[str, Any]) -> None:
        size = self.input_size if layer == 0 else self._state_size * self._directions
        rows = _GATES[self.mode] * self.hidden_size
        shapes: dict[str, tuple[str, tuple[int, ...]]] = {
            "w_ih": ("weight_ih", (rows, size)), "w_hh": ("weight_hh", (rows, self._state_size))
        }  # fmt: skip
        if self.bias:
            shapes |= {"b_ih": ("bias_ih", (rows,)), "b_hh": ("bias_hh", (rows,))}
        if self.proj_size:
            shapes["w_hr"] = ("weight_hr", (self.proj_size, self.hidden_size))
        names = {short: f"{long}_l{layer}{suffix}" for short, (long, _) in shapes.items()}
        for short, (_, shape) in shapes.items():
            self.register_parameter(names[short], Parameter(empty(shape, **factory)))
        self._names.append(names)

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def _state_size(self) -> int:
        return self.proj_size or self.hidden_size

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names.values()] for names in self._names]

    def reset_parameters(self) -> None:
        """Draw initial values again: uniform in +-1 / sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def flatten_parameters(self) -> None:
        """Does nothing: how parameters lie in memory is the engine's business."""

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        usual = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0}
        for name, value in (usual | {"bidirectional": False}).items():
            if getattr(self, name) != value:
                text += f", {name}={getattr(self, name)}"
        return text

    # -- the pass ---------------------------------------------------------------------------------------------------

    def _run(self, input: Any, states: dict[str, Tensor]) -> tuple[Any, list[Tensor]]:
        """The output and the last states of a batched, unbatched or packed input."""
        if isinstance(input, PackedSequence):
            return self._run_packed(input, states)
        if input.dim() not in (2, 3):
            raise ValueError(
                f"{self._get_name()}: Expected input to be 2D (T, size) or 3D, got {input.dim()}D tensor instead"
            )
        batched = input.dim() == 3
        for name, state in states.items():
            if state.dim() != input.dim():
                kind = "batched" if batched else "unbatched"
                raise RuntimeError(
                    f"For {kind} {input.dim()}-D input, {name}x should also be {input.dim()}-D but got "
                    f"{state.dim()}-D tensor"
                )
        batch_dim = 0 if self.batch_first else 1
        if not batched:
            input = input.unsqueeze(batch_dim)
            states = {name: state.unsqueeze(1) for name, state in states.items()}
        self._check(input, states, input.size(batch_dim))
        output, ends = self._layers(input.transpose(0, 1) if self.batch_first else input, states, None)
        if self.batch_first:
            output = output.transpose(0, 1)
        return (output, ends) if batched else (output.squeeze(batch_dim), [end.squeeze(1) for end in ends])

    def _run_packed(self, input: PackedSequence, states: dict[str, Tensor]) -> tuple[PackedSequence, list[Tensor]]:
        packing = packing_of(input)
        padded = padded_of(input, packing)
        if padded.dim() != 3:
            raise RuntimeError(f"input must have 2 dimensions, got {padded.dim() - 1}")
        self._check(padded, states, packing.count)
        order, back = input.sorted_indices, input.unsorted_indices
        if order is not None:
            states = {name: state.index_select(1, order) for name, state in states.items()}
        output, ends = self._layers(padded, states, from_host(packing.falling))
        if back is not None:
            ends = [end.index_select(1, back) for end in ends]
        return PackedSequence._padded(output, input.batch_sizes, order, back), ends

    def _layers(self, input: Tensor, states: dict[str, Tensor], lengths: Tensor | None) -> tuple[Tensor, list[Tensor]]:
        weights = [{short: getattr(self, name) for short, name in names.items()} for names in self._names]
        p = self.dropout if self.training else 0.0
        return recurrent(self.mode, input, states, weights, lengths, self._directions, p)

    def _check(self, input: Tensor, states: dict[str, Tensor], count: int) -> None:
        dtype = getattr(self, self._names[0]["w_ih"]).dtype
        if input.dtype is not dtype and local.context.autocast is None:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({dtype}). Convert input: "
                f"input.to({dtype}), or convert model: model.to({input.dtype})"
            )
        if input.size(-1) != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.size(-1)}"
            )
        for place, (name, state) in enumerate(states.items()):
            size = self._state_size if name == "h" else self.hidden_size
            expected = (self.num_layers * self._directions, count, size)
            if tuple(state.shape) != expected:
                which = f"hidden[{place}]" if self.mode == "LSTM" else "hidden"
                raise RuntimeError(f"Expected {which} size {expected}, got {list(state.shape)}")


class _OneState(RNNBase):
    """A layer whose state is h alone."""

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        if hx is not None and not isinstance(hx, Tensor):
            raise TypeError(f"{self._get_name()}: hx must be a tensor or None, but got {type(hx).__name__}")
        output, (h,) = self._run(input, {} if hx is None else {"h": hx})
        return output, h


class RNN(_OneState):
    """h_t = act(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh) for each step t of a sequence, act = tanh or relu.

    Args:
        input_size, hidden_size: sizes of x and h.
        num_layers: how many layers on top of each other.
        nonlinearity: "tanh" or "relu".
        bias: whether there are b_ih and b_hh.
        batch_first: x and the output are (N, T, size) instead of (T, N, size).
        dropout: probability in [0, 1] of dropout between layers, while training.
        bidirectional: also from the end to the beginning.
        device, dtype: of the parameters.

    Inputs: x (T, N, input_size), (T, input_size) or a `PackedSequence`; hx (layers * directions, N, hidden_size), or
    None for zeros.

    Returns: the h of the last layer for each step (T, N, directions * hidden_size), and the last h of each layer and
    direction. Packed input gives packed output.

    Raises: RuntimeError when sizes do not fit, ValueError for another number of dimensions or dtype.

    Attributes: `weight_ih_l{k}`, `weight_hh_l{k}`, `bias_ih_l{k}`, `bias_hh_l{k}`, with `_reverse` for the second
    direction; uniform in +-1 / sqrt(hidden_size) at first.

    Example:
        >>> import kilnn
        >>> output, h = kilnn.nn.RNN(3, 4, num_layers=2)(kilnn.ones(5, 2, 3))
        >>> output.shape, h.shape
        (kilnn.Size([5, 2, 4]), kilnn.Size([2, 2, 4]))

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.RNN.html
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh", bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, device: Any = None,
        dtype: Any = None, **others: Any,
    ) -> None:  # fmt: skip
        _refuse(others, "RNN")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(
            f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, bias, batch_first, dropout,
            bidirectional, device=device, dtype=dtype,
        )  # fmt: skip
        self.nonlinearity = nonlinearity


class GRU(_OneState):
    """For each step, with r, z = sigmoid of two affine maps of x_t and h_(t-1):
    n = tanh(W_in x_t + b_in + r (W_hn h_(t-1) + b_hn)), h_t = (1 - z) n + z h_(t-1).

    Args:
        input_size, hidden_size: sizes of x and h.
        num_layers: how many layers on top of each other.
        bias: whether there are biases.
        batch_first: x and the output are (N, T, size) instead of (T, N, size).
        dropout: probability in [0, 1] of dropout between layers, while training.
        bidirectional: also from the end to the beginning.
        device, dtype: of the parameters.

    Inputs, results, errors and attributes are those of `RNN`; weights hold the parts r, z, n one above the other.

    Example:
        >>> import kilnn
        >>> output, h = kilnn.nn.GRU(3, 4, bidirectional=True)(kilnn.ones(5, 2, 3))
        >>> output.shape, h.shape
        (kilnn.Size([5, 2, 8]), kilnn.Size([2, 2, 4]))

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.GRU.html
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
        dropout: float = 0.0, bidirectional: bool = False, device: Any = None, dtype: Any = None, **others: Any,
    ) -> None:  # fmt: skip
        _refuse(others, "GRU")
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device=device,
            dtype=dtype,
        )  # fmt: skip


class LSTM(RNNBase):
    """For each step, with i, f, g, o = affine maps of x_t and h_(t-1):
    c_t = sigmoid(f) c_(t-1) + sigmoid(i) tanh(g), h_t = sigmoid(o) tanh(c_t), or W_hr of it with proj_size.

    Args:
        input_size, hidden_size: sizes of x and c, and of h without proj_size.
        num_layers: how many layers on top of each other.
        bias: whether there are biases.
        batch_first: x and the output are (N, T, size) instead of (T, N, size).
        dropout: probability in [0, 1] of dropout between layers, while training.
        bidirectional: also from the end to the beginning.
        proj_size: size of h, below hidden_size; 0 for no projection.
        device, dtype: of the parameters.

    Inputs: x (T, N, input_size), (T, input_size) or a `PackedSequence`; hx = (h, c), each (layers * directions, N,
    size), or None for zeros.

    Returns: the h of the last layer for each step, and (last h, last c) of each layer and direction. Packed input gives
    packed output.

    Raises: RuntimeError when sizes do not fit, ValueError for another number of dimensions or dtype.

    Attributes: `weight_ih_l{k}`, `weight_hh_l{k}`, `bias_ih_l{k}`, `bias_hh_l{k}` and, with proj_size,
    `weight_hr_l{k}`; `_reverse` is appended for the second direction. They hold the parts i, f, g, o one above
    the other and are uniform in +-1 / sqrt(hidden_size) at first.

    Example:
        >>> import kilnn
        >>> output, (h, c) = kilnn.nn.LSTM(3, 4, batch_first=True, proj_size=2)(kilnn.ones(2, 5, 3))
        >>> output.shape, h.shape, c.shape
        (kilnn.Size([2, 5, 2]), kilnn.Size([1, 2, 2]), kilnn.Size([1, 2, 4]))

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.LSTM.html
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
        dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size, device,
            dtype,
        )  # fmt: skip

    def forward(self, input: Any, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Any, tuple[Tensor, Tensor]]:
        if hx is not None and (isinstance(hx, Tensor) or len(hx) != 2):
            raise RuntimeError("LSTM: hx must be the pair (h, c), but got " + (
                f"one tensor of shape {tuple(hx.shape)}" if isinstance(hx, Tensor) else f"{len(hx)} values"
            ))  # fmt: skip
        output, (h, c) = self._run(input, {} if hx is None else {"h": hx[0], "c": hx[1]})
        return output, (h, c)


def _refuse(others: dict[str, Any], name: str) -> None:
    if "proj_size" in others:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
    if others:
        raise TypeError(f"{name}.__init__() got an unexpected keyword argument '{next(iter(others))}'")
