"""Every scheduler beside PyTorch's: the same rates to the last bit, the same state, the same errors."""

import copy
import warnings

import pytest
import torch

import kilnn
from kilnn.optim import lr_scheduler as OURS

THEIRS = torch.optim.lr_scheduler

CASES = {
    "step": lambda L, o: L.StepLR(o, 3, 0.5),
    "multistep": lambda L, o: L.MultiStepLR(o, [2, 5, 5, 11], 0.3),
    "constant": lambda L, o: L.ConstantLR(o, 0.4, 4),
    "linear": lambda L, o: L.LinearLR(o, 0.2, 0.9, 7),
    "exponential": lambda L, o: L.ExponentialLR(o, 0.93),
    "polynomial": lambda L, o: L.PolynomialLR(o, 9, 1.7),
    "cosine": lambda L, o: L.CosineAnnealingLR(o, 6, 0.001),
    "restarts": lambda L, o: L.CosineAnnealingWarmRestarts(o, 4, 2, 0.002),
    "restarts even": lambda L, o: L.CosineAnnealingWarmRestarts(o, 5),
    "lambda": lambda L, o: L.LambdaLR(o, [lambda e: 0.9**e, lambda e: 1 / (e + 1)]),
    "multiplicative": lambda L, o: L.MultiplicativeLR(o, lambda e: 0.8 + 0.01 * e),
    "cyclic": lambda L, o: L.CyclicLR(o, 0.01, 0.2, 4, 6),
    "cyclic 2": lambda L, o: L.CyclicLR(o, [0.01, 0.02], [0.2, 0.3], 5, mode="triangular2"),
    "cyclic exp": lambda L, o: L.CyclicLR(o, 0.01, 0.2, 4, mode="exp_range", gamma=0.97),
    "cyclic own": lambda L, o: L.CyclicLR(o, 0.01, 0.2, 4, scale_fn=lambda x: 1 / x, cycle_momentum=False),
    "one cycle": lambda L, o: L.OneCycleLR(o, 0.5, total_steps=60),
    "one cycle linear": lambda L, o: L.OneCycleLR(
        o, [0.5, 0.4], epochs=5, steps_per_epoch=11, anneal_strategy="linear", three_phase=True, pct_start=0.25
    ),
    "sequential": lambda L, o: L.SequentialLR(
        o, [L.LinearLR(o, 0.1, total_iters=4), L.CosineAnnealingLR(o, 10), L.ExponentialLR(o, 0.9)], [4, 12]
    ),
    "chained": lambda L, o: L.ChainedScheduler([L.ConstantLR(o, 0.1, 3), L.ExponentialLR(o, 0.9)]),
}
MAKERS = [("sgd", {"momentum": 0.9}), ("adam", {})]


def ours(kind="sgd", **more):
    w = [kilnn.zeros(2, requires_grad=True), kilnn.zeros(3, requires_grad=True)]
    cls = {"sgd": kilnn.optim.SGD, "adam": kilnn.optim.Adam}[kind]
    return cls([{"params": [w[0]]}, {"params": [w[1]], "lr": 0.03}], lr=0.1, **more)


def theirs(kind="sgd", **more):
    w = [torch.zeros(2, requires_grad=True), torch.zeros(3, requires_grad=True)]
    cls = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[kind]
    return cls([{"params": [w[0]]}, {"params": [w[1]], "lr": 0.03}], lr=0.1, **more)


def numbers(optimizer):
    names = ("lr", "initial_lr", "momentum", "betas", "max_lr", "min_lr", "max_momentum", "base_momentum")
    return [{k: group[k] for k in names if k in group} for group in optimizer.param_groups]


@pytest.mark.filterwarnings("ignore:The epoch parameter")
@pytest.mark.parametrize("kind,more", MAKERS, ids=["sgd", "adam"])
@pytest.mark.parametrize("case", CASES)
def test_rates_are_equal(case, kind, more):
    a, b = ours(kind, **more), theirs(kind, **more)
    mine, other = CASES[case](OURS, a), CASES[case](THEIRS, b)
    assert mine.get_last_lr() == other.get_last_lr()
    for _ in range(50):
        a.step()
        b.step()
        mine.step()
        other.step()
        assert mine.get_last_lr() == other.get_last_lr()
        assert numbers(a) == numbers(b)


