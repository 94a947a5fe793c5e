"""Methods and attributes of tensors."""

from tests.yardstick.kit import mask, matrix, positive, square, vector, whole, word


def _seeded(T, name, *args, **kwargs):
    T.manual_seed(1)
    return getattr(T.zeros(2, 3), name)(*args, **kwargs)


def _backward(T):
    x = matrix(T, requires_grad=True)
    x.square().sum().backward(retain_graph=True, create_graph=False)
    y = matrix(T, requires_grad=True)
    (y * 2).backward(gradient=matrix(T))
    return [x.grad, y.grad]


def _hook(T):
    x, seen = matrix(T, requires_grad=True), []
    handle = x.register_hook(lambda g: seen.append(g.clone()) or g * 2)
    (x * 3).sum().backward()
    handle.remove()
    return [x.grad, seen]


def _methods(name, *calls, make=matrix):
    """A method called on a fresh tensor for each (args, kwargs)."""

    def recipe(T):
        return [getattr(make(T), name)(*args, **kwargs) for args, kwargs in calls]

    return recipe


def _plain(name, make=matrix):
    return _methods(name, ((), {}), make=make)


PLAIN = (
    "detach",
    "cpu",
    "float",
    "numel",
    "contiguous",
    "long",
    "clone",
    "dim",
    "abs",
    "exp",
    "zero_",
    "tolist",
    "t",
    "int",
    "sin",
    "cos",
    "bool",
    "half",
    "bfloat16",
    "double",
    "sigmoid",
    "square",
    "relu",
    "nelement",
    "floor",
    "ravel",
    "isnan",
    "all",
)

