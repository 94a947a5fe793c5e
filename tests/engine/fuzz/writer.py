"""The writer of random programs.

The writer runs each candidate on PyTorch as it goes, so that most statements suit the shapes at hand; it keeps a
statement that raises only in programs that are meant to contain errors. The same seed gives the same program.

Kept out, because kilnn declares them to differ from PyTorch or PyTorch itself leaves them undefined:
writes through `.data` to values that the gradient graph has saved; in-place operations whose source overlaps their
destination; asking a tensor for gradients after an operation has saved it (a second derivative); out-of-range indices
held in tensors (kilnn raises at the next flush).
"""

import contextlib
import random
from collections.abc import Callable
from typing import Any

import torch

from tests.engine.fuzz.machine import VARIABLE, Machine, needs_no_gradient_check

MAX_ELEMENTS = 64
MAX_DIMS = 4
ERROR_PROGRAMS = 0.4

Proposal = tuple[Callable[["Writer"], str | list[str] | None], float]
PROPOSALS: list[Proposal] = []
WIDE: list[Proposal] = []  # also proposed in wide programs


def proposal(weight: float, wide: bool = False):
    def register(make):
        (WIDE if wide else PROPOSALS).append((make, weight))
        return make

    return register


class Writer:
    """Writes one program, keeping PyTorch's state beside it."""

    def __init__(self, seed: int, wide: bool = False):
        self.proposals = PROPOSALS + WIDE if wide else PROPOSALS
        self.rng = random.Random(f"kilnn fuzz {seed}")
        self.lines: list[str] = []
        self.machine = Machine(torch)
        self.next = 0
        self.errors_left = self.rng.randint(1, 3) if self.rng.random() < ERROR_PROGRAMS else 0
        self.wild = self.rng.random() < 0.05
        self.saved: set[int] = set()  # storages that the gradient graph may have saved
        self.through_data: set[int] = set()  # storages that have an alias made by `.data`

    # -- choosing

    def chance(self, p: float) -> bool:
        return self.rng.random() < p

    def one_of(self, *choices: Any) -> Any:
        return self.rng.choice(choices)

    def tensors(self, suits: Callable[[torch.Tensor], bool] = lambda x: True) -> list[str]:
        return [name for name, x in self.machine.tensors().items() if suits(x)]

    def pick(self, suits: Callable[[torch.Tensor], bool] = lambda x: True, stray: float = 0.04) -> str | None:
        """A variable that suits; now and then (where errors are wanted) one that does not."""
        if self.errors_left and self.chance(stray * 3):
            suits = lambda x: True  # noqa: E731
        names = self.tensors(suits)
        if not names:
            return None
        if len(names) > 3 and self.chance(0.6):
            names = names[-4:]
        return self.rng.choice(names)

    def get(self, name: str) -> torch.Tensor:
        return self.machine.variables[name]

    def fresh(self) -> str:
        self.next += 1
        return f"v{self.next - 1}"

    def target(self) -> str:
        """Where a result goes: a new variable, or now and then an old one."""
        names = self.tensors()
        if names and self.chance(0.08):
            return self.rng.choice(names)
        return self.fresh()

    def number(self) -> str:
        return str(self.one_of(0.5, 2, -1, 1.5, 0.25, 3, 0, 1, -0.5, 2.0, 1.0))

    def dim(self, x: torch.Tensor) -> int:
        n = max(x.dim(), 1)
        if self.errors_left and self.chance(0.06):
            return self.one_of(n, -n - 1)
        return self.rng.randrange(-n, n)

    def numbers(self, shape: tuple[int, ...], integers: bool) -> str:
        def value() -> str:
            if integers:
                return str(self.rng.randint(-3, 4))
            if self.chance(0.6):
                return str(self.rng.randint(-8, 8) / 4)
            return str(round(self.rng.uniform(-2, 2), 2))

        def nested(dims: tuple[int, ...]) -> str:
            if not dims:
                return value()
            return "[" + ", ".join(nested(dims[1:]) for _ in range(dims[0])) + "]"

        return nested(shape)

    def shape(self) -> tuple[int, ...]:
        r = self.rng.random()
        rank = 0 if r < 0.08 else 1 if r < 0.4 else 2 if r < 0.94 else 3
        return tuple(self.one_of(1, 2, 2, 2, 3, 3, 3, 4) for _ in range(rank))

    # -- writing

    def write(self, length: int) -> list[str]:
        makes, weights = [m for m, _ in self.proposals], [w for _, w in self.proposals]
        first = makes[0]  # a leaf
        for _ in range(self.rng.randint(1, 3)):
            self.accept(first(self))
        tries = 0
        while len(self.lines) < length and tries < 12 * length:
            tries += 1
            lines = self.rng.choices(makes, weights)[0](self)
            for line in [lines] if isinstance(lines, str) else lines or ():
                if self.accept(line) == "end":
                    return self.lines
        return self.lines

    def accept(self, line: str | None) -> str | None:
        """Run a candidate; keep it if it does what this program allows. "end" after an error inside a backward walk."""
        if line is None or self._writes_through_data(line):
            return None
        line = self._with_owned_gradients(line)
        operands = self._storages(line)
        try:
            self.machine.run(line)
            error = None
        except Exception as raised:
            error = raised
        unwanted = error is not None and (not self.errors_left or _is_pytorchs_own(error))
        if unwanted or not self._in_range():
            self._replay()
            return None
        self.errors_left -= error is not None
        self.lines.append(line)
        self._note(line, operands)
        return "end" if error is not None and needs_no_gradient_check(line, error) else None

    def _with_owned_gradients(self, line: str) -> str:
        """Copy gradients that PyTorch returns expanded, transposed or shared: which ones is its private matter."""
        if "= T.autograd.grad(" not in line or line.startswith(("g =", "with")):
            return line
        names = VARIABLE.findall(line.split(" = ", 1)[0])
        try:
            self.machine.run(line)
            made = [(n, self.get(n)) for n in names if isinstance(self.get(n), torch.Tensor)]
            logged = [y for values in self.machine.logged.values() for y in values if isinstance(y, torch.Tensor)]
            others = [*self.machine.tensors().values(), *logged]
            twice = [n for n, x in made if sum(x is y or _one_memory(x, y) for y in others) > 1]
            odd = [n for n, x in made if not x.is_contiguous() or x._base is not None]
            odd = sorted({*odd, *twice})
        except Exception:
            odd = []
        self._replay()
        return "\n".join([line, *[f"{n} = {n}.contiguous().clone()" for n in odd]])

    def _replay(self) -> None:
        self.machine = Machine(torch)
        self.saved, self.through_data = set(), set()  # the storages are new ones
        for line in self.lines:
            operands = self._storages(line)
            with contextlib.suppress(Exception):
                self.machine.run(line)
            self._note(line, operands)

    def _in_range(self) -> bool:
        try:
            return self._fits()
        except RuntimeError:  # PyTorch refuses even `is_leaf` on a view from a no_grad block whose base was written to
            return False

    def _fits(self) -> bool:
        """Small tensors, and values in a range where single precision can be compared."""
        for x in self.machine.tensors().values():
            if x.numel() > MAX_ELEMENTS or x.dim() > MAX_DIMS:
                return False
            grad = x.grad if (x.is_leaf or x.retains_grad) else None
            if self.wild:
                continue
            for values in (x, grad):
                if values is None or values.numel() == 0 or values.dtype == torch.bool:
                    continue
                if not bool(values.detach().abs().max() < 1e4):
                    return False
        return True

    def _storage(self, name: str) -> int | None:
        x = self.machine.variables.get(name)
        return x.untyped_storage()._cdata if isinstance(x, torch.Tensor) else None

    def is_shared(self, name: str) -> bool:
        storage, x = self._storage(name), self.get(name)
        return any(y is not x and self._storage(other) == storage for other, y in self.machine.tensors().items())

    def may_be_saved(self, name: str) -> bool:
        return self._storage(name) in self.saved

    def _writes_through_data(self, line: str) -> bool:
        """True for a write that may reach a saved value through `.data`."""
        names = VARIABLE.findall(line)
        if ".data" in line and any(self._storage(n) in self.saved for n in names):
            return True
        risky = self.through_data & self.saved
        if risky and "o.step" in line:
            return True
        return bool(risky) and _writes(line) and any(self._storage(n) in risky for n in names)

    def _storages(self, line: str) -> set[int]:
        """Where the variables of a line lie."""
        return {s for s in map(self._storage, VARIABLE.findall(line)) if s is not None}

    def _note(self, line: str, operands: set[int]) -> None:
        """`operands`: where its variables lay before it ran, which may have given their names to results."""
        names = VARIABLE.findall(line)
        storages = self._storages(line) | operands
        if ".data" in line:
            self.through_data |= storages
        creates = line.split("= ", 1)[-1].startswith(("T.tensor", "T.ones", "T.zeros", "T.full", "T.arange", "T.eye"))
        tracked = any(x.requires_grad for n, x in self.machine.tensors().items() if n in names)
        if tracked and not creates and "requires_grad_()" not in line:
            self.saved |= storages


