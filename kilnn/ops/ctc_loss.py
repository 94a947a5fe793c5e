"""Connectionist temporal classification: the probability of a label sequence over all its alignments with the input."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-untyped-decorators
# Formulas are functions of arrays: annotations would say Any everywhere.

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kilnn.ops.checks import require_float, size_text, type_name
from kilnn.ops.spec import op


def _log_sum(*terms: Any) -> Any:
    """log(sum of exp), whose derivative is finite where all terms are -inf."""
    most = lax.stop_gradient(jnp.stack(terms).max(0))
    most = jnp.where(jnp.isfinite(most), most, 0)
    total = sum(jnp.exp(t - most) for t in terms)
    return jnp.where(total > 0, most + jnp.log(jnp.where(total > 0, total, 1)), -jnp.inf)


def _negative_log_likelihood(log_probs, targets, input_lengths, target_lengths, blank):
    """-log p of each sequence: log_probs (T, N, C), targets (N, S)."""
    steps, batch, classes = log_probs.shape
    labels = jnp.clip(targets, 0, classes - 1)
    # Between all labels, and around them, stand blanks: 2 S + 1 states.
    states = jnp.full((batch, 2 * labels.shape[1] + 1), blank, labels.dtype).at[:, 1::2].set(labels)
    two_back = jnp.concatenate([jnp.full((batch, 2), blank, labels.dtype), states[:, :-2]], 1)[:, : states.shape[1]]
    skips = (states != blank) & (states != two_back)  # a blank may be left out between different labels
    none = jnp.full((batch, 2), -jnp.inf, log_probs.dtype)
    start = jnp.full(states.shape, -jnp.inf, log_probs.dtype).at[:, 0].set(0)

    def step(alpha: Any, now: Any) -> Any:
        t, frame = now
        shifted = jnp.concatenate([none, alpha], 1)
        one, two = shifted[:, 1:-1], shifted[:, :-2]
        moved = _log_sum(alpha, one, jnp.where(skips, two, -jnp.inf)) + jnp.take_along_axis(frame, states, 1)
        return jnp.where((t < input_lengths)[:, None], moved, alpha), None

    alpha, _ = lax.scan(step, start, (jnp.arange(steps), log_probs))
    last = jnp.clip(2 * target_lengths, 0, states.shape[1] - 1)[:, None].astype(np.int64)
    on_blank = jnp.take_along_axis(alpha, last, 1)[:, 0]
    on_label = jnp.take_along_axis(alpha, jnp.maximum(last - 1, 0), 1)[:, 0]
    return -_log_sum(on_blank, jnp.where(target_lengths > 0, on_label, -jnp.inf))


def _rows(targets: Any, target_lengths: Any, longest: int) -> Any:
    """Labels of all sequences one after the other as (N, longest)."""
    if targets.ndim == 2:
        return targets
    starts = jnp.cumsum(target_lengths) - target_lengths
    places = starts[:, None] + jnp.arange(longest)
    return jnp.take(targets, jnp.clip(places, 0, max(targets.shape[0] - 1, 0)), mode="clip")


@op(half="upcast")
def ctc_loss(log_probs, targets, input_lengths, target_lengths, *, blank, longest, zero_infinity):
    """-log p(targets) of each sequence; `longest` bounds the lengths of targets given one after the other."""
    loss = _negative_log_likelihood(
        log_probs, _rows(targets, target_lengths, longest), input_lengths, target_lengths, blank
    )
    return jnp.where(loss == jnp.inf, jnp.zeros((), loss.dtype), loss) if zero_infinity else loss


@ctc_loss.grad("log_probs")
def _(ct, log_probs, targets, input_lengths, target_lengths, out, blank, longest, zero_infinity):
    labels = _rows(targets, target_lengths, longest)

    def of_probs(v: Any) -> Any:
        return _negative_log_likelihood(v, labels, input_lengths, target_lengths, blank)

    loss, back = jax.vjp(of_probs, log_probs)
    # PyTorch's derivative is that of log_softmax(x): exp(log_probs) is what keeping the sum of probabilities adds.
    seen = (jnp.arange(log_probs.shape[0])[:, None] < input_lengths)[:, :, None]
    found = back(ct)[0] + jnp.where(seen, jnp.exp(log_probs) * ct[:, None], 0)
    impossible = (loss == jnp.inf)[:, None]
    return jnp.where(impossible, jnp.where(seen & (not zero_infinity), jnp.nan, 0), found).astype(log_probs.dtype)


@ctc_loss.check(RuntimeError, "ctc_loss: a length lies outside of its sequence (input length {value})")
def _(input_lengths, target_lengths, log_probs_shape, targets_shape):
    longest = targets_shape[-1]
    outside = (input_lengths < 0) | (input_lengths > log_probs_shape[0])
    return outside | (target_lengths < 0) | (target_lengths > longest), input_lengths


@ctc_loss.validate
def _(log_probs, targets, input_lengths, target_lengths, *, blank, longest, zero_infinity):
    require_float("ctc_loss_cpu", log_probs)
    _, batch, classes = log_probs.shape
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    for name, lengths in (("input_lengths", input_lengths), ("target_lengths", target_lengths)):
        if tuple(lengths.shape) != (batch,):
            raise RuntimeError(f"{name} must be of size batch_size {batch}, but got {size_text(lengths.shape)}")
    if np.dtype(targets.dtype).kind not in "iu":
        raise RuntimeError(f"targets must be whole numbers, but got {type_name(targets.dtype)}")
    if len(targets.shape) not in (1, 2) or (len(targets.shape) == 2 and targets.shape[0] != batch):
        raise RuntimeError(
            f"Expected targets of size (N, S) = ({batch}, S) or (sum of target_lengths), got {size_text(targets.shape)}"
        )
