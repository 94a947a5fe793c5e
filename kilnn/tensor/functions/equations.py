"""Reading an Einstein sum's equation: PyTorch's rules and errors, once for each equation and operand shapes."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache


@lru_cache(maxsize=512)
def parse(equation: str, shapes: tuple[tuple[int, ...], ...]) -> str:
    """The equation with its result written out and its spaces removed, after it was checked against the shapes."""
    text = equation.replace(" ", "")
    arguments, arrow, result = text.partition("->")
    for place, letter in enumerate(text.replace("->", "").replace(",", "").replace("...", "")):
        if not (letter.isascii() and letter.isalpha()):
            raise RuntimeError(
                f"einsum(): invalid subscript given at index {place} in the equation string, "
                "subscripts must be in [a-zA-Z]"
            )
    subscripts = arguments.split(",")
    if len(subscripts) > len(shapes):
        raise RuntimeError("einsum(): fewer operands were provided than specified in the equation")
    if len(subscripts) < len(shapes):
        raise RuntimeError("einsum(): more operands were provided than specified in the equation")
    _check_sizes(subscripts, shapes)
    letters = Counter(letter for subscript in subscripts for letter in subscript.replace("...", ""))
    dotted = any("..." in subscript for subscript in subscripts)
    if not arrow:
        once = "".join(sorted(letter for letter, count in letters.items() if count == 1))
        return f"{arguments}->{'...' if dotted else ''}{once}"
    for letter, count in Counter(result.replace("...", "")).items():
        if count > 1:
            raise RuntimeError(f"einsum(): output subscript {letter} appears more than once in the output")
        if letter not in letters:
            raise RuntimeError(
                f"einsum(): output subscript {letter} does not appear in the equation for any input operand"
            )
    return f"{arguments}->{result}"


def contracts(parsed: str) -> bool:
    """Whether a letter that several operands share is summed over."""
    arguments, _, result = parsed.partition("->")
    shared = Counter(letter for subscript in arguments.split(",") for letter in set(subscript.replace(".", "")))
    return any(count > 1 and letter not in result for letter, count in shared.items())


def _check_sizes(subscripts: list[str], shapes: tuple[tuple[int, ...], ...]) -> None:
    sizes: dict[str, int] = {}
    for number, (subscript, shape) in enumerate(zip(subscripts, shapes, strict=True)):
        head, dots, tail = subscript.partition("...")
        named = len(head) + len(tail)
        if named > len(shape) or (named < len(shape) and not dots):
            word = "is more than" if dots else "does not match"
            end = "" if dots else " and no ellipsis was given"
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({named}) {word} the number of dimensions "
                f"({len(shape)}) for operand {number}{end}"
            )
        own: dict[str, int] = {}
        for letter, size in zip(head + tail, (*shape[: len(head)], *shape[len(shape) - len(tail) :]), strict=True):
            if own.setdefault(letter, size) != size:
                raise RuntimeError(
                    f"einsum(): subscript {letter} is repeated for operand {number} but the sizes don't match, "
                    f"{size} != {own[letter]}"
                )
            seen = sizes.setdefault(letter, size)
            if seen != size and 1 not in (seen, size):
                raise RuntimeError(
                    f"einsum(): subscript {letter} has size {size} for operand {number} which does not broadcast with "
                    f"previously seen size {seen}"
                )
            sizes[letter] = max(seen, size)
