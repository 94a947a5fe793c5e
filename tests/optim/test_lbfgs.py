"""L-BFGS beside PyTorch's: the Rosenbrock function, a small network, saved states; programs do not grow with memory."""

import numpy as np
import pytest
import torch

import kilnn
from tests.optim.records import converted

SEARCHES = (None, "strong_wolfe")


def rosenbrock(T, options, steps, dtype="float64", load=None, **more):
    x = T.tensor(np.array([-1.5, 2.0, 0.7], dtype)).requires_grad_() if load is None else load[0]
    optimizer = T.optim.LBFGS([x], **options, **more)
    if load is not None:
        optimizer.load_state_dict(load[1])
    losses = []

    def closure():
        optimizer.zero_grad()
        loss = (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
        loss.backward()
        losses.append(loss.item())
        return loss

    returned = [optimizer.step(closure).item() for _ in range(steps)]
    return x, optimizer, losses, returned


@pytest.mark.parametrize(
    "options",
    [
        {"line_search_fn": "strong_wolfe"},
        {"line_search_fn": "strong_wolfe", "history_size": 3, "max_iter": 6, "lr": 0.7},
        {"line_search_fn": "strong_wolfe", "max_eval": 5},
        {"line_search_fn": "strong_wolfe", "tolerance_change": 1e-3},
        {"lr": 0.01, "max_iter": 5},
        {"lr": 0.02, "history_size": 2, "max_eval": 4},
        {"tolerance_grad": 1e5},
    ],
    ids=str,
)
def test_rosenbrock(options):
    theirs, reference, their_losses, returned = rosenbrock(torch, options, 4)
    mine, optimizer, losses, ours = rosenbrock(kilnn, options, 4)
    np.testing.assert_allclose(losses, their_losses, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(ours, returned, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(mine.detach().numpy(), theirs.detach().numpy(), rtol=1e-6, atol=1e-9)
    state, wanted = optimizer.state_dict()["state"][0], reference.state_dict()["state"][0]
    assert {k: state[k] for k in ("func_evals", "n_iter")} == {k: wanted[k] for k in ("func_evals", "n_iter")}
    assert set(state) == set(wanted) or set(wanted) - set(state) == {"al"}


@pytest.mark.parametrize("search", SEARCHES)
def test_a_network(search):
    results = []
    for T in (torch, kilnn):
        rng = np.random.default_rng(0)
        x, y = (T.tensor(rng.standard_normal(s).astype(np.float32)) for s in ((30, 4), (30, 2)))
        model = T.nn.Sequential(T.nn.Linear(4, 6), T.nn.Tanh(), T.nn.Linear(6, 2))
        with T.no_grad():
            for p in model.parameters():
                p.copy_(T.tensor((rng.standard_normal(tuple(p.shape)) * 0.5).astype(np.float32)))
        optimizer = T.optim.LBFGS(
            model.parameters(), lr=0.3 if search is None else 1, max_iter=4, line_search_fn=search
        )

        def closure(T=T, model=model, optimizer=optimizer, x=x, y=y):
            optimizer.zero_grad()
            loss = T.nn.functional.mse_loss(model(x), y)
            loss.backward()
            return loss

        results.append([optimizer.step(closure).item() for _ in range(5)])
        results[-1] += [p.detach().numpy().ravel() for p in model.parameters()]
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(b, a, rtol=2e-3, atol=2e-4)
    assert results[1][4] < 0.9 * results[1][0]


@pytest.mark.parametrize("search", SEARCHES)
def test_programs_do_not_depend_on_how_much_is_remembered(search):
    options = {"line_search_fn": search, "max_iter": 4, "lr": 0.01 if search is None else 1}
    x, optimizer, _, _ = rosenbrock(kilnn, options, 2)

    def closure():
        optimizer.zero_grad()
        loss = (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
        loss.backward()
        return loss

    for _ in range(2):
        optimizer.step(closure)
    with kilnn.expect(compiles=0):
        for k in range(3):
            optimizer.param_groups[0]["lr"] *= 0.9 + 0.01 * k
            optimizer.step(closure)


@pytest.mark.parametrize("search", SEARCHES)
def test_state_goes_from_one_library_to_the_other(search):
    options = {"line_search_fn": search, "max_iter": 3, "lr": 0.01 if search is None else 1, "history_size": 4}
    wanted = rosenbrock(torch, options, 5)[0].detach().numpy()
    x, optimizer, _, _ = rosenbrock(torch, options, 3)
    moved = kilnn.tensor(x.detach().numpy()).requires_grad_(), optimizer.state_dict()
    resumed = rosenbrock(kilnn, options, 2, load=moved)[0]
    np.testing.assert_allclose(resumed.detach().numpy(), wanted, rtol=1e-6)

    x, optimizer, _, _ = rosenbrock(kilnn, options, 3)
    again = rosenbrock(kilnn, options, 2, load=(x.detach().clone().requires_grad_(), optimizer.state_dict()))[0]
    np.testing.assert_allclose(again.detach().numpy(), wanted, rtol=1e-6)

    moved = torch.tensor(x.detach().numpy()).requires_grad_(), converted(optimizer.state_dict(), torch)
    back = rosenbrock(torch, options, 2, load=moved)[0]
    np.testing.assert_allclose(back.detach().numpy(), wanted, rtol=1e-6)


def test_complex_parameters_and_missing_gradients():
    results = []
    for T in (torch, kilnn):
        z = T.tensor(np.array([1 + 2j, -0.5j], np.complex128)).requires_grad_()
        unused = T.tensor(np.ones(2)).requires_grad_()
        optimizer = T.optim.LBFGS([z, unused], line_search_fn="strong_wolfe", max_iter=6)

        def closure(z=z, optimizer=optimizer):
            optimizer.zero_grad()
            loss = ((z - (0.3 + 0.1j)).abs() ** 4).sum()
            loss.backward()
            return loss

        optimizer.step(closure)
        results.append((z.detach().numpy(), unused.detach().numpy()))
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-6)


def test_errors():
    w = [kilnn.ones(2, requires_grad=True) for _ in range(2)]
    with pytest.raises(ValueError, match="per-parameter options"):
        kilnn.optim.LBFGS([{"params": w[:1]}, {"params": w[1:]}])
    with pytest.raises(RuntimeError, match="only 'strong_wolfe'"):
        kilnn.optim.LBFGS(w, line_search_fn="armijo").step(lambda: w[0].sum())
    with pytest.raises(TypeError):
        kilnn.optim.LBFGS(w).step()
