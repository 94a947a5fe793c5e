"""Names that mean the same in every process: of this installation on this machine, of an entry, of a program.

A program is found on disk by what was recorded - operations, their attributes and avals, how values flow, what is
returned and donated - and by all that decides what XLA makes of it: kilnn's own sources, the versions of JAX and XLA,
platform, processor, options. The user's files, lines and comments are no part of it.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import time
from pathlib import Path
from types import FunctionType
from typing import Any

import jax
import jaxlib.version
import numpy as np

from kilnn.base.config import config
from kilnn.base.dtypes import DType
from kilnn.ops.spec import Op

_SIZE = 16
_started = time.time()
_known: dict[str, str] = {}

_ENVIRONMENT = ("XLA_FLAGS", "LIBTPU_INIT_ARGS", "TF_XLA_FLAGS", "NVIDIA_TF32_OVERRIDE")
_SETTINGS = ("native",)
# JAX's settings that say where to keep and what to print, not what to compute.
_ASIDE = ("cache", "log", "traceback", "dump", "explain", "pprint", "guard", "profil", "pgle", "timeout", "report")


class UnnamedError(Exception):
    """There is no such name: the entry depends on a function or object that only this process knows."""


def hash_of(*parts: str) -> str:
    """One name for several texts."""
    made = hashlib.blake2b(digest_size=_SIZE)
    for part in parts:
        made.update(part.encode())
        made.update(b"\0")
    return made.hexdigest()


def environment() -> str | None:
    """The name of what compiles here: sources, versions, processor, options. None where it cannot be told."""
    if not sources():
        return None
    if "machine" not in _known:
        _known["machine"] = _machine()
    settings = {
        name: repr(getattr(jax.config, name, None))
        for name in sorted(jax.config.values)
        if not any(word in name for word in _ASIDE)
    }
    options = [f"{name}={os.environ.get(name, '')}" for name in _ENVIRONMENT]
    own = [f"{name}={getattr(config, name)}" for name in _SETTINGS]
    return hash_of(sources(), _known["machine"], repr(settings), *options, *own)


def sources() -> str:
    """The name of kilnn's own files and of the libraries' versions. Empty when a file was changed after this process
    had started: what runs here is no longer what lies there."""
    if "sources" not in _known:  # two threads at once find the same; a lock could be held while somebody forks
        _known["sources"] = _sources()
    return _known["sources"]


def _sources() -> str:
    root = Path(__file__).parents[1]
    now = time.time()
    made = hashlib.blake2b(digest_size=_SIZE)
    try:
        files = sorted([*root.rglob("*.py"), *root.rglob("*.so"), *root.rglob("*.pyd")])
        for path in files:
            if _started < path.stat().st_mtime <= now:
                return ""
            content = path.read_bytes()
            made.update(f"{path.relative_to(root).as_posix()} {len(content)}\n".encode())
            made.update(content)
    except OSError:
        return ""
    if not files:
        return ""
    return hash_of(made.hexdigest(), jax.__version__, jaxlib.version.__version__, np.__version__, sys.version)


def _machine() -> str:
    device = jax.local_devices()[0]
    client: Any = device.client
    return hash_of(
        platform.machine(), client.platform, client.platform_version, device.device_kind, str(device.id),
        f"{jax.process_index()}/{jax.process_count()}", str(len(jax.devices())), str(_cores()), _processor(),
    )  # fmt: skip


def _cores() -> int:
    """XLA cuts loops into as many pieces as there are cores to run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def _processor() -> str:
    """The processor's model and features: XLA:CPU compiles for exactly these."""
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except (OSError, UnicodeDecodeError):
        return platform.processor()
    facts = [s for s in lines if s.split("\t")[0].split(":")[0].strip() in _PROCESSOR]
    return "\n".join(facts)


_PROCESSOR = ("vendor_id", "cpu family", "model", "model name", "stepping", "flags", "Features", "CPU part")


def entry_name(entry: Any) -> str:
    """What an entry (see entry.Entry) computes. Raises UnnamedError where only this process knows."""
    if entry.origin is None:
        raise UnnamedError(entry.name)
    if entry.fingerprint is None:
        entry.fingerprint = hash_of(
            entry.name, repr(entry.kinds), repr(entry.in_avals), repr(entry.avals),
            f"{entry.work} {entry.out_dtype} {entry.is_check}",
            *[text_of(part) for part in entry.origin],
        )  # fmt: skip
    # The engine marks entries of update rules when it first records them so.
    return f"{entry.fingerprint}{entry.state}" if entry.is_update else str(entry.fingerprint)


def text_of(x: Any) -> str:
    """A static attribute, or what a function is and holds, as text: equal texts mean equal programs."""
    kind = type(x)
    if x is None or kind in (bool, int, float, complex, str, bytes) or x is Ellipsis:
        return repr(x)
    if kind in (tuple, list):
        return f"({','.join([text_of(y) for y in x])})"
    if kind is frozenset:
        return f"{{{','.join(sorted([text_of(y) for y in x]))}}}"
    if kind is dict:
        return f"{{{','.join([f'{text_of(k)}:{text_of(v)}' for k, v in x.items()])}}}"
    if kind is slice:
        return f"slice{text_of((x.start, x.stop, x.step))}"
    if isinstance(x, np.dtype | DType):
        return f"dtype {x}"
    if hasattr(x, "origin"):
        return entry_name(x)
    if kind is Op:
        return f"op {x.name} {text_of(x.fn)}"
    return _function_text(x)


def _function_text(fn: Any) -> str:
    """kilnn's own functions and JAX's are known by their names, because their sources are in `environment`; with what
    they enclose. A user's function may call anything."""
    module = getattr(fn, "__module__", None) or ""
    name = getattr(fn, "__qualname__", None) or getattr(fn, "__name__", None)
    owner = module.split(".")[0]
    if name is None or owner not in ("kilnn", "jax", "jaxlib", "numpy"):
        raise UnnamedError(f"an object of type {type(fn).__name__} of {module or 'no module'}")
    if owner != "kilnn":
        return f"{module}.{name}"
    if not isinstance(fn, FunctionType):
        raise UnnamedError(f"an object of type {type(fn).__name__} of {module}")
    try:
        held = [cell.cell_contents for cell in fn.__closure__ or ()]
    except ValueError:
        raise UnnamedError(f"{name}, which encloses something not yet made") from None
    return f"{module}.{name}{text_of((held, fn.__defaults__, fn.__kwdefaults__))}"


def code_name(what: str, entries: Any, code: tuple[tuple[int, ...], ...], *rest: Any) -> str:
    """The name of instructions (`entries`: by their heads) and of what is done with them (`rest`: plain values). May
    raise UnnamedError."""
    heads: dict[int, int] = {}
    names = []
    for instr in code:
        if instr[0] not in heads:
            heads[instr[0]] = len(heads)
            names.append(entry_name(entries[instr[0]]))
    flow = [(heads[instr[0]], *instr[1:]) for instr in code]
    return hash_of(what, *names, repr(flow), *[text_of(part) for part in rest])
