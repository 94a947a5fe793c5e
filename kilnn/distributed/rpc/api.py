"""Calls to workers by name. This release has one worker, which calls itself: on threads of its own."""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, TimeoutError as _TooLate
from dataclasses import dataclass
from enum import Enum
from typing import Any

from kilnn.distributed.group import members
from kilnn.futures import Future

DEFAULT_TIMEOUT = 60.0
UNSET = -1.0
_NONE_YET = "RPC has not been initialized. Call kilnn.distributed.rpc.init_rpc first."


class BackendType(Enum):
    """How workers would talk to each other.

    Source: https://docs.pytorch.org/docs/2.13/rpc.html#torch.distributed.rpc.BackendType
    """

    TENSORPIPE = "TENSORPIPE"


class TensorPipeRpcBackendOptions:
    """What `init_rpc` may be told.

    Args:
        num_worker_threads: how many calls run at the same time.
        rpc_timeout: seconds after which a call has failed; 0 waits for ever.
        init_method: where workers would meet; "env://" reads RANK and WORLD_SIZE.
        device_maps, devices: accepted as None: nothing is sent.

    Source: https://docs.pytorch.org/docs/2.13/rpc.html#torch.distributed.rpc.TensorPipeRpcBackendOptions
    """

    def __init__(
        self, *, num_worker_threads: int = 16, rpc_timeout: float = DEFAULT_TIMEOUT, init_method: str = "env://",
        device_maps: Any = None, devices: Any = None,
    ) -> None:  # fmt: skip
        if num_worker_threads < 1:
            raise ValueError(f"num_worker_threads must be positive, got {num_worker_threads}")
        if device_maps or devices:
            raise NotImplementedError(
                "rpc: device_maps and devices: there is one worker, and nothing is sent to another"
            )
        self.num_worker_threads, self.rpc_timeout, self.init_method = num_worker_threads, rpc_timeout, init_method


@dataclass(frozen=True)
class WorkerInfo:
    """Who a worker is.

    Args:
        name: its name.
        id: its number.

    Source: https://docs.pytorch.org/docs/2.13/rpc.html#torch.distributed.rpc.WorkerInfo
    """

    name: str
    id: int

    def __repr__(self) -> str:
        return f"WorkerInfo(id={self.id}, name={self.name})"


class _Agent:
    def __init__(self, info: WorkerInfo, options: TensorPipeRpcBackendOptions) -> None:
        self.info, self.timeout = info, options.rpc_timeout
        self.pool = ThreadPoolExecutor(options.num_worker_threads, thread_name_prefix=f"rpc {info.name}")

    def check(self, to: Any) -> None:
        """RuntimeError for a worker that is not there."""
        known = to == self.info if isinstance(to, WorkerInfo) else to in (self.info.name, self.info.id)
        if not known:
            raise RuntimeError(f"name:{self.info.name},rank:{self.info.id} could not find destination name {to}")


_agent: _Agent | None = None


def _the_agent() -> _Agent:
    if _agent is None:
        raise RuntimeError(_NONE_YET)
    return _agent


def is_available() -> bool:
    """Whether the package is there: always.

    Source: https://docs.pytorch.org/docs/2.13/rpc.html
    """
    return True


