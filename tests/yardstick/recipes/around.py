"""What stands around training: mixed precision, transforms, distributions, processes, words for compilers."""

import tempfile
import warnings
from pathlib import Path

from tests.yardstick.kit import matrix, square, vector


def _scaled(T):
    """Three steps, one of them with an infinite gradient."""
    w = T.tensor([1.0, 2.0], requires_grad=True)
    optimizer = T.optim.SGD([w], lr=0.1)
    scaler = T.amp.GradScaler("cpu", init_scale=256.0, growth_interval=2)
    for factor in (1.0, float("inf"), 0.5):
        optimizer.zero_grad()
        scaler.scale((w * w).sum() * factor).backward()
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
    again = T.amp.GradScaler("cpu")
    again.load_state_dict(scaler.state_dict())
    return [w.detach(), scaler.get_scale(), again.state_dict()]


def _autocast(T):
    with T.autocast(device_type="cpu", dtype=T.bfloat16, enabled=True):
        product = square(T) @ square(T)
        loss = T.nn.functional.mse_loss(product, product * 0)
    return [str(product.dtype).split(".")[-1], str(loss.dtype).split(".")[-1]]


def _autocast_of_amp(T):
    with T.amp.autocast("cpu", dtype=T.bfloat16):
        return str((square(T) @ square(T)).dtype).split(".")[-1]


def _cuda_amp(T):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with T.cuda.amp.autocast(enabled=False):
            product = square(T) @ square(T)
        scaler = T.cuda.amp.GradScaler(enabled=False)
    return [product, scaler.get_scale(), scaler.is_enabled()]


def _group(run):
    """A recipe inside a group of one process."""

    def recipe(T):
        with tempfile.TemporaryDirectory() as folder:
            T.distributed.init_process_group(
                backend="gloo", init_method=f"file://{Path(folder) / 'group'}", world_size=1, rank=0
            )
            try:
                return run(T, T.distributed)
            finally:
                T.distributed.destroy_process_group()

    return recipe


def _world(run):
    """A recipe inside a world of one worker."""

    def recipe(T):
        rpc = T.distributed.rpc
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            options = rpc.TensorPipeRpcBackendOptions(init_method=f"file://{Path(folder) / 'world'}")
            rpc.init_rpc("worker0", rank=0, world_size=1, rpc_backend_options=options)
            try:
                return run(T, rpc)
            finally:
                rpc.shutdown()

    return recipe


def _remote(T, rpc):
    made = rpc.remote("worker0", T.add, args=(vector(T), 1), kwargs={"alpha": 2})
    return [made.is_owner(), made.to_here(), made.owner().id, rpc.RRef(vector(T)).local_value()]


def _calls(T, rpc):
    return [rpc.rpc_sync("worker0", T.mul, args=(vector(T), 2)), rpc.rpc_async(0, max, args=(1, 2)).wait()]


def _closed(T):
    _world(_calls)(T)
    try:
        T.distributed.rpc.rpc_sync("worker0", max, args=(1, 2))
    except RuntimeError as error:
        return "not been initialized" in str(error)


def _resolved(T, D):
    group = D.new_group([0])
    return T.distributed.distributed_c10d._resolve_process_group(group.group_name) is group


def _gathered(T, D):
    out = [T.zeros(4)]
    D.all_gather(out, vector(T))
    return out


