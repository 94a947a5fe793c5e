"""One mistake in each script: the innermost line of the user's in the traceback is the wrong one, the exception is
PyTorch's, and inside a module the message names the path."""

import traceback
import warnings

import pytest
import torch

import kilnn
from tests.errors.scripts import SCRIPTS


def failure(script, T, folder):
    """The exception of a script, and the number of the innermost line of it that the traceback shows."""
    path = folder / "script.py"
    path.write_text(script.source, encoding="utf-8")
    code = compile(script.source, str(path), "exec")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exec(code, {"T": T, "__name__": "__main__"})
        except Exception as error:
            lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
            return error, lines[-1]
    raise AssertionError(f"{script.name}: nothing was raised")


def test_there_are_enough():
    assert len(SCRIPTS) >= 25 and sum(s.path is not None for s in SCRIPTS) >= 20


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda s: s.name)
def test_the_wrong_line_and_module_are_named(script, tmp_path):
    expected, theirs = failure(script, torch, tmp_path)
    error, line = failure(script, kilnn, tmp_path)
    wrong = next(n for n, text in enumerate(script.source.splitlines(), 1) if text.endswith("# wrong"))
    assert theirs == wrong, "the mark is not where PyTorch fails"
    assert line == wrong, traceback.format_exception(error)
    base = next(c for c in type(expected).__mro__ if c.__module__ == "builtins")
    assert isinstance(error, base)
    message = str(error)
    assert script.words in message, message
    if script.path is None:
        assert "\n  " not in message.replace("\n\t", "")
    else:
        assert f"\n  {script.path} (" in message, message


def test_an_error_found_later_ends_at_the_recorded_line():
    net = kilnn.nn.Linear(4, 3)
    optimizer = kilnn.optim.SGD(net.parameters(), lr=0.1)
    labels = (net(kilnn.ones(2, 4)).argmax(1) + 3).detach()
    with pytest.raises(IndexError) as error:
        loss = kilnn.nn.functional.cross_entropy(net(kilnn.ones(2, 4)), labels)  # recorded here
        loss.backward()
        optimizer.step()
        loss.item()
    last = [f for f in traceback.extract_tb(error.value.__traceback__) if f.filename == __file__][-1]
    assert last.line is not None and last.line.endswith("# recorded here")
    assert last.name == "test_an_error_found_later_ends_at_the_recorded_line"
    assert f"{__file__}:{last.lineno}" in str(error.value)


class Failing(kilnn.nn.Module):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def forward(self, x):
        raise self.error


@pytest.mark.parametrize("error", [ValueError("mine"), KeyError("k"), StopIteration(), KeyboardInterrupt()], ids=repr)
def test_exceptions_of_the_user_stay_as_they_are(error):
    net = kilnn.nn.Sequential(Failing(error))
    arguments = error.args
    with pytest.raises(type(error)) as raised:
        net(kilnn.ones(2))
    assert raised.value is error and error.args == arguments and not getattr(error, "__notes__", None)


def test_hooks_and_no_grad_name_the_path_too():
    net = kilnn.nn.Sequential(kilnn.nn.ReLU(), kilnn.nn.Linear(3, 4))
    handle = net[1].register_forward_hook(lambda *_: None)
    with pytest.raises(RuntimeError, match=r"\n  net\.1 \(Linear\(3 -> 4\)\): got input \(2, 5\), last dim"):
        net(kilnn.ones(2, 5))
    handle.remove()
    with (
        kilnn.no_grad(),
        pytest.raises(RuntimeError, match=r"\n  net\.1 \(Linear\(3 -> 4\)\): got input \(2, 5\), last"),
    ):
        net(input=kilnn.ones(2, 5))


def test_the_message_is_written_once_and_nothing_is_kept():
    net = kilnn.nn.Sequential(kilnn.nn.Sequential(kilnn.nn.Sequential(kilnn.nn.Linear(3, 4))))
    with pytest.raises(RuntimeError) as error:
        net(kilnn.ones(2, 5))
    assert str(error.value).count("net.0.0.0") == 1
    assert net(kilnn.ones(2, 3)).shape == (2, 4)


def test_a_module_held_by_an_object_is_the_root_of_both_names():
    class Trainer:
        def __init__(self):
            self.net = kilnn.nn.Sequential(kilnn.nn.Linear(3, 4), kilnn.nn.Linear(5, 2))

        def fit(self):
            return self.net(kilnn.ones(2, 3))

    with pytest.raises(
        RuntimeError, match=r"self\.net\.1 \(Linear\(5 -> 2\)\): .*; produced by self\.net\.0 at test_scr"
    ):
        Trainer().fit()


def test_a_tensor_made_on_the_way_was_not_given():
    """Only what really came in as an argument is said to have been given."""

    class Net(kilnn.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = kilnn.nn.Linear(3, 4)

        def forward(self, x):
            x = kilnn.zeros(2, 5)
            return self.fc(x)

    net = Net()
    with pytest.raises(RuntimeError) as error:
        net(kilnn.ones(2, 3))
    assert "given to" not in str(error.value) and "produced" not in str(error.value)
