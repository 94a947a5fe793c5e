"""Distributions beside PyTorch's: densities, moments and their gradients, divergences, draws, checks."""

import itertools

import numpy as np
import pytest
import torch

import kilnn
from tests.oracle import assert_same, assert_same_tree

BOTH = [torch, kilnn]
POSITIVE, UNIT, REAL = (0.3, 2.5), (0.1, 0.9), (-1.5, 1.5)


def draw(T, number, bounds, shape=(2, 3)):
    values = np.random.default_rng(number).uniform(*bounds, shape)
    return T.tensor(values.tolist(), dtype=T.float64)


def matrix(T):
    a = np.random.default_rng(5).normal(size=(3, 3))
    return T.tensor((a @ a.T + 3 * np.eye(3)).tolist(), dtype=T.float64)


def D(T):
    return T.distributions


# name -> (class from parameters, bounds of the parameters, values at which densities are compared)
CASES = {
    "Normal": (lambda T, a, b: D(T).Normal(a, b), (REAL, POSITIVE), REAL),
    "Laplace": (lambda T, a, b: D(T).Laplace(a, b), (REAL, POSITIVE), REAL),
    "Cauchy": (lambda T, a, b: D(T).Cauchy(a, b), (REAL, POSITIVE), REAL),
    "Gumbel": (lambda T, a, b: D(T).Gumbel(a, b), (REAL, POSITIVE), REAL),
    "LogNormal": (lambda T, a, b: D(T).LogNormal(a, b), (REAL, POSITIVE), POSITIVE),
    "Uniform": (lambda T, a, b: D(T).Uniform(a - 2, b + 2), (REAL, POSITIVE), REAL),
    "HalfNormal": (lambda T, a: D(T).HalfNormal(a), (POSITIVE,), POSITIVE),
    "Exponential": (lambda T, a: D(T).Exponential(a), (POSITIVE,), POSITIVE),
    "Gamma": (lambda T, a, b: D(T).Gamma(a, b), (POSITIVE, POSITIVE), POSITIVE),
    "Chi2": (lambda T, a: D(T).Chi2(a), (POSITIVE,), POSITIVE),
    "Beta": (lambda T, a, b: D(T).Beta(a, b), (POSITIVE, POSITIVE), UNIT),
    "StudentT": (lambda T, a, b, c: D(T).StudentT(a + 2, b, c), (POSITIVE, REAL, POSITIVE), REAL),
    "Dirichlet": (lambda T, a: D(T).Dirichlet(a), (POSITIVE,), "simplex"),
    "Bernoulli": (lambda T, a: D(T).Bernoulli(a), (UNIT,), "bits"),
    "Bernoulli logits": (lambda T, a: D(T).Bernoulli(logits=a), (REAL,), "bits"),
    "Geometric": (lambda T, a: D(T).Geometric(a), (UNIT,), "counts"),
    "Poisson": (lambda T, a: D(T).Poisson(a), (POSITIVE,), "counts"),
    "Binomial": (lambda T, a: D(T).Binomial(6, a), (UNIT,), "counts"),
    "Binomial logits": (lambda T, a: D(T).Binomial(6, logits=a), (REAL,), "counts"),
    "Categorical": (lambda T, a: D(T).Categorical(a), (POSITIVE,), "classes"),
    "Categorical logits": (lambda T, a: D(T).Categorical(logits=a), (REAL,), "classes"),
    "OneHotCategorical": (lambda T, a: D(T).OneHotCategorical(logits=a), (REAL,), "hot"),
    "Multinomial": (lambda T, a: D(T).Multinomial(5, logits=a), (REAL,), "parts"),
    "Independent": (lambda T, a, b: D(T).Independent(D(T).Normal(a, b), 1), (REAL, POSITIVE), REAL),
    "covariance": (lambda T, a: D(T).MultivariateNormal(a, matrix(T)), (REAL,), REAL),
    "precision": (lambda T, a: D(T).MultivariateNormal(a, precision_matrix=matrix(T)), (REAL,), REAL),
    "factor": (lambda T, a: D(T).MultivariateNormal(a, scale_tril=T.linalg.cholesky(matrix(T))), (REAL,), REAL),
    "sigmoid": (
        lambda T, a, b: D(T).TransformedDistribution(D(T).Normal(a, b), D(T).SigmoidTransform()),
        (REAL, POSITIVE), UNIT,
    ),
    "chain": (
        lambda T, a, b: D(T).TransformedDistribution(
            D(T).Normal(a, b),
            [D(T).AffineTransform(0.5, -2.0), D(T).TanhTransform(), D(T).AffineTransform(1.0, 0.5),
             D(T).PowerTransform(2.0)],
        ),
        (REAL, POSITIVE), (0.5, 2.0),
    ),
    "softplus": (
        lambda T, a, b: D(T).TransformedDistribution(D(T).Laplace(a, b), D(T).SoftplusTransform()),
        (REAL, POSITIVE), POSITIVE,
    ),
    "mixture": (
        lambda T, a, b: D(T).MixtureSameFamily(D(T).Categorical(logits=a), D(T).Normal(a, b)), (REAL, POSITIVE),
        "row",
    ),
}  # fmt: skip


