"""Tensors on a device: where they are made, moved, mixed, read."""

import numpy as np
import pytest

import kilnn
from kilnn.base.device import Device, jax_device
from kilnn.engine import host, views

RAISES = {
    "two devices": (lambda a, b: a + b, RuntimeError, "same device.*cuda:0"),
    "matmul of two devices": (lambda a, b: a @ b, RuntimeError, "same device"),
    "numpy of a tensor on a device": (lambda a, b: b.numpy(), TypeError, "cuda:0 device type tensor to numpy"),
    "asarray of a tensor on a device": (lambda a, b: np.asarray(b), TypeError, "Tensor.cpu"),
    "a device that is not there": (lambda a, b: a.to("cuda:7"), RuntimeError, "7"),
}


def lies_on(tensor):
    """JAX's devices of a tensor's data."""
    return host.data_of(views.value_of_tensor(tensor)).devices()


@pytest.mark.parametrize("name", RAISES)
def test_what_raises(gpu, name):
    call, error, message = RAISES[name]
    with pytest.raises(error, match=message):
        call(kilnn.ones(3), kilnn.ones(3, device=gpu))


def test_results_lie_where_their_names_say(gpu):
    there, here = kilnn.arange(100_000, device=gpu) * 2, kilnn.arange(100_000) * 2
    assert (there.device, here.device) == (kilnn.device("cuda:0"), kilnn.device("cpu"))
    assert lies_on(there) == {jax_device(Device("cuda", 0))}
    assert lies_on(here) == {jax_device(Device("cpu"))}
    assert there.sum().item() == here.sum().item()


def test_moving(gpu):
    x = kilnn.arange(40_000.0)
    y = x.to(gpu)
    assert y.device.type == "cuda" and y.is_cuda and not x.is_cuda and y.get_device() == 0
    assert y.to(gpu) is y and x.cpu() is x and x.cuda().equal(y)
    z = (y * 2).cpu()
    assert z.device.type == "cpu" and z.equal(x * 2)
    assert y.to(kilnn.int32).device == y.device and x.to(y).device == y.device
    assert x.to("cuda", kilnn.float64).dtype is kilnn.float64


def test_gradients_come_back(gpu):
    a = kilnn.tensor([1.0, 2.0, 3.0], requires_grad=True)
    b = (a * 2).to(gpu)
    c = (b * b).sum().cpu() * 1
    c.backward()
    assert a.grad.device.type == "cpu" and a.grad.tolist() == [8.0, 16.0, 24.0]
    a.grad = None
    (first,) = kilnn.autograd.grad((a.to(gpu) ** 3).sum(), a, create_graph=True)
    first.sum().backward()
    assert a.grad.tolist() == [6.0, 12.0, 18.0]


def test_numbers_on_the_cpu_stand_beside_tensors_on_a_device(gpu):
    x = kilnn.ones(3, device=gpu, requires_grad=True)
    s = kilnn.tensor(3.0, requires_grad=True)
    (x * s).sum().backward()
    assert x.grad.device.type == "cuda" and s.grad.device.type == "cpu"
    assert x.grad.tolist() == [3.0] * 3 and s.grad.item() == 3.0


def test_positions_on_the_cpu_index_a_tensor_on_a_device(gpu):
    x = kilnn.arange(6.0, device=gpu).reshape(2, 3)
    assert x[kilnn.tensor([1, 0])].device.type == "cuda" and x[kilnn.tensor([1])].tolist() == [[3.0, 4.0, 5.0]]
    assert x[[0], [2]].item() == 2.0 and x[x > 3].tolist() == [4.0, 5.0] and x[x > 3].device.type == "cuda"
    x[kilnn.tensor([0])] = 7
    x[1, 1:] = kilnn.zeros(2, device=gpu)
    assert x.tolist() == [[7.0, 7.0, 7.0], [3.0, 0.0, 0.0]]


def test_results_made_on_the_host_carry_the_device(gpu):
    x = kilnn.tensor([3, 1, 3], device=gpu)
    for made in (x.unique(), x.bincount(), x.nonzero(), kilnn.randn(2, device=gpu), kilnn.zeros_like(x), x.new_ones(2)):
        assert made.device.type == "cuda"
    assert kilnn.nn.init.normal_(kilnn.empty(3, device=gpu)).device.type == "cuda"
    assert x.float().uniform_().device.type == "cuda"
    assert kilnn.bernoulli(x.float() / 3).device.type == "cuda"


def test_random_numbers_are_those_of_the_cpu(gpu):
    kilnn.manual_seed(3)
    here = kilnn.randn(5)
    kilnn.manual_seed(3)
    assert kilnn.randn(5, device=gpu).cpu().equal(here)


def test_printing_names_the_device(gpu):
    assert repr(kilnn.ones(2, device=gpu)) == "tensor([1., 1.], device='cuda:0')"


def test_two_devices_in_turns(gpu):
    here, there = kilnn.ones(20_000), kilnn.ones(20_000, device=gpu)
    for _ in range(3):
        here, there = here * 2 + 1, there * 3 + 1
    assert here.sum().item() == 15 * 20_000 and there.sum().item() == 40 * 20_000


def test_default_and_current_device(gpu):
    with gpu:
        assert kilnn.ones(2).device.type == "cuda"
    kilnn.cuda.set_device(0)
    with kilnn.cuda.device(0):
        assert kilnn.ones(2, device="cuda").device.index == kilnn.cuda.current_device() == 0
    kilnn.cuda.synchronize()
    assert kilnn.accelerator.current_accelerator().type == "cuda" and kilnn.cuda.device_count() >= 1


def test_saving_and_loading(gpu, tmp_path):
    kilnn.save({"w": kilnn.arange(3.0, device=gpu)}, tmp_path / "x.pt")
    assert kilnn.load(tmp_path / "x.pt")["w"].device.type == "cuda"
    found = kilnn.load(tmp_path / "x.pt", map_location="cpu")["w"]
    assert found.device.type == "cpu" and found.tolist() == [0.0, 1.0, 2.0]
