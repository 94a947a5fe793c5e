"""Functions of tensors: elementwise, reductions, products, shaping, indexing."""

from tests.yardstick.kit import mask, matrix, positive, square, vector, whole


def _one(name, make=matrix):
    return lambda T: getattr(T, name)(make(T))


def _with_out(name, *makes):
    """A function, and the same with `out=`."""

    def recipe(T):
        function = getattr(T, name)
        found = function(*[make(T) for make in makes])
        out = T.empty_like(found)
        same = function(*[make(T) for make in makes], out=out) is out
        return [found, out, same]

    return recipe


PLAIN = (
    "exp",
    "sigmoid",
    "abs",
    "cos",
    "tanh",
    "isfinite",
    "isnan",
    "sign",
    "relu",
    "floor",
    "square",
    "numel",
    "clone",
    "is_tensor",
    "round",
    "flatten",
)
RECIPES = (
    {f"torch.{name}": _one(name) for name in PLAIN}
    | {f"torch.{name}": _one(name, positive) for name in ("sqrt", "log", "log2")}
    | {
        "torch.rsqrt": _with_out("rsqrt", positive),
        "torch.sin": _with_out("sin", matrix),
        "torch.matmul": _with_out("matmul", matrix, square),
        "torch.mm": _with_out("mm", matrix, square),
        "torch.mul": _with_out("mul", matrix, positive),
        "torch.add": lambda T: [
            T.add(matrix(T), 2),
            T.add(matrix(T), other=positive(T), alpha=3),
            T.add(matrix(T), positive(T), out=T.empty(2, 3)),
        ],
        "torch.cat": lambda T: [
            T.cat([matrix(T), matrix(T)]),
            T.cat((matrix(T), matrix(T)), dim=1),
            T.cat([matrix(T)] * 2, axis=1),
        ],
        "torch.stack": lambda T: [
            T.stack([vector(T), vector(T)]),
            T.stack([vector(T)] * 2, dim=1),
            T.stack([vector(T)] * 2, out=T.empty(2, 4)),
        ],
        "torch.sum": lambda T: [
            T.sum(matrix(T)),
            T.sum(matrix(T), dim=1, keepdim=True, dtype=T.float64),
            T.sum(matrix(T), axis=0),
            T.sum(matrix(T), 0, out=T.empty(3)),
        ],
        "torch.mean": lambda T: [
            T.mean(matrix(T)),
            T.mean(matrix(T), dim=1, keepdim=True),
            T.mean(matrix(T), axis=0, keepdims=True),
            T.mean(whole(T), dtype=T.float32),
        ],
        "torch.max": lambda T: [
            T.max(matrix(T)),
            T.max(matrix(T), dim=1, keepdim=True),
            T.max(input=matrix(T), other=positive(T)),
            T.max(matrix(T), 0, out=(T.empty(3), T.empty(3, dtype=T.int64))),
        ],
        "torch.min": lambda T: [T.min(matrix(T)), T.min(matrix(T), dim=1, keepdim=True), T.min(matrix(T), positive(T))],
        "torch.argmax": lambda T: [
            T.argmax(matrix(T)),
            T.argmax(matrix(T), dim=1, keepdim=True),
            T.argmax(matrix(T), axis=0),
        ],
        "torch.argmin": lambda T: [T.argmin(matrix(T)), T.argmin(matrix(T), dim=1, keepdim=True)],
        "torch.all": lambda T: [T.all(mask(T)), T.all(mask(T), dim=0)],
        "torch.allclose": lambda T: [
            T.allclose(matrix(T), matrix(T) + 1e-4, atol=1e-3, rtol=0),
            T.allclose(vector(T) / 0, vector(T) / 0, equal_nan=True),
        ],
        "torch.isclose": lambda T: T.isclose(matrix(T), positive(T), atol=0.1, rtol=0.0),
        "torch.equal": lambda T: [T.equal(matrix(T), matrix(T)), T.equal(matrix(T), vector(T))],
        "torch.softmax": lambda T: [
            T.softmax(matrix(T), dim=1),
            T.softmax(matrix(T), axis=0),
            T.softmax(whole(T), -1, dtype=T.float32),
        ],
        "torch.where": lambda T: [
            T.where(mask(T), matrix(T), positive(T)),
            T.where(matrix(T) > 0, 1.0, 0.0),
            T.where(mask(T)),
        ],
        "torch.einsum": lambda T: [T.einsum("ij,jk->ik", matrix(T), square(T)), T.einsum("ij->ji", matrix(T))],
        "torch.clamp": lambda T: [T.clamp(matrix(T), -1, 1), T.clamp(matrix(T), min=0), T.clamp(matrix(T), max=0)],
        "torch.clip": lambda T: T.clip(matrix(T), -1, 1),
        "torch.bmm": lambda T: T.bmm(T.ones(2, 2, 3), T.ones(2, 3, 1)),
        "torch.norm": lambda T: [
            T.norm(matrix(T)),
            T.norm(matrix(T), dim=1, p=1, keepdim=True),
            T.norm(matrix(T), dtype=T.float64),
            T.norm(matrix(T), 2, 1, out=T.empty(2)),
        ],
        "torch.topk": lambda T: [
            T.topk(vector(T), 2),
            T.topk(matrix(T), k=1, dim=0, largest=False),
            T.topk(vector(T), 2, out=(T.empty(2), T.empty(2, dtype=T.int64))),
        ],
        "torch.gather": lambda T: T.gather(matrix(T), dim=1, index=T.tensor([[0, 2], [1, 1]])),
        "torch.unsqueeze": lambda T: [T.unsqueeze(vector(T), 0), T.unsqueeze(vector(T), dim=1)],
        "torch.eq": lambda T: [T.eq(whole(T), 0), T.eq(matrix(T), positive(T))],
        "torch.pow": lambda T: [T.pow(matrix(T), 2), T.pow(2, matrix(T)), T.pow(positive(T), matrix(T))],
        "torch.outer": lambda T: T.outer(vector(T), vector(T)),
        "torch.split": lambda T: [T.split(vector(T), 3), T.split(matrix(T), split_size_or_sections=[1, 2], dim=1)],
        "torch.repeat_interleave": lambda T: [
            T.repeat_interleave(vector(T), repeats=2),
            T.repeat_interleave(matrix(T), 2, dim=1),
        ],
        "torch.sort": lambda T: [T.sort(matrix(T)), T.sort(matrix(T), dim=0, descending=True)],
        "torch.argsort": lambda T: [T.argsort(matrix(T)), T.argsort(matrix(T), dim=0, descending=True)],
        "torch.tril": lambda T: [T.tril(square(T)), T.tril(square(T), diagonal=-1)],
        "torch.triu": lambda T: [T.triu(square(T)), T.triu(square(T), diagonal=1)],
        "torch.chunk": lambda T: T.chunk(matrix(T), chunks=2, dim=1),
        "torch.reshape": lambda T: [T.reshape(matrix(T), (3, 2)), T.reshape(matrix(T), (-1,))],
        "torch.dist": lambda T: [T.dist(matrix(T), positive(T)), T.dist(matrix(T), positive(T), 1)],
        "torch.index_select": lambda T: T.index_select(matrix(T), dim=1, index=T.tensor([2, 0])),
        "torch.unique": lambda T: [T.unique(whole(T)), T.unique(whole(T), return_inverse=True, return_counts=True)],
        "torch.cumsum": lambda T: T.cumsum(matrix(T), dim=1),
        "torch.cumprod": lambda T: T.cumprod(matrix(T), dim=1),
        "torch.count_nonzero": lambda T: [T.count_nonzero(whole(T)), T.count_nonzero(whole(T), dim=0)],
        "torch.dot": lambda T: T.dot(vector(T), vector(T)),
        "torch.logsumexp": lambda T: T.logsumexp(matrix(T), dim=1, keepdim=True),
        "torch.bincount": lambda T: [T.bincount(T.tensor([0, 2, 2])), T.bincount(T.tensor([0, 2]), minlength=5)],
        "torch.mv": lambda T: T.mv(square(T), vector(T)[:3]),
        "torch.unbind": lambda T: [T.unbind(matrix(T)), T.unbind(matrix(T), dim=1)],
        "torch.div": lambda T: [T.div(matrix(T), 2), T.div(whole(T), 2, rounding_mode="floor")],
        "torch.maximum": lambda T: T.maximum(matrix(T), positive(T)),
        "torch.cdist": lambda T: [T.cdist(matrix(T), square(T)), T.cdist(matrix(T), square(T), p=1)],
        "torch.masked_select": lambda T: [
            T.masked_select(matrix(T), mask=mask(T)),
            T.masked_select(matrix(T), mask(T), out=T.empty(3)),
        ],
        "torch.diff": lambda T: [T.diff(vector(T)), T.diff(matrix(T), dim=0)],
        "torch.transpose": lambda T: T.transpose(matrix(T), 0, 1),
        "torch.diag": lambda T: [T.diag(vector(T)), T.diag(square(T))],
        "torch.roll": lambda T: [T.roll(matrix(T), 1), T.roll(matrix(T), shifts=(1, 1), dims=(0, 1))],
        "torch.view_as_complex": lambda T: T.view_as_complex(T.ones(2, 3, 2)),
        "torch.view_as_real": lambda T: T.view_as_real(T.tensor([1 + 2j])),
        "torch.logical_and": lambda T: T.logical_and(mask(T), whole(T)),
        "torch.flip": lambda T: T.flip(matrix(T), dims=(0, 1)),
        "torch.nonzero": lambda T: [T.nonzero(whole(T)), T.nonzero(whole(T), as_tuple=True)],
        "torch._assert": lambda T: T._assert(True, "fine"),
    }
)