def values_of(T, kind):
    if not isinstance(kind, str):
        return draw(T, 9, kind)
    table = {
        "simplex": [[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]], "bits": [[0.0, 1, 1], [1, 0, 1]],
        "counts": [[0.0, 1, 5], [2, 3, 0]], "classes": [2.0, 0], "hot": [[0.0, 1, 0], [0, 0, 1]],
        "parts": [[1.0, 2, 2], [0, 5, 0]], "row": [0.5, -0.5],
    }  # fmt: skip
    return T.tensor(table[kind], dtype=T.float64)


def answer(d, name, *args):
    """What a distribution answers, or that it has no answer."""
    try:
        found = getattr(d, name)
        return found(*args) if callable(found) else found
    except (NotImplementedError, AttributeError):
        return None


@pytest.mark.parametrize("name", CASES)
def test_densities_and_moments(name):
    make, bounds, kind = CASES[name]
    sides = []
    for T in BOTH:
        parameters = [draw(T, n, b).requires_grad_() for n, b in enumerate(bounds)]
        d = make(T, *parameters)
        logs = d.log_prob(values_of(T, kind))
        logs.sum().backward()
        facts = {n: answer(d, n) for n in ("mean", "mode", "variance", "stddev", "entropy")}
        facts["cdf"] = answer(d, "cdf", values_of(T, kind))
        facts["icdf"] = answer(d, "icdf", draw(T, 3, UNIT)) if kind != "row" else None
        shapes = [list(d.batch_shape), list(d.event_shape), d.has_rsample]
        sides.append((logs, facts, shapes, [p.grad for p in parameters]))
    (logs, facts, shapes, grads), (ours, our_facts, our_shapes, our_grads) = sides
    assert_same(ours, logs, 1e-5, 1e-6)
    assert our_shapes == shapes
    for key, theirs in facts.items():
        if theirs is not None:
            assert our_facts[key] is not None, f"{key} is missing"
            assert_same_tree(our_facts[key].detach(), theirs.detach(), 1e-5, 1e-6, key)
    for g, theirs in zip(our_grads, grads, strict=True):
        assert_same_tree(g, theirs, 1e-5, 1e-6, "gradient of log_prob")


@pytest.mark.parametrize("name", CASES)
def test_expand_and_enumerate(name):
    make, bounds, _ = CASES[name]
    for T in BOTH:
        d = make(T, *[draw(T, n, b) for n, b in enumerate(bounds)])
        wide = answer(d, "expand", (4, *d.batch_shape))
        if wide is not None and name not in ("mixture",):
            assert list(wide.batch_shape) == [4, *d.batch_shape] and wide.sample().shape[0] == 4
    ours, theirs = (make(T, *[draw(T, n, b) for n, b in enumerate(bounds)]) for T in (kilnn, torch))
    if theirs.has_enumerate_support:
        for expand in (True, False):
            a, b = answer(ours, "enumerate_support", expand), answer(theirs, "enumerate_support", expand)
            if b is not None and name not in ("Binomial", "Binomial logits", "Independent"):
                assert_same_tree(a, b)


EXACT = (
    "Normal", "Uniform", "Exponential", "Cauchy", "Bernoulli", "Categorical", "OneHotCategorical", "Poisson",
    "LogNormal", "covariance",
)  # fmt: skip


