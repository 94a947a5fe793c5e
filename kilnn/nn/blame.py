"""Errors inside modules: the path of the module, what it got and expects, and where that came from.

Nothing is done while calls succeed. When the first exception leaves a module's call, the frames above still hold the
modules whose `forward` is running, so the path is read from them and written into the message, once.
"""

from __future__ import annotations

import dis
import inspect
import os
import sys
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from kilnn.base.errors import PACKAGE_FOLDER
from kilnn.engine import origin, sites
from kilnn.nn.expectations import complaint, in_words, summary
from kilnn.tensor.doors import is_tensor

if TYPE_CHECKING:
    from kilnn.nn.module import Module

_BELOW = tuple(f"{os.sep}{name}{os.sep}" for name in ("jax", "jaxlib", "numpy", "ml_dtypes"))


def explain(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any] | None, error: Exception) -> None:
    """Add to an error that leaves `module(*args, **kwargs)` where in the model it happened. The first call counts."""
    if hasattr(error, "_module_path"):
        return
    error._module_path = None  # type: ignore[attr-defined]  # a note for the modules further out
    if not _raised_by_us(error.__traceback__):
        return
    calls = _calls(module, sys._getframe(1))
    root = _name_in(calls[-1].caller, calls[-1].module)
    path = root + _path(calls)
    error._module_path = path  # type: ignore[attr-defined]  # the same
    text = "\n".join(_lines(root, path, module, _named(module, args, kwargs or {}), calls))
    if len(error.args) == 1 and isinstance(error.args[0], str) and not isinstance(error, KeyError):
        error.args = (f"{error.args[0]}\n{text}",)
    else:
        error.add_note(text)


def _raised_by_us(traceback: TracebackType | None) -> bool:
    """Whether the innermost frame, those of the libraries below left out, is the package's; without frames the call
    itself failed."""
    ours = True
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        if name.startswith(PACKAGE_FOLDER):
            ours = True
        elif not any(part in name for part in _BELOW):
            ours = False
        traceback = traceback.tb_next
    return ours


class _Call:
    """A running call of a module, and the frame outside the package that made it."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.caller: FrameType | None = None


def _calls(module: Module, frame: FrameType | None) -> list[_Call]:
    """The running calls, innermost first."""
    found = [_Call(module)]
    while frame is not None:
        owner = _owner(frame)
        inside = frame.f_code.co_filename.startswith(PACKAGE_FOLDER)
        if owner is not None and owner is not found[-1].module:
            if found[-1].caller is None:
                found[-1].caller = frame
            found.append(_Call(owner))
        elif owner is None and not inside and found[-1].caller is None:
            found[-1].caller = frame
        frame = frame.f_back
    return found


def _owner(frame: FrameType) -> Any:
    """The module whose method a frame runs."""
    code = frame.f_code
    if not code.co_argcount:
        return None
    first = frame.f_locals.get(code.co_varnames[0])
    return first if _is_module(first) else None


def _is_module(x: Any) -> bool:
    return hasattr(type(x), "named_modules") and "_modules" in getattr(x, "__dict__", ())


def _path(calls: list[_Call]) -> str:
    """The way from the outermost module to the innermost, as `.body.0.fc`."""
    path = ""
    for outer, inner in zip(calls[:0:-1], calls[-2::-1], strict=True):
        name = next((n for n, m in outer.module.named_modules(remove_duplicate=False) if m is inner.module), None)
        if name is None:
            name = _attribute_of(outer.module, inner.module) or _name_in(inner.caller, inner.module)
            if "." in name:  # `self.parts`: the name says where it is by itself
                name = name.partition(".")[2]
        path += "." + name
    return path


def _name_in(frame: FrameType | None, module: Module) -> str:
    """A module's name where it was called: a variable, an attribute of one, or else its class."""
    if frame is not None:
        for names in (frame.f_locals, frame.f_globals):
            for name, value in list(names.items()):
                if value is module and name != "self":
                    return name
        for name, value in list(frame.f_locals.items()):
            attribute = _attribute_of(value, module)
            if attribute is not None:
                return f"{name}.{attribute}"
    return type(module).__name__


