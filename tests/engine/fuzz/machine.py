"""Run a program's statements on one library, and compare two libraries statement by statement.

A program is a list of Python statements that use `T` (the library), variables `v0, v1, ...`, `log(name, value)` (what
hooks recorded) and the custom functions below. A statement's outcome is the exception it raised, or the value bound
to `_`.
"""

import random
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from tests.oracle import Difference, assert_same_error, assert_same_meta, is_tensor, outcome, to_numpy

VARIABLE = re.compile(r"\bv\d+\b")
TOLERANCE = 1e-5
AMPLIFIED = 5e-2  # a difference up to this share is rounding where both libraries agree in double precision

# Errors that PyTorch raises before its backward walk has changed anything. After any other error inside a walk, the
# gradients depend on the order of the walk: the program ends there and its gradients are not compared.
RAISED_BEFORE_THE_WALK = (
    "does not require grad",
    "grad can be implicitly created",
    "Mismatch in shape",
    "expected scalar type",
    "cannot be empty",
    "has an invalid",
    "can not be empty",
    "must be either Tensors",
    "not iterable",
    "unexpected keyword",
)

PRELUDE = """
class Square(T.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 2 * x * g


class Blend(T.autograd.Function):
    @staticmethod
    def forward(ctx, x, y, weight):
        ctx.weight = weight
        return x * weight, y * (1 - weight)

    @staticmethod
    def backward(ctx, gx, gy):
        return gx * ctx.weight, gy * (1 - ctx.weight), None


class Cube(T.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        out = x * x * y
        ctx.save_for_backward(x, y, out)
        return out

    @staticmethod
    def backward(ctx, g):
        x, y, out = ctx.saved_tensors
        gx = 2 * x * y * g if ctx.needs_input_grad[0] else None
        return gx, x * x * g if ctx.needs_input_grad[1] else None


class Half(T.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.mark_dirty(x)
        x.mul_(0.5)
        return x

    @staticmethod
    def backward(ctx, g):
        return g * 0.5


class Signs(T.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        s = x.sign()
        ctx.mark_non_differentiable(s)
        return x * 2, s

    @staticmethod
    def backward(ctx, g, gs):
        return g * 2


class Ident(T.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, g):
        return g * 3


class Same(T.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x

    @staticmethod
    def backward(ctx, g):
        return g * 3


logged = {}


def log(name, value):
    logged.setdefault(name, []).append(value)
"""
_prelude = compile(PRELUDE, "<prelude>", "exec")
_code: dict[str, Any] = {}


def _compiled(line: str) -> Any:
    code = _code.get(line)
    if code is None:
        if len(_code) > 5000:
            _code.clear()
        code = _code[line] = compile(line, "<program>", "exec")
    return code


class Machine:
    """One library's variables while a program runs on it."""

    def __init__(self, library: Any):
        self.variables: dict[str, Any] = {"T": library}
        exec(_prelude, self.variables)

    @property
    def logged(self) -> dict[str, list]:
        return self.variables["logged"]

    def run(self, line: str) -> Any:
        self.variables.pop("_", None)
        exec(_compiled(line), self.variables)
        return self.variables.get("_")

    def tensors(self) -> dict[str, Any]:
        return {name: x for name, x in self.variables.items() if name[0] == "v" and is_tensor(x)}


@dataclass
class Found:
    """One difference: where, what, and a key that groups differences of one cause."""

    lines: list[str]
    index: int
    message: str
    error: Exception | None = None
    count: int = 1

    @property
    def key(self) -> str:
        line = self.lines[self.index] if self.index < len(self.lines) else "end"
        line = re.sub(r"\[[-\d., \[\]]+\]", "[..]", VARIABLE.sub("v", line))
        line = re.sub(r"-?\d+(\.\d+)?", "0", line)
        message = VARIABLE.sub("v", self.message.split("\n")[0])
        message = re.sub(r"0x[0-9a-f]+|-?\d+(\.\d+)?(e-?\d+)?", "0", message)
        return f"{line.strip()[:60]} | {message[:110]}"


def needs_no_gradient_check(line: str, error: Exception) -> bool:
    """True where an error may have left gradients half accumulated."""
    walks = "backward(" in line or "grad(" in line
    return walks and not any(text in str(error) for text in RAISED_BEFORE_THE_WALK)


def _quiet(run):
    def quiet(*args, **kwargs):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return run(*args, **kwargs)

    return quiet


