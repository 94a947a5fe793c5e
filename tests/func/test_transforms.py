"""kilnn.func and autograd.functional beside PyTorch's."""

import numpy as np
import pytest
import torch

import kilnn
from tests.oracle import assert_same_tree

BOTH = [torch, kilnn]
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")  # PyTorch's, of its forward mode


def arrays(T, *shapes, dtype="float64"):
    rng = np.random.default_rng(0)
    return [T.tensor(rng.uniform(0.2, 1.5, s).tolist(), dtype=getattr(T, dtype)) for s in shapes]


def same(program, **tolerances):
    theirs, ours = (program(T) for T in BOTH)
    assert_same_tree(ours, theirs, **tolerances)
    return ours


def used(pair, *args):
    """The value, and what the function beside it gives for the arguments."""
    value, function = pair
    return value, function(*args)


FUNCTIONS = {
    "gradient": lambda T: T.func.grad(lambda x: (x.sin() * x).sum())(arrays(T, (3,))[0]),
    "two arguments": lambda T: T.func.grad(lambda x, y: (x * y**2).sum(), argnums=(0, 1))(*arrays(T, (3,), (3,))),
    "last argument": lambda T: T.func.grad(lambda x, y: (x * y**2).sum(), argnums=-1)(*arrays(T, (3,), (3,))),
    "of a dict": lambda T: T.func.grad(lambda d: (d["a"] * d["b"][0]).sum())(
        dict(zip("ab", [arrays(T, (3,))[0], arrays(T, (3,))], strict=True))
    ),
    "third": lambda T: T.func.grad(T.func.grad(T.func.grad(lambda x: x**4)))(arrays(T, ())[0]),
    "aux": lambda T: T.func.grad(lambda x: ((x**2).sum(), x + 1), has_aux=True)(arrays(T, (3,))[0]),
    "value too": lambda T: T.func.grad_and_value(lambda x: (x**2).sum())(arrays(T, (3,))[0]),
    "value and aux": lambda T: T.func.grad_and_value(lambda x: ((x**2).sum(), {"y": x * 2}), has_aux=True)(
        arrays(T, (3,))[0]
    ),
    "vjp": lambda T: used(T.func.vjp(lambda x, y: x * y.sum(), *arrays(T, (3,), (2,))), T.ones(3, dtype=T.float64)),
    "jvp": lambda T: T.func.jvp(lambda x, y: (x * y).tanh(), *[tuple(arrays(T, (3,), (3,)))] * 2),
    "jacrev": lambda T: T.func.jacrev(lambda x, y: (x.outer(y), y * 2), argnums=(0, 1))(*arrays(T, (3,), (2,))),
    "jacfwd": lambda T: T.func.jacfwd(lambda x, y: (x.outer(y), y * 2), argnums=(0, 1))(*arrays(T, (3,), (2,))),
    "jacrev aux": lambda T: T.func.jacrev(lambda x: (x**2, x.sum()), has_aux=True)(arrays(T, (2,))[0]),
    "hessian": lambda T: T.func.hessian(lambda x: (x**3).sum() * x[0].cos())(arrays(T, (3,))[0]),
    "hessian by two": lambda T: T.func.hessian(lambda x, y: (x * y**2).sum(), argnums=(0, 1))(*arrays(T, (2,), (2,))),
    "jacrev of jacrev": lambda T: T.func.jacrev(T.func.jacrev(lambda x: x.sin()))(arrays(T, (2,))[0]),
    "vmap": lambda T: T.vmap(lambda x, y: (x * y).sum())(*arrays(T, (3, 2), (3, 2))),
    "vmap dims": lambda T: T.func.vmap(lambda x, y: (x + y, x.sum()), in_dims=(1, None), out_dims=(1, 0))(
        *arrays(T, (2, 4), (2,))
    ),
    "vmap nested": lambda T: T.vmap(T.vmap(lambda x: x.sin().sum()))(arrays(T, (2, 3, 4))[0]),
    "vmap of dicts": lambda T: T.vmap(lambda d, s: {"out": d["w"] @ d["x"] * s}, in_dims=({"w": None, "x": 0}, None))(
        dict(zip("wx", arrays(T, (2, 3), (4, 3)), strict=True)), 2.0
    ),
    "per-sample gradients": lambda T: T.vmap(
        T.func.grad(lambda w, x, y: ((w * x).sum() - y) ** 2), in_dims=(None, 0, 0)
    )(*arrays(T, (3,), (4, 3), (4,))),
    "jacobian of batches": lambda T: T.vmap(T.func.jacrev(lambda x: x.sin() * x.sum()))(arrays(T, (3, 2))[0]),
    "under no_grad": lambda T: T.no_grad()(T.func.grad(lambda x: (x**2).sum()))(arrays(T, (3,))[0]),
    # -- autograd.functional
    "functional.vjp": lambda T: T.autograd.functional.vjp(lambda x, y: x.outer(y), tuple(arrays(T, (3,), (2,))),
                                                           arrays(T, (3, 2))[0]),
    "functional.vjp number": lambda T: T.autograd.functional.vjp(lambda x: (x**2).sum(), arrays(T, (3,))[0]),
    "functional.jvp": lambda T: T.autograd.functional.jvp(lambda x: x**3, *arrays(T, (3,), (3,))),
    "jacobian": lambda T: T.autograd.functional.jacobian(
        lambda x, y: (x.outer(y), x * 2), tuple(arrays(T, (3,), (2,)))
    ),
    "jacobian graph": lambda T: T.autograd.functional.jacobian(lambda x: x**3, arrays(T, (2,))[0], create_graph=True),
    "jacobian vectorized": lambda T: T.autograd.functional.jacobian(lambda x: x**3, arrays(T, (2,))[0], vectorize=True),
    "jacobian forward": lambda T: T.autograd.functional.jacobian(
        lambda x: x**3, arrays(T, (2,))[0], vectorize=True, strategy="forward-mode"
    ),
    "functional.hessian": lambda T: T.autograd.functional.hessian(lambda x: (x**3).sum(), arrays(T, (2,))[0]),
    "functional.hessian of two": lambda T: T.autograd.functional.hessian(
        lambda x, y: (x**2 * y).sum(), tuple(arrays(T, (2,), (2,)))
    ),
    "vhp": lambda T: T.autograd.functional.vhp(lambda x: (x**3).sum() * x[0], *arrays(T, (3,), (3,))),
    "hvp": lambda T: T.autograd.functional.hvp(lambda x: (x**3).sum() * x[0], *arrays(T, (3,), (3,))),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values(name):
    same(FUNCTIONS[name])


def test_linearize_is_jvp():  # PyTorch's own warns of its graph
    x, v = arrays(kilnn, (3,), (3,))
    ours = used(kilnn.func.linearize(lambda x: x.exp(), x), v)
    y, w = arrays(torch, (3,), (3,))
    assert_same_tree(ours, torch.func.jvp(lambda x: x.exp(), (y,), (w,)))


def test_results_lead_to_outer_leaves():
    def program(T):
        (x, w) = (t.requires_grad_() for t in arrays(T, (3,), (3,)))
        inner = T.func.grad(lambda y: (w * y**3).sum())(x)
        mapped = T.vmap(lambda a: (a * w).sum())(T.ones(2, 3, dtype=T.float64))
        (inner.sum() + mapped.sum()).backward()
        return inner.requires_grad, mapped.requires_grad, x.grad, w.grad

    assert same(program)[:2] == (True, True)


def test_gradient_penalty_trains_in_one_program(compiles):
    weight = kilnn.tensor([1.0, 2.0], requires_grad=True)
    optimizer = kilnn.optim.SGD([weight], lr=0.01)
    penalty = kilnn.func.grad(lambda x: (weight * x**2).sum())
    x = kilnn.tensor([0.5, -1.0])
    with compiles(step=1):
        for _ in range(4):
            optimizer.zero_grad()
            penalty(x).square().sum().backward()
            optimizer.step()
    assert weight[1].item() < 2


def models(T):
    T.manual_seed(0)
    nn = T.nn
    return [nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2)).eval() for _ in range(3)]


