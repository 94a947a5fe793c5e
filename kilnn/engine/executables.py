"""Executables: taken from the disk where an earlier process left them, else compiled and left there.

One that is found by its name (see fingerprint) costs reading and linking it: nothing is traced, lowered or compiled.
What has no name - a user's operation - is traced and lowered, and found by the text of its StableHLO module.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
from jax.experimental import serialize_executable

from kilnn.engine import disk, fingerprint
from kilnn.engine.fingerprint import UnnamedError


class Made(NamedTuple):
    """call: runs the executable, a callable in C. loaded: it came from the disk. keep: leaves it on the disk; to be
    called when the executable has been started, so that writing does not hold it up."""

    call: Any
    loaded: bool
    keep: Callable[[], None]


def obtain(name: Callable[[], str], jitted: Any, args: tuple[Any, ...], options: Any = None) -> Made:
    """The executable of `jitted` at these arguments (arrays or their specs).

    The call is `jitted` itself where its executable cannot be handed over. name: see fingerprint; may raise
    UnnamedError. options: what `jitted` is compiled with."""
    place = _place(args)
    if place is None:
        return Made(jitted, False, _nothing)
    lowered = None
    try:
        key = fingerprint.hash_of(place, name())
    except UnnamedError:
        lowered = jitted.lower(*args)
        text = lowered.as_text()
        if "callback" in text:  # Python functions of this process
            return Made(jitted, False, _nothing)
        key = fingerprint.hash_of(place, repr(options), text)
    call = _load(key, args)
    if call is not None:
        return Made(call, True, _nothing)
    compiled = (lowered or jitted.lower(*args)).compile()
    return Made(_in_c(compiled) or jitted, False, partial(_keep, key, compiled))


def refused(error: Exception) -> bool:
    """Whether an executable did not run because it was made for arrays on other devices, or was given JAX tracers."""
    return isinstance(error, ValueError | TypeError) and "compiled" in str(error)


def _nothing() -> None:
    """There is nothing to keep."""


def _place(args: tuple[Any, ...]) -> str | None:
    """The part of a key that says where and on what the executable runs; None when it is not to be kept."""
    if disk.folder() is None or jax.config.jax_disable_jit:  # type: ignore[attr-defined]  # JAX makes its settings' names
        return None
    where = fingerprint.environment()
    if where is None:
        return None
    usual = _device()
    facts = []
    for x in args:
        if x is None:
            facts.append("-")
            continue
        fixed = False
        if isinstance(x, jax.core.Tracer):
            return None
        if isinstance(x, jax.Array):
            if x.devices() != {usual}:
                return None
            fixed = x.committed
        facts.append(f"{x.dtype}{x.shape}{'!' if fixed else ''}")
    return " ".join([where, *facts])


def _device() -> Any:
    return jax.config.jax_default_device or jax.local_devices()[0]  # type: ignore[attr-defined]


def _load(key: str, args: tuple[Any, ...]) -> Any:
    content = disk.read(key)
    if content is None:
        return None
    try:
        payload, out_tree = pickle.loads(content)
        in_tree = jax.tree.structure((args, {}))
        compiled = serialize_executable.deserialize_and_load(payload, in_tree, out_tree, execution_devices=[_device()])
        return _in_c(compiled)
    except Exception:  # whatever is wrong with it: compiling it anew replaces it
        disk.drop(key)
        return None


def _keep(key: str, compiled: Any) -> None:
    try:
        payload, _, out_tree = serialize_executable.serialize(compiled)
        disk.write(key, pickle.dumps((payload, out_tree)))
    except Exception:  # not every backend and program can be serialized
        return


def _in_c(compiled: Any) -> Any:
    """The function in C that runs an executable. `Compiled.__call__` is Python, where a Ctrl-C could come between the
    run and the publishing of its results."""
    try:
        return compiled._executable.create_cpp_call(compiled._params)
    except AttributeError:
        return None  # another JAX
