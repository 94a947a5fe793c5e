"""kilnn.distributed.rpc: calls to workers by name. This release has worlds of one."""

from kilnn.distributed.rpc import functions as functions
from kilnn.distributed.rpc.api import (
    BackendType as BackendType,
    RRef as RRef,
    TensorPipeRpcBackendOptions as TensorPipeRpcBackendOptions,
    WorkerInfo as WorkerInfo,
    get_worker_info as get_worker_info,
    init_rpc as init_rpc,
    is_available as is_available,
    remote as remote,
    rpc_async as rpc_async,
    rpc_sync as rpc_sync,
    shutdown as shutdown,
)
