"""Names that do not work yet or have no recipe, each with the reason. See tests/test_yardstick.py."""

_GRAPHS = (
    "an exported graph of primitive operations: kilnn.fx has graphs of modules and functions, and no such operations"
)
_SEVERAL = "parameters spread over several processes: kilnn.distributed has groups of one"

MISSING = {
    "torch._C._autograd._KinetoEvent": "an event of PyTorch's own profiler",
    "torch._inductor.config.coordinate_descent_tuning": "a setting of PyTorch's own compiler",
    "torch._logging.set_logs": "logs of PyTorch's own compiler: kilnn.explain()",
    "torch.distributed._composable.checkpoint": "a private name, replaced by utils.checkpoint",
    "torch.jagged": "nested tensors: not part of kilnn",
    "torch.nested.nested_tensor": "nested tensors: not part of kilnn",
    "torch.export.Dim": _GRAPHS,
    "torch.export.dynamic_shapes.Dim.AUTO": _GRAPHS,
    "torch.export.export": _GRAPHS,
    "torch.onnx.export": _GRAPHS,
    "torch.ops.aten": _GRAPHS,
    "torch.distributed.fsdp.FSDPModule": _SEVERAL,
    "torch.distributed.tensor.parallel.ColwiseParallel": _SEVERAL,
    "torch.autograd.forward_ad.unpack_dual": "tensors carry no tangents: kilnn.func.jvp",
    "torch.autograd.graph.saved_tensors_hooks": "what is saved is not in memory yet: utils.checkpoint",
}
