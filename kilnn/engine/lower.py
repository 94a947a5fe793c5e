"""From a recording to a function of arrays: drop what nobody needs, renumber, interpret."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax import lax

from kilnn.engine.entry import HEADS, NONE, VALUE, Entry

Signature = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Canonical:
    """A recording reduced to what its outputs need, numbered in order of first use.

    code: (head, references...) for each instruction; an instruction with k outputs takes k numbers.
    starts: the number of each instruction's first output. outputs: numbers of the values to return.
    leaves, floats, ints, doubles: which leaf slots and scalar positions of the recording are used, in order.
    donated: positions in `leaves` whose buffers may be reused. conditions: numbers of check instructions' values
    in the recording, in order.
    """

    code: tuple[tuple[int, ...], ...]
    starts: tuple[int, ...]
    outputs: tuple[int, ...]
    leaves: tuple[int, ...]
    floats: tuple[int, ...]
    ints: tuple[int, ...]
    doubles: tuple[int, ...]
    donated: tuple[int, ...]
    conditions: tuple[int, ...]

    @property
    def key(self) -> tuple[Any, ...]:
        """What decides the compiled program."""
        return self.code, self.outputs, self.donated


def _needed(signature: Signature, live: tuple[int, ...], checks: frozenset[int] | None) -> tuple[bytearray, list[int]]:
    """(which instructions the outputs need, where the instruction of each value starts)."""
    n = len(signature)
    needed = bytearray(n)
    start_of = list(range(n))
    for i, instr in enumerate(signature):
        if type(instr) is int:
            start_of[i] = i - instr
        elif HEADS[instr[0]].is_check and (checks is None or i in checks):
            needed[i] = 1
    for i in live:
        needed[start_of[i]] = 1
    for i in range(n - 1, -1, -1):
        if needed[i]:
            instr = signature[i]
            r = 1
            for kind in HEADS[instr[0]].kinds:
                if kind == VALUE and instr[r] >= 0:
                    needed[start_of[instr[r]]] = 1
                r += kind != NONE
    return needed, start_of


def canonicalize(
    signature: Signature, live: tuple[int, ...], donated: list[int], checks: frozenset[int] | None = None
) -> Canonical:
    """Dead code gone, values, leaves and scalars renumbered: equal programs become equal. `checks`: conditions that
    are kept (None: all); the others passed on the host."""
    needed, start_of = _needed(signature, live, checks)
    numbers: dict[int, int] = {}
    slots: dict[int, int] = {}
    scalars: tuple[dict[int, int], dict[int, int], dict[int, int]] = ({}, {}, {})
    code: list[tuple[int, ...]] = []
    starts: list[int] = []
    conditions: list[int] = []
    seen_checks: set[tuple[int, ...]] = set()
    total = 0

    def take(i: int) -> None:
        nonlocal total
        instr = signature[i]
        entry = HEADS[instr[0]]
        refs = [instr[0]]
        r = 1
        for kind in entry.kinds:
            if kind == NONE:
                continue
            ref = instr[r]
            r += 1
            if kind != VALUE:
                table = scalars[kind - 1]
                refs.append(table.setdefault(ref, len(table)))
            elif ref < 0:
                refs.append(-1 - slots.setdefault(-1 - ref, len(slots)))
            else:
                if ref not in numbers:
                    take(start_of[ref])
                refs.append(numbers[ref])
        if entry.is_check:
            if tuple(refs) in seen_checks:
                return  # the same condition on the same values
            seen_checks.add(tuple(refs))
        code.append(tuple(refs))
        starts.append(total)
        if entry.is_check:
            conditions.append(i)
        for k in range(entry.nout):
            numbers[i + k] = total + k
        total += entry.nout

    for i, instr in enumerate(signature):
        # Reads of flat leaves are recorded at first use, which a recording left over from an exception may have had:
        # they are placed where the code that stays needs them.
        if needed[i] and i not in numbers and HEADS[instr[0]].name != "range":
            take(i)
    for i in live:
        if i not in numbers:
            take(start_of[i])
    return Canonical(
        tuple(code), tuple(starts), tuple([numbers[i] for i in live]), tuple(slots),
        tuple(scalars[0]), tuple(scalars[1]), tuple(scalars[2]),
        tuple(sorted(slots[s] for s in set(donated) if s in slots)), tuple(conditions),
    )  # fmt: skip


def strays(signature: Signature, live: tuple[int, ...], roots: list[int]) -> tuple[int, ...]:
    """Live values that no update of the recording has anything to do with: what an exception left behind, foreign
    operations. They are computed apart, so that they do not make a step program of their own. A loss belongs to the
    step also where its gradients do not need it: `roots`, where backward passes began."""
    parent = list(range(len(signature)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    updates = []
    for i, instr in enumerate(signature):
        if type(instr) is int:
            parent[i] = i - instr
            continue
        entry = HEADS[instr[0]]
        if entry.is_update:
            updates.append(i)
        r = 1
        for kind in entry.kinds:
            if kind == VALUE and instr[r] >= 0 and not _reads_leaf(signature[instr[r]]):
                parent[root(i)] = root(instr[r])
            r += kind != NONE
    if not updates:
        return ()
    main = {root(i) for i in (*updates, *roots)}
    return tuple([i for i in live if root(i) not in main])


def _reads_leaf(instr: Any) -> bool:
    return type(instr) is tuple and HEADS[instr[0]].name == "range"


def operands_of(entry: Entry, instr: tuple[int, ...], env: Any, leaves: Any, scalars: Any) -> list[Any]:
    """The arguments of an instruction's function."""
    operands: list[Any] = []
    r = 1
    for kind in entry.kinds:
        if kind == NONE:
            operands.append(None)
            continue
        ref = instr[r]
        r += 1
        if kind == VALUE:
            operands.append(env[ref] if ref >= 0 else leaves[-1 - ref])
        else:
            operands.append(scalars[kind - 1][ref])
    return operands


