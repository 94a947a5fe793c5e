"""Files of the cache on disk: checked bytes under a key, written whole or not at all, the oldest by use dropped.

Nothing here may stop a training run: every failure of the file system - no home, read-only, full, a file cut short by
a crash - reads as "not there". No locks: processes write to names of their own and rename, so a reader sees an old
file, a new one, or none.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
import zlib
from pathlib import Path

from kilnn.base.config import cache_folder, config

_MAGIC = b"kilnn 1\n"
_DIGEST = 16
_TEMPORARY = ".part"
_ABANDONED_SECONDS = 3600.0  # a temporary file this old was left by a process that was killed
_KEEP_SHARE = 0.9  # dropping goes on until this share of the limit is left, so that it is rare

_sizes: dict[Path, int] = {}  # folder -> bytes in it as far as this process knows
_broken: set[Path] = set()  # folders that could not be written: not tried again


def folder() -> Path | None:
    """Where the files lie, or None when the cache is switched off."""
    if not config.disk_cache:
        return None
    place = cache_folder()
    return None if place is None else Path(place)


def read(key: str) -> bytes | None:
    """The bytes written under `key`, or None. A damaged file is removed."""
    place = folder()
    if place is None:
        return None
    path = place / key
    try:
        data = path.read_bytes()
    except (OSError, ValueError):
        return None
    start = len(_MAGIC) + _DIGEST
    body = data[start:]
    if data[:start] != _MAGIC + _digest(body):
        drop(key)
        return None
    try:
        os.utime(path)  # the time of the last use decides what is dropped
    except OSError:
        pass
    return zlib.decompress(body)


def write(key: str, content: bytes) -> None:
    """Keep bytes under `key`."""
    place = folder()
    if place is None or place in _broken:
        return
    body = zlib.compress(content, 1)
    temporary = None
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(_TEMPORARY, f"{key[:8]}-", place)
        with os.fdopen(handle, "wb") as file:
            file.write(_MAGIC + _digest(body) + body)
        os.replace(temporary, place / key)
        temporary = None
        _bound(place, len(body))
    except (OSError, ValueError):
        _broken.add(place)
    finally:
        if temporary is not None:
            _remove(Path(temporary))


def drop(key: str) -> None:
    """Forget what is kept under `key`."""
    place = folder()
    if place is not None:
        _remove(place / key)


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_DIGEST).digest()


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError:
        pass


def _bound(place: Path, added: int) -> None:
    """Drop what was not used for the longest time once there is more than the limit. The folder is read at a process's
    first write and when its own count says that the limit is near."""
    limit = config.disk_cache_mb * 1_000_000
    if place in _sizes:
        _sizes[place] += added
        if _sizes[place] <= limit:
            return
    now = time.time()
    files = []
    with os.scandir(place) as found:
        for item in found:
            try:
                facts = item.stat(follow_symlinks=False)
            except OSError:
                continue  # another process dropped it
            if not item.name.endswith(_TEMPORARY):
                files.append((facts.st_mtime, facts.st_size, item.path))
            elif now - facts.st_mtime > _ABANDONED_SECONDS:
                _remove(Path(item.path))
    total = sum(size for _, size, _ in files)
    if total > limit:
        for _, size, path in sorted(files):
            _remove(Path(path))
            total -= size
            if total <= limit * _KEEP_SHARE:
                break
    _sizes[place] = total
