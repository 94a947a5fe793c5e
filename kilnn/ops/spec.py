"""The one registry of operations.

An operation is a pure function of arrays, registered once, with its gradient formulas beside it:

    @op(promote="numeric", host=np.multiply)
    def mul(a, b):
        return a * b

    @mul.grad("a")
    def _(ct, b):
        return ct * b

Positional parameters are operands (arrays; `None` where the default is `None`), keyword-only parameters are
static attributes. A gradient formula names what it needs: `ct` (the cotangent; `ct0, ct1, ...` when the
operation returns several arrays), operands, `out` (or `out0, ...`), attributes, and `<operand>_shape` /
`<operand>_dtype`. The operands and outputs it names are what the backward pass saves; PyTorch's version-counter
errors follow from that list, so a formula must name exactly the tensors that PyTorch's formula saves.
Sums over broadcast dimensions and the cast to the operand's dtype are done by the engine.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, overload

import jax

from kilnn.ops.autocast import policies_of

Promotion = Literal["numeric", "float", "compare"] | None

# Annotations that mark an operand as a Python number which stays a run-time input of the program.
Index = int
"""A whole number (slice start, RNG counter): an int64 run-time input."""
Scalar = float
"""A real number (eps, slope, probability): a run-time input in the dtype of the first floating operand."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One gradient formula: what it differentiates, and the names of what it reads."""

    fn: Callable[..., Any]
    cotangents: tuple[int, ...]
    operands: tuple[str, ...]
    outputs: tuple[int, ...]
    attributes: tuple[str, ...]
    facts: tuple[tuple[str, str, str], ...]  # (parameter, operand, "shape" | "dtype")
    frees: bool | None  # overrides "a second backward fails because something was saved"


@dataclass(frozen=True, slots=True)
class Check:
    """A condition on values: `fn` returns (bad, values), `message` is formatted with the first bad value."""

    fn: Callable[..., Any]
    error: type[Exception]
    message: str
    operands: tuple[str, ...]
    attributes: tuple[str, ...]
    facts: tuple[tuple[str, str, str], ...]
    integers: bool  # only where the operation computes in an integer dtype