def init_rpc(
    name: str, backend: BackendType | None = None, rank: int = -1, world_size: int | None = None,
    rpc_backend_options: TensorPipeRpcBackendOptions | None = None,
) -> None:  # fmt: skip
    """Become a worker. Worlds of one worker are there, so that scripts for many run as they are on one.

    Args:
        name: this worker's name.
        backend: `BackendType.TENSORPIPE`.
        rank: number of this worker; read from RANK if it is not given.
        world_size: number of workers; read from WORLD_SIZE if it is not given.
        rpc_backend_options: number of threads, timeout and meeting place.

    Raises: NotImplementedError for several workers, ValueError for missing numbers, RuntimeError for a second call.

    Example:
        >>> import kilnn
        >>> from kilnn.distributed import rpc
        >>> rpc.init_rpc("worker", rank=0, world_size=1)
        >>> rpc.rpc_sync("worker", kilnn.add, args=(kilnn.ones(2), 1)).tolist()
        [2.0, 2.0]
        >>> rpc.shutdown()

    Differs from PyTorch: arguments and results are not copied, and an exception is the very one that was raised.
    Source: https://docs.pytorch.org/docs/2.13/rpc.html#torch.distributed.rpc.init_rpc
    """
    global _agent  # noqa: PLW0603 - one agent for the process, as in PyTorch
    if not isinstance(name, str) or not name:
        raise TypeError(f"init_rpc: expected a name, got {name!r}")
    if backend is not None and not isinstance(backend, BackendType):
        raise TypeError("Argument backend must be a member of BackendType")
    options = rpc_backend_options or TensorPipeRpcBackendOptions()
    if not isinstance(options, TensorPipeRpcBackendOptions):
        raise TypeError("Argument rpc_backend_options must be an instance of TensorPipeRpcBackendOptions")
    if _agent is not None:
        raise RuntimeError("RPC is already initialized")
    rank, world_size = members(options.init_method, None, world_size or -1, rank)
    if world_size > 1:
        raise NotImplementedError(f"rpc: a world of {world_size} workers: this release has one. Use world_size=1")
    _agent = _Agent(WorkerInfo(name, rank), options)


def shutdown(graceful: bool = True, timeout: float = 0) -> None:
    """Be no worker any more.

    Args:
        graceful: wait for calls that still run.
        timeout: accepted.

    Source: https://docs.pytorch.org/docs/2.13/rpc.html#torch.distributed.rpc.shutdown
    """
    global _agent  # noqa: PLW0603 - as above
    _the_agent().pool.shutdown(wait=graceful, cancel_futures=not graceful)
    _agent = None


def get_worker_info(worker_name: str | None = None) -> WorkerInfo:
    """Who the worker of a name is; this one without a name.

    Source: https://docs.pytorch.org/docs/2.13/rpc.html#torch.distributed.rpc.get_worker_info
    """
    agent = _the_agent()
    if worker_name is not None:
        agent.check(worker_name)
    return agent.info


def _start(to: Any, func: Any, args: Any, kwargs: Any) -> Future:
    agent = _the_agent()
    if not callable(func):
        raise TypeError("function should be callable.")
    agent.check(to)
    promised = Future()

    def run() -> None:
        try:
            result = func(*(args or ()), **(kwargs or {}))
            if getattr(func, "_answers_later", False) and isinstance(result, Future):
                result.add_done_callback(lambda done: _hand_over(done, promised))
                return
        except Exception as error:
            promised.set_exception(error)
        else:
            promised.set_result(result)

    agent.pool.submit(run)
    return promised


def _hand_over(done: Future, promised: Future) -> None:
    try:
        promised.set_result(done.wait())
    except Exception as error:
        promised.set_exception(error)


def _wait(promised: Future, timeout: float) -> Any:
    seconds = _the_agent().timeout if timeout == UNSET else timeout
    try:
        return promised._inner.result(seconds or None)
    except _TooLate:
        if promised.done():
            raise  # the function's own
        raise RuntimeError(
            f"RPCErr:1:RPC ran for more than set timeout ({seconds * 1000:.0f} ms) and will now be marked with an error"
        ) from None


def rpc_sync(to: Any, func: Callable[..., Any], args: Any = None, kwargs: Any = None, timeout: float = UNSET) -> Any:
    """Call a function on a worker, and wait for its result.

    Args:
        to: the worker's name, number or `WorkerInfo`.
        func: the function.
        args, kwargs: its arguments.
        timeout: seconds to wait; -1 for the one of `init_rpc`, 0 for ever.

    Source: https://docs.pytorch.org/docs/2.13/rpc.html#torch.distributed.rpc.rpc_sync
    """
    return _wait(_start(to, func, args, kwargs), timeout)


