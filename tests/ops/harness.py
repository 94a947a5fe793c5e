"""One row per operation, checked against PyTorch: values, dtypes, gradients, and which tensors the backward pass saves.

What PyTorch saves is found by experiment: write in place on each operand and output before `backward()` and see if
it raises; call `backward()` twice and see if it raises. The plan that the engine makes of the formulas must name the
same tensors.

All rows of a table are computed by one compiled program for each dtype: a program for each row would cost 50 ms apiece.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import ml_dtypes
import numpy as np
import torch

from kilnn.engine.entry import NONE, VALUE, Entry, make_entry
from kilnn.engine.plan import make_plan
from kilnn.engine.values import aval_of
from kilnn.ops.spec import Op

TORCH_DTYPES = {
    "float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32, "float64": torch.float64,
    "bool": torch.bool, "uint8": torch.uint8, "int8": torch.int8, "int16": torch.int16, "int32": torch.int32,
    "int64": torch.int64,
}  # fmt: skip
TOLERANCES = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 2e-5, "float64": 1e-11}


@dataclass(frozen=True)
class Spec:
    """An operand to be drawn: floats take the dtype under test, others keep their own."""

    shape: tuple[int, ...]
    low: float
    high: float
    dtype: str | None = None

    def make(self, rng: np.random.Generator, dtype: str) -> np.ndarray[Any, Any]:
        kind = self.dtype or dtype
        if kind == "bool":
            return np.asarray(rng.random(self.shape) < 0.5)
        if "int" in kind:
            return np.asarray(rng.integers(int(self.low), int(np.ceil(self.high)), self.shape)).astype(kind)
        values = rng.uniform(self.low, self.high, self.shape)
        return np.asarray(values.astype(ml_dtypes.bfloat16 if kind == "bfloat16" else kind))


def floats(*shape: int, low: float = -2.0, high: float = 2.0) -> Spec:
    return Spec(shape, low, high)


def positive(*shape: int) -> Spec:
    return Spec(shape, 0.1, 0.9)


def ints(*shape: int, high: int, low: int = 0, dtype: str = "int64") -> Spec:
    return Spec(shape, low, high, dtype)


def mask(*shape: int) -> Spec:
    return Spec(shape, 0, 1, "bool")


class Fixed:
    """An operand with given values, in the dtype under test unless it names one."""

    def __init__(self, *values: Any, dtype: str | None = None) -> None:
        self.values = np.asarray(values)
        self.dtype = dtype

    def make(self, rng: np.random.Generator, dtype: str) -> np.ndarray[Any, Any]:
        kind = self.dtype or dtype
        values = np.nan_to_num(self.values, posinf=9, neginf=0) if "int" in kind else self.values
        return values.astype(ml_dtypes.bfloat16 if kind == "bfloat16" else kind)


@dataclass(frozen=True)
class Row:
    """An operation at some operands, and the same in PyTorch."""

    op: Op
    oracle: Callable[..., Any]
    operands: tuple[Any, ...]  # Specs, Fixed, numbers, None
    attributes: tuple[Any, ...] = ()
    others: tuple[str, ...] = ()  # dtypes in which values (or the type of the error) are compared too
    saves: bool = True  # compare what is saved
    grads: bool = True  # compare gradients
    scale: float = 1.0  # widens the tolerance
    skip: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        shapes = ",".join(str(list(x.shape)) if isinstance(x, Spec) else type(x).__name__ for x in self.operands)
        return f"{self.op.name}-{shapes}-{self.attributes}".replace(" ", "")

    def draw(self, dtype: str) -> list[Any]:
        rng = np.random.default_rng(len(str(self)))
        return [x.make(rng, dtype) if isinstance(x, Spec | Fixed) else x for x in self.operands]


WHOLE = ("int64", "int32", "uint8", "bool")
HALF = ("float16", "bfloat16")
ALL = WHOLE + HALF


def to_torch(x: Any) -> Any:
    if not isinstance(x, np.ndarray):
        return x
    if x.dtype == ml_dtypes.bfloat16:
        return torch.tensor(x.astype(np.float32)).bfloat16()
    return torch.tensor(x)


def from_torch(x: torch.Tensor) -> np.ndarray[Any, Any]:
    x = x.detach().resolve_conj()
    return x.float().numpy().astype(ml_dtypes.bfloat16) if x.dtype is torch.bfloat16 else x.numpy()


def entry_for(op: Op, operands: list[Any], attributes: tuple[Any, ...]) -> Entry:
    keys = [aval_of(x.shape, x.dtype) if isinstance(x, np.ndarray) else type(x) for x in operands]
    with jax.enable_x64(True):
        return make_entry(op, keys, attributes)


def numbers(entry: Entry, operands: list[Any]) -> list[Any]:
    """Operands as the engine hands them to the compiled function."""
    kinds = {1: np.float32, 2: np.int64, 3: np.float64}
    return [x if k in (VALUE, NONE) else kinds[k](x) for k, x in zip(entry.kinds, operands, strict=True)]


class Job:
    """One row in one dtype: what the operation and its gradient formulas are given, and what they return."""

    def __init__(self, row: Row, dtype: str, gradients: bool) -> None:
        self.operands = row.draw(dtype)
        self.entry = entry = entry_for(row.op, self.operands, row.attributes)
        self.arrays = numbers(entry, self.operands)
        self.wanted = [
            k for k, x in enumerate(self.operands)
            if gradients and row.grads and isinstance(x, np.ndarray) and entry.differentiable >> k & 1
        ]  # fmt: skip
        rng = np.random.default_rng(7)
        self.cotangents = [np.asarray(rng.standard_normal(a.shape)).astype(a.dtype) for a in entry.avals]
        self.plan = make_plan(entry, sum(1 << k for k in self.wanted)) if self.wanted else None
        self.result: Any = None

    def compute(self, arrays: list[Any], cotangents: list[Any]) -> tuple[list[Any], list[Any]]:
        """The outputs and the gradients."""
        out = self.entry.fn(*arrays)
        outs = list(out) if isinstance(out, tuple | list) else [out]
        if self.plan is None:
            return outs, []
        saved = [arrays[k] for k in self.plan.saves] + [outs[j] for j in self.plan.outputs]
        grads = self.plan.backward.fn(*[cotangents[j] for j in self.plan.cts], *saved)
        return outs, list(grads) if isinstance(grads, tuple) else [grads]


def compute_together(jobs: list[Job]) -> None:
    """Give each job its result, or the exception it raised, with one compiled program."""

    def program(operands: Any) -> Any:
        results = []
        for job, (arrays, cotangents) in zip(jobs, operands, strict=True):
            try:
                results.append(job.compute(arrays, cotangents))
            except Exception as error:  # the row's own test raises it
                job.result = error
                results.append(([], []))
        return results

    with jax.enable_x64(True):
        results = jax.jit(program)([(job.arrays, job.cotangents) for job in jobs])
    for job, result in zip(jobs, results, strict=True):
        if job.result is None:
            job.result = jax.tree.map(np.asarray, result)


class Table(list[Row]):
    """Rows that are computed together."""

    def __init__(self, rows: Any) -> None:
        super().__init__(rows)
        self.jobs: dict[str, dict[int, Job | Exception]] = {}
        for row in self:
            _TABLES[id(row)] = self

    def job(self, row: Row, dtype: str) -> Job:
        gradients = dtype in ("float32", "float64")
        if dtype not in self.jobs:
            jobs = self.jobs[dtype] = {}
            for r in self:
                if gradients or dtype in r.others:
                    try:
                        jobs[id(r)] = Job(r, dtype, gradients)
                    except Exception as error:  # the row's own test raises it
                        jobs[id(r)] = error
            compute_together([j for j in jobs.values() if isinstance(j, Job)])
        found = self.jobs[dtype][id(row)]
        if isinstance(found, Exception):
            raise found
        if isinstance(found.result, Exception):
            raise found.result
        return found


_TABLES: dict[int, Table] = {}


def table_of(row: Row) -> Table:
    return _TABLES.get(id(row)) or Table([row])


def run(entry: Entry, arrays: list[Any]) -> list[Any]:
    """The outputs of one entry, compiled alone."""
    with jax.enable_x64(True):
        out = entry.jitted(*arrays)
    return [np.asarray(x) for x in (out if isinstance(out, tuple | list) else (out,))]


def same(ours: Any, theirs: torch.Tensor, scale: float, what: str) -> None:
    """Equal shape, dtype and values, the values up to rounding of the largest one."""
    ours, wanted = np.asarray(ours), from_torch(theirs)
    assert ours.shape == wanted.shape, f"{what}: shape {ours.shape}, PyTorch {wanted.shape}"
    assert ours.dtype == wanted.dtype, f"{what}: dtype {ours.dtype}, PyTorch {wanted.dtype}"
    if wanted.dtype.kind in "iub":
        assert np.array_equal(ours, wanted), f"{what}: {ours}, PyTorch {wanted}"
        return
    rtol = TOLERANCES[wanted.dtype.name] * scale
    a, b = ours.astype(np.float64), wanted.astype(np.float64)
    finite = np.abs(b[np.isfinite(b)])
    np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * (finite.max() if finite.size else 1), err_msg=what)


def outputs_of(result: Any) -> list[torch.Tensor]:
    return list(result) if isinstance(result, tuple | list) else [result]


def check_values(row: Row, dtype: str) -> None:
    """Forward values, the NumPy twin, and gradients."""
    job = table_of(row).job(row, dtype)
    outs, grads = job.result
    tensors = [to_torch(x) for x in job.operands]
    for k in job.wanted:
        tensors[k].requires_grad_(True)
    theirs = outputs_of(row.oracle(*tensors))
    assert len(outs) == len(theirs)
    for k, (a, b) in enumerate(zip(outs, theirs, strict=True)):
        same(a, b, row.scale, f"output {k}")
    _check_twin(row, job, theirs)
    if not job.wanted:
        return
    floating = [k for k, t in enumerate(theirs) if t.is_floating_point()]
    cts = [to_torch(job.cotangents[k]) for k in floating]
    wanted = torch.autograd.grad([theirs[k] for k in floating], [tensors[k] for k in job.wanted], cts)
    for k, g, w in zip(job.wanted, grads, wanted, strict=True):
        same(g, w, row.scale * 5, f"gradient of operand {k}")


def _check_twin(row: Row, job: Job, theirs: list[torch.Tensor]) -> None:
    if job.entry.host is None:
        return
    with np.errstate(all="ignore"):
        hosted = job.entry.host(*job.arrays)
    for k, (a, b) in enumerate(zip(hosted if isinstance(hosted, tuple) else (hosted,), theirs, strict=True)):
        # NumPy's products of bfloat16 are float32; the engine casts them.
        found = np.asarray(a).astype(ml_dtypes.bfloat16) if b.dtype is torch.bfloat16 else a
        same(found, b, row.scale, f"NumPy twin, output {k}")


def check_other_dtype(row: Row, dtype: str) -> None:
    """Values in another dtype; where PyTorch has no code for it, an error of the same type."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            theirs = outputs_of(row.oracle(*map(to_torch, row.draw(dtype))))
        except (RuntimeError, TypeError) as error:
            try:
                entry_for(row.op, row.draw(dtype), row.attributes)
            except type(error):
                return
            raise AssertionError(f"PyTorch refuses {dtype}: {error}") from error
    job = table_of(row).job(row, dtype)
    for k, (a, b) in enumerate(zip(job.result[0], theirs, strict=True)):
        same(a, b, row.scale, f"{dtype}: output {k}")
    _check_twin(row, job, theirs)