def test_functional_call():
    def program(T):
        model = models(T)[0]
        mine = {k: (v * 2).detach().requires_grad_() for k, v in model.named_parameters()}
        x = T.ones(2, 3)
        out = T.func.functional_call(model, (mine, dict(model.named_buffers())), (x,))
        out.sum().backward()
        partly = T.func.functional_call(model, {"0.bias": T.zeros(4)}, x, strict=False)
        grads = T.func.grad(lambda p: T.func.functional_call(model, p, (x,)).square().sum())(
            {k: v.detach() for k, v in mine.items()}
        )
        untouched = [p.grad is None for p in model.parameters()]
        return out.detach(), [p.grad for p in mine.values()], partly, grads, untouched, model(x)

    same(program, rtol=1e-4)


def test_functional_call_ties_and_refuses():
    for T in BOTH:

        class Tied(T.nn.Module):
            def __init__(self):
                super().__init__()
                self.a = type(self).T.nn.Parameter(type(self).T.ones(2))
                self.b = self.a

            def forward(self, x):
                return x * self.a + self.b

        Tied.T = T
        module = Tied()
        own = module.a
        assert T.func.functional_call(module, {"a": T.zeros(2)}, T.ones(2)).tolist() == [0, 0]
        assert T.func.functional_call(module, {"a": T.zeros(2)}, T.ones(2), tie_weights=False).tolist() == [1, 1]
        with pytest.raises(ValueError, match="tied"):
            T.func.functional_call(module, {"a": T.zeros(2), "b": T.ones(2)}, T.ones(2))
        with pytest.raises(ValueError, match="multiple dictionaries"):
            T.func.functional_call(module, ({"a": T.zeros(2)}, {"a": T.zeros(2)}), T.ones(2))
        with pytest.raises(RuntimeError, match=r"Unexpected key\(s\)"):
            T.func.functional_call(module, {"c": T.zeros(2)}, T.ones(2), strict=True)
        with pytest.raises(TypeError):
            T.func.functional_call(module, {"a": T.zeros(2)}, ("x",))
        assert module.a is own and module.b is own


