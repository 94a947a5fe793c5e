"""Devices by PyTorch's words on a machine without accelerators: questions are answered, moves raise PyTorch's type."""

import pytest

import kilnn

pytestmark = pytest.mark.skipif(kilnn.cuda.is_available(), reason="this machine has a GPU")


@pytest.mark.parametrize(
    "make",
    [
        lambda: kilnn.ones(2, device="cuda"),
        lambda: kilnn.ones(2).cuda(),
        lambda: kilnn.ones(2).to("cuda:0"),
        lambda: kilnn.nn.Linear(2, 2).cuda(),
        kilnn.cuda.synchronize,
        kilnn.cuda.current_device,
        kilnn.cuda.get_device_name,
        kilnn.cuda.Event,
    ],
)
def test_moves_and_questions_to_a_gpu_raise(make):
    with pytest.raises(AssertionError, match="no CUDA device"):
        make()


def test_what_is_answered_without_one():
    assert kilnn.cuda.device_count() == 0 and kilnn.cuda.memory_allocated() == 0 and kilnn.cuda.memory_stats() == {}
    assert kilnn.accelerator.current_accelerator() is None and kilnn.accelerator.device_count() == 0
    kilnn.cuda.empty_cache()
    kilnn.cuda.manual_seed_all(0)
    with kilnn.cuda.device(0), kilnn.cuda.stream(None):
        assert kilnn.ones(1).device == kilnn.device("cpu")
    with pytest.raises(RuntimeError, match="when none is available"):
        kilnn.accelerator.synchronize()


def test_precision_is_one_switch_with_two_names():
    matmul = kilnn.backends.cuda.matmul
    matmul.allow_tf32 = True
    assert kilnn.get_float32_matmul_precision() == "high"
    kilnn.set_float32_matmul_precision("highest")
    assert not matmul.allow_tf32
    with pytest.raises(RuntimeError, match="highest, high, medium"):
        kilnn.set_float32_matmul_precision("low")