NUDGES = 6
_DECIDING = set(
    "gt lt ge le eq ne argmax argmin max min amax amin sort argsort topk median floor ceil round trunc sign relu clamp "
    "clamp_min clamp_max abs maximum minimum isclose floor_divide remainder fmod nonzero unique logical_not "
    "bool".split()
)


class _Shifted(TorchFunctionMode):
    """What decides by a comparison sees its operand a little higher or lower: first as a whole, then element by
    element, as a largest one is only decided by the distances between them."""

    def __init__(self, k: int):
        super().__init__()
        self.shift = (-1) ** k * 2e-6
        self.generator = torch.Generator().manual_seed(k) if k > 1 else None

    def around(self, x: torch.Tensor) -> torch.Tensor:
        if self.generator is None:
            return x + self.shift
        signs = torch.randint(0, 2, tuple(x.shape), generator=self.generator) * 2 - 1
        return x + self.shift * signs

    def __torch_function__(self, func, types, args=(), kwargs=None):
        first = args[0] if args else None
        name = getattr(func, "__name__", "").strip("_")
        if name in _DECIDING and is_tensor(first) and first.is_floating_point():
            args = (self.around(first), *args[1:])
        return func(*args, **(kwargs or {}))


_NUMBER = re.compile(r"-?\d+\.\d+")


@dataclass
class Reference:
    """The same program on PyTorch once more: in float64, which shows how far rounding alone moves each value, and with
    its numbers and the operands of comparisons moved by their last bits, which shows what rounding decides."""

    lines: list[str]
    library: Any
    translate: Callable[[str], str]  # what spoils the library's statements
    _machines: dict[Any, Machine] = field(default_factory=dict)

    def wide(self, count: int, ours: bool = False) -> Machine:
        def widened(line: str) -> str:
            return line.replace("float32", "float64").replace(".float()", ".double()")

        if not ours:
            return self._run(("wide", count), count, widened)
        return self._run(("wide", count, "ours"), count, lambda line: widened(self.translate(line)), self.library)

    def nudged(self, count: int, k: int) -> Machine:
        rng = random.Random(k)

        def nudge(line: str) -> str:
            if " = T.tensor(" not in line or "float" not in line:
                return line
            return _NUMBER.sub(lambda m: repr(float(m[0]) * (1 + rng.choice((-1, 1)) * 3e-7 * rng.randint(1, 4))), line)

        with _Shifted(k):
            return self._run((k, count), count, nudge)

    def _run(self, key: Any, count: int, translate: Callable[[str], str], library: Any = torch) -> Machine:
        if key in self._machines:
            return self._machines[key]
        machine = self._machines[key] = Machine(library)
        before = library.get_default_dtype()
        if key[0] == "wide":
            library.set_default_dtype(library.float64)
        try:
            for line in self.lines[:count]:
                outcome(lambda line=line: machine.run(translate(line)))
        finally:
            library.set_default_dtype(before)
        return machine


@dataclass
class Again:
    """One value of the program in each run of the reference."""

    reference: Reference
    count: int
    find: Callable[[Machine], Any]

    def _value(self, machine: Machine) -> np.ndarray | None:
        return outcome(lambda: to_numpy(self.find(machine))).result

    def wide(self) -> np.ndarray | None:
        return self._value(self.reference.wide(self.count))

    def agree_in_double(self, wide: np.ndarray) -> bool:
        """Whether the library computes what PyTorch does when both do it in float64: the program amplifies rounding."""
        mine = self._value(self.reference.wide(self.count, ours=True))
        return mine is not None and mine.shape == wide.shape and np.allclose(mine, wide, rtol=1e-7, atol=1e-7)

    def jumps(self, theirs: np.ndarray) -> bool:
        """Whether moving the numbers by their last bits moves the value by far more than that."""
        for k in range(NUDGES):
            near = self._value(self.reference.nudged(self.count, k))
            if near is not None and near.shape == theirs.shape:
                with np.errstate(all="ignore"):
                    same = (
                        np.array_equal(near, theirs)
                        if near.dtype.kind in "iub"
                        else np.allclose(near, theirs, rtol=1e-3, atol=1e-3, equal_nan=True)
                    )
                if not same:
                    return True
        return False