def plain(state):
    """A state without functions, and with PyTorch's Counters as dicts."""
    return {
        k: [plain(s) for s in v] if k == "_schedulers" else v for k, v in state.items() if k not in ("_scale_fn_ref",)
    }


@pytest.mark.parametrize("case", CASES)
def test_state_is_pytorchs_and_resumes(case):
    a, b = ours(momentum=0.9), theirs(momentum=0.9)
    mine, other = CASES[case](OURS, a), CASES[case](THEIRS, b)
    for _ in range(9):
        a.step(), b.step(), mine.step(), other.step()
    state = copy.deepcopy(mine.state_dict())
    assert plain(state) == plain(other.state_dict())
    groups = copy.deepcopy(a.param_groups)
    rates = []
    for _ in range(12):
        a.step(), mine.step()
        rates.append(mine.get_last_lr())
    c = ours(momentum=0.9)
    again = CASES[case](OURS, c)
    for group, old in zip(c.param_groups, groups, strict=True):
        group.update({k: v for k, v in old.items() if k != "params"})
    again.load_state_dict(other.state_dict())  # PyTorch's own state
    resumed = []
    for _ in range(12):
        c.step(), again.step()
        resumed.append(again.get_last_lr())
    assert resumed == rates


@pytest.mark.filterwarnings("ignore:The epoch parameter", "ignore:Detected call")
@pytest.mark.parametrize("case", [c for c in CASES if c not in ("sequential", "chained")])
def test_jumping_to_an_epoch(case):
    a, b = ours(momentum=0.9), theirs(momentum=0.9)
    mine, other = CASES[case](OURS, a), CASES[case](THEIRS, b)
    for epoch in (3, 1, 12, 12, 5):
        mine.step(epoch)
        other.step(epoch)
        assert mine.get_last_lr() == other.get_last_lr(), epoch


def test_fractions_of_epochs():
    a, b = ours(), theirs()
    mine, other = OURS.CosineAnnealingWarmRestarts(a, 2, 2), THEIRS.CosineAnnealingWarmRestarts(b, 2, 2)
    for i in range(40):
        mine.step(i / 5)
        other.step(i / 5)
        assert mine.get_last_lr() == other.get_last_lr()


@pytest.mark.parametrize("last_epoch", [4, 11])
@pytest.mark.parametrize("case", ["step", "multistep", "cosine", "exponential", "linear", "polynomial"])
def test_resume_by_last_epoch(case, last_epoch):
    made = {
        "step": lambda L, o: L.StepLR(o, 3, 0.5, last_epoch),
        "multistep": lambda L, o: L.MultiStepLR(o, [2, 5, 12], 0.5, last_epoch),
        "cosine": lambda L, o: L.CosineAnnealingLR(o, 6, 0.0, last_epoch),
        "exponential": lambda L, o: L.ExponentialLR(o, 0.9, last_epoch),
        "linear": lambda L, o: L.LinearLR(o, 0.3, 1.0, 8, last_epoch),
        "polynomial": lambda L, o: L.PolynomialLR(o, 20, 2.0, last_epoch),
    }[case]
    a, b = ours(), theirs()
    for optimizer in (a, b):
        for group in optimizer.param_groups:
            group["initial_lr"] = 0.2
    mine, other = made(OURS, a), made(THEIRS, b)
    for _ in range(6):
        a.step(), b.step(), mine.step(), other.step()
        assert mine.get_last_lr() == other.get_last_lr()
    with pytest.raises(KeyError, match="initial_lr"):
        made(OURS, ours())


@pytest.mark.parametrize("options", [
    {}, {"mode": "max", "patience": 1}, {"threshold_mode": "abs", "threshold": 0.05, "patience": 2, "cooldown": 2},
    {"min_lr": [0.02, 0.001], "factor": 0.3, "patience": 0}, {"mode": "max", "threshold_mode": "abs", "patience": 3},
])  # fmt: skip
def test_plateau(options):
    a, b = ours(), theirs()
    mine, other = OURS.ReduceLROnPlateau(a, **options), THEIRS.ReduceLROnPlateau(b, **options)
    losses = [1.0, 0.8, 0.79999, 0.85, 0.83, 0.5, 0.51, 0.52, 0.53, 0.54, 0.55, 0.56, 0.5, 0.5, 0.5, 0.4, 0.5, 0.5, 0.5]
    for loss in losses * 2:
        mine.step(loss)
        other.step(torch.tensor(loss, dtype=torch.float64))
        assert mine.get_last_lr() == other.get_last_lr()
        assert (mine.num_bad_epochs, mine.cooldown_counter, mine.best) == (
            other.num_bad_epochs, other.cooldown_counter, other.best,
        )  # fmt: skip
    assert mine.state_dict() == other.state_dict()