RECIPES = {f"Tensor.{name}": _plain(name) for name in PLAIN} | {
    "Tensor.shape": lambda T: [tuple(matrix(T).shape), matrix(T).shape[1], matrix(T).shape[-1:].numel()],
    "Tensor.to": lambda T: [
        matrix(T).to(T.float64),
        matrix(T).to(dtype=T.int32),
        matrix(T).to("cpu"),
        matrix(T).to(device="cpu", dtype=T.half),
        matrix(T).to(whole(T)),
        matrix(T).to("cpu", non_blocking=True),
        matrix(T).to(memory_format=T.preserve_format),
    ],
    "Tensor.size": lambda T: [tuple(matrix(T).size()), matrix(T).size(0), matrix(T).size(dim=-1)],
    "Tensor.view": lambda T: [matrix(T).view(3, 2), matrix(T).view(-1), matrix(T).view((2, 1, 3))],
    "Tensor.data": lambda T: [matrix(T, True).data, matrix(T).data.requires_grad],
    "Tensor.item": lambda T: [T.tensor(2.5).item(), T.tensor([3]).item(), T.tensor(True).item()],
    "Tensor.sum": _methods(
        "sum",
        ((), {}),
        ((0,), {}),
        ((), {"dim": 1, "keepdim": True}),
        ((), {"axis": 0}),
        ((), {"dtype": None}),
        ((1,), {"keepdims": True}),
    ),
    "Tensor.backward": _backward,
    "Tensor.device": lambda T: [str(matrix(T).device), matrix(T).device == T.device("cpu"), matrix(T).device.type],
    "Tensor.numpy": lambda T: [matrix(T).numpy().tolist(), matrix(T, True).numpy(force=True).tolist()],
    "Tensor.unsqueeze": _methods("unsqueeze", ((0,), {}), ((), {"dim": -1})),
    "Tensor.reshape": _methods("reshape", ((3, 2), {}), ((-1,), {}), (((1, 6),), {})),
    "Tensor.grad": _backward,
    "Tensor.dtype": lambda T: [word(matrix(T).dtype), whole(T).dtype == T.int64],
    "Tensor.transpose": _methods("transpose", ((0, 1), {}), ((-1, -2), {})),
    "Tensor.mean": _methods("mean", ((), {}), ((), {"dim": 1, "keepdim": True}), ((), {"axis": 0}), (((0, 1),), {})),
    "Tensor.squeeze": lambda T: [
        T.ones(1, 2, 1).squeeze(),
        T.ones(1, 2, 1).squeeze(dim=0),
        T.ones(1, 2).squeeze(axis=0),
    ],
    "Tensor.permute": _methods("permute", ((1, 0), {}), (((1, 0),), {})),
    "Tensor.requires_grad": lambda T: [matrix(T).requires_grad, matrix(T, True).requires_grad],
    "Tensor.max": lambda T: [matrix(T).max(), matrix(T).max(dim=1, keepdim=True), matrix(T).max(0)[0]],
    "Tensor.min": lambda T: [matrix(T).min(), matrix(T).min(dim=1), matrix(T).min(axis=0).values],
    "Tensor.ndim": lambda T: [matrix(T).ndim, T.tensor(1).ndim],
    "Tensor.add_": _methods("add_", ((1,), {}), ((2.5,), {"alpha": 2}), ((), {"other": 3})),
    "Tensor.stride": lambda T: [matrix(T).stride(), matrix(T).t().stride(), matrix(T).stride(0)],
    "Tensor.type": lambda T: [word(matrix(T).type()), matrix(T).type(T.float64), matrix(T).type("torch.LongTensor")],
    "Tensor.expand": lambda T: [T.ones(1, 3).expand(2, 3), T.ones(3).expand(2, -1), T.ones(1).expand((2, 2))],
    "Tensor.copy_": lambda T: [T.zeros(2, 3).copy_(matrix(T)), T.zeros(2, 3).copy_(vector(T)[:3], non_blocking=True)],
    "Tensor.fill_": _methods("fill_", ((2,), {})),
    "Tensor.T": lambda T: [matrix(T).T, square(T).T],
    "Tensor.flatten": lambda T: [T.ones(2, 1, 3).flatten(), T.ones(2, 1, 3).flatten(start_dim=1, end_dim=-1)],
    "Tensor.argmax": _methods("argmax", ((), {}), ((), {"dim": 1, "keepdim": True})),
    "Tensor.argmin": _methods("argmin", ((), {}), ((), {"dim": 1, "keepdim": True})),
    "Tensor.requires_grad_": lambda T: [
        matrix(T).requires_grad_().requires_grad,
        matrix(T).requires_grad_(requires_grad=False).requires_grad,
    ],
    "Tensor.mul_": _methods("mul_", ((2,), {})),
    "Tensor.type_as": lambda T: matrix(T).type_as(whole(T)),
    "Tensor.new_zeros": lambda T: [
        matrix(T).new_zeros(2, 2),
        whole(T).new_zeros((2,), dtype=T.float32, requires_grad=True),
    ],
    "Tensor.new_ones": lambda T: [
        whole(T).new_ones(2),
        whole(T).new_ones((1, 2), dtype=T.float64, device="cpu", requires_grad=True),
    ],
    "Tensor.new_full": lambda T: [matrix(T).new_full((2,), 3), matrix(T).new_full((2,), fill_value=1, dtype=T.int64)],
    "Tensor.new_empty": lambda T: [
        (*t.shape, word(t.dtype), t.requires_grad)
        for t in (matrix(T).new_empty(2, 2), whole(T).new_empty(size=(2,), dtype=T.float32, requires_grad=True))
    ],
    "Tensor.new_tensor": lambda T: [matrix(T).new_tensor([1, 2]), matrix(T).new_tensor([1, 2], dtype=T.int32)],
    "Tensor.new": lambda T: [matrix(T).new([1, 2]), tuple(matrix(T).new(2, 3).shape)],
    "Tensor.index_select": lambda T: [
        matrix(T).index_select(1, T.tensor([2, 0])),
        matrix(T).index_select(dim=0, index=T.tensor([1])),
    ],
    "Tensor.eq": lambda T: [whole(T).eq(0), matrix(T).eq(matrix(T))],
    "Tensor.ne": lambda T: whole(T).ne(0),
    "Tensor.ge": lambda T: whole(T).ge(2),
    "Tensor.repeat": lambda T: [matrix(T).repeat(2, 1), vector(T).repeat(1, 2, 1)],
    "Tensor.normal_": lambda T: [_seeded(T, "normal_"), _seeded(T, "normal_", mean=1.0, std=2.0)],
    "torch.Tensor.normal_": lambda T: (T.manual_seed(1), T.Tensor.normal_(T.zeros(3)))[1],
    "Tensor.uniform_": lambda T: [_seeded(T, "uniform_"), _seeded(T, "uniform_", -1, 1)],
    "Tensor.random_": lambda T: [_seeded(T, "random_", 5), _seeded(T, "random_", 2, 9)],
    "Tensor.any": _methods("any", ((), {}), ((), {"dim": 1, "keepdim": True}), make=mask),
    "Tensor.pow": lambda T: [matrix(T).pow(2), positive(T).pow(0.5), positive(T).pow(matrix(T))],
    "Tensor.sqrt": _plain("sqrt", positive),
    "Tensor.sqrt_": _plain("sqrt_", positive),
    "Tensor.log": _plain("log", positive),
    "Tensor.norm": _methods("norm", ((), {}), ((), {"p": 1}), ((2,), {"dim": 1, "keepdim": True})),
    "Tensor.clamp": _methods("clamp", ((-1, 1), {}), ((), {"min": 0}), ((), {"max": 0.5})),
    "Tensor.clamp_": _methods("clamp_", ((-1, 1), {}), ((), {"min": 0}), ((), {"max": 0.5})),
    "Tensor.clamp_min": _methods("clamp_min", ((0,), {})),
    "Tensor.chunk": _methods("chunk", ((2,), {}), ((), {"chunks": 3, "dim": 1})),
    "Tensor.split": _methods("split", ((1,), {}), (([1, 2],), {"dim": 1})),
    "Tensor.gather": lambda T: [
        matrix(T).gather(1, T.tensor([[0, 2], [1, 1]])),
        matrix(T).gather(dim=0, index=T.tensor([[1, 0, 1]])),
    ],
    "Tensor.masked_fill": lambda T: [
        matrix(T).masked_fill(mask(T), -9),
        matrix(T).masked_fill(matrix(T) > 0, float("-inf")),
    ],
    "Tensor.masked_fill_": lambda T: matrix(T).masked_fill_(mask(T), 7.0),
    "Tensor.masked_select": lambda T: matrix(T).masked_select(mask(T)),
    "Tensor.expand_as": lambda T: T.ones(1, 3).expand_as(matrix(T)),
    "Tensor.is_contiguous": lambda T: [
        matrix(T).is_contiguous(),
        matrix(T).t().is_contiguous(),
        matrix(T).is_contiguous(memory_format=T.contiguous_format),
    ],
    "Tensor.grad_fn": lambda T: [matrix(T).grad_fn, (matrix(T, True) * 2).grad_fn.name()],
    "Tensor.std": _methods("std", ((), {}), ((), {"dim": 1}), ((0,), {"unbiased": False}), ((), {"axis": 0})),
    "Tensor.var": _methods("var", ((), {}), ((), {"dim": 1, "unbiased": False})),
    "Tensor.is_cuda": lambda T: matrix(T).is_cuda,
    "Tensor.is_sparse": lambda T: matrix(T).is_sparse,
    "Tensor.softmax": _methods("softmax", ((-1,), {}), ((), {"dim": 0})),
    "Tensor.topk": _methods("topk", ((2,), {}), ((), {"k": 1, "dim": 0, "largest": False, "sorted": True})),
    "Tensor.scatter_": lambda T: [
        T.zeros(2, 3).scatter_(1, T.tensor([[0], [2]]), 1.0),
        T.zeros(2, 3).scatter_(dim=0, index=T.tensor([[1, 0, 1]]), src=T.ones(1, 3)),
        T.zeros(2, 3).scatter_(1, T.tensor([[0], [2]]), value=2),
    ],
    "Tensor.scatter": lambda T: T.zeros(2, 3).scatter(1, T.tensor([[0], [2]]), T.ones(2, 1)),
    "Tensor.scatter_add_": lambda T: T.zeros(2, 3).scatter_add_(1, T.tensor([[0, 0], [2, 1]]), T.ones(2, 2)),
    "Tensor.index_add_": lambda T: T.zeros(2, 3).index_add_(0, T.tensor([0, 0]), matrix(T)),
    "Tensor.nonzero": lambda T: [whole(T).nonzero(), whole(T).nonzero(as_tuple=True)],
    "Tensor.view_as": lambda T: matrix(T).view_as(T.ones(3, 2)),
    "Tensor.cumsum": _methods("cumsum", ((0,), {}), ((), {"dim": 1, "dtype": None}), ((), {"axis": 0})),
    "Tensor.unbind": _methods("unbind", ((), {}), ((), {"dim": 1})),
    "Tensor.narrow": _methods("narrow", ((1, 1, 2), {})),
    "Tensor.div_": _methods("div_", ((2,), {})),
    "Tensor.div": lambda T: [matrix(T).div(2), whole(T).div(2), whole(T).div(2, rounding_mode="floor")],
    "Tensor.mul": _methods("mul", ((2,), {})),
    "Tensor.add": _methods("add", ((2,), {}), ((3,), {"alpha": 2})),
    "Tensor.sub_": _methods("sub_", ((2,), {}), ((3,), {"alpha": 2})),
    "Tensor.storage": lambda T: [matrix(T).storage().tolist(), len(matrix(T)[0].storage()), matrix(T).storage()[1]],
    "Tensor.mm": lambda T: matrix(T).mm(square(T)),
    "Tensor.bmm": lambda T: T.ones(2, 2, 3).bmm(T.ones(2, 3, 1)),
    "Tensor.matmul": lambda T: [matrix(T).matmul(square(T)), matrix(T).matmul(vector(T)[:3])],
    "Tensor.dot": lambda T: vector(T).dot(vector(T)),
    "Tensor.repeat_interleave": lambda T: [
        vector(T).repeat_interleave(2),
        matrix(T).repeat_interleave(T.tensor([1, 2]), dim=0),
    ],
    "Tensor.sort": _methods("sort", ((), {}), ((), {"dim": 0, "descending": True}), ((), {"stable": True})),
    "Tensor.argsort": _methods("argsort", ((), {}), ((), {"dim": 0, "descending": True}), ((), {"stable": True})),
    "Tensor.unflatten": _methods("unflatten", ((1, (3, 1)), {}), ((), {"dim": 1, "sizes": (1, -1)})),
    "Tensor.addcmul_": lambda T: matrix(T).addcmul_(matrix(T), matrix(T), value=0.5),
    "Tensor.addcdiv_": lambda T: matrix(T).addcdiv_(matrix(T), positive(T), value=-0.5),
    "Tensor.lerp_": lambda T: matrix(T).lerp_(positive(T), 0.25),
    "Tensor.inverse": lambda T: square(T).inverse(),
    "Tensor.flip": _methods("flip", ((0,), {}), (((0, 1),), {}), ((), {"dims": (1,)})),
    "Tensor.data_ptr": lambda T: [
        [x.data_ptr() == x.view(-1).data_ptr() for x in (matrix(T),)],
        matrix(T).data_ptr() > 0,
    ],
    "Tensor.storage_offset": lambda T: [matrix(T).storage_offset(), matrix(T)[1].storage_offset()],
    "Tensor.detach_": lambda T: (matrix(T, True) * 2).detach_(),
    "Tensor.is_leaf": lambda T: [matrix(T, True).is_leaf, (matrix(T, True) * 2).is_leaf],
    "Tensor.squeeze_": lambda T: [T.ones(1, 2).squeeze_(), T.ones(1, 2).squeeze_(0)],
    "Tensor.get_device": lambda T: matrix(T).get_device(),
    "Tensor.mT": lambda T: matrix(T).mT,
    "Tensor.resize_": lambda T: [matrix(T).resize_(2, 2), matrix(T).resize_((6,))],
    "Tensor.bernoulli_": lambda T: [T.zeros(3).bernoulli_(1.0), T.zeros(3).bernoulli_(p=0.0)],
    "Tensor.unique": lambda T: [whole(T).unique(), whole(T).unique(return_counts=True)],
    "Tensor.register_hook": _hook,
    "Tensor.trace": lambda T: square(T).trace(),
    "Tensor.amax": _methods("amax", ((), {}), ((1,), {}), ((), {"dim": (0, 1)})),
    "Tensor.allclose": lambda T: [matrix(T).allclose(matrix(T) + 1e-9, rtol=1e-5), matrix(T).allclose(positive(T))],
    "Tensor.triu": _methods("triu", ((), {}), ((1,), {}), make=square),
    "Tensor.as_strided": lambda T: [matrix(T).as_strided((2, 2), (1, 2)), matrix(T).as_strided((3,), (2,), 1)],
    "Tensor.resize": lambda T: matrix(T).resize(3, 2),
    "Tensor.to_dense": lambda T: matrix(T).to_dense(),
}
