"""kilnn.export: not there."""

from __future__ import annotations

from typing import Any, NoReturn

_WHY = "kilnn has no exported graphs. kilnn.save(model.state_dict(), path) keeps a model's numbers"


def export(*args: Any, **kwargs: Any) -> NoReturn:
    """Not available: raises NotImplementedError.

    Source: https://docs.pytorch.org/docs/2.13/export.html
    """
    raise NotImplementedError(f"export.export: {_WHY}")


def save(*args: Any, **kwargs: Any) -> NoReturn:
    """Not available: raises NotImplementedError.

    Source: https://docs.pytorch.org/docs/2.13/export.html
    """
    raise NotImplementedError(f"export.save: {_WHY}")


def load(*args: Any, **kwargs: Any) -> NoReturn:
    """Not available: raises NotImplementedError.

    Source: https://docs.pytorch.org/docs/2.13/export.html
    """
    raise NotImplementedError(f"export.load: {_WHY}")