def _one_memory(x: torch.Tensor, y: torch.Tensor) -> bool:
    return x.untyped_storage()._cdata == y.untyped_storage()._cdata


def _is_pytorchs_own(error: Exception) -> bool:
    """A kernel that PyTorch lacks; a hook that PyTorch calls with None for a gradient that is not there."""
    return isinstance(error, NotImplementedError) or "'NoneType' object has no attribute 'sum'" in str(error)


def _writes(line: str) -> bool:
    return any(sign in line for sign in ("_(", "] =", "+=", "*=", "-=", "/=", "inplace=True", "Half.apply"))


# -- what makes a variable suit


def is_float(x: torch.Tensor) -> bool:
    return x.is_floating_point()


def is_int(x: torch.Tensor) -> bool:
    return x.dtype == torch.int64


def tracked(x: torch.Tensor) -> bool:
    return x.requires_grad


def takes_hooks(x: torch.Tensor) -> bool:
    """PyTorch crashes on hooks of some views and bases that were written to: hooks go on unwritten tensors."""
    return x.requires_grad and x._base is None and (x.is_leaf or x._version == 0)


def is_leaf_with_grad(x: torch.Tensor) -> bool:
    return x.is_leaf and x.grad is not None


def has_dims(n: int) -> Callable[[torch.Tensor], bool]:
    return lambda x: x.dim() >= n


def matrix(x: torch.Tensor) -> bool:
    return x.dim() == 2 and x.is_floating_point()


def broadcasts_to(shape: torch.Size) -> Callable[[torch.Tensor], bool]:
    def suits(x: torch.Tensor) -> bool:
        try:
            return torch.broadcast_shapes(x.shape, shape) == shape
        except RuntimeError:
            return False

    return suits


def broadcasts_with(shape: torch.Size) -> Callable[[torch.Tensor], bool]:
    def suits(x: torch.Tensor) -> bool:
        try:
            torch.broadcast_shapes(x.shape, shape)
        except RuntimeError:
            return False
        return True

    return suits