class Op:
    """One registered operation. Calling it calls the pure function on arrays."""

    def __init__(
        self,
        fn: Callable[..., Any],
        name: str,
        promote: Promotion,
        host: Callable[..., Any] | None,
        half: Literal["upcast", "native"],
        backward_name: str,
        by_value: bool,
    ) -> None:
        self.fn = fn
        self.name = name
        self.promote = promote
        self.host = host
        self.half = half
        self.backward_name = backward_name
        self.by_value = by_value
        self.rules: dict[str, Rule] = {}
        self.validator: Any = None  # the function that `validate` registered, or None
        self.checker: Check | None = None
        self.putter: Callable[..., Any] | None = None
        self.stand_ins: dict[int, str] = {}
        """Output -> operand that it can stand in for where other outputs' derivatives are wanted: they are the same."""
        self.statistics: frozenset[int] = frozenset()
        """Outputs that formulas read as functions of the operands they save: a second derivative goes through those."""
        self.joint = False
        """Whether PyTorch has one backward operation for all gradients: each depends on what any of them reads."""
        self.saves_cotangent = True
        """Whether PyTorch saves the cotangent for the second derivative, so that a write to it is an error."""
        self.through_jax = False
        self.host_check: Callable[..., bool] | None = None
        self.autocast = policies_of(name)
        self.memo: dict[Any, Any] = {}  # the engine's cache: (attributes, avals) -> entry
        parameters = inspect.signature(fn).parameters.values()
        operands = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.POSITIONAL_ONLY)]
        self.variadic = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)
        self.operands = tuple(p.name for p in operands)
        self.attributes = tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)
        self.optional = frozenset(p.name for p in operands if p.default is None)
        self.kinds: dict[str, str] = {}
        for p in parameters:
            kind = {"Index": "index", "Scalar": "scalar"}.get(str(p.annotation))
            if kind:
                self.kinds[p.name] = kind

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def __call__(self, *arrays: Any, **attributes: Any) -> Any:
        return self.fn(*arrays, **attributes)

    def grad(self, *operands: str, frees: bool | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Register the formula for the gradient of each named operand (a variadic operand: returns a tuple)."""

        def register(fn: Callable[..., Any]) -> Callable[..., Any]:
            cotangents: list[int] = []
            outputs: list[int] = []
            names: list[str] = []
            attributes: list[str] = []
            facts: list[tuple[str, str, str]] = []
            for name in inspect.signature(fn).parameters:
                if name == "ct" or (name.startswith("ct") and name[2:].isdigit()):
                    cotangents.append(int(name[2:] or 0))
                elif name == "out" or (name.startswith("out") and name[3:].isdigit()):
                    outputs.append(int(name[3:] or 0))
                else:
                    self._classify(name, names, attributes, facts)
            rule = Rule(fn, tuple(cotangents), tuple(names), tuple(outputs), tuple(attributes), tuple(facts), frees)
            for operand in operands:
                self._known(operand)
                self.rules[operand] = rule
            return fn

        return register

    def grad_by_vjp(self, *operands: str) -> None:
        """The gradient of the named operands is `jax.vjp` of the function, recomputed in the backward pass."""
        for operand in operands:
            self._known(operand)

            def fn(ct: Any, *, _operand: str = operand, **named: Any) -> Any:
                attributes = {k: named.pop(k) for k in self.attributes}

                def of_one(x: Any) -> Any:
                    arrays = {**named, _operand: x}
                    return self.fn(*(arrays[k] for k in self.operands), **attributes)

                return jax.vjp(of_one, named[_operand])[1](ct)[0]

            self.rules[operand] = Rule(fn, (0,), self.operands, (), self.attributes, (), None)

    def grad_by_jax(self, *operands: str) -> None:
        """The same for operations with several results: the engine takes `jax.vjp` of the whole, and saves what it
        reads."""
        for operand in operands:
            self._known(operand)
            self.rules[operand] = Rule(self.fn, (0,), self.operands, (), self.attributes, (), None)
        self.through_jax = True

    def validate(self, fn: Callable[..., None]) -> Callable[..., None]:
        """Register the check of shapes and dtypes. Called as `fn(*operands, **attributes)` on avals
        (`.shape`, `.dtype`; Python numbers as their type), once per new combination; it raises PyTorch's exception."""
        self.validator = fn
        return fn

    def check(
        self, error: type[Exception], message: str, integers: bool = False
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Register a condition on values, written with operators only, so that it runs on NumPy and JAX arrays:
        returns `(bad, values)`. `message` may use `{value}` and attributes and facts of the formula. `integers`: for
        tensors of integers only; what a Python number may not be is tested where it is given."""

        def register(fn: Callable[..., Any]) -> Callable[..., Any]:
            names: list[str] = []
            attributes: list[str] = []
            facts: list[tuple[str, str, str]] = []
            for name in inspect.signature(fn).parameters:
                self._classify(name, names, attributes, facts)
            self.checker = Check(fn, error, message, tuple(names), tuple(attributes), tuple(facts), integers)
            return fn

        return register

    def put(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """For view operations: `fn(base, value, *other_operands, **attributes)`, base with the viewed part replaced."""
        self.putter = fn
        return fn

    def _known(self, operand: str) -> None:
        if operand not in self.operands and operand != self.variadic:
            raise TypeError(f"{self.name} has no operand {operand!r}; it has {self.operands}")

    def _classify(self, name: str, names: list[str], attributes: list[str], facts: list[tuple[str, str, str]]) -> None:
        stem, _, fact = name.rpartition("_")
        if name in self.operands or name == self.variadic:
            names.append(name)
        elif name in self.attributes:
            attributes.append(name)
        elif fact in ("shape", "dtype") and (stem in self.operands or stem == self.variadic):
            facts.append((name, stem, fact))
        else:
            raise TypeError(f"a formula of {self.name} asks for {name!r}, which is neither operand nor attribute")


REGISTRY: dict[str, Op] = {}


@overload
def op(fn: Callable[..., Any]) -> Op: ...
@overload
def op(
    *,
    name: str | None = None,
    promote: Promotion = None,
    host: Callable[..., Any] | None = None,
    half: Literal["upcast", "native"] = "native",
    backward_name: str | None = None,
    by_value: bool = False,
) -> Callable[[Callable[..., Any]], Op]: ...
def op(
    fn: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    promote: Promotion = None,
    host: Callable[..., Any] | None = None,
    half: Literal["upcast", "native"] = "native",
    backward_name: str | None = None,
    by_value: bool = False,
) -> Op | Callable[[Callable[..., Any]], Op]:
    """Register an operation.

    promote: how operand dtypes combine. "numeric": PyTorch's promotion, result in the common dtype; "float": the
        same, but integers become the default float dtype; "compare": common dtype, result bool; None: as written.
        Python numbers are accepted at any operand of a promoting operation and stay run-time inputs.
    host: the NumPy twin used for small host-held tensors; same signature as the function (attributes by keyword).
    half: "upcast" computes float16/bfloat16 operands in float32 and rounds the result.
    backward_name: the name of PyTorch's node ("MulBackward0"); default from the op's name.
    by_value: the output's shape depends on values: the operands are computed first and it runs at once on NumPy.
    """

    def register(f: Callable[..., Any]) -> Op:
        key = name or f.__name__.rstrip("_")
        if key in REGISTRY:
            raise ValueError(f"the operation {key!r} is registered twice")
        half_mode = "upcast" if promote is not None else half
        node = backward_name or "".join(part.capitalize() for part in key.split("_")) + "Backward0"
        REGISTRY[key] = Op(f, key, promote, host, half_mode, node, by_value)
        return REGISTRY[key]

    return register(fn) if fn is not None else register