def _compare_array(ours: np.ndarray, theirs: np.ndarray, again: Again, what: str) -> None:
    """Within 1e-5 of the size of the values, or within ten times PyTorch's own rounding error."""
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        raise Difference(f"{what}: {ours.dtype}{ours.shape}, PyTorch {theirs.dtype}{theirs.shape}")
    if not np.issubdtype(theirs.dtype, np.inexact):
        # a comparison that rounding decides (PyTorch itself answers otherwise in double) proves nothing
        if np.array_equal(ours, theirs):
            return
        wide = again.wide()
        if (wide is None or np.array_equal(wide, theirs)) and not again.jumps(theirs):
            raise Difference(f"{what}: values\n{ours}\nPyTorch\n{theirs}")
        return
    with np.errstate(all="ignore"):
        if np.allclose(ours, theirs, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True):
            return
        wide = again.wide()
        if wide is not None and wide.shape == theirs.shape and np.isfinite(theirs).all() and np.isfinite(ours).all():
            rounding = np.abs(theirs - wide).max(initial=0.0)
            scale = max(1.0, np.abs(theirs).max(initial=0.0))
            if np.abs(ours - wide).max(initial=0.0) <= TOLERANCE * scale + 10 * rounding:
                return
            if np.abs(ours - theirs).max(initial=0.0) <= AMPLIFIED * scale and again.agree_in_double(wide):
                return
        if again.jumps(theirs):
            return
    raise Difference(f"{what}: values\n{ours}\nPyTorch\n{theirs}")


def _compare_read(ours: Any, theirs: Any, what: str) -> None:
    """A value that a statement bound to `_`: a number, a nested list, a string or a tuple."""
    if isinstance(theirs, (list, tuple)):
        if type(ours) is not type(theirs) and not isinstance(ours, tuple):
            raise Difference(f"{what}: read {ours!r}, PyTorch {theirs!r}")
        if len(ours) != len(theirs):
            raise Difference(f"{what}: read {ours!r}, PyTorch {theirs!r}")
        for a, b in zip(ours, theirs, strict=True):
            _compare_read(a, b, what)
    elif isinstance(theirs, float):
        close = type(ours) is float and np.isclose(ours, theirs, rtol=1e-4, atol=1e-4, equal_nan=True)
        if not close:
            raise Difference(f"{what}: read {ours!r}, PyTorch {theirs!r}")
    elif type(ours) is not type(theirs) or ours != theirs:
        raise Difference(f"{what}: read {ours!r}, PyTorch {theirs!r}")


def _grad(tensor: Any) -> Any:
    return tensor.grad if (tensor.is_leaf or tensor.retains_grad) else None


def _leads_nowhere(ours: Any, tensor: torch.Tensor, tensors: dict[str, torch.Tensor]) -> bool:
    """Whether only PyTorch's has a graph, and that reaches no tensor of the program: what was saved of a view made
    under no_grad counts as requiring grad there, with nothing behind it."""
    if ours.requires_grad or not tensor.requires_grad or tensor.shape != ours.shape:
        return False
    nodes = [tensor.grad_fn]
    seen = set()
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if any(getattr(node, "variable", None) is x for x in tensors.values()):
            return False
        nodes += [n for n, _ in node.next_functions]
    return tensor.grad_fn is not None


def _compare_meta(ours: Machine, theirs: Machine, versions: bool) -> None:
    mine, expected = ours.variables, theirs.tensors()
    for name, tensor in expected.items():
        if name not in mine:
            raise Difference(f"{name}: not bound; PyTorch has a tensor of shape {tuple(tensor.shape)}")
        if _leads_nowhere(mine[name], tensor, expected):
            continue
        assert_same_meta(mine[name], tensor, name, leaf=True)
        if bool(mine[name].retains_grad) != tensor.retains_grad:
            raise Difference(f"{name}: retains_grad {mine[name].retains_grad}, PyTorch {tensor.retains_grad}")
        if versions and mine[name]._version != tensor._version:
            raise Difference(f"{name}: _version {mine[name]._version}, PyTorch {tensor._version}")
        a, b = _grad(mine[name]), _grad(tensor)
        if (a is None) != (b is None):
            raise Difference(f"{name}.grad: {'None' if a is None else 'set'}, PyTorch {'None' if b is None else 'set'}")
        if b is not None and not _leads_nowhere(a, b, expected):
            assert_same_meta(a, b, f"{name}.grad")
    for name, value in theirs.variables.items():
        if value is None and name[0] == "v" and mine.get(name, 0) is not None:
            raise Difference(f"{name}: {mine.get(name)!r}, PyTorch None")


