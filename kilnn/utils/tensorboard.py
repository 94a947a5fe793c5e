"""kilnn.utils.tensorboard: `SummaryWriter`, by the tensorboardX package."""

from __future__ import annotations

import importlib
from typing import Any

from kilnn.tensor.tensor import Tensor


def _plain(value: Any) -> Any:
    """Tensors as NumPy arrays, in nested data, too."""
    if isinstance(value, Tensor):
        found = value.detach()
        return (found.float() if found.dtype.itemsize == 2 and found.is_floating_point() else found).numpy()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(item) for item in value) if type(value) in (list, tuple) else value
    return value


class SummaryWriter:
    """Writes scalars, images, histograms and texts for TensorBoard. All methods are those of tensorboardX's writer.

    Reading a value runs what is pending: log every few steps.

    Args:
        log_dir: the folder; default runs/<time>_<host><comment>.
        comment: end of the default folder's name.
        purge_step, max_queue, flush_secs, filename_suffix: as in tensorboardX.

    Raises: ModuleNotFoundError if tensorboardX is not installed.

    Source: https://docs.pytorch.org/docs/2.13/tensorboard.html
    """

    def __init__(
        self, log_dir: str | None = None, comment: str = "", purge_step: int | None = None, max_queue: int = 10,
        flush_secs: int = 120, filename_suffix: str = "",
    ) -> None:  # fmt: skip
        try:
            package = importlib.import_module("tensorboardX")
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "utils.tensorboard.SummaryWriter needs the package tensorboardX: pip install 'kilnn[tensorboard]'"
            ) from error
        self._writer = package.SummaryWriter(
            logdir=log_dir, comment=comment, purge_step=purge_step, max_queue=max_queue, flush_secs=flush_secs,
            filename_suffix=filename_suffix,
        )  # fmt: skip
        self.log_dir = getattr(self._writer, "logdir", log_dir)

    def add_graph(self, *args: Any, **kwargs: Any) -> None:
        """Not available: raises NotImplementedError."""
        raise NotImplementedError("SummaryWriter.add_graph: kilnn has no graphs of modules to draw")

    def get_logdir(self) -> Any:
        """The folder."""
        return self.log_dir

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        method = getattr(self._writer, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            return method(*[_plain(a) for a in args], **{key: _plain(value) for key, value in kwargs.items()})

        return call if callable(method) else method

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self._writer.close()