def _into(T, D, name):
    out = T.zeros(4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        getattr(D, name)(out, vector(T))
    return out


def _reduced(T, D, op="SUM"):
    x = vector(T)
    D.all_reduce(x, op=getattr(D.ReduceOp, op), async_op=False)
    return x


def _broadcast(T, D):
    x = vector(T)
    D.broadcast(x, src=0)
    return x


def _parallel(T, D):
    net = T.nn.Linear(3, 2)
    with T.no_grad():
        net.weight.fill_(0.5)
        net.bias.fill_(1.0)
    wrapped = T.nn.parallel.DistributedDataParallel(net, device_ids=None, find_unused_parameters=False)
    wrapped(matrix(T)).sum().backward()
    return [wrapped(matrix(T)).detach(), net.weight.grad, list(wrapped.state_dict())]


def _data_parallel(T):
    net = T.nn.DataParallel(T.nn.Linear(3, 2))
    return [tuple(net(matrix(T)).shape), list(net.state_dict())]


def _sampler(T):
    sampler = T.utils.data.distributed.DistributedSampler(range(10), num_replicas=3, rank=1, shuffle=True, seed=4)
    sampler.set_epoch(1)
    return list(sampler)


def _normal(T):
    T.manual_seed(0)
    d = T.distributions.Normal(loc=vector(T), scale=T.ones(4))
    return [d.sample((2,)), d.rsample(), d.log_prob(vector(T) * 2), d.entropy()]


def _categorical(T):
    T.manual_seed(0)
    d = T.distributions.Categorical(logits=matrix(T))
    return [d.sample((3,)), d.log_prob(T.tensor([0, 2])), d.entropy(), d.probs]


def _multinomial(T):
    d = T.distributions.Multinomial(total_count=4, probs=T.tensor([1.0, 3.0]))
    return [d.mean, d.log_prob(T.tensor([1.0, 3.0]))]


def _checkpoint(T):
    x = matrix(T, requires_grad=True)
    T.utils.checkpoint.checkpoint(lambda a: a.sin() * a, x, use_reentrant=False).sum().backward()
    return x.grad


def _vjp(T):
    return list(T.autograd.functional.vjp(lambda x: x**2, vector(T), v=T.ones(4)))


def _compiled(T):
    def f(x):
        return x * 2

    return (f if T.__name__ == "torch" else T.compile(f, fullgraph=True, dynamic=False))(matrix(T))


def _jit(name, *arguments):
    def recipe(T):
        def f(x):
            return x * 2

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            word = getattr(T.jit, name)
            chosen = word(f, *[a(T) for a in arguments]) if name != "ignore" else word(f)
        return chosen(matrix(T))

    return recipe


def _custom_op(T):
    @T.library.custom_op(f"yardstick_{T.__name__}::twice", mutates_args=())
    def twice(x: T.Tensor) -> T.Tensor:
        return x * 2

    @T.library.register_fake(f"yardstick_{T.__name__}::twice")
    def _(x):
        return T.empty_like(x)

    return twice(matrix(T))


def _hub(T):
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "hubconf.py").write_text("def model(n, pretrained=False):\n    return [n, pretrained]\n")
        return T.hub.load(folder, "model", 3, source="local", pretrained=True)


def _weights(T):
    with tempfile.TemporaryDirectory() as folder:
        T.save({"w": matrix(T)}, Path(folder, "w.pth"))
        found = T.hub.load_state_dict_from_url(
            Path(folder, "w.pth").as_uri(), model_dir=str(Path(folder, "cache")), map_location="cpu", progress=False
        )
    return found["w"]


def _schedule(T):
    plan = T.profiler.schedule(wait=1, warmup=1, active=1, repeat=1)
    return [plan(n).name for n in range(5)]


def _profile(T):
    with T.profiler.profile(activities=[T.profiler.ProfilerActivity.CPU], record_shapes=True) as prof:
        with T.profiler.record_function("block"):
            matrix(T).sum().item()
    return "block" in prof.key_averages().table(sort_by="cpu_time_total", row_limit=-1)


def _old_profile(T):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with T.autograd.profiler.profile() as prof, T.autograd.profiler.record_function("block"):
            matrix(T).sum().item()
    return "block" in prof.key_averages().table()


