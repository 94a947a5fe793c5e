"""Devices by PyTorch's words, on a machine without accelerators; switches of backends."""

from contextlib import nullcontext

from tests.yardstick.kit import matrix, net_on_cpu, word


def _set(path, name, value):
    """A switch is set, read back and put back."""

    def recipe(T):
        holder = T
        for part in path.split("."):
            holder = getattr(holder, part)
        before = getattr(holder, name)
        # PyTorch's own test modules, which other tests import, forbid to set its switches outside of this.
        with getattr(T.backends, "__allow_nonbracketed_mutation", nullcontext)():
            setattr(holder, name, value)
            after = getattr(holder, name)
            setattr(holder, name, before)
        return [before, after]

    return recipe


def _raises(run):
    """That it raises, and one of Python's types: what it does on a machine with a GPU is another question."""

    def recipe(T):
        try:
            run(T)
        except (AssertionError, RuntimeError, AttributeError, NotImplementedError, TypeError):
            return "raises"
        return "returns"

    return recipe


def _default_type(T):
    before = T.get_default_dtype()
    T.set_default_tensor_type("torch.DoubleTensor")
    found = word(T.zeros(1).dtype)
    T.set_default_dtype(before)
    return found


RECIPES = {
    "torch.device": lambda T: [
        str(T.device("cpu")),
        T.device("cuda:1").index,
        T.device("cuda", 0).type,
        repr(T.device("cuda:0")),
        T.device("cpu") == T.device("cpu"),
    ],
    "torch.set_default_device": lambda T: [T.set_default_device("cpu"), str(T.zeros(1).device)],
    "torch.set_default_tensor_type": _default_type,
    "torch.set_float32_matmul_precision": lambda T: [
        T.set_float32_matmul_precision("highest"),
        T.get_float32_matmul_precision(),
    ],
    "torch.cuda.is_available": lambda T: T.cuda.is_available(),
    "torch.cuda.device_count": lambda T: T.cuda.device_count(),
    "torch.cuda.manual_seed": lambda T: T.cuda.manual_seed(0),
    "torch.cuda.manual_seed_all": lambda T: T.cuda.manual_seed_all(0),
    "torch.cuda.empty_cache": lambda T: T.cuda.empty_cache(),
    "torch.cuda.max_memory_allocated": lambda T: T.cuda.max_memory_allocated(),
    "torch.cuda.FloatTensor": lambda T: [word(T.cuda.FloatTensor.dtype), isinstance(matrix(T), T.cuda.FloatTensor)],
    "torch.cuda.stream": lambda T: [T.cuda.stream(None).__enter__()],
    "torch.cuda.device": lambda T: T.cuda.device(0).idx,
    "torch.cuda.synchronize": _raises(lambda T: T.cuda.synchronize()),
    "torch.cuda.set_device": _raises(lambda T: T.cuda.set_device(0)),
    "torch.cuda.current_device": _raises(lambda T: T.cuda.current_device()),
    "torch.cuda.get_device_name": _raises(lambda T: T.cuda.get_device_name(0)),
    "torch.cuda.get_device_properties": _raises(lambda T: T.cuda.get_device_properties(0)),
    "torch.cuda.get_device_capability": _raises(lambda T: T.cuda.get_device_capability()),
    "torch.cuda.Stream": _raises(lambda T: T.cuda.Stream()),
    "torch.cuda.Event": _raises(lambda T: T.cuda.Event(enable_timing=True)),
    "torch.cuda.CUDAGraph": _raises(lambda T: T.cuda.CUDAGraph()),
    "torch.cuda.graph": _raises(lambda T: T.cuda.graph(None)),
    "torch.cuda.reset_peak_memory_stats": lambda T: callable(T.cuda.reset_peak_memory_stats),
    "Tensor.cuda": _raises(lambda T: matrix(T).cuda(non_blocking=True)),
    "Module.cuda": _raises(lambda T: net_on_cpu(T).cuda(device=0)),
    "torch.accelerator.current_accelerator": lambda T: T.accelerator.current_accelerator(),
    "torch.accelerator.is_available": lambda T: T.accelerator.is_available(),
    "torch.backends.cudnn.deterministic": _set("backends.cudnn", "deterministic", True),
    "torch.backends.cudnn.benchmark": _set("backends.cudnn", "benchmark", True),
    "torch.backends.cudnn.allow_tf32": _set("backends.cudnn", "allow_tf32", False),
    "torch.backends.cuda.matmul": _set("backends.cuda.matmul", "allow_tf32", True),
    "torch.backends.mps.is_available": lambda T: T.backends.mps.is_available(),
    "torch.version.cuda": lambda T: T.version.cuda,
    "torch.version.hip": lambda T: T.version.hip,
    "torch.__version__": lambda T: [isinstance(T.__version__, str), len(T.__version__.split(".")) >= 3],
    "torch.version.__version__": lambda T: isinstance(T.version.__version__, str),
    "torch": lambda T: isinstance(T.__name__, str),
}
