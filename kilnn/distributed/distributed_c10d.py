"""PyTorch's place for the words of `kilnn.distributed`."""

from __future__ import annotations

from typing import NewType

from kilnn.distributed.collectives import *  # noqa: F403 - PyTorch's second name for them
from kilnn.distributed.group import *  # noqa: F403 - the same
from kilnn.distributed.group import group_of_name as _resolve_process_group, the_group

GroupName = NewType("GroupName", str)
"""Marks strings that name a process group."""

_get_default_group = the_group

__all__ = ["GroupName", "_get_default_group", "_resolve_process_group"]
