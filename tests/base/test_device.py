"""Device names, texts and the default device against PyTorch's."""

import copy
import pickle
import re
import threading

import pytest
import torch

from kilnn.base import device as module
from kilnn.base.device import Device, as_device, get_default_device, jax_device, placed, set_default_device


@pytest.mark.parametrize("args", [("cpu",), ("cuda",), ("cuda:0",), ("cuda", 1), ("cpu:3",), ("meta",), ("mps:0",)])
def test_texts(args):
    ours, theirs = Device(*args), torch.device(*args)
    assert (repr(ours), str(ours), ours.type, ours.index) == (repr(theirs), str(theirs), theirs.type, theirs.index)


def test_tpu():
    assert repr(Device("tpu:2")) == "device(type='tpu', index=2)"


@pytest.mark.parametrize("text", ["cuda:", "cuda:01", "cuda:-1", "cuda:x", "cuda:0:0", "", "cuda: 1", "cuda:1 "])
def test_malformed(text):
    with pytest.raises(RuntimeError) as theirs:
        torch.device(text)
    with pytest.raises(RuntimeError, match=f"^{re.escape(str(theirs.value))}$"):
        Device(text)


@pytest.mark.parametrize("text", ["foo", "CPU", "gpu", "foo:1"])
def test_unknown(text):
    words = r"Expected one of [a-z, ]+ device type at start of device string: "
    with pytest.raises(RuntimeError, match=words):
        torch.device(text)
    with pytest.raises(RuntimeError, match=f"{words}{text}$"):
        Device(text)


@pytest.mark.parametrize("args", [("cuda:1", 1), ("cuda", -1), ("cuda", "1"), (None,), (1.5,), ("cuda", 1.5)])
def test_wrong_arguments(args):
    with pytest.raises((RuntimeError, TypeError)) as theirs:
        torch.device(*args)
    with pytest.raises(theirs.type) as ours:
        Device(*args)
    assert str(ours.value)[:40] == str(theirs.value)[:40]


def test_equality_and_hash():
    assert Device("cuda:1") == Device("cuda", 1) and hash(Device("cuda:1")) == hash(Device("cuda", 1))
    assert Device("cpu") != Device("cpu", 0)
    assert Device("cpu") != "cpu"
    assert len({Device("cuda:0"), Device("cuda", 0), Device("cuda")}) == 2
    assert Device(Device("cuda:1")) == Device("cuda:1")


def test_immutable_and_copyable():
    ours = Device("cuda:1")
    with pytest.raises(AttributeError, match="attribute 'type' of 'kilnn.device' objects is not writable"):
        ours.type = "cpu"
    with pytest.raises(AttributeError):
        del ours.index
    assert pickle.loads(pickle.dumps(ours)) == copy.copy(ours) == copy.deepcopy(ours) == ours


@pytest.mark.parametrize("text", ["cpu", "cpu:0", "meta", "meta:0"])
def test_placed(text):
    assert repr(placed(Device(text))) == repr(torch.empty(0, device=text).device)
    assert placed(Device("cuda")) == placed(Device("cuda:0")) == Device("cuda", 0)
    assert placed(Device("cpu:1")) == Device("cpu:1")


def test_default_device():
    assert get_default_device() == Device("cpu")
    set_default_device("cuda:1")
    try:
        assert get_default_device() == Device("cuda:1") == as_device(None)
        with Device("meta") as inner:
            assert get_default_device() == inner
            with Device("cpu"):
                assert get_default_device() == Device("cpu")
            assert get_default_device() == inner
        assert get_default_device() == Device("cuda:1")
        with pytest.raises(RuntimeError, match="Expected one of"):
            set_default_device("foo")
    finally:
        set_default_device(None)
    assert get_default_device() == Device("cpu")
    assert as_device("cuda:2") == Device("cuda:2") and as_device(inner) is inner


def test_as_decorator():
    @Device("meta")
    def where() -> Device:
        return get_default_device()

    assert where() == Device("meta") and where.__name__ == "where"
    assert get_default_device() == Device("cpu")


def test_default_is_per_thread():
    seen = []
    with Device("meta"):
        thread = threading.Thread(target=lambda: seen.append(get_default_device()))
        thread.start()
        thread.join()
    assert seen == [Device("cpu")]


def test_jax_device():
    assert jax_device(Device("cpu")).platform == "cpu"
    assert jax_device(Device("cpu", 0)) is jax_device(Device("cpu"))


def test_jax_device_absent():
    with pytest.raises(RuntimeError, match="'cpu:99' is not on this machine: the last 'cpu' device is number"):
        jax_device(Device("cpu:99"))
    with pytest.raises(RuntimeError, match="'xpu' is not available: JAX found only"):
        jax_device(Device("xpu"))
    with pytest.raises(RuntimeError, match="'meta' holds shapes"):
        jax_device(Device("meta"))


def test_absent_type_names_the_extra(monkeypatch):
    monkeypatch.setitem(module.PLATFORMS, "cuda", ("no_such_platform",))
    with pytest.raises(RuntimeError, match=r"'cuda:7' is not available.*Fix: pip install 'kilnn\[cuda13\]'"):
        jax_device(Device("cuda:7"))
