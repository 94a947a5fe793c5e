"""What each thread has of its own: the trace it records on, its gradient mode, its eager switch."""

from __future__ import annotations

import threading
from typing import Any

from kilnn.base.config import config


class Context:
    """State of one thread."""

    __slots__ = (
        "autocast",
        "device",
        "eager",
        "grad",
        "inference",
        "module_depth",
        "new_steps",
        "predicted",
        "predicted_recipe",
        "trace",
    )

    def __init__(self) -> None:
        self.trace: Any = None
        self.autocast: Any = None  # {"cpu": dtype, ...} of the devices where it is on, or None
        self.device = "cpu"  # of the last recording
        self.grad = True
        self.inference = False
        self.eager = bool(config.eager)
        self.module_depth = 0
        self.new_steps = 0  # as a Bundle has it, for updates by tensor operations
        self.predicted: Any = None  # signature of the program expected next
        self.predicted_recipe: Any = None  # what ran last


class _Local(threading.local):
    def __init__(self) -> None:
        self.context = Context()


local = _Local()
"""`local.context` is the state of the calling thread."""