@pytest.mark.parametrize("name", EXACT)
def test_draws_are_those_of_pytorch(name):
    make, bounds, _ = CASES[name]
    found = []
    for T in BOTH:
        d = make(T, *[draw(T, n, b).float() if name != "covariance" else draw(T, n, b) for n, b in enumerate(bounds)])
        T.manual_seed(3)
        found.append([d.sample(), d.sample((4,)), d.sample((2, 2))])
    assert_same_tree(found[1], found[0], 1e-5, 1e-6)


@pytest.mark.parametrize("name", [n for n in CASES if n not in ("Cauchy", "Categorical", "Categorical logits")])
def test_moments_of_draws(name):
    make, bounds, _ = CASES[name]
    kilnn.manual_seed(0)
    ours = make(kilnn, *[draw(kilnn, n, b) for n, b in enumerate(bounds)])
    theirs = make(torch, *[draw(torch, n, b) for n, b in enumerate(bounds)])
    draws = ours.sample((4000,)).numpy()
    assert draws.shape == (4000, *theirs.batch_shape, *theirs.event_shape)
    mean, variance = answer(theirs, "mean"), answer(theirs, "variance")
    if mean is None or variance is None:
        theirs_draws = theirs.sample((4000,)).numpy()
        mean, variance = theirs_draws.mean(0), theirs_draws.var(0)
    else:
        mean, variance = mean.numpy(), variance.numpy()
    error = np.sqrt(variance / 4000) * 5 + 1e-6
    assert (abs(draws.mean(0) - mean) < np.maximum(error, 0.02)).all()


@pytest.mark.parametrize(
    "name", ["Normal", "Gamma", "Beta", "Dirichlet", "StudentT", "Exponential", "Laplace", "LogNormal"]
)
def test_gradients_of_draws(name):
    """The mean of draws moves with the parameters as the mean does."""
    make, bounds, _ = CASES[name]
    kilnn.manual_seed(0)
    parameters = [draw(kilnn, n, b).requires_grad_() for n, b in enumerate(bounds)]
    d = make(kilnn, *parameters)
    weight = kilnn.tensor([1.0, -2.0, 0.5], dtype=kilnn.float64)
    if name == "StudentT":
        parameters = parameters[1:]
    by_draws = kilnn.autograd.grad((d.rsample((20000,)) * weight).mean(0).sum(), parameters)
    exact = kilnn.autograd.grad((d.mean * weight).sum(), parameters, allow_unused=True)
    for a, b in zip(by_draws, exact, strict=True):
        expected = np.zeros((2, 3)) if b is None else b.numpy()
        assert np.allclose(a.numpy(), expected, rtol=0.15, atol=0.12), (a, b)


PAIRS = [
    "Normal", "Laplace", "Gumbel", "HalfNormal", "Exponential", "Gamma", "Beta", "Dirichlet", "Bernoulli",
    "Categorical", "OneHotCategorical", "Geometric", "Poisson", "Binomial", "covariance", "Independent", "LogNormal",
    "Uniform",
]  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_divergences(name):
    make, bounds, _ = CASES[name]
    found = []
    for T in BOTH:
        p, q = (make(T, *[draw(T, n + k, b) for n, b in enumerate(bounds)]) for k in (0, 7))
        found.append((D(T).kl_divergence(p, q), D(T).kl_divergence(p, p)))
    assert_same_tree(found[1], found[0], 1e-5, 1e-6)


def test_a_pair_without_a_formula():
    for T in BOTH:
        with pytest.raises(
            NotImplementedError, match=r"No KL\(p \|\| q\) is implemented for p type StudentT and q type"
        ):
            D(T).kl_divergence(D(T).StudentT(3.0), D(T).Normal(0.0, 1.0))


