"""Calls to workers beside PyTorch's, with one worker; futures."""

import threading
import time

import pytest
import torch

import kilnn
from tests.oracle import assert_agrees

BOTH = (kilnn, torch)


class Counter:
    def __init__(self, start):
        self.count = start

    def add(self, n=1):
        self.count += n
        return self.count


def world(run, path):
    """The program inside of a world of one worker."""

    def program(T):
        rpc = T.distributed.rpc
        rpc.init_rpc(
            "worker0",
            rank=0,
            world_size=1,
            rpc_backend_options=rpc.TensorPipeRpcBackendOptions(
                init_method=f"file://{path / T.__name__}", rpc_timeout=30
            ),
        )
        try:
            return run(T, rpc)
        finally:
            rpc.shutdown()

    return program


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_calls(tmp_path):
    def run(T, rpc):
        x = T.tensor([1.0, 2.0])
        reference = rpc.remote("worker0", T.add, args=(x, 1), kwargs={"alpha": 2})
        counter = rpc.remote("worker0", Counter, args=(3,))
        counted = [counter.rpc_sync().add(n=2), counter.rpc_async().add().wait(), counter.remote().add().to_here()]
        chained = rpc.rpc_async(0, max, args=(1, 2)).then(lambda f: f.wait() + 1).wait()
        me = rpc.get_worker_info()
        own = rpc.RRef(x)
        facts = [me.name, me.id, repr(me), reference.is_owner(), reference.owner().id, reference.owner_name()]
        return [
            rpc.rpc_sync("worker0", T.mul, args=(x, 3)), reference.to_here(), reference.local_value(), counted, chained,
            facts, own.to_here(), rpc.rpc_sync(me, len, args=([1, 2],)), rpc.get_worker_info("worker0").name,
            reference.rpc_sync().sum(), reference.confirmed_by_owner(),
        ]  # fmt: skip

    assert_agrees(world(run, tmp_path), kilnn)


def fails():
    raise ValueError("the function's own")


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("T", BOTH)
def test_errors(T, tmp_path):
    rpc = T.distributed.rpc

    def run(T, rpc):
        with pytest.raises(ValueError, match="function's own"):
            rpc.rpc_sync("worker0", fails)
        with pytest.raises(ValueError, match="function's own"):
            rpc.remote("worker0", fails).to_here()
        with pytest.raises(RuntimeError, match="could not find destination name nobody"):
            rpc.rpc_sync("nobody", fails)
        with pytest.raises(TypeError, match="callable"):
            rpc.rpc_sync("worker0", "fails")
        with pytest.raises(RuntimeError, match="more than set timeout"):
            rpc.rpc_sync("worker0", time.sleep, args=(0.4,), timeout=0.05)

    world(run, tmp_path)(T)
    with pytest.raises(RuntimeError, match="RPC has not been initialized"):
        rpc.rpc_sync("worker0", fails)
    with pytest.raises(ValueError, match="RANK|MASTER_ADDR"):
        rpc.init_rpc("worker0")


def test_one_worker_of_kilnn(tmp_path):
    def run(T, rpc):
        with pytest.raises(RuntimeError, match="already"):
            rpc.init_rpc("again", rank=0, world_size=1)
        where = rpc.rpc_sync("worker0", threading.current_thread)
        assert where is not threading.current_thread()
        promised = T.futures.Future()

        @rpc.functions.async_execution
        def later():
            return promised

        answer = rpc.rpc_async("worker0", later)
        promised.set_result(7)
        w = T.ones(2, requires_grad=True)
        loss = rpc.rpc_sync("worker0", lambda: (w * 3).sum())  # recorded on the worker's thread
        rpc.RRef(loss).backward()
        return [answer.wait(), w.grad.tolist()]

    assert world(run, tmp_path)(kilnn) == [7, [3.0, 3.0]]
    with pytest.raises(NotImplementedError, match="2 workers"):
        kilnn.distributed.rpc.init_rpc("worker0", rank=0, world_size=2)
    with pytest.raises(TypeError):
        kilnn.distributed.rpc.init_rpc(3, rank=0, world_size=1)


def test_futures():
    def program(T):
        first, second = T.futures.Future(), T.futures.Future()
        seen = []
        first.add_done_callback(lambda f: seen.append(f.value()))
        both = T.futures.collect_all([first, second])
        before = [first.done(), both.done()]
        after = first.then(lambda f: f.wait() / 0)
        first.set_result(1)
        second.set_result(2)
        try:
            after.wait()
        except Exception as error:
            seen.append("division" in str(error))
        return [before, both.done(), [f.wait() for f in both.wait()], T.futures.wait_all([first, second]), seen]

    assert_agrees(program, kilnn)
    for T in BOTH:
        done = T.futures.Future()
        done.set_exception(ValueError("given"))
        with pytest.raises(ValueError, match="given"):
            done.wait()
        with pytest.raises(RuntimeError):
            done.set_result(1)