def _attribute_of(holder: Any, module: Module) -> str | None:
    """`layers[2]` when a list, tuple or dict that `holder` has as an attribute holds the module, or its name."""
    try:
        attributes: dict[str, Any] = dict(vars(holder))
    except TypeError:
        return None
    for name, value in attributes.items():
        if value is module:
            return name
        if isinstance(value, list | tuple):
            for k, item in enumerate(value):
                if item is module:
                    return f"{name}[{k}]"
        elif isinstance(value, dict) and not name.startswith("_"):
            for key, item in value.items():
                if item is module:
                    return f"{name}[{key!r}]"
    return None


def _named(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The tensors that a module was called with, by the names of its `forward`."""
    try:
        given = dict(inspect.signature(module.forward).bind(*args, **kwargs).arguments)
    except (TypeError, ValueError):
        return {}
    for name, x in list(given.items()):
        if isinstance(x, tuple | list):
            given.update({f"{name}[{k}]": part for k, part in enumerate(x)})
    return {name: x for name, x in given.items() if is_tensor(x)}


def _lines(root: str, path: str, module: Module, given: dict[str, Any], calls: list[_Call]) -> list[str]:
    words = summary(module)
    line = f"  {words}" if path == type(module).__name__ else f"  {path} ({words})"
    if not given or not type(module).__module__.startswith("kilnn."):
        return [line]
    found = complaint(module, given)
    blamed = given[found.name] if found is not None else next(iter(given.values()))
    line += f": got {in_words(given, dtypes=found is not None and found.dtypes)}"
    if found is not None:
        which = f"{found.name}: " if len(given) > 1 and not found.expected.startswith(found.name) else ""
        line += f", {which}{found.expected}"
    source = _source(blamed, calls, root)
    lines = [line + (f"; {source}" if source else "")]
    if found is not None and found.fix:
        lines.append(f"  Fix: {found.fix}")
    return lines


def _source(x: Any, calls: list[_Call], root: str) -> str | None:
    """Which module made a tensor, and where; or which call brought it in."""
    site = origin.recorded_at(x)
    operation = origin.operation(x)
    where = f" at {_short(sites.describe(site))}" if site is not None else ""
    owners = {id(p): name.rpartition(".")[0] for name, p in calls[-1].module.named_parameters()}
    near = origin.nearest_leaf(x, owners)
    if near is not None:
        owner, direct = near
        maker = f"{root}.{owner}" if owner else root
        return f"produced by {maker}{where}" if direct else f"produced by {operation} after {maker}{where}"
    if operation is not None:
        return f"produced by {operation}{where}"
    for call in reversed(calls[1:]):
        frame = _forward_frame(call.module)
        if frame is not None and call.caller is not None and _was_argument(x, frame, call.caller):
            return f"given to {_name_in(call.caller, call.module)} at {_line(call.caller)}"
    return None


def _was_argument(x: Any, frame: FrameType, caller: FrameType) -> bool:
    """Whether x came in as an argument: one that the function never assigns anew, or a variable of the caller."""
    code = frame.f_code
    name = next((n for n in code.co_varnames[: code.co_argcount] if frame.f_locals.get(n) is x), None)
    if name is None:
        return False
    assigned = any(i.opname.startswith("STORE_") and i.argval == name for i in dis.get_instructions(code))
    return not assigned or any(value is x for value in caller.f_locals.values())


def _forward_frame(module: Module) -> FrameType | None:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "forward" and _owner(frame) is module:
            return frame
        frame = frame.f_back
    return None


def _line(frame: FrameType) -> str:
    return f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"


def _short(place: str) -> str:
    return os.path.basename(place)