def _compare_end(ours: Machine, theirs: Machine, reference: Reference, count: int, gradients: bool) -> None:
    def again(find: Callable[[Machine], Any]) -> Again:
        return Again(reference, count, find)

    for name, tensor in theirs.tensors().items():
        mine = ours.variables[name]
        _compare_array(to_numpy(mine), to_numpy(tensor), again(lambda m, n=name: m.variables[n]), name)
        grad = _grad(tensor) if gradients else None
        if grad is not None:
            _compare_array(
                to_numpy(mine.grad), to_numpy(grad), again(lambda m, n=name: m.variables[n].grad), f"{name}.grad"
            )
    if not gradients:
        return
    if set(ours.logged) != set(theirs.logged):
        raise Difference(f"hooks that ran: {sorted(ours.logged)}, PyTorch {sorted(theirs.logged)}")
    for name, values in theirs.logged.items():
        mine = ours.logged[name]
        if len(mine) != len(values):
            raise Difference(f"hook of {name} ran {len(mine)} times, PyTorch {len(values)}")
        for i, (a, b) in enumerate(zip(mine, values, strict=True)):
            if is_tensor(b):
                assert_same_meta(a, b, f"hook of {name}")
                _compare_array(
                    to_numpy(a), to_numpy(b), again(lambda m, n=name, i=i: m.logged[n][i]), f"hook of {name}"
                )
            else:
                _compare_read(a, b, f"hook of {name}")


@_quiet
def compare(
    lines: list[str], library: Any, *, versions: bool = False, translate: Callable[[str], str] = lambda line: line
) -> Found | None:
    """Run `lines` on `library` and on PyTorch; None, or the first difference.

    `translate` spoils the library's statements: meta-tests use it.
    """
    ours, theirs = Machine(library), Machine(torch)
    reference = Reference(lines, library, translate)
    gradients, count = True, len(lines)
    for index, line in enumerate(lines):
        a, b = outcome(lambda line=line: ours.run(translate(line))), outcome(lambda line=line: theirs.run(line))
        if "INTERNAL ASSERT FAILED" in str(b.error):
            return None  # a bug of PyTorch's
        try:
            assert_same_error(a.error, b.error, "statement")
            if b.error is None:
                _compare_read(a.result, b.result, "statement")
            _compare_meta(ours, theirs, versions)
        except Exception as error:
            return Found(lines, index, f"{type(error).__name__}: {error}", a.error or error)
        if b.error is not None and needs_no_gradient_check(line, b.error):
            gradients, count = False, index + 1
            break
    try:
        _compare_end(ours, theirs, reference, count, gradients)
    except Exception as error:
        return Found(lines, count, f"{type(error).__name__}: {error}", error)
    return None


def minimize(found: Found, library: Any, *, budget: int = 400, **options: Any) -> Found:
    """Drop statements while a difference stays."""
    best = compare(found.lines[: found.index + 1], library, **options)
    if best is None:  # seen once only: a state that outlives the program
        return found
    tries, progress = 0, True
    while progress and tries < budget:
        progress = False
        for i in range(len(best.lines) - 1, -1, -1):
            candidate = best.lines[:i] + best.lines[i + 1 :]
            tries += 1
            smaller = compare(candidate, library, **options)
            if smaller is not None and not _lost_a_variable(smaller):
                best, progress = smaller, True
    return best


def _lost_a_variable(found: Found) -> bool:
    return "NameError" in found.message


def reproduction(lines: list[str]) -> str:
    """A script that shows the difference: run it with `torch` and with `kilnn` as its argument."""
    text = "\n".join(lines)
    head = 'import importlib, sys\n\nT = importlib.import_module(sys.argv[1] if len(sys.argv) > 1 else "kilnn")\n'
    if any(word in text for word in ("log(", ".apply(")):
        head += PRELUDE
    body = []
    for line in lines:
        if line.startswith("_ = "):
            body.append(f"print({line[4:]})")
        else:
            body.append(line)
    names = sorted(set(VARIABLE.findall(text)), key=lambda n: int(n[1:]))
    tail = [
        f"for name in {names!r}:",
        "    x = globals().get(name)",
        "    if x is not None:",
        "        g = x.grad if x.is_leaf or x.retains_grad else None",
        "        print(name, x.dtype, x.requires_grad, x.is_leaf, x.tolist(), None if g is None else g.tolist())",
    ]
    return "\n".join([head, *body, *tail])
