"""Collectives, for groups of one process: what comes in goes out."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

from kilnn.distributed.group import ProcessGroup, the_group
from kilnn.engine.grad_mode import no_grad
from kilnn.tensor.tensor import Tensor


class ReduceOp(Enum):
    """How values of several processes become one.

    Source: https://docs.pytorch.org/docs/2.13/distributed.html#torch.distributed.ReduceOp
    """

    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4
    BAND = 5
    BOR = 6
    BXOR = 7


reduce_op = ReduceOp


class Work:
    """What a collective with async_op=True returns: it is done."""

    def wait(self, timeout: Any = None) -> bool:
        """True."""
        return True

    def is_completed(self) -> bool:
        """True."""
        return True

    def is_success(self) -> bool:
        """True."""
        return True


def _done(async_op: bool) -> Work | None:
    return Work() if async_op else None


def _checked(tensor: Any, name: str) -> Tensor:
    if not isinstance(tensor, Tensor):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type torch.Tensor but got {type(tensor)} "
            "instead."
        )
    return tensor


def _list(tensors: Any, name: str, group: ProcessGroup) -> list[Tensor]:
    found = [_checked(t, name) for t in tensors]
    if len(found) != group.size():
        raise ValueError(f"{name} holds {len(found)} tensors for a group of {group.size()} processes")
    return found


def _peer(rank: int | None, group: ProcessGroup) -> None:
    if rank is not None and not 0 <= rank < group.size():
        raise ValueError(f"rank {rank} is not in a group of {group.size()} processes")


def _write(target: Tensor, source: Tensor) -> None:
    if target.numel() != source.numel():
        raise ValueError(f"the output has {target.numel()} elements and the input {source.numel()}")
    with no_grad():
        target.copy_(source.reshape(target.shape))


def all_reduce(
    tensor: Tensor, op: ReduceOp = ReduceOp.SUM, group: ProcessGroup | None = None, async_op: bool = False
) -> Work | None:
    """Combine a tensor over all processes, in place.

    Args:
        tensor: input and output.
        op: how; the sum, mean, product or extreme of one value is that value.
        group: which processes.
        async_op: return a `Work`.

    Source: https://docs.pytorch.org/docs/2.13/distributed.html#torch.distributed.all_reduce
    """
    the_group(group)
    _checked(tensor, "tensor")
    if not isinstance(op, ReduceOp):
        raise TypeError(f"all_reduce: op is a ReduceOp, not {type(op).__name__}")
    return _done(async_op)


def reduce(
    tensor: Tensor, dst: int | None = None, op: ReduceOp = ReduceOp.SUM, group: ProcessGroup | None = None,
    async_op: bool = False, group_dst: int | None = None,
) -> Work | None:  # fmt: skip
    """Combine a tensor over all processes, for one of them.

    Args:
        tensor, op, group, async_op: as in `all_reduce`.
        dst, group_dst: number of the process that gets the result.

    Source: https://docs.pytorch.org/docs/2.13/distributed.html#torch.distributed.reduce
    """
    _peer(group_dst if dst is None else dst, the_group(group))
    return all_reduce(tensor, op, group, async_op)


def broadcast(
    tensor: Tensor, src: int | None = None, group: ProcessGroup | None = None, async_op: bool = False,
    group_src: int | None = None,
) -> Work | None:  # fmt: skip
    """Give all processes the tensor of one.

    Args:
        tensor: output, and input of process src.
        src, group_src: its number.
        group, async_op: as in `all_reduce`.

    Source: https://docs.pytorch.org/docs/2.13/distributed.html#torch.distributed.broadcast
    """
    _checked(tensor, "tensor")
    _peer(group_src if src is None else src, the_group(group))
    return _done(async_op)


def all_gather(
    tensor_list: list[Tensor], tensor: Tensor, group: ProcessGroup | None = None, async_op: bool = False
) -> Work | None:
    """Give all processes the tensors of all.

    Args:
        tensor_list: output, one for each process.
        tensor: this one's.
        group, async_op: as in `all_reduce`.

    Source: https://docs.pytorch.org/docs/2.13/distributed.html#torch.distributed.all_gather
    """
    _write(_list(tensor_list, "tensor_list", the_group(group))[0], _checked(tensor, "tensor"))
    return _done(async_op)


def all_gather_into_tensor(
    output_tensor: Tensor, input_tensor: Tensor, group: ProcessGroup | None = None, async_op: bool = False
) -> Work | None:
    """Give all processes the tensors of all, in one tensor.

    Args:
        output_tensor, input_tensor: output and input.
        group, async_op: as in `all_reduce`.

    Source: https://docs.pytorch.org/docs/2.13/distributed.html#torch.distributed.all_gather_into_tensor
    """
    the_group(group)
    _write(_checked(output_tensor, "output_tensor"), _checked(input_tensor, "input_tensor"))
    return _done(async_op)


def reduce_scatter_tensor(
    output: Tensor, input: Tensor, op: ReduceOp = ReduceOp.SUM, group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:  # fmt: skip
    """Combine tensors over all processes; each gets its part.

    Args:
        output, input: output and input.
        op, group, async_op: as in `all_reduce`.

    Source: https://docs.pytorch.org/docs/2.13/distributed.html#torch.distributed.reduce_scatter_tensor
    """
    the_group(group)
    _write(_checked(output, "output"), _checked(input, "input"))
    return _done(async_op)


def reduce_scatter(
    output: Tensor, input_list: Sequence[Tensor], op: ReduceOp = ReduceOp.SUM, group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:  # fmt: skip
    """Combine lists of tensors over all processes; each gets its entry.

    Args:
        output: this one's.
        input_list: one for each process.
        op, group, async_op: as in `all_reduce`.

    Source: https://docs.pytorch.org/docs/2.13/distributed.html#torch.distributed.reduce_scatter
    """
    _write(_checked(output, "output"), _list(input_list, "input_list", the_group(group))[0])
    return _done(async_op)


def gather(
    tensor: Tensor, gather_list: list[Tensor] | None = None, dst: int | None = None,
    group: ProcessGroup | None = None, async_op: bool = False, group_dst: int | None = None,
) -> Work | None:  # fmt: skip
    """Give one process the tensors of all.

    Args:
        tensor: this one's.
        gather_list: output of process dst.
        dst, group_dst: its number.
        group, async_op: as in `all_reduce`.

    Source: https://docs.pytorch.org/docs/2.13/distributed.html#torch.distributed.gather
    """
    _peer(group_dst if dst is None else dst, the_group(group))
    if gather_list is None:
        raise ValueError("Argument ``gather_list`` must be specified on destination rank.")
    return all_gather(gather_list, tensor, group, async_op)


def scatter(
    tensor: Tensor, scatter_list: Sequence[Tensor] | None = None, src: int | None = None,
    group: ProcessGroup | None = None, async_op: bool = False, group_src: int | None = None,
) -> Work | None:  # fmt: skip
    """Give each process its tensor of a list that one has.

    Args:
        tensor: output.
        scatter_list: input of process src.
        src, group_src: its number.
        group, async_op: as in `all_reduce`.

    Source: https://docs.pytorch.org/docs/2.13/distributed.html#torch.distributed.scatter
    """
    _peer(group_src if src is None else src, the_group(group))
    if scatter_list is None:
        raise ValueError("Argument ``scatter_list`` must be specified on source rank.")
    _write(_checked(tensor, "tensor"), _list(scatter_list, "scatter_list", the_group(group))[0])
    return _done(async_op)


def all_to_all_single(
    output: Tensor, input: Tensor, output_split_sizes: Any = None, input_split_sizes: Any = None,
    group: ProcessGroup | None = None, async_op: bool = False,
) -> Work | None:  # fmt: skip
    """Each process gives each a part of its tensor.

    Args:
        output, input: output and input.
        output_split_sizes, input_split_sizes: sizes of the parts.
        group, async_op: as in `all_reduce`.

    Source: https://docs.pytorch.org/docs/2.13/distributed.html#torch.distributed.all_to_all_single
    """
    the_group(group)
    _write(_checked(output, "output"), _checked(input, "input"))
    return _done(async_op)


def barrier(group: ProcessGroup | None = None, async_op: bool = False, device_ids: Any = None) -> Work | None:
    """Wait until all processes are here.

    Args:
        group, async_op: as in `all_reduce`.
        device_ids: accepted.

    Source: https://docs.pytorch.org/docs/2.13/distributed.html#torch.distributed.barrier
    """
    the_group(group)
    return _done(async_op)


def broadcast_object_list(object_list: list[Any], src: int | None = None, group: ProcessGroup | None = None,
                          device: Any = None, group_src: int | None = None) -> None:  # fmt: skip
    """Give all processes the objects of one.

    Source: https://docs.pytorch.org/docs/2.13/distributed.html#torch.distributed.broadcast_object_list
    """
    _peer(group_src if src is None else src, the_group(group))


def all_gather_object(object_list: list[Any], obj: Any, group: ProcessGroup | None = None) -> None:
    """Give all processes the objects of all.

    Source: https://docs.pytorch.org/docs/2.13/distributed.html#torch.distributed.all_gather_object
    """
    if len(object_list) != the_group(group).size():
        raise ValueError(f"object_list holds {len(object_list)} entries for a group of one process")
    object_list[0] = obj


def _no_peer(*args: Any, **kwargs: Any) -> Any:
    """Messages between two processes: there is no other one.

    Raises: ValueError.

    Source: https://docs.pytorch.org/docs/2.13/distributed.html#torch.distributed.send
    """
    the_group()
    raise ValueError("a group of one process has nobody to send to or to receive from")


send = recv = isend = irecv = _no_peer
