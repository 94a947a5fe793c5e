"""Errors that depend on values: raised with PyTorch's type, naming the recorded line, no later than the next flush."""

import inspect
import re
import traceback
import warnings

import numpy as np
import pytest
import torch

import kilnn as T
from kilnn import nn
from kilnn.nn import functional as F


def line_here() -> int:
    return inspect.currentframe().f_back.f_lineno


def names_line(error: pytest.ExceptionInfo, line: int) -> bool:
    """The message, or the traceback itself, names this file and the line of the wrong statement."""
    place = re.compile(rf"test_errors\.py[:\",]? ?(line )?:?{line}\b")
    return bool(place.search(str(error.value))) or any(
        f.filename == __file__ and f.lineno == line for f in traceback.extract_tb(error.tb)
    )


def computed(values):
    """The same integers, as the result of a recorded computation."""
    return T.tensor(values) + T.zeros(len(values), dtype=T.int64)


WHERE_LABELS_ARE = pytest.mark.parametrize("hold", [T.tensor, computed], ids=["host-held", "computed"])


@WHERE_LABELS_ARE
@pytest.mark.parametrize("bad", [4, 7, -1])
def test_label_out_of_range(hold, bad):
    logits = T.ones(3, 4, requires_grad=True)
    target = hold([0, 1, bad])
    with pytest.raises(IndexError) as error:
        line = line_here() + 1
        loss = F.cross_entropy(logits, target)
        loss.item()
    assert names_line(error, line), str(error.value)
    assert str(bad) in str(error.value)


@WHERE_LABELS_ARE
def test_label_out_of_range_in_nll_loss(hold):
    with pytest.raises(IndexError) as error:
        line = line_here() + 1
        loss = F.nll_loss(T.zeros(2, 3), hold([0, 3]))
        loss.item()
    assert names_line(error, line), str(error.value)


@WHERE_LABELS_ARE
@pytest.mark.parametrize("bad", [5, -1])
def test_embedding_index_out_of_range(hold, bad):
    table = nn.Embedding(5, 2)
    index = hold([0, bad])
    with pytest.raises(IndexError) as error:
        line = line_here() + 1
        rows = table(index)
        rows.sum().item()
    assert names_line(error, line), str(error.value)


@WHERE_LABELS_ARE
def test_index_select_and_gather_and_getitem(hold):
    x = T.arange(6.0).reshape(3, 2)
    index = hold([0, 3])
    for wrong in (
        lambda: x.index_select(0, index).sum().item(),
        lambda: x[index].sum().item(),
        lambda: x.gather(0, index.view(2, 1)).sum().item(),
    ):
        with pytest.raises((IndexError, RuntimeError)):
            wrong()


@WHERE_LABELS_ARE
def test_a_wrong_label_never_trains_silently(hold):
    """Nobody reads the loss: the error still comes, at the latest with the flush after the wrong step."""
    model = nn.Linear(6, 4)
    optimizer = T.optim.SGD(model.parameters(), lr=0.1)
    x = T.ones(3, 6)
    seen = None
    with pytest.raises(IndexError) as error:
        for step in range(4):
            y = hold([0, 1, 4] if step == 1 else [0, 1, 3])
            optimizer.zero_grad()
            line = line_here() + 1
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            seen = step
    assert seen in (0, 1, 2)
    assert names_line(error, line), str(error.value)


def test_training_goes_on_after_a_caught_label_error():
    model = nn.Linear(6, 4)
    optimizer = T.optim.Adam(model.parameters(), lr=0.05)
    x, caught = T.ones(3, 6), 0
    losses = []
    for step in range(30):
        y = T.tensor([0, 1, 9] if step == 10 else [0, 1, 3])
        try:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        except IndexError:
            caught += 1
    assert caught == 1
    assert losses[-1] < losses[0]
    assert np.isfinite(losses).all()


def test_ignore_index_is_not_an_error():
    assert np.isfinite(F.cross_entropy(T.zeros(3, 4), T.tensor([0, -100, 1])).item())
    assert np.isfinite(F.cross_entropy(T.zeros(3, 4), computed([0, -100, 1])).item())
    assert F.cross_entropy(T.zeros(2, 4), T.tensor([0, 255]), ignore_index=255).item() == pytest.approx(np.log(4))


def test_right_indices_cost_no_waiting_read():
    before = T.stats()["syncs"]
    table = nn.Embedding(5, 2)
    for _ in range(5):
        table(T.tensor([0, 4])).sum()
    assert T.stats()["syncs"] == before


@pytest.mark.parametrize(
    "wrong",
    [
        lambda T: T.ones(2, 3) @ T.ones(2, 3),
        lambda T: T.ones(2, 3) + T.ones(2, 2),
        lambda T: T.cat([T.ones(2, 3), T.ones(2, 2)]),
        lambda T: T.ones(2, 3).view(4),
        lambda T: T.nn.Linear(4, 2)(T.ones(2, 3)),
        lambda T: T.nn.functional.cross_entropy(T.ones(2, 3), T.tensor([1])),
        lambda T: T.ones(3)[4],
        lambda T: T.ones(2, requires_grad=True).backward(),
        lambda T: T.ones(2).sum().backward(),
        lambda T: T.tensor([1, 2], requires_grad=True),
        lambda T: T.nn.Conv2d(3, 4, 3)(T.ones(1, 1, 8, 8)),
        lambda T: T.ones(2).add_(T.ones(3)),
        lambda T: T.stack([]),
        lambda T: bool(T.ones(2)),
        lambda T: T.nn.functional.mse_loss(T.ones(2, 3), T.ones(4, 5)),
    ],
)
def test_shape_errors_come_at_the_line_itself(wrong):
    """Raised while recording, with PyTorch's type, before anything runs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(Exception) as expected:
            wrong(torch)
        T.synchronize()
        before = T.stats()["runs"]
        with pytest.raises(expected.type):
            wrong(T)
    assert T.stats()["runs"] == before


def test_the_message_of_a_missing_name_is_an_attribute_error():
    with pytest.raises(AttributeError):
        T.no_such_function  # noqa: B018
    assert not hasattr(T, "no_such_function")
