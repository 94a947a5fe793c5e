"""Files that are either the old one or the new one, whole, whatever happens while they are written."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replacing(target: str | os.PathLike[str]) -> Iterator[Path]:
    """The path of a temporary file that takes the target's place when the `with` block ends without an exception.

    A link is followed; a device or a pipe is written to as it is.
    """
    final = Path(os.path.realpath(target))
    if final.exists() and not final.is_file():
        yield final
        return
    if not final.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "No such folder to write a file in", str(final.parent))
    draft = final.with_name(f".{final.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield draft
        if final.exists():
            draft.chmod(final.stat().st_mode & 0o7777)
        _sync(draft)
        os.replace(draft, final)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()
    if os.name == "posix":  # elsewhere a folder cannot be opened
        _sync(final.parent)


def _sync(path: Path) -> None:
    """Wait until the disk has it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
