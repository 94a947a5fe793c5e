"""kilnn.multiprocessing: the standard library's, and `spawn`. Processes are spawned: JAX does not survive a fork."""

from __future__ import annotations

import multiprocessing as _mp
import traceback as _traceback
from collections.abc import Callable
from multiprocessing import *  # noqa: F403 - PyTorch's second name for the whole package
from multiprocessing.connection import wait as _wait
from typing import Any


class ProcessException(Exception):
    """A process that was started by `spawn` has failed.

    Args:
        msg: what happened.
        error_index: number of the process.
        pid: its id.
    """

    def __init__(self, msg: str, error_index: int, pid: int) -> None:
        super().__init__(msg)
        self.msg, self.error_index, self.pid = msg, error_index, pid


class ProcessRaisedException(ProcessException):
    """It has raised an exception."""


class ProcessExitedException(ProcessException):
    """It has ended by itself or by a signal.

    Args:
        msg, error_index, pid: as in `ProcessException`.
        exit_code: its exit status.
    """

    def __init__(self, msg: str, error_index: int, pid: int, exit_code: int) -> None:
        super().__init__(msg, error_index, pid)
        self.exit_code = exit_code


def _run(fn: Callable[..., Any], number: int, args: tuple[Any, ...], errors: Any) -> None:
    try:
        fn(number, *args)
    except KeyboardInterrupt:
        pass
    except Exception:
        errors.put(_traceback.format_exc())
        raise SystemExit(1) from None


class ProcessContext:
    """The processes that `spawn(join=False)` has started.

    Args:
        processes: they.
        error_queues: where each says why it failed.
    """

    def __init__(self, processes: list[Any], error_queues: list[Any]) -> None:
        self.processes, self.error_queues = processes, error_queues

    def pids(self) -> list[int]:
        """Their ids."""
        return [int(p.pid) for p in self.processes]

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Wait for one more to end; True when all have ended. Raises ProcessException if one has failed.

        Args:
            timeout: seconds to wait; None without limit.
            grace_period: seconds that the others get to end after one has failed.
        """
        running = [p.sentinel for p in self.processes if p.is_alive()]
        if running:  # to wait for none would be for ever
            _wait(running, timeout)
        failed = [n for n, p in enumerate(self.processes) if p.exitcode not in (None, 0)]
        if not failed:
            return all(p.exitcode is not None for p in self.processes)
        number = failed[0]
        for p in self.processes:
            if p.is_alive():
                p.join(grace_period or 0)
            if p.is_alive():
                p.terminate()
            p.join()
        process = self.processes[number]
        if self.error_queues[number].empty():
            raise ProcessExitedException(
                f"process {number} terminated with exit code {process.exitcode}", number, process.pid, process.exitcode
            )
        text = self.error_queues[number].get()
        raise ProcessRaisedException(
            f"\n\n-- Process {number} terminated with the following error:\n{text}", number, process.pid
        )


def spawn(
    fn: Callable[..., Any], args: tuple[Any, ...] = (), nprocs: int = 1, join: bool = True, daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:  # fmt: skip
    """Run `fn(i, *args)` in nprocs processes.

    Args:
        fn: a function at the top of a module.
        args: its arguments after the number of the process.
        nprocs: how many processes.
        join: wait for them.
        daemon: end them with this process.
        start_method: "spawn" or "forkserver"; "fork" would copy a running JAX.

    Returns: None, or the context to join without `join`.

    Raises: ProcessRaisedException with the traceback of the first that failed.

    Source: https://docs.pytorch.org/docs/2.13/multiprocessing.html#torch.multiprocessing.spawn.spawn
    """
    if start_method == "fork":
        raise NotImplementedError("multiprocessing.spawn: a fork would copy a running JAX; use start_method='spawn'")
    context: Any = _mp.get_context(start_method)
    processes, queues = [], []
    for number in range(nprocs):
        errors = context.SimpleQueue()
        process = context.Process(target=_run, args=(fn, number, args, errors), daemon=daemon)
        process.start()
        processes.append(process)
        queues.append(errors)
    started = ProcessContext(processes, queues)
    if not join:
        return started
    while not started.join():
        pass
    return None
