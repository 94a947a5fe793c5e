"""kilnn.hub: weights from the web, kept in a folder, and models from a folder with a `hubconf.py`."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import sys
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

from kilnn.io.atomic import replacing
from kilnn.io.location import Location
from kilnn.io.serialization import load as _load

_HASH = re.compile(r"-([a-f0-9]*)\.")
_dir: str | None = None


def get_dir() -> str:
    """The folder of downloads: what `set_dir` said, else $TORCH_HOME/hub, else $XDG_CACHE_HOME/torch/hub.

    Without these variables it is ~/.cache/torch/hub, which PyTorch uses, too.

    Source: https://docs.pytorch.org/docs/2.13/hub.html#torch.hub.get_dir
    """
    if _dir is not None:
        return _dir
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return os.path.join(os.path.expanduser(os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))), "hub")


def set_dir(d: str | os.PathLike[str]) -> None:
    """Choose the folder of downloads.

    Args:
        d: a path.

    Source: https://docs.pytorch.org/docs/2.13/hub.html#torch.hub.set_dir
    """
    global _dir  # noqa: PLW0603 - a setting of the process, as in PyTorch
    _dir = os.path.expanduser(os.fspath(d))


def download_url_to_file(url: str, dst: str, hash_prefix: str | None = None, progress: bool = True) -> None:
    """Download to a file, which is there only when it is complete.

    Args:
        url: what.
        dst: the path.
        hash_prefix: how the SHA256 of the content has to begin.
        progress: say what is downloaded.

    Raises: RuntimeError when the hash differs, and the errors of urllib.

    Source: https://docs.pytorch.org/docs/2.13/hub.html#torch.hub.download_url_to_file
    """
    request = urllib.request.Request(url, headers={"User-Agent": "kilnn.hub"})
    digest = hashlib.sha256()
    with urllib.request.urlopen(request) as source, replacing(os.path.expanduser(dst)) as draft:
        if progress:
            sys.stderr.write(f'Downloading: "{url}" to {dst}\n')
        with open(draft, "wb") as file:
            while block := source.read(1 << 20):
                digest.update(block)
                file.write(block)
        if hash_prefix is not None and not digest.hexdigest().startswith(hash_prefix):
            raise RuntimeError(f'invalid hash value (expected "{hash_prefix}", got "{digest.hexdigest()}")')


def load_state_dict_from_url(
    url: str, model_dir: str | None = None, map_location: Location = None, progress: bool = True,
    check_hash: bool = False, file_name: str | None = None, weights_only: bool = False,
) -> Any:  # fmt: skip
    """Load a file of weights from the web; the second time from the folder of downloads.

    Args:
        url: where it is.
        model_dir: the folder; default `get_dir()/checkpoints`.
        map_location: as in `kilnn.load`.
        progress: say what is downloaded.
        check_hash: the file's name ends in "-<first digits of its SHA256>.ext", and they are compared.
        file_name: the name in the folder; default the url's.
        weights_only: accepted; nothing in a file is ever executed.

    Raises: RuntimeError when the hash differs, and the errors of urllib and of `kilnn.load`.

    Source: https://docs.pytorch.org/docs/2.13/hub.html#torch.hub.load_state_dict_from_url
    """
    folder = Path(os.path.join(get_dir(), "checkpoints") if model_dir is None else model_dir)
    folder.mkdir(parents=True, exist_ok=True)
    name = file_name or os.path.basename(urllib.parse.urlparse(url).path)
    target = folder / name
    if not target.exists():
        found = _HASH.search(name) if check_hash else None
        download_url_to_file(url, str(target), found[1] if found else None, progress)
    if zipfile.is_zipfile(target):
        with zipfile.ZipFile(target) as archive:
            members = archive.infolist()
            if len(members) == 1 and not members[0].filename.endswith("data.pkl"):  # a packed file of the older format
                inside = os.path.basename(members[0].filename)
                with replacing(folder / inside) as draft:
                    draft.write_bytes(archive.read(members[0]))
                target = folder / inside
    return _load(target, map_location)


def _configuration(repo_or_dir: str, source: str) -> Any:
    if source not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    if source == "github":
        raise NotImplementedError(
            "hub: repositories on GitHub hold code that imports PyTorch. Download one, make its code import kilnn, and "
            "use source='local'"
        )
    path = Path(repo_or_dir) / "hubconf.py"
    spec = importlib.util.spec_from_file_location("hubconf", path)
    if not path.exists() or spec is None or spec.loader is None:
        raise FileNotFoundError(f"hub: there is no file {path}")
    sys.path.insert(0, str(repo_or_dir))
    try:
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(repo_or_dir))
    for needed in getattr(module, "dependencies", []):
        if importlib.util.find_spec(needed) is None:
            raise RuntimeError(f"Missing dependencies: {needed}")
    return module


def _entry(module: Any, name: str) -> Any:
    if not isinstance(name, str):
        raise ValueError("Invalid input: model should be a string of function name")
    found = getattr(module, name, None)
    if not callable(found):
        raise RuntimeError(f"Cannot find callable {name} in hubconf")
    return found


def load(
    repo_or_dir: str, model: str, *args: Any, source: str = "github", trust_repo: Any = None,
    force_reload: bool = False, verbose: bool = True, skip_validation: bool = False, **kwargs: Any,
) -> Any:  # fmt: skip
    """Call a function of the `hubconf.py` in a folder.

    Args:
        repo_or_dir: the folder.
        model: the function's name.
        args, kwargs: its arguments.
        source: "local"; PyTorch's default "github" raises, because those repositories import PyTorch.
        trust_repo, force_reload, verbose, skip_validation: accepted; they concern downloads.

    Returns: what the function returns.

    Source: https://docs.pytorch.org/docs/2.13/hub.html#torch.hub.load
    """
    return _entry(_configuration(repo_or_dir, source), model)(*args, **kwargs)


def list(repo_or_dir: str, source: str = "github", **options: Any) -> Any:
    """The names of the functions in the `hubconf.py` of a folder.

    Args:
        repo_or_dir, source: as in `load`.
        options: PyTorch's options of downloads; accepted.

    Source: https://docs.pytorch.org/docs/2.13/hub.html#torch.hub.list
    """
    module = _configuration(repo_or_dir, source)
    return [name for name in dir(module) if callable(getattr(module, name)) and not name.startswith("_")]


def help(repo_or_dir: str, model: str, source: str = "github", **options: Any) -> str | None:
    """The documentation of a function in the `hubconf.py` of a folder.

    Args:
        repo_or_dir, model, source: as in `load`.
        options: PyTorch's options of downloads; accepted.

    Source: https://docs.pytorch.org/docs/2.13/hub.html#torch.hub.help
    """
    found: str | None = _entry(_configuration(repo_or_dir, source), model).__doc__
    return found
