"""A reader of pickles that runs no foreign code.

A pickle is a program for a small stack machine that may name any function and call it. This machine knows the names it
may call (`find` says which) and has no other way to reach code: it imports nothing, sets attributes on nothing but an
OrderedDict and instances of classes the user has allowed, and refuses every operation that plain data does not need.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeAlias


class Named:
    """What a name in a pickle stands for, when it may be called.

    Args:
        name: as it is in the file.
        call: what a call of it does.
        allowed: the class of the user's that it is, if it is one.
    """

    __slots__ = ("allowed", "call", "name")

    def __init__(self, name: str, call: Callable[..., Any], allowed: type | None = None) -> None:
        self.name = name
        self.call = call
        self.allowed = allowed

    def __repr__(self) -> str:
        return f"<{self.name}>"


Find: TypeAlias = Callable[[str, str], Any]
"""(module, name) -> what it stands for: a `Named`, or plain data such as a dtype. Raises UnpicklingError for others."""

_MARK = object()
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple, "EMPTY_SET": set}
_LITERALS = frozenset(
    (
        "BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4", "BINFLOAT", "FLOAT", "UNICODE",
        "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
        "STRING", "BINSTRING", "SHORT_BINSTRING",
    )
)  # fmt: skip
_CONTAINERS = frozenset(
    (
        "TUPLE1", "TUPLE2", "TUPLE3", "TUPLE", "LIST", "FROZENSET", "DICT", "APPEND", "APPENDS", "ADDITEMS", "SETITEM",
        "SETITEMS",
    )
)  # fmt: skip
_MOVED = {"__builtin__": "builtins", "copy_reg": "copyreg"}


def end_of_pickle(data: bytes, start: int = 0) -> int:
    """Where the pickle that begins at `start` ends. UnpicklingError if it does not."""
    stream = io.BytesIO(data)
    stream.seek(start)
    try:
        for _ in pickletools.genops(stream):
            pass
    except (ValueError, UnicodeDecodeError) as error:
        raise pickle.UnpicklingError(f"load: the pickle inside the file is damaged: {error}") from None
    return stream.tell()


class PickleReader:
    """Reads one pickle. `find` says what names stand for, `persistent` makes what lies beside the pickle."""

    def __init__(self, find: Find, persistent: Callable[[Any], Any]) -> None:
        self._find = find
        self._persistent = persistent
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def load(self, data: bytes) -> Any:
        """The object. UnpicklingError for a damaged pickle and for one that wants more than data."""
        try:
            for opcode, argument, _ in pickletools.genops(data):
                if opcode.name == "STOP":
                    (result,) = self._plain(self._stack)
                    if isinstance(result, Named):
                        raise pickle.UnpicklingError(f"load: the file holds {result.name} and no data")
                    return result
                self._step(opcode.name, argument)
        except pickle.UnpicklingError:
            raise
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError, ArithmeticError) as error:
            raise pickle.UnpicklingError(
                f"load: the pickle inside the file is damaged: {type(error).__name__}: {error}"
            ) from error
        raise pickle.UnpicklingError("load: the pickle inside the file ends too early")

    def _step(self, code: str, argument: Any) -> None:
        stack = self._stack
        if code in _LITERALS:
            stack.append(argument)
        elif code in _CONSTANTS:
            stack.append(_CONSTANTS[code])
        elif code in _EMPTY:
            stack.append(_EMPTY[code]())
        elif code in ("BINPUT", "LONG_BINPUT", "PUT"):
            self._memo[argument] = stack[-1]
        elif code == "MEMOIZE":
            self._memo[len(self._memo)] = stack[-1]
        elif code in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(self._memo[argument])
        elif code == "MARK":
            stack.append(_MARK)
        elif code in _CONTAINERS:
            self._contain(code)
        elif code in ("GLOBAL", "STACK_GLOBAL"):
            module, name = argument.split(" ", 1) if code == "GLOBAL" else (stack.pop(-2), stack.pop())
            if not (isinstance(module, str) and isinstance(name, str)):
                raise pickle.UnpicklingError("load: a name in the pickle is not a text")
            stack.append(self._find(_MOVED.get(module, module), name))
        elif code == "REDUCE":
            args = _expect(stack.pop(), tuple)
            stack.append(_callable(stack.pop()).call(*args))
        elif code in ("NEWOBJ", "NEWOBJ_EX"):
            kwargs = _expect(stack.pop(), dict) if code == "NEWOBJ_EX" else {}
            args = _expect(stack.pop(), tuple)
            made = _callable(stack.pop())
            stack.append(
                made.call(*args, **kwargs)
                if made.allowed is None
                else made.allowed.__new__(made.allowed, *args, **kwargs)
            )
        elif code == "BUILD":
            self._build(stack.pop(), stack[-1])
        elif code in ("BINPERSID", "PERSID"):
            stack.append(self._persistent(stack.pop() if code == "BINPERSID" else argument))
        elif code == "POP":
            stack.pop()
        elif code == "DUP":
            stack.append(stack[-1])
        elif code not in ("PROTO", "FRAME"):
            raise pickle.UnpicklingError(f"load: the pickle uses the operation {code}, which data does not need")

    def _contain(self, code: str) -> None:
        stack = self._stack
        if code in ("TUPLE1", "TUPLE2", "TUPLE3"):
            count = int(code[-1])
            stack[-count:] = [tuple(self._plain(stack[-count:]))]
        elif code in ("TUPLE", "LIST", "FROZENSET"):
            made = {"TUPLE": tuple, "LIST": list, "FROZENSET": frozenset}[code](self._above_mark())
            stack.append(made)
        elif code == "DICT":
            items = self._above_mark()
            stack.append(dict(zip(items[::2], items[1::2], strict=True)))
        elif code in ("APPEND", "APPENDS"):
            items = self._above_mark() if code == "APPENDS" else [stack.pop()]
            _expect(stack[-1], list).extend(self._plain(items))
        elif code == "ADDITEMS":
            items = self._above_mark()
            _expect(stack[-1], set).update(self._plain(items))
        else:
            items = self._above_mark() if code == "SETITEMS" else [stack.pop(-2), stack.pop()]
            target = _expect(stack[-1], dict)
            for key, value in zip(items[::2], items[1::2], strict=True):
                target[key] = self._plain([value])[0]

    def _above_mark(self) -> list[Any]:
        stack = self._stack
        place = len(stack) - 1
        while stack[place] is not _MARK:
            place -= 1
            if place < 0:
                raise pickle.UnpicklingError("load: the pickle inside the file is damaged: a mark is missing")
        items = stack[place + 1 :]
        del stack[place:]
        return items

    @staticmethod
    def _plain(items: list[Any]) -> list[Any]:
        """Marks are no data."""
        if any(item is _MARK for item in items):
            raise pickle.UnpicklingError("load: the pickle inside the file is damaged: a mark among data")
        return items

    def _build(self, state: Any, target: Any) -> None:
        if type(target) is OrderedDict:
            vars(target).update(_expect(state, dict))
            return
        if target is LEFT_OUT:
            return
        if type(target) not in ALLOWED_INSTANCES:
            raise pickle.UnpicklingError(f"load: the pickle sets attributes of a {type(target).__name__}")
        if hasattr(target, "__setstate__"):
            target.__setstate__(state)
            return
        state, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
        vars(target).update(state or {})
        for name, value in (slots or {}).items():
            setattr(target, name, value)


LEFT_OUT = object()
"""Stands for an object that a first pass over a pickle does not make."""

ALLOWED_INSTANCES: set[type] = set()
"""Classes that the user allowed in files: their instances may be given attributes."""


def _expect(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise pickle.UnpicklingError(
            f"load: the pickle inside the file is damaged: a {kind.__name__} was expected, not {type(value).__name__}"
        )
    return value


def _callable(value: Any) -> Named:
    if not isinstance(value, Named):
        raise pickle.UnpicklingError(f"load: the pickle calls {value!r}, which is no function of PyTorch's files")
    return value
