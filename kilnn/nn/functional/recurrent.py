"""Recurrent layers over sequences: what `nn.RNN`, `nn.LSTM` and `nn.GRU` compute, layer by layer."""

from __future__ import annotations

from typing import Any

from kilnn.engine.autocast import matched
from kilnn.nn.functional.dropout import dropout
from kilnn.ops import recurrent as ops
from kilnn.tensor.doors import record_many
from kilnn.tensor.functions.joining import cat, stack
from kilnn.tensor.tensor import Tensor

_MODES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "RNN_TANH": (ops.rnn, (False,)), "RNN_RELU": (ops.rnn, (True,)), "LSTM": (ops.lstm, ()), "GRU": (ops.gru, ())
}  # fmt: skip


def recurrent(
    mode: str, input: Tensor, states: dict[str, Tensor], weights: list[dict[str, Tensor]], lengths: Tensor | None,
    directions: int, p: float,
) -> tuple[Tensor, list[Tensor]]:  # fmt: skip
    """Layers on top of each other, each in one or two directions; one recorded operation for each.

    Args:
        mode: "RNN_TANH", "RNN_RELU", "LSTM" or "GRU".
        input: (T, N, size).
        states: "h" (and "c" for an LSTM), each (layers * directions, N, size), or none of them for zeros.
        weights: for each layer and direction "w_ih", "w_hh" and, where there are any, "b_ih", "b_hh", "w_hr".
        lengths: (N), or None where all sequences have T steps.
        p: probability of dropout between layers; 0 for none.

    Returns: (T, N, directions * size), and the last states stacked as `states` are.
    """
    op, fixed = _MODES[mode]
    masks = {} if lengths is None else {"lengths": lengths}
    last: list[tuple[Tensor, ...]] = []
    for layer in range(0, len(weights), directions):
        if layer and p:
            input = dropout(input, p)
        outputs = []
        for place in range(layer, layer + directions):
            starts = {name: state[place] for name, state in states.items()}
            given = {"x": input, **starts, **weights[place], **masks}
            output, *ends = record_many(op, matched(tuple(given.values())), (*fixed, place > layer, tuple(given)))
            outputs.append(output)
            last.append(tuple(ends[: 2 if mode == "LSTM" else 1]))
        input = outputs[0] if directions == 1 else cat(outputs, -1)
    return input, [stack(ends) for ends in zip(*last, strict=True)]