WRONG = {
    "scale": lambda T: D(T).Normal(0.0, -1.0),
    "nan": lambda T: D(T).Normal(float("nan"), 1.0),
    "string": lambda T: D(T).Normal("a", 1.0),
    "probability": lambda T: D(T).Bernoulli(1.5),
    "both": lambda T: D(T).Bernoulli(0.5, 0.0),
    "neither": lambda T: D(T).Categorical(),
    "simplex": lambda T: D(T).Categorical(T.tensor([-1.0, 2.0])),
    "scalar": lambda T: D(T).Categorical(T.tensor(1.0)),
    "uniform": lambda T: D(T).Uniform(1.0, 0.0),
    "matrix": lambda T: D(T).MultivariateNormal(T.zeros(2), -T.eye(2)),
    "two matrices": lambda T: D(T).MultivariateNormal(T.zeros(2), T.eye(2), T.eye(2)),
    "value": lambda T: D(T).Exponential(1.0).log_prob(T.tensor(-1.0)),
    "class": lambda T: D(T).Categorical(T.ones(3)).log_prob(T.tensor(3)),
    "number as value": lambda T: D(T).Normal(0.0, 1.0).log_prob(1.0),
    "shape of value": lambda T: D(T).Normal(T.zeros(3), 1.0).log_prob(T.zeros(2)),
    "event of value": lambda T: D(T).Dirichlet(T.ones(3)).log_prob(T.ones(2) / 2),
    "too many dims": lambda T: D(T).Independent(D(T).Normal(0.0, 1.0), 1),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments(name):
    torch.distributions.Distribution.set_default_validate_args(True)  # PyTorch's compiler, once loaded, switches it off
    for T in BOTH:
        with pytest.raises(ValueError):
            WRONG[name](T)
            kilnn.synchronize()  # what depends on a factorisation is known when that has run


def test_checks_can_be_switched_off_and_say_what_is_wrong():
    assert kilnn.distributions.Normal(0.0, -1.0, validate_args=False).scale.item() == -1
    message = r"Expected parameter scale .* of distribution Normal\(loc: 0.0, scale: -1.0\) to satisfy the constraint "
    with pytest.raises(ValueError, match=message + r"GreaterThan\(lower_bound=0.0\)"):
        kilnn.distributions.Normal(0.0, -1.0)
    kilnn.distributions.Distribution.set_default_validate_args(False)
    try:
        kilnn.distributions.Normal(0.0, -1.0)
    finally:
        kilnn.distributions.Distribution.set_default_validate_args(True)


def test_policy_gradients_train_in_one_program(compiles):
    """REINFORCE: the checks are part of the program and read nothing."""
    kilnn.manual_seed(0)
    net = kilnn.nn.Linear(4, 3)
    optimizer = kilnn.optim.Adam(net.parameters(), lr=0.05)
    states, actions = kilnn.randn(16, 4), kilnn.randint(0, 3, (16,))
    losses = []
    with compiles(step=1, syncs_at_most=0):
        for _ in range(5):
            optimizer.zero_grad()
            policy = kilnn.distributions.Categorical(logits=net(states))
            loss = -(policy.log_prob(actions).mean() + 0.01 * policy.entropy().mean())
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
    assert losses[-1].item() < losses[0].item()


def test_a_wrong_parameter_inside_a_step_raises_and_leaves_it():
    w = kilnn.tensor([1.0], requires_grad=True)
    optimizer = kilnn.optim.SGD([w], lr=0.1)
    big = kilnn.full((200, 200), -1.0) * 1.0
    optimizer.zero_grad()
    with pytest.raises(ValueError, match="Expected parameter scale"):
        loss = kilnn.distributions.Normal(0.0, w * big).log_prob(kilnn.zeros(200, 200)).sum()
        loss.backward()
        optimizer.step()
        kilnn.synchronize()
    assert w.tolist() == [1.0]


def test_transforms_are_inverses():
    for T, name in itertools.product(BOTH, ["ExpTransform", "SigmoidTransform", "TanhTransform", "SoftplusTransform"]):
        t = getattr(D(T), name)()
        x = draw(T, 0, REAL)
        assert np.allclose(t.inv(t(x)).numpy(), x.numpy(), atol=1e-6)
        assert t.inv.inv is t
    sides = []
    for T in BOTH:
        t = D(T).ComposeTransform([D(T).AffineTransform(1.0, 2.0), D(T).ExpTransform()])
        x = draw(T, 0, REAL)
        wide = D(T).IndependentTransform(t, 1)
        sides.append((t(x), t.log_abs_det_jacobian(x, t(x)), wide.log_abs_det_jacobian(x, t(x)), t.inv(t(x))))
    assert_same_tree(sides[1], sides[0], 1e-6, 1e-7)
