"""L-BFGS: steps along the gradient times an estimate of the inverse Hessian, made of the last changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jax import lax, numpy as jnp

from kilnn.engine.grad_mode import enable_grad, no_grad
from kilnn.ops.spec import Index, Scalar, op
from kilnn.optim.line_search import Point, strong_wolfe
from kilnn.optim.optimizer import Optimizer, ParamsT
from kilnn.optim.options import check_rate, number
from kilnn.tensor.create import as_tensor, ones, zeros
from kilnn.tensor.doors import record, record_many
from kilnn.tensor.functions.complexes import view_as_complex, view_as_real
from kilnn.tensor.functions.joining import cat, stack
from kilnn.tensor.tensor import Tensor


@op(name="lbfgs_measures", half="upcast")
def measures(g: Any, d: Any) -> Any:
    """What decisions need of a gradient: its largest entry, the sum of its entries' sizes, its slope along d."""
    return jnp.stack([jnp.max(jnp.abs(g)), jnp.sum(jnp.abs(g)), jnp.dot(g, d)])


@op(name="lbfgs_direction", half="upcast")
def direction(
    changes: Any, steps: Any, inverses: Any, scale: Any, g: Any, g_before: Any, d: Any, t: Scalar, count: Index
) -> Any:
    """Remember the last step and how it changed the gradient, where their product is positive; then the two loops.

    changes, steps: a row for each remembered step, the oldest first; `count` rows are filled. inverses: 1 over their
    products. scale: the diagonal of the first estimate. The count stays a run-time number, so that one program serves
    a memory that fills.

    Source: Nocedal and Wright, Numerical Optimization, 2006, algorithm 7.4."""
    size = inverses.shape[0]
    y, s = g - g_before, t * d
    product = jnp.dot(y, s)
    good = product > 1e-10
    place = jnp.minimum(count, size - 1)

    def with_last(rows: Any, last: Any) -> Any:
        kept = jnp.where(count == size, jnp.roll(rows, -1, 0), rows)
        return jnp.where(good, lax.dynamic_update_index_in_dim(kept, last, place, 0), rows)

    changes, steps, inverses = with_last(changes, y), with_last(steps, s), with_last(inverses, 1 / product)
    scale = jnp.where(good, product / jnp.dot(y, y), scale)
    filled = jnp.where(good, place + 1, count)

    def newest_first(k: Any, carry: Any) -> Any:
        q, shares = carry
        i = filled - 1 - k
        share = jnp.dot(steps[i], q) * inverses[i]
        return q - share * changes[i], shares.at[i].set(share)

    def oldest_first(i: Any, r: Any) -> Any:
        return r + steps[i] * (shares[i] - jnp.dot(changes[i], r) * inverses[i])

    q, shares = lax.fori_loop(0, filled, newest_first, (-g, jnp.zeros_like(inverses)))
    d = lax.fori_loop(0, filled, oldest_first, q * scale)
    report = jnp.stack([good.astype(g.dtype), jnp.dot(g, d), jnp.max(jnp.abs(d))])
    return changes, steps, inverses, scale, d, report