def rpc_async(
    to: Any, func: Callable[..., Any], args: Any = None, kwargs: Any = None, timeout: float = UNSET
) -> Future:
    """Call a function on a worker; a future of its result.

    Args:
        to, func, args, kwargs: as in `rpc_sync`.
        timeout: accepted; `Future.wait` waits for the result.

    Source: https://docs.pytorch.org/docs/2.13/rpc.html#torch.distributed.rpc.rpc_async
    """
    return _start(to, func, args, kwargs)


def remote(to: Any, func: Callable[..., Any], args: Any = None, kwargs: Any = None, timeout: float = UNSET) -> RRef:
    """Call a function, or make an object of a class, on a worker; a reference to the result, which stays there.

    Args:
        to, func, args, kwargs: as in `rpc_sync`.
        timeout: accepted; `RRef.to_here` waits for the result.

    Source: https://docs.pytorch.org/docs/2.13/rpc.html#torch.distributed.rpc.remote
    """
    return RRef(_start(to, func, args, kwargs))


class RRef:
    """A reference to something that a worker owns.

    Args:
        value: the thing; what `remote` makes refers to a result to come.
        type_hint: accepted.

    Source: https://docs.pytorch.org/docs/2.13/rpc.html#torch.distributed.rpc.RRef
    """

    def __init__(self, value: Any, type_hint: Any = None) -> None:
        self._owner = _the_agent().info
        if isinstance(value, Future):
            self._promised = value
        else:
            self._promised = Future()
            self._promised.set_result(value)

    def to_here(self, timeout: float = UNSET) -> Any:
        """Wait for it, and fetch it."""
        return _wait(self._promised, timeout)

    def local_value(self) -> Any:
        """It, on its owner."""
        return self._promised.wait()

    def is_owner(self) -> bool:
        """True: there is one worker."""
        return True

    def confirmed_by_owner(self) -> bool:
        """True: there is one worker."""
        return True

    def owner(self) -> WorkerInfo:
        """The worker that owns it."""
        return self._owner

    def owner_name(self) -> str:
        """Its name."""
        return self._owner.name

    def rpc_sync(self, timeout: float = UNSET) -> Any:
        """Methods of it are called on its owner: `ref.rpc_sync().method(1)`."""
        return _Methods(self, functools.partial(rpc_sync, timeout=timeout))

    def rpc_async(self, timeout: float = UNSET) -> Any:
        """The same; each call gives a future."""
        return _Methods(self, functools.partial(rpc_async, timeout=timeout))

    def remote(self, timeout: float = UNSET) -> Any:
        """The same; each call gives a reference."""
        return _Methods(self, functools.partial(remote, timeout=timeout))

    def backward(self, dist_autograd_ctx_id: int = -1, retain_graph: bool = False) -> None:
        """`backward` of the tensor that it refers to."""
        if dist_autograd_ctx_id != -1:
            raise NotImplementedError("RRef.backward: there are no contexts of distributed autograd; leave the id out")
        self.local_value().backward(retain_graph=retain_graph)

    def __repr__(self) -> str:
        return f"OwnerRRef({self._owner.name}, {id(self):#x})"


class _Methods:
    """The methods of something remote, called one way or another."""

    def __init__(self, ref: RRef, call: Callable[..., Any]) -> None:
        self._ref, self._call = ref, call

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def method(*args: Any, **kwargs: Any) -> Any:
            return self._call(self._ref.owner(), _on_value, (self._ref, name, args, kwargs))

        return method


def _on_value(ref: RRef, name: str, args: Any, kwargs: Any) -> Any:
    method = getattr(ref.local_value(), name)
    result = method(*args, **kwargs)
    return result.wait() if getattr(method, "_answers_later", False) else result