def test_a_tensor_as_measure_and_as_rate():
    optimizer = ours()
    scheduler = OURS.ReduceLROnPlateau(optimizer, patience=0)
    scheduler.step(kilnn.tensor(1.0))
    scheduler.step(kilnn.tensor(2.0))
    assert scheduler.get_last_lr() == [0.1 * 0.1, 0.03 * 0.1]


def test_only_plain_data_is_held():
    """No reference from the optimizer to the scheduler, and nothing wrapped: both can be pickled and freed."""
    optimizer = ours()
    step = type(optimizer).step
    OURS.StepLR(optimizer, 2)
    assert "step" not in vars(optimizer) and type(optimizer).step is step


def test_order_warning():
    scheduler = OURS.StepLR(ours(), 2)
    with pytest.warns(UserWarning, match=r"lr_scheduler.step\(\)` before `optimizer.step\(\)"):
        scheduler.step()
    optimizer = ours()
    scheduler = OURS.StepLR(optimizer, 2)
    optimizer.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler.step()
    with pytest.warns(UserWarning, match="get_last_lr"):
        scheduler.get_lr()


ERRORS = {
    "no optimizer": lambda L, o: L.StepLR(3, 1),
    "factor": lambda L, o: L.ConstantLR(o, 1.5),
    "start": lambda L, o: L.LinearLR(o, 0),
    "end": lambda L, o: L.LinearLR(o, 0.5, 2.0),
    "lambdas": lambda L, o: L.LambdaLR(o, [lambda e: 1]),
    "not callable": lambda L, o: L.MultiplicativeLR(o, [1, 2]),
    "T_0": lambda L, o: L.CosineAnnealingWarmRestarts(o, 0),
    "T_mult": lambda L, o: L.CosineAnnealingWarmRestarts(o, 1, 0.5),
    "cyclic mode": lambda L, o: L.CyclicLR(o, 0.1, 0.2, mode="square", cycle_momentum=False),
    "cyclic lengths": lambda L, o: L.CyclicLR(o, [0.1], 0.2, cycle_momentum=False),
    "total": lambda L, o: L.OneCycleLR(o, 0.1),
    "steps": lambda L, o: L.OneCycleLR(o, 0.1, total_steps=-1),
    "pct": lambda L, o: L.OneCycleLR(o, 0.1, total_steps=5, pct_start=2.0),
    "anneal": lambda L, o: L.OneCycleLR(o, 0.1, total_steps=5, anneal_strategy="exp"),
    "plateau factor": lambda L, o: L.ReduceLROnPlateau(o, factor=1.0),
    "plateau mode": lambda L, o: L.ReduceLROnPlateau(o, mode="up"),
    "plateau threshold": lambda L, o: L.ReduceLROnPlateau(o, threshold_mode="up"),
    "plateau min": lambda L, o: L.ReduceLROnPlateau(o, min_lr=[0.1]),
    "milestones": lambda L, o: L.SequentialLR(o, [L.StepLR(o, 1)], [3]),
    "none": lambda L, o: L.ChainedScheduler([]),
    "plateau inside": lambda L, o: L.ChainedScheduler([L.ReduceLROnPlateau(o)]),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case):
    with pytest.raises(Exception) as wanted:
        ERRORS[case](THEIRS, theirs())
    with pytest.raises(wanted.type):
        ERRORS[case](OURS, ours())


def test_too_many_steps():
    optimizer = ours(momentum=0.9)
    scheduler = OURS.OneCycleLR(optimizer, 0.1, total_steps=2)
    optimizer.step()
    scheduler.step(), scheduler.step()
    with pytest.raises(ValueError, match="Tried to step 3 times"):
        scheduler.step()
