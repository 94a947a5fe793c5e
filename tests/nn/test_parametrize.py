"""Parametrizations, normalised weights, fused layers and swapped tensors beside PyTorch."""

import copy
import pickle
import warnings

import pytest
import torch

import kilnn
from tests.nn.modules import data
from tests.oracle import assert_agrees, assert_same_tree


def utils(T):
    import torch.nn.utils.parametrizations  # noqa: PLC0415  # PyTorch does not import these two by itself
    import torch.nn.utils.stateless  # noqa: PLC0415, F401

    return T.nn.utils


def agrees(program, rtol=1e-4, atol=1e-5):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        assert_agrees(program, kilnn, rtol, atol)


def symmetric(T):
    class Symmetric(T.nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).transpose(-1, -2)

        def right_inverse(self, x):
            return x.triu()

    return Symmetric()


def doubled(T):
    class Doubled(T.nn.Module):
        def forward(self, x):
            return x * 2

        def right_inverse(self, x):
            return x / 2

    return Doubled()


def layer(T, *sizes):
    T.manual_seed(0)
    return T.nn.Linear(*sizes)


def state(module):
    return {k: v.detach().clone() for k, v in module.state_dict().items()}


def test_registering_and_removing():
    def program(T):
        P, lin = utils(T).parametrize, layer(T, 3, 3)
        seen = [P.is_parametrized(lin)]
        P.register_parametrization(lin, "weight", symmetric(T))
        seen += [repr(lin), state(lin), lin.weight.detach().clone(), P.is_parametrized(lin, "weight")]
        P.register_parametrization(lin, "weight", doubled(T))
        seen += [lin.weight.detach().clone(), list(state(lin)), P.type_before_parametrizations(lin).__name__]
        with T.no_grad():
            lin.weight = T.ones(3, 3)
        seen += [lin.weight.detach().clone(), state(lin)]
        x = data(T, 2, 3)
        lin(x).square().sum().backward()
        seen += [lin.parametrizations.weight.original.grad, x.grad, [n for n, _ in lin.named_parameters()]]
        P.remove_parametrizations(lin, "weight")
        return [*seen, repr(lin), type(lin) is T.nn.Linear, state(lin), isinstance(lin.weight, T.nn.Parameter)]

    agrees(program)


def test_leaving_the_original():
    def program(T):
        P, lin = utils(T).parametrize, layer(T, 3, 3)
        P.register_parametrization(lin, "weight", symmetric(T))
        P.register_parametrization(lin, "bias", doubled(T))
        P.remove_parametrizations(lin, "weight", leave_parametrized=False)
        return state(lin), repr(lin)

    agrees(program)


def wrong(T, make):
    class Wrong(T.nn.Module):
        def forward(self, x):
            return make(x)

    return Wrong()


@pytest.mark.parametrize("program", [
    lambda T: utils(T).parametrize.register_parametrization(layer(T, 3, 3), "weights", symmetric(T)),
    lambda T: utils(T).parametrize.register_parametrization(layer(T, 3, 3), "weight", wrong(T, lambda x: x[:2])),
    lambda T: utils(T).parametrize.register_parametrization(layer(T, 3, 3), "weight", wrong(T, lambda x: x.double())),
    lambda T: utils(T).parametrize.register_parametrization(layer(T, 3, 3), "weight", wrong(T, lambda x: 1)),
    lambda T: utils(T).parametrize.remove_parametrizations(layer(T, 3, 3), "weight"),
    lambda T: pickle.dumps(utils(T).parametrizations.weight_norm(layer(T, 3, 3))),
    lambda T: setattr(utils(T).parametrize.register_parametrization(
        layer(T, 3, 3), "weight", wrong(T, lambda x: x * 2)), "weight", T.ones(3, 3)),
    lambda T: utils(T).parametrizations.orthogonal(layer(T, 3, 3), "bias"),
    lambda T: utils(T).parametrizations.orthogonal(layer(T, 3, 3), "gain"),
    lambda T: utils(T).parametrizations.orthogonal(layer(T, 3, 3), orthogonal_map="qr"),
    lambda T: utils(T).parametrizations.spectral_norm(layer(T, 3, 3), dim=2),
    lambda T: utils(T).parametrizations.spectral_norm(layer(T, 3, 3), n_power_iterations=0),
    lambda T: utils(T).remove_weight_norm(layer(T, 3, 3)),
    lambda T: utils(T).remove_spectral_norm(layer(T, 3, 3)),
    lambda T: utils(T).weight_norm(utils(T).weight_norm(layer(T, 3, 3))),
    lambda T: utils(T).spectral_norm(utils(T).spectral_norm(layer(T, 3, 3))),
    lambda T: utils(T).fuse_conv_bn_eval(T.nn.Conv1d(2, 3, 1), T.nn.BatchNorm1d(3).eval()),
    lambda T: utils(T).fuse_linear_bn_eval(layer(T, 2, 4).eval(), T.nn.BatchNorm1d(3).eval()),
    lambda T: utils(T).skip_init(T.nn.ReLU),
])  # fmt: skip
def test_error_types(program):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        with pytest.raises(Exception) as info:
            program(torch)
        assert info.value is not None
    agrees(program)