def message_of(function: Callable[..., Any], *arguments: Any) -> str:
    """The text of the RuntimeError that a call raises."""
    try:
        function(*arguments)
    except RuntimeError as error:
        return str(error)
    raise AssertionError("no RuntimeError was raised")


# What is saved. -------------------------------------------------------------------------------------------------------


def _fresh(row: Row, wanted: int, dtype: str) -> tuple[list[Any], list[torch.Tensor]]:
    """Operands that are no leaves, of which one needs a gradient, and the outputs."""
    tensors = [to_torch(x) for x in row.draw(dtype)]
    if isinstance(tensors[wanted], torch.Tensor):
        tensors[wanted].requires_grad_(True)
    live = [t.clone() if isinstance(t, torch.Tensor) else t for t in tensors]
    return live, outputs_of(row.oracle(*live))


def _touch(t: torch.Tensor) -> None:
    t.logical_not_() if t.dtype is torch.bool else t.add_(0)


def _raises(f: Callable[[], Any], words: str) -> bool:
    try:
        f()
    except RuntimeError as error:
        if words not in str(error):
            raise
        return True
    return False


def torch_saves(row: Row, wanted: int, dtype: str = "float32") -> tuple[set[int], set[int], bool]:
    """What PyTorch saves for the gradient of one operand: operands, outputs, and whether a second backward raises."""

    def backward(outs: list[torch.Tensor]) -> None:
        first = next(t for t in outs if t.requires_grad)
        first.backward(torch.ones_like(first))

    saved_operands, saved_outputs = set(), set()
    live, outs = _fresh(row, wanted, dtype)
    backward(outs)
    frees = _raises(lambda: backward(outs), "second time")
    for k, t in enumerate(live):
        if isinstance(t, torch.Tensor):
            live, outs = _fresh(row, wanted, dtype)
            _touch(live[k])
            if _raises(lambda: backward(outs), "modified by an inplace"):
                saved_operands.add(k)
    for k in range(len(outs)):
        _, outs = _fresh(row, wanted, dtype)
        _touch(outs[k])
        if _raises(lambda: backward(outs), "modified by an inplace"):
            saved_outputs.add(k)
    return saved_operands, saved_outputs, frees


def check_saves(row: Row) -> None:
    """The engine's plan saves, for each operand alone, what PyTorch saves."""
    operands = row.draw("float32")
    entry = entry_for(row.op, operands, row.attributes)
    for k, x in enumerate(operands):
        if not isinstance(x, np.ndarray) or not entry.differentiable >> k & 1:
            continue
        plan = make_plan(entry, 1 << k)
        ours = {p for p in plan.saves if entry.kinds[p] == VALUE}, set(plan.outputs), plan.frees
        theirs = torch_saves(row, k)
        assert ours == theirs, f"operand {k}: saves (operands, outputs, frees) {ours}, PyTorch {theirs}"