def test_ensembles():
    def program(T):
        nets = models(T)
        params, buffers = T.func.stack_module_state(nets)
        base = nets[0]
        x = arrays(T, (5, 3), dtype="float32")[0]
        out = T.vmap(lambda p, b: T.func.functional_call(base, (p, b), (x,)))(params, buffers)
        return list(params), [p.requires_grad and p.is_leaf for p in params.values()], list(buffers), out

    same(program)


ERRORS = {
    "no scalar": lambda T: T.func.grad(lambda x: x)(T.ones(2)),
    "argnum": lambda T: T.func.grad(lambda x: x.sum(), argnums=1)(T.ones(2)),
    "aux": lambda T: T.func.grad(lambda x: x.sum(), has_aux=True)(T.ones(2)),
    "vmap without inputs": lambda T: T.vmap(lambda: 0)(),
    "vmap sizes": lambda T: T.vmap(lambda x, y: x + y)(T.ones(2), T.ones(3)),
    "vmap dim": lambda T: T.vmap(lambda x: x, in_dims=1)(T.ones(2)),
    "vmap nothing": lambda T: T.vmap(lambda x: x, in_dims=None)(T.ones(2)),
    "vmap result": lambda T: T.vmap(lambda x: 3)(T.ones(2)),
    "vmap structure": lambda T: T.vmap(lambda x: x, in_dims=(0, 0))(T.ones(2)),
    "vmap randomness": lambda T: T.vmap(lambda x: x + T.rand(1))(T.ones(2)),
    "vmap word": lambda T: T.vmap(lambda x: x, randomness="maybe")(T.ones(2)),
    "jvp shapes": lambda T: T.func.jvp(lambda x: x, (T.ones(2),), (T.ones(3),)),
    "jvp tuples": lambda T: T.func.jvp(lambda x: x, T.ones(2), T.ones(2)),
    "v missing": lambda T: T.autograd.functional.vjp(lambda x: x, T.ones(2)),
    "v size": lambda T: T.autograd.functional.vjp(lambda x: x, T.ones(2), T.ones(3)),
    "no tensor": lambda T: T.autograd.functional.vjp(lambda x: 3, T.ones(2), T.ones(2)),
    "strict": lambda T: T.autograd.functional.jacobian(lambda x: T.ones(2), T.ones(2), strict=True),
    "strategy": lambda T: T.autograd.functional.jacobian(lambda x: x, T.ones(2), strategy="sideways"),
    "hessian of many": lambda T: T.autograd.functional.hessian(lambda x: x, T.ones(2)),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    kinds = []
    for T in BOTH:
        with pytest.raises(Exception) as raised:
            ERRORS[name](T)
        kinds.append(raised.type)
    assert kinds[0] is kinds[1]


def test_randomness():
    x = kilnn.ones(4)
    same_draws = kilnn.vmap(lambda a: a + kilnn.rand(()), randomness="same")(x)
    different = kilnn.vmap(lambda a: a + kilnn.rand(()), randomness="different")(x)
    assert len(set(same_draws.tolist())) == 1 and len(set(different.tolist())) == 4


def test_what_is_not_there():
    with pytest.raises(NotImplementedError, match="checkpoint"):
        kilnn.autograd.graph.saved_tensors_hooks(lambda x: x, lambda x: x)
    with pytest.raises(NotImplementedError, match=r"kilnn\.func\.jvp"):
        kilnn.autograd.forward_ad.dual_level()


# -- arguments of autograd.grad


def test_grad_takes_a_dictionary_of_inputs_and_a_batch_of_cotangents():
    def program(T):
        x, y, unused = (t.requires_grad_() for t in arrays(T, (3,), (3,), (2,)))
        out, other = x * y.sin(), x**3
        first = T.autograd.grad((out, other), {"y": y, "x": x}, [T.ones(3), T.ones(3)], True)
        rows = T.autograd.grad(
            (out, other), (x, y, unused), (T.eye(3), 2 * T.eye(3)), True, True, True, True, is_grads_batched=True
        )
        assert rows[2] is None and set(first) == {"x", "y"}
        with pytest.warns(FutureWarning):
            (second,) = T.autograd.grad(rows[0].sum(), x, only_inputs=False)
        return first["x"], first["y"], rows[0], rows[1], second

    same(program)


def test_grad_of_a_batch_names_what_is_wrong_with_it():
    x = kilnn.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="first size"):
        kilnn.autograd.grad(x * 2, x, is_grads_batched=True)
