"""PyTorch's second paths to the layers, and hooks that see registrations."""

import importlib
import inspect
import pkgutil

import pytest
import torch

import kilnn
from tests.oracle import assert_agrees


def test_every_path_leads_to_the_same_layer():
    seen = 0
    for found in pkgutil.iter_modules(kilnn.nn.modules.__path__):
        ours = importlib.import_module(f"kilnn.nn.modules.{found.name}")
        theirs = importlib.import_module(f"torch.nn.modules.{found.name}")
        for name, item in vars(theirs).items():
            layer = inspect.isclass(item) and item.__module__ == theirs.__name__ and hasattr(kilnn.nn, name)
            if layer and not name.startswith("_"):
                assert getattr(ours, name) is getattr(kilnn.nn, name)
                seen += 1
    assert seen > 130
    assert isinstance(kilnn.nn.BatchNorm2d(3), kilnn.nn.modules.batchnorm._BatchNorm)
    assert isinstance(kilnn.nn.MSELoss(), kilnn.nn.modules.loss._Loss)
    assert isinstance(kilnn.nn.ConvTranspose1d(1, 1, 1), kilnn.nn.modules.conv._ConvNd)


def test_small_conversions():
    def program(T):
        u = T.nn.modules.utils
        state = T.nn.Sequential(T.nn.Linear(1, 1)).state_dict(prefix="module.")
        u.consume_prefix_in_state_dict_if_present(state, "module.")
        sizes = [u._single(3), u._pair(2), u._pair([1, 2]), u._triple((1, 2, 3)), u._quadruple("x")]
        return sizes, u._reverse_repeat_tuple((1, 2), 2), u._list_with_default([None, 3], [4, 5, 6]), list(state)

    assert_agrees(program, kilnn)
    assert_agrees(lambda T: T.nn.modules.utils._list_with_default([None, 3], [4, 5]), kilnn)


def test_registration_hooks():
    def program(T):
        m, seen = T.nn.modules.module, []
        handles = [
            m.register_module_parameter_registration_hook(lambda module, name, p: seen.append(("parameter", name))),
            m.register_module_buffer_registration_hook(lambda module, name, b: seen.append(("buffer", name))),
            m.register_module_module_registration_hook(
                lambda module, name, child: T.nn.Identity() if name == "swapped" else seen.append(("module", name))
            ),
        ]
        net = T.nn.Module()
        net.norm = T.nn.BatchNorm1d(2)
        net.swapped = T.nn.ReLU()
        net.add_module("added", T.nn.ReLU())
        for handle in handles:
            handle.remove()
        net.late = T.nn.Linear(1, 1)
        return [list(s) for s in seen], repr(net)

    assert_agrees(program, kilnn)


def test_older_arguments_and_operators():
    def program(T):
        seq = T.nn.Sequential(T.nn.Linear(1, 2), T.nn.ReLU())
        same = seq
        seq *= 2
        both = T.nn.ParameterDict({"a": T.ones(1)}) | T.nn.ParameterDict({"b": T.ones(2)})
        older = T.nn.Linear(1, 2).state_dict(None, "p.")
        return repr(seq), same is seq, list(both), list(older)

    with pytest.warns(FutureWarning, match="Positional args"):
        assert_agrees(program, kilnn)
    for T in (kilnn, torch):
        with pytest.warns(FutureWarning, match="min_value"):
            assert T.nn.Hardtanh(min_value=-2.0).min_val == -2.0


def test_to_empty_and_all_modules():
    def program(T):
        relu = T.nn.ReLU()
        net = T.nn.Sequential(relu, T.nn.BatchNorm1d(2), relu)
        emptied = net.to_empty(device="cpu")
        shapes = [list(t.shape) for t in net.state_dict().values()]
        return emptied is net, shapes, len(list(net.modules())), len(list(net.modules(remove_duplicate=False)))

    assert_agrees(program, kilnn)