MADE = {
    "weight_norm": lambda T, u: u.parametrizations.weight_norm(layer(T, 3, 4)),
    "weight_norm of dim 1": lambda T, u: u.parametrizations.weight_norm(layer(T, 3, 4), dim=1),
    "weight_norm of all": lambda T, u: u.parametrizations.weight_norm(layer(T, 3, 4), dim=None),
    "spectral_norm": lambda T, u: u.parametrizations.spectral_norm(layer(T, 3, 4), n_power_iterations=2),
    "spectral_norm of a bias": lambda T, u: u.parametrizations.spectral_norm(layer(T, 3, 4), "bias"),
    "older weight_norm": lambda T, u: u.weight_norm(layer(T, 3, 4)),
    "older spectral_norm": lambda T, u: u.spectral_norm(layer(T, 3, 4)),
    "cayley": lambda T, u: u.parametrizations.orthogonal(layer(T, 3, 3), orthogonal_map="cayley"),
    "matrix_exp": lambda T, u: u.parametrizations.orthogonal(layer(T, 3, 4), orthogonal_map="matrix_exp"),
    "householder": lambda T, u: u.parametrizations.orthogonal(layer(T, 3, 4)),
    "householder of a wide matrix": lambda T, u: u.parametrizations.orthogonal(layer(T, 4, 3)),
    "without a base": lambda T, u: u.parametrizations.orthogonal(layer(T, 3, 3), use_trivialization=False),
}


@pytest.mark.parametrize("name", MADE)
def test_ready_ones(name):
    found = []
    for T in (kilnn, torch):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            module = MADE[name](T, utils(T))
        before = state(module)
        x = data(T, 5, module.in_features)
        out = [module(x), module(x)]
        sum((o * o).sum() + o.sum() for o in out).backward()
        grads = {n: p.grad for n, p in module.named_parameters()}
        found.append((repr(module), before, out, grads, x.grad, state(module), module.eval()(x)))
    assert_same_tree(found[0], found[1], rtol=2e-4, atol=5e-5)


