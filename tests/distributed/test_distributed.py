"""Groups of one process beside PyTorch's gloo: collectives, errors, DistributedDataParallel, the sampler."""

import contextlib

import pytest
import torch
import torch.distributed

import kilnn
from tests.oracle import assert_same_tree

BOTH = [torch, kilnn]


@contextlib.contextmanager
def group_of_one(T, tmp_path):
    options = {"init_method": f"file://{tmp_path}/{T.__name__}"} if T is torch else {}
    T.distributed.init_process_group("gloo", world_size=1, rank=0, **options)
    try:
        yield T.distributed
    finally:
        T.distributed.destroy_process_group()


def collectives(T, tmp_path):
    with group_of_one(T, tmp_path) as D:
        facts = [D.is_available(), D.is_initialized(), D.get_rank(), D.get_world_size(), D.get_backend()]
        x = T.arange(4.0)
        results = []
        for op in (D.ReduceOp.SUM, D.ReduceOp.MAX, D.ReduceOp.PRODUCT):
            y = x.clone()
            D.all_reduce(y, op=op)
            results.append(y)
        work = D.all_reduce(x.clone(), async_op=True)
        facts.append(work.wait() is not False)
        D.broadcast(x, src=0)
        D.reduce(x, dst=0)
        out, gathered = [T.zeros(4)], T.zeros(4)
        D.all_gather(out, x)
        D.all_gather_into_tensor(gathered, x)
        scattered, split = T.zeros(4), T.zeros(4)
        D.reduce_scatter_tensor(scattered, x)
        D.scatter(split, [x])
        parts = [T.zeros(4)]
        D.gather(x, parts, dst=0)
        turned = T.zeros(4)
        D.all_to_all_single(turned, x)
        D.barrier()
        objects, everyone = ["a"], [None]
        D.broadcast_object_list(objects, src=0)
        D.all_gather_object(everyone, {"b": 1})
        facts += [objects, everyone, D.get_world_size(D.new_group([0]))]
    facts.append(T.distributed.is_initialized())
    return facts, results, out, gathered, scattered, split, parts, turned, x


@pytest.mark.filterwarnings("ignore:.torch.distributed")  # PyTorch has newer names for some
def test_collectives(tmp_path):
    assert_same_tree(collectives(kilnn, tmp_path), collectives(torch, tmp_path))


def test_the_environment(monkeypatch):
    D = kilnn.distributed
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(ValueError, match="environment variable RANK expected, but not set"):
        D.init_process_group("nccl")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    D.init_process_group("nccl")
    with pytest.raises(ValueError, match="trying to initialize the default process group twice!"):
        D.init_process_group("nccl")
    D.destroy_process_group()
    for call in (D.get_rank, D.get_world_size, D.barrier, D.destroy_process_group):
        with pytest.raises(ValueError, match="Default process group has not been initialized"):
            call()
    with pytest.raises(NotImplementedError, match="a group of 2 processes"):
        D.init_process_group("gloo", world_size=2, rank=0)
    with pytest.raises(ValueError, match="Invalid backend"):
        D.init_process_group("smoke", world_size=1, rank=0)
    assert not D.is_initialized()


def test_wrong_arguments(tmp_path):
    with group_of_one(kilnn, tmp_path) as D:
        with pytest.raises(TypeError, match="Expected parameter `tensor`"):
            D.all_reduce(3)
        with pytest.raises(ValueError, match="for a group of 1 processes"):
            D.all_gather([], kilnn.ones(1))
        with pytest.raises(ValueError, match="rank 1 is not in a group"):
            D.broadcast(kilnn.ones(1), src=1)
        with pytest.raises(ValueError, match="nobody to send to"):
            D.send(kilnn.ones(1), 0)
        with pytest.raises(ValueError, match="elements"):
            D.all_gather_into_tensor(kilnn.ones(3), kilnn.ones(2))


def train(T, tmp_path):
    T.manual_seed(0)
    with group_of_one(T, tmp_path):
        net = T.nn.parallel.DistributedDataParallel(T.nn.Linear(3, 2), device_ids=None, find_unused_parameters=True)
        optimizer = T.optim.SGD(net.parameters(), lr=0.1)
        with net.no_sync():
            net(T.ones(4, 3)).sum().backward()
        for _ in range(3):
            optimizer.zero_grad()
            net(T.linspace(0, 1, 12).reshape(4, 3)).square().sum().backward()
            optimizer.step()
        return net.module.weight.detach(), list(net.state_dict())


def test_distributed_data_parallel(tmp_path):
    assert_same_tree(train(kilnn, tmp_path), train(torch, tmp_path), 1e-5, 1e-6)
    with pytest.raises(ValueError, match="Default process group"):
        kilnn.nn.parallel.DistributedDataParallel(kilnn.nn.Linear(1, 1))
    with group_of_one(kilnn, tmp_path):
        with pytest.raises(RuntimeError, match="doesn't have any parameter that requires a gradient"):
            kilnn.nn.parallel.DistributedDataParallel(kilnn.nn.ReLU())
        with pytest.raises(NotImplementedError, match="one device"):
            kilnn.nn.parallel.DistributedDataParallel(kilnn.nn.Linear(1, 1), device_ids=[0, 1])


def test_data_parallel():
    net = kilnn.nn.Linear(2, 1)
    wrapped = kilnn.nn.DataParallel(net, device_ids=[0])
    assert wrapped(kilnn.ones(3, 2)).tolist() == net(kilnn.ones(3, 2)).tolist() and wrapped.module is net


@pytest.mark.parametrize("count, replicas", [(10, 3), (9, 3), (2, 4), (0, 2)])
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("drop_last", [True, False])
def test_sampler(count, replicas, shuffle, drop_last):
    if (count, drop_last) == (2, True):
        return  # PyTorch's own assertion fails for it
    for rank in range(replicas):
        found = []
        for T in BOTH:
            sampler = T.utils.data.distributed.DistributedSampler(
                range(count), num_replicas=replicas, rank=rank, shuffle=shuffle, seed=5, drop_last=drop_last
            )
            sampler.set_epoch(2)
            found.append((len(sampler), list(sampler) if count else []))
        assert found[0] == found[1]


def test_sampler_asks_the_group(tmp_path):
    with pytest.raises(ValueError, match="Default process group"):
        kilnn.data.DistributedSampler(range(3))
    with group_of_one(kilnn, tmp_path):
        assert sorted(kilnn.utils.data.DistributedSampler(range(3))) == [0, 1, 2]
    with pytest.raises(ValueError, match="Invalid rank 3"):
        kilnn.data.DistributedSampler(range(3), num_replicas=3, rank=3)