def _context(T):
    seen = []

    class Double(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            seen.append(isinstance(ctx, T.autograd.function.FunctionCtx))
            return x * 2

    Double.apply(matrix(T))
    return seen


RECIPES = {
    **dict.fromkeys(
        ("GradScaler.scale", "GradScaler.step", "GradScaler.update", "GradScaler.unscale_", "GradScaler.state_dict",
         "GradScaler.load_state_dict", "torch.amp.GradScaler"),
        _scaled,
    ),
    "torch.autocast": _autocast,
    "torch.amp.autocast": _autocast_of_amp,
    "torch.cuda.amp.autocast": _cuda_amp,
    "torch.cuda.amp.GradScaler": _cuda_amp,
    "torch.compile": _compiled,
    "torch.jit.annotate": lambda T: T.jit.annotate(int, 3),
    "torch.jit.export": _jit("export"),
    "torch.jit.ignore": _jit("ignore"),
    "torch.jit.unused": _jit("unused"),
    "torch.jit.script": _jit("script"),
    "torch.jit.trace": _jit("trace", matrix),
    "torch.jit.is_scripting": lambda T: T.jit.is_scripting(),
    "torch.fx.wrap": lambda T: eval("wrap('len')", {"wrap": T.fx.wrap}),
    "torch.library.custom_op": _custom_op,
    "torch.library.register_fake": _custom_op,
    "torch.distributed.rpc.init_rpc": _world(_calls),
    "torch.distributed.rpc.shutdown": _closed,
    "torch.distributed.rpc.remote": _world(_remote),
    "torch.distributed.rpc.RRef": _world(_remote),
    "torch.distributed.distributed_c10d.GroupName": lambda T: T.distributed.distributed_c10d.GroupName("data"),
    "torch.distributed.distributed_c10d._resolve_process_group": _group(_resolved),
    "torch.distributed.is_available": lambda T: T.distributed.is_available(),
    "torch.distributed.is_initialized": lambda T: T.distributed.is_initialized(),
    "torch.distributed.init_process_group": _group(lambda T, D: D.is_initialized()),
    "torch.distributed.destroy_process_group": _group(lambda T, D: D.get_backend()),
    "torch.distributed.get_rank": _group(lambda T, D: D.get_rank()),
    "torch.distributed.get_world_size": _group(lambda T, D: D.get_world_size()),
    "torch.distributed.barrier": _group(lambda T, D: D.barrier() is None),
    "torch.distributed.all_reduce": _group(_reduced),
    "torch.distributed.ReduceOp.SUM": _group(_reduced),
    "torch.distributed.ProcessGroup": _group(lambda T, D: isinstance(D.new_group([0]), D.ProcessGroup)),
    "torch.distributed.all_gather": _group(_gathered),
    "torch.distributed.all_gather_into_tensor": _group(lambda T, D: _into(T, D, "all_gather_into_tensor")),
    "torch.distributed.reduce_scatter_tensor": _group(lambda T, D: _into(T, D, "reduce_scatter_tensor")),
    "torch.distributed.broadcast": _group(_broadcast),
    "torch.distributed.ReduceOp.AVG": lambda T: T.distributed.ReduceOp.AVG == T.distributed.ReduceOp.AVG,
    "torch.nn.parallel.DistributedDataParallel": _group(_parallel),
    "torch.nn.DataParallel": _data_parallel,
    "torch.utils.data.distributed.DistributedSampler": _sampler,
    "torch.distributions.Normal": _normal,
    "torch.distributions.Categorical": _categorical,
    "torch.distributions.Multinomial": _multinomial,
    "torch.autograd.function.FunctionCtx": _context,
    "torch.autograd.functional.vjp": _vjp,
    "torch.func.jacrev": lambda T: T.func.jacrev(lambda x, y: x * y.sum(), argnums=0)(vector(T), vector(T)),
    "torch.func.vmap": lambda T: T.func.vmap(lambda x, y: x.dot(y), in_dims=(0, None))(square(T), square(T)[0]),
    "torch.hub.load": _hub,
    "torch.hub.load_state_dict_from_url": _weights,
    "torch.multiprocessing.Process": lambda T: T.multiprocessing.Process(target=print).is_alive(),
    "torch.profiler.ProfilerActivity.CPU": lambda T: T.profiler.ProfilerActivity.CPU.name,
    "torch.profiler.ProfilerActivity.CUDA": lambda T: T.profiler.ProfilerActivity.CUDA.name,
    "torch.profiler.profile": _profile,
    "torch.profiler.schedule": _schedule,
    "torch.autograd.profiler.profile": _old_profile,
    "torch.autograd.profiler.record_function": _old_profile,
    "torch.utils.checkpoint.checkpoint": _checkpoint,
}  # fmt: skip