@pytest.mark.parametrize("name", MADE)
def test_copies(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        module = MADE[name](kilnn, kilnn.nn.utils).eval()
    if not name.startswith("older"):  # PyTorch does not copy those either: their weight is no leaf
        twin = copy.deepcopy(module)
        x = data(kilnn, 2, module.in_features, grad=False)
        assert kilnn.allclose(twin(x), module(x))
        with kilnn.no_grad():
            next(twin.parameters()).add_(1.0)
        assert not kilnn.equal(next(twin.parameters()), next(module.parameters()))


@pytest.mark.parametrize("name,remove", [
    ("weight_norm", lambda u, m: u.parametrize.remove_parametrizations(m, "weight")),
    ("spectral_norm", lambda u, m: u.parametrize.remove_parametrizations(m, "weight")),
    ("older weight_norm", lambda u, m: u.remove_weight_norm(m)),
    ("older spectral_norm", lambda u, m: u.remove_spectral_norm(m)),
])  # fmt: skip
def test_removing_leaves_the_value(name, remove):
    def program(T):
        module = MADE[name](T, utils(T)).eval()
        x = data(T, 2, 3, grad=False)
        before = module(x)
        remove(utils(T), module)
        return before, module(x), sorted(state(module)), repr(module)

    agrees(program)


def test_checkpoints_of_the_older_weight_norm():
    def program(T):
        older, newer = MADE["older weight_norm"](T, utils(T)), MADE["weight_norm"](T, utils(T))
        with T.no_grad():
            older.weight_g.mul_(2.0)
        return tuple(newer.load_state_dict(older.state_dict())), state(newer)

    agrees(program)


def test_cached_values_and_transfer():
    P = kilnn.nn.utils.parametrize
    one, two = kilnn.nn.utils.parametrizations.weight_norm(layer(kilnn, 3, 4)), kilnn.nn.Linear(3, 4)
    with P.cached():
        assert one.weight is one.weight
        with P.cached():
            assert one.weight is one.weight
        assert one.weight is one.weight
    assert one.weight is not one.weight
    P.register_parametrization(one, "bias", doubled(kilnn))
    P.transfer_parametrizations_and_params(one, two, "bias")
    assert two.parametrizations.bias.original is one.parametrizations.bias.original
    assert kilnn.equal(one.bias, two.bias) and not P.is_parametrized(two, "weight")


def test_fused_layers():
    def program(T):
        T.manual_seed(0)
        found = []
        for conv, shape, norm, turn in (
            (T.nn.Conv2d(2, 4, 3, bias=False), (3, 2, 5, 5), T.nn.BatchNorm2d(4), False),
            (T.nn.ConvTranspose1d(2, 4, 3), (3, 2, 5), T.nn.BatchNorm1d(4, affine=False), True),
        ):
            pair = T.nn.Sequential(conv, norm)
            pair(data(T, *shape))
            pair.eval()
            fused = utils(T).fuse_conv_bn_eval(conv, norm, turn)
            found += [pair(data(T, *shape)), fused(data(T, *shape)), state(fused)]
        pair = T.nn.Sequential(T.nn.Linear(3, 4), T.nn.BatchNorm1d(4))
        pair(data(T, 6, 3))
        fused = utils(T).fuse_linear_bn_eval(*pair.eval())
        return [*found, fused(data(T, 6, 3)), pair(data(T, 6, 3)), type(fused.weight) is T.nn.Parameter]

    agrees(program)


def test_calls_with_other_tensors():
    def program(T):
        T.manual_seed(0)
        net = T.nn.Sequential(T.nn.Linear(3, 3), T.nn.BatchNorm1d(3), T.nn.Linear(3, 3))
        net[2].weight = net[0].weight
        call = utils(T).stateless.functional_call
        w, mean = data(T, 3, 3), data(T, 3, grad=False)
        x = data(T, 4, 3, grad=False)
        out = call(net, {"0.weight": w, "1.running_mean": mean}, (x,))
        out.square().sum().backward()
        untied = call(net, {"0.weight": w}, x, tie_weights=False)
        return out, w.grad, mean, untied, state(net), net[0].weight.grad is None

    agrees(program)


@pytest.mark.parametrize("tensors,more", [
    ({"weigth": 1}, {}), ({"weight": 1}, {"strict": True}), ({"weight": 1, "bias": 1, "gain": 1}, {"strict": True}),
    ({"weight": 1}, {"kwargs": 3}),
])  # fmt: skip
def test_wrong_names_and_arguments(tensors, more):
    def program(T):
        given = {k: T.ones(3, 3) for k in tensors}
        return utils(T).stateless.functional_call(layer(T, 3, 3), given, (T.ones(2, 3),), **more)

    agrees(program)


def test_skip_init_uses_no_random_numbers():
    kilnn.manual_seed(4)
    wanted = kilnn.rand(2)
    kilnn.manual_seed(4)
    made = kilnn.nn.utils.skip_init(kilnn.nn.Linear, 3, 5)
    assert made.weight.shape == (5, 3) and kilnn.equal(kilnn.rand(2), wanted)


def test_memory_formats_keep_values():
    conv = kilnn.nn.Sequential(kilnn.nn.Conv2d(2, 4, 3), kilnn.nn.Conv3d(2, 4, 3))
    before = state(conv)
    kilnn.nn.utils.convert_conv2d_weight_memory_format(conv, kilnn.channels_last)
    kilnn.nn.utils.convert_conv3d_weight_memory_format(conv, kilnn.channels_last_3d)
    assert all(kilnn.equal(v, before[k]) for k, v in conv.state_dict().items())


def test_five_steps_compile_once():
    u = kilnn.nn.utils.parametrizations
    model = kilnn.nn.Sequential(
        u.weight_norm(kilnn.nn.Linear(4, 6)),
        u.spectral_norm(kilnn.nn.Linear(6, 6)),
        u.orthogonal(kilnn.nn.Linear(6, 3)),
    )
    optimizer = kilnn.optim.SGD(model.parameters(), lr=0.1)
    x = data(kilnn, 5, 4, grad=False)

    def step():
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()

    step()
    kilnn.synchronize()
    with kilnn.expect(compiles=1):
        for _ in range(5):
            step()


def test_products_of_reflections_have_derivatives():
    for shape, count in (((4, 3), 3), ((2, 5, 4), 2)):
        found = []
        for T in (kilnn, torch):
            a = data(T, *shape)
            tau = data(T, *shape[:-2], count)
            q = T.linalg.householder_product(a, tau)
            q.square().sum().backward()
            found.append((q, a.grad.tril(-1), tau.grad))
        assert_same_tree(found[0], found[1], rtol=1e-3, atol=1e-4)
