"""Every flag, read once from the environment and checked when it is set."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, NoReturn

_TRUE = ("1", "true", "yes", "on")
_FALSE = ("0", "false", "no", "off")


class Flag(NamedTuple):
    """One setting: its attribute, its environment variable, its default, and the check of a new value."""

    name: str
    variable: str
    default: int | bool | str
    check: Callable[[str, object], int | bool | str]
    meaning: str


def _boolean(label: str, value: object) -> bool:
    word = value.strip().lower() if isinstance(value, str) else value
    if isinstance(word, bool):
        return word
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ValueError(f"{label} is a switch; received {value!r}; expected one of {', '.join(_TRUE + _FALSE)}.")


def _positive(label: str, value: object) -> int:
    try:
        number = int(value) if isinstance(value, str) else value
    except ValueError:
        number = None
    if isinstance(number, int) and not isinstance(number, bool) and number > 0:
        return number
    raise ValueError(f"{label} is a count; received {value!r}; expected a whole number above 0.")


def _folder(label: str, value: object) -> str:
    """A path with `~` expanded; empty for the usual place, see cache_folder."""
    if isinstance(value, str | os.PathLike):
        return os.path.expanduser(os.fspath(value)) if value else ""
    raise ValueError(f"{label} is a folder; received {value!r}; expected a path.")


FLAGS = (
    Flag("eager", "KILNN_EAGER", False, _boolean, "run every operation at once instead of recording it"),
    Flag("verify", "KILNN_VERIFY", False, _boolean, "check the invariants of every trace before it runs"),
    Flag("cache_size", "KILNN_CACHE_SIZE", 64, _positive, "how many compiled programs are kept"),
    Flag("disk_cache", "KILNN_DISK_CACHE", True, _boolean, "keep compiled programs on disk for the next process"),
    Flag("disk_cache_dir", "KILNN_DISK_CACHE_DIR", "", _folder, "where; empty: kilnn in the user's cache folder"),
    Flag("disk_cache_mb", "KILNN_DISK_CACHE_MB", 1024, _positive, "how many megabytes of them are kept"),
    Flag("trace_cap", "KILNN_TRACE_CAP", 2000, _positive, "how many pending instructions make a trace run"),
    Flag("malloc", "KILNN_MALLOC", True, _boolean, "tell glibc to keep freed memory instead of returning it"),
    Flag("gc_freeze", "KILNN_GC_FREEZE", True, _boolean, "take the imported modules out of Python's gc walks"),
    Flag("native", "KILNN_NATIVE", True, _boolean, "use the hot paths in C where they were built"),
)
_BY_NAME = {flag.name: flag for flag in FLAGS}


class Config:
    """The settings of this process.

    Each flag of `FLAGS` is an attribute: assigning checks the value, unknown names are refused, and `override` sets
    some of them for the length of a `with` block.
    """

    __slots__ = tuple(flag.name for flag in FLAGS)

    eager: bool
    verify: bool
    cache_size: int
    disk_cache: bool
    disk_cache_dir: str
    disk_cache_mb: int
    trace_cap: int
    malloc: bool
    gc_freeze: bool
    native: bool

    def __init__(self, environment: Mapping[str, str]) -> None:
        for flag in FLAGS:
            text = environment.get(flag.variable, "").strip()
            value = flag.check(f"The environment variable {flag.variable}", text) if text else flag.default
            object.__setattr__(self, flag.name, value)

    def __setattr__(self, name: str, value: object) -> None:
        flag = _BY_NAME.get(name)
        if flag is None:
            raise AttributeError(f"there is no flag {name!r}; the flags are {', '.join(_BY_NAME)}.")
        object.__setattr__(self, name, flag.check(f"The flag config.{name}", value))

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"the flag {name!r} cannot be deleted; assign {_BY_NAME[name].default!r} to reset it.")

    def __repr__(self) -> str:
        return f"config({', '.join(f'{flag.name}={getattr(self, flag.name)}' for flag in FLAGS)})"

    @contextmanager
    def override(self, **flags: Any) -> Iterator[Config]:
        """Set flags for a `with` block; the old values come back however it ends."""
        before = {flag.name: getattr(self, flag.name) for flag in FLAGS}
        try:
            for name, value in flags.items():
                setattr(self, name, value)
            yield self
        finally:
            for name, value in before.items():
                object.__setattr__(self, name, value)


config = Config(os.environ)


def cache_folder(environment: Mapping[str, str] = os.environ) -> str | None:
    """Where programs are kept on disk: KILNN_DISK_CACHE_DIR, else `kilnn` in XDG_CACHE_HOME or ~/.cache; None when the
    user has no home."""
    if config.disk_cache_dir:
        return config.disk_cache_dir
    base = environment.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):  # the XDG rules: a relative path is to be ignored
        base = os.path.expanduser("~/.cache")
    return os.path.join(base, "kilnn") if os.path.isabs(base) else None
