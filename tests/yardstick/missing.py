"""Names that do not work yet or have no recipe, each with the reason. See tests/test_yardstick.py."""

MISSING = {
    "torch._C._autograd._KinetoEvent": "a private name of PyTorch",
    "torch._dynamo.reset": "a private name of PyTorch",
    "torch._inductor.config.coordinate_descent_tuning": "a private name of PyTorch",
    "torch._logging.set_logs": "a private name of PyTorch",
    "torch.distributed._composable.checkpoint": "a private name of PyTorch",
    "torch.jagged": "nested and masked tensors: not part of kilnn",
    "torch.masked.masked_tensor": "nested and masked tensors: not part of kilnn",
    "torch.nested.nested_tensor": "nested and masked tensors: not part of kilnn",
    "torch.export.Dim": "kilnn has no graphs of code to export, rewrite or steer: raises, or is absent",
    "torch.export.dynamic_shapes.Dim.AUTO": "kilnn has no graphs of code: raises, or is absent",
    "torch.export.export": "kilnn has no graphs of code to export, rewrite or steer: raises, or is absent",
    "torch.onnx.export": "kilnn has no graphs of code to export, rewrite or steer: raises, or is absent",
    "torch.ops.aten": "kilnn has no graphs of code to export, rewrite or steer: raises, or is absent",
    "torch.distributed.fsdp.FSDPModule": "distributed training over several processes: not there yet",
    "torch.distributed.tensor.parallel.ColwiseParallel": "distributed training over several processes: not there yet",
    "torch.autograd.forward_ad.unpack_dual": "tensors carry no tangents: kilnn.func.jvp",
    "torch.autograd.graph.saved_tensors_hooks": "what is saved is not in memory yet: utils.checkpoint",
}