class LBFGS(Optimizer):
    """L-BFGS: a quasi-Newton method that evaluates the loss several times in each step, through a closure.

    d = -H g, where H is made of the last `history_size` steps and of how they changed g;  p = p + t d, where t is lr
    (in the first iteration min(1, 1 / sum(|g|)) lr) or what the line search finds.

    Args:
        params: tensors; there can be only one group.
        lr: step length, >= 0.
        max_iter: iterations in one step.
        max_eval: evaluations of the closure in one step, by default 1.25 max_iter.
        tolerance_grad: stop where no entry of the gradient is larger.
        tolerance_change: stop where neither the loss nor a parameter changes by more.
        history_size: how many steps are remembered; twice as many vectors of the size of all parameters.
        line_search_fn: None or "strong_wolfe".

    Raises:
        ValueError: lr below 0, or several groups.
        RuntimeError: in `step`, another line search.

    Example:
        >>> import kilnn
        >>> w = kilnn.tensor([-1.0, 2.0], requires_grad=True)
        >>> optimizer = kilnn.optim.LBFGS([w], line_search_fn="strong_wolfe")
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2
        ...     loss.backward()
        ...     return loss
        >>> for _ in range(3):
        ...     loss = optimizer.step(closure)
        >>> kilnn.allclose(w, kilnn.ones(2), atol=1e-3)
        True

    Source: Liu and Nocedal 1989, https://doi.org/10.1007/BF01589116;
    https://docs.pytorch.org/docs/2.13/generated/torch.optim.LBFGS.html
    """

    def __init__(
        self, params: ParamsT, lr: Any = 1, max_iter: int = 20, max_eval: int | None = None,
        tolerance_grad: float = 1e-7, tolerance_change: float = 1e-9, history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:  # fmt: skip
        check_rate(lr)
        if max_eval is None:
            max_eval = max_iter * 5 // 4
        defaults = {
            "lr": lr, "max_iter": max_iter, "max_eval": max_eval, "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change, "history_size": history_size, "line_search_fn": line_search_fn,
        }  # fmt: skip
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    @property
    def _params(self) -> list[Any]:
        return self.param_groups[0]["params"]  # type: ignore[no-any-return]  # a list

    # -- state ----------------------------------------------------------------------------------------------------

    def _exported(self) -> dict[Any, Any]:
        """The state with the memory as PyTorch's lists."""
        state = {p: dict(values) for p, values in self.state.items()}
        for values in state.values():
            memory = values.pop("memory", None)
            if memory is not None:
                changes, steps, inverses, count = memory
                values["old_dirs"], values["old_stps"], values["ro"] = (
                    [rows[i].clone() for i in range(count)] for rows in (changes, steps, inverses)
                )
                values["al"] = [None] * inverses.shape[0]
        return state

    def state_dict(self) -> dict[str, Any]:
        """As Optimizer.state_dict; the memory is there as PyTorch's lists `old_dirs`, `old_stps` and `ro`."""
        live = self._state
        try:
            self.state = self._exported()
            return super().state_dict()
        finally:
            self._state = live

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"state": self._exported()}

    def _memory(self, state: dict[str, Any], size: int, like: Any) -> tuple[Any, Any, Any, int]:
        """(changes, steps, inverses, how many): made at the first look, from a loaded state's lists if there are."""
        memory = state.get("memory")
        if memory is not None and memory[2].shape[0] == size:
            return memory  # type: ignore[no-any-return]  # what was put there
        if memory is not None:  # history_size was changed
            state.update(next(iter(self._exported().values())))
        lists = [state.pop(name, None) or [] for name in ("old_dirs", "old_stps", "ro")]
        state.pop("al", None)
        count = min(len(lists[0]), size)
        shapes = ((like.numel(),), (like.numel(),), ())
        made = []
        for rows, shape in zip(lists, shapes, strict=True):
            filled = zeros(size, *shape, dtype=like.dtype, device=like.device)
            if count:
                filled[:count] = stack([as_tensor(row).to(like.dtype).reshape(shape) for row in rows[-count:]])
            made.append(filled)
        state["memory"] = (*made, count)
        return state["memory"]  # type: ignore[no-any-return]  # as above

    # -- vectors of all parameters --------------------------------------------------------------------------------

    def _gradient(self) -> Any:
        parts = []
        for p in self._params:
            g = zeros(p.shape, dtype=p.dtype, device=p.device) if p.grad is None else p.grad
            parts.append((view_as_real(g) if g.is_complex() else g).reshape(-1))
        return cat(parts)

    def _evaluate(self, closure: Callable[[], Any], along: Any = None) -> tuple[Any, float, Any, list[float]]:
        """(the closure's result, the loss, the gradient, its measures): one program, run by the first reading."""
        with enable_grad():
            result = closure()
        g = self._gradient()
        measured = record(measures, (g, g if along is None else along))
        loss = float(result)
        return result, loss, g, measured.tolist()

    def _line(self, closure: Callable[[], Any], d: Any) -> tuple[Callable[[float], None], Callable[[float], Point]]:
        """(going to p + t d, and the point there) for the parameters as they are now."""
        origin = [p.detach().clone() for p in self._params]

        def move(t: float) -> None:
            place = 0
            for p, start in zip(self._params, origin, strict=True):
                shape = (*p.shape, 2) if p.is_complex() else p.shape
                size = p.numel() * (2 if p.is_complex() else 1)
                change = d[place : place + size].view(shape)
                p.copy_(start + (view_as_complex(change) if p.is_complex() else change) * t)
                place += size

        def at(t: float) -> Point:
            move(t)
            _, loss, g, (largest, _, slope) = self._evaluate(closure, d)
            return Point(t, loss, slope, (g, largest))

        return move, at

    # -- the step -------------------------------------------------------------------------------------------------

    @no_grad()
    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]  # PyTorch's signature
        """Iterate until one of the limits is met.

        Args:
            closure: clears the gradients, computes the loss, its gradients, and returns it.

        Returns the loss before the step.

        Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.LBFGS.html
        """
        group = self.param_groups[0]
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise RuntimeError("only 'strong_wolfe' is supported")
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first, loss, g, (largest, total, square) = self._evaluate(closure)
        state["func_evals"] += 1
        point = Point(0.0, loss, -square, (g, largest))
        evaluations, lr = 1, number(group["lr"])
        for iteration in range(1, group["max_iter"] + 1):
            g, largest = point.note
            if largest <= group["tolerance_grad"]:
                break
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                d, slope, size = -g, -square, largest
                t = min(1.0, 1.0 / total) * lr
                state["H_diag"] = 1
            else:
                d, slope, size = self._next_direction(state, group["history_size"], g)
                t = lr
            state.update(prev_flat_grad=g, prev_loss=point.loss, d=d, t=t)
            if slope > -group["tolerance_change"]:
                break
            start = point._replace(t=0.0, slope=slope)
            move, at = self._line(closure, d)
            spent = 0
            if group["line_search_fn"] is not None:
                most = group["max_eval"] - evaluations
                point, spent = strong_wolfe(at, start, t, size, most=most, narrow=group["tolerance_change"])
                state["t"] = t = point.t
                move(t)
            elif iteration < group["max_iter"]:
                point, spent = at(t), 1
            else:
                move(t)
            evaluations += spent
            state["func_evals"] += spent
            if evaluations >= group["max_eval"] or size * t <= group["tolerance_change"]:
                break
            if abs(point.loss - start.loss) < group["tolerance_change"]:
                break
        return first

    def _next_direction(self, state: dict[str, Any], history: int, g: Any) -> tuple[Any, float, float]:
        """(direction, the gradient's slope along it, its largest entry); the last step is remembered."""
        changes, steps, inverses, count = self._memory(state, history, g)
        scale = state["H_diag"]
        if not isinstance(scale, Tensor):
            scale = ones((), dtype=g.dtype, device=g.device) * scale
        *memory, scale, d, report = record_many(
            direction,
            (changes, steps, inverses, scale, g, state["prev_flat_grad"], state["d"], number(state["t"]), count),
        )
        good, slope, size = report.tolist()
        state["memory"] = (*memory, min(count + 1, history) if good else count)
        state["H_diag"] = scale
        return d, slope, size