class Lazy:
    """Elements of a packed scalar vector, sliced once each."""

    def __init__(self, vector: Any) -> None:
        self.vector = vector
        self.made: dict[int, Any] = {}

    def __getitem__(self, i: int) -> Any:
        found = self.made.get(i)
        if found is None:
            found = self.made[i] = lax.index_in_dim(self.vector, i, 0, keepdims=False)
        return found


def build(program: Canonical) -> Callable[..., tuple[Any, ...]]:
    """The program as one function of (leaves..., floats?, ints?, doubles?); with conditions, the last output is the
    error word."""
    n_leaves = len(program.leaves)
    present = [bool(program.floats), bool(program.ints), bool(program.doubles)]
    instructions = [(HEADS[instr[0]], instr) for instr in program.code]

    def step(*args: Any) -> tuple[Any, ...]:
        leaves = args[:n_leaves]
        vectors = iter(args[n_leaves:])
        scalars = [Lazy(next(vectors)) if p else None for p in present]
        env: list[Any] = []
        words: list[Any] = []
        fine: Any = None
        for entry, instr in instructions:
            operands = operands_of(entry, instr, env, leaves, scalars)
            out = entry.jitted(*operands)
            outs = list(out) if isinstance(out, tuple | list) else [out]
            if entry.is_check:
                words.append(out)
            elif entry.is_update and words:
                if fine is None:
                    fine = jnp.max(error_word(words)) == 0
                for k, position in enumerate(entry.state):
                    outs[k] = jnp.where(fine, outs[k], operands[position])
            env.extend(outs)
        results = [env[i] for i in program.outputs]
        if words:
            results.append(error_word(words))
        return tuple(results)

    return step


def error_word(codes: list[Any]) -> Any:
    """The codes of a program's conditions as one vector; all are 0 when everything is fine."""
    return jnp.stack(codes)
