"""Small calls whose outcome - a value, or the type of an exception - is PyTorch's."""

import copy
import io
import warnings

import numpy as np
import pytest
import torch

import kilnn


def copied_gradient(T):
    m = T.nn.Linear(2, 2)
    m(T.ones(1, 2)).sum().backward()
    return copy.deepcopy(m).weight.grad


def state_of_the_untouched(T):
    used, unused = T.nn.Linear(2, 2), T.nn.Linear(2, 2)
    optimizer = T.optim.Adam([*used.parameters(), *unused.parameters()])
    used(T.ones(1, 2)).sum().backward()
    optimizer.step()
    return len(optimizer.state), unused.weight in optimizer.state, list(optimizer.state_dict()["state"])


def data_of_integers(T):
    x = T.ones(2, requires_grad=True)
    x.data = T.zeros(2, dtype=T.int64)


def warned_of_grad(T):
    y = T.ones(2, requires_grad=True) * 2
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        return y.grad, [w.category.__name__ for w in caught]


def anomaly(T):
    x = T.zeros(1, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with T.autograd.detect_anomaly():
            inside = T.is_anomaly_enabled()
            try:
                (x.sqrt() * 0).sum().backward()
            except RuntimeError as error:
                return inside, T.is_anomaly_check_nan_enabled(), str(error)


def anomaly_is_over(T):
    with T.autograd.set_detect_anomaly(True):
        pass
    (T.zeros(1, requires_grad=True).sqrt() * 0).sum().backward()
    return T.is_anomaly_enabled()


def hook_tables(T):
    m = T.nn.Linear(2, 2)
    m.register_forward_hook(lambda *a: None)
    before = len(m._forward_hooks)
    m._forward_hooks.clear()
    return before, len(m._forward_hooks), len(T.nn.ReLU()._forward_pre_hooks), len(m._state_dict_hooks)


def ends_of_the_graph(T):
    w = T.ones(2, requires_grad=True)
    end = (w * 2).grad_fn.next_functions[0][0]
    return end.name(), end.variable is w, end.next_functions


def saved(T, x):
    buffer = io.BytesIO()
    T.save(x, buffer)
    buffer.seek(0)
    return T.load(buffer)


def unknown_parameter(T):
    return T.func.functional_call(T.nn.Linear(2, 2), {"other": T.ones(2)}, T.ones(1, 2)).shape


def mixed(T, name, *shapes):
    f, (x, *rest) = getattr(T.nn.functional, name), [T.ones(*s) for s in shapes]
    return f(x.double(), *rest)


CASES = {
    "deepcopy of a parameter": copied_gradient,
    "// 0": lambda T: T.tensor([2]) // T.tensor([0]),
    "% 0": lambda T: T.tensor([2]) % T.tensor([0]),
    "// the number 0": lambda T: T.tensor([2]) // 0,
    "% the number 0": lambda T: T.tensor([2]) % 0,
    "fmod 0": lambda T: T.fmod(T.tensor([2]), 0),
    "div floor 0": lambda T: T.div(T.tensor([2]), T.tensor([0]), rounding_mode="floor"),
    "float // 0": lambda T: T.tensor([2.0]) // T.tensor([0]),
    "float % 0": lambda T: T.tensor([2.0]) % 0,
    "whole quotients": lambda T: (T.tensor([7]) // T.tensor([2]), 7 // T.tensor([2]), T.tensor([-7]) % 4),
    "state of the untouched": state_of_the_untouched,
    ".data of integers": data_of_integers,
    ".grad of no leaf": warned_of_grad,
    "complex root": lambda T: (T.ones(2, dtype=T.complex64, requires_grad=True) ** 2).sum().backward(),
    "anomaly": anomaly,
    "anomaly is over": anomaly_is_over,
    "hook tables": hook_tables,
    "ends of the graph": ends_of_the_graph,
    "dtype float": lambda T: (T.ones(2, dtype=float), T.arange(3, dtype=float), T.ones(2).sum(dtype=float)),
    "dtype int": lambda T: (T.zeros(2, dtype=int), T.ones(2).to(int), T.tensor([1, 2], dtype=bool)),
    "dtype str": lambda T: T.ones(2, dtype="float32"),
    "dtype of NumPy": lambda T: T.ones(2, dtype=np.float32),
    "module.to(str)": lambda T: T.nn.Linear(2, 2).to(dtype="float16"),
    "backward([...])": lambda T: (T.ones(2, requires_grad=True) * 2).backward([1.0, 1.0]),
    "backward(3.0)": lambda T: (T.ones(2, requires_grad=True) * 2).backward(3.0),
    "cross_entropy of a list": lambda T: T.nn.functional.cross_entropy(T.ones(3, 3), [0, 1, 2]),
    "cross_entropy of one": lambda T: T.nn.functional.cross_entropy(T.tensor([1.0, 2, 3]), T.tensor([1])),
    "cross_entropy of integers": lambda T: T.nn.functional.cross_entropy(T.ones(2, 3).long(), T.tensor([0, 1])),
    "mse of integers": lambda T: T.nn.functional.mse_loss(T.tensor([1]), T.tensor([1])),
    "mse of mixed": lambda T: T.nn.functional.mse_loss(T.tensor([1]), T.tensor([1.5])),
    "stack of numbers": lambda T: T.stack([1, 2]),
    "stack of a tensor": lambda T: T.stack(T.ones(2, 2)),
    "equal to a number": lambda T: T.equal(T.ones(2), 1),
    "tensor(None)": lambda T: T.tensor(None),
    "tensor([None])": lambda T: T.tensor([None]),
    "tensor(dict)": lambda T: T.tensor({"a": 1}),
    "tensor of ragged": lambda T: T.tensor([[1], [1, 2]]),
    "quantile": lambda T: T.ones(3).quantile(1.5),
    "full of str": lambda T: T.full((2,), "a"),
    "grad by nothing": lambda T: T.autograd.grad(T.ones(1, requires_grad=True) * 2, []),
    "uint16": lambda T: saved(T, T.ones(2, dtype=T.uint16)),
    "float8": lambda T: saved(T, T.ones(2).to(T.float8_e4m3fn)).float(),
    "nn.modules": lambda T: T.nn.modules.Linear is T.nn.Linear,
    "unknown parameter": unknown_parameter,
    "mixed layer_norm": lambda T: T.nn.functional.layer_norm(T.ones(2, 3).double(), (3,), T.ones(3)),
    "mixed batch_norm": lambda T: mixed(T, "batch_norm", (2, 3), (3,), (3,)),
    "mixed prelu": lambda T: mixed(T, "prelu", (2, 3), (3,)),
    "mixed bilinear": lambda T: mixed(T, "bilinear", (2, 3), (2, 3), (1, 3, 3)),
    "bfloat16 layer_norm": lambda T: T.nn.functional.layer_norm(T.ones(2, 3).bfloat16(), (3,), T.ones(3)).dtype,
}


def outcome(T, case):
    try:
        return repr(case(T)).replace("torch.", "").replace("kilnn.", "")
    except Exception as error:
        return type(error).__name__


@pytest.mark.parametrize("name", CASES)
def test_outcome(name):
    assert outcome(kilnn, CASES[name]) == outcome(torch, CASES[name])


def test_an_outcome_tells_errors_from_values():
    assert outcome(torch, lambda T: T.ones(2)) != outcome(torch, lambda T: T.zeros(2))
    assert outcome(torch, lambda T: T.ones(2).reshape(3)) == "RuntimeError"


def test_numpys_numbers_are_saved_as_numbers():
    assert saved(kilnn, {"best": np.float64(3), "epoch": np.int64(2)}) == {"best": 3.0, "epoch": 2}


def test_dividing_by_a_zero_that_only_the_program_knows():
    divisor = kilnn.ones(4).cumsum(0).long() - 2
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        (kilnn.arange(4) // divisor).tolist()


@pytest.mark.parametrize("f", [lambda x: x * x, lambda x: x.abs(), lambda x: x * x.conj(), lambda x: (x * 2).real])
def test_gradcheck_of_complex_numbers(f):
    x = kilnn.rand(3, dtype=kilnn.complex128, requires_grad=True)
    assert kilnn.autograd.gradcheck(f, x, fast_mode=True)
    assert not kilnn.autograd.gradcheck(lambda x: Wrong.apply(x), x, raise_exception=False)


class Wrong(kilnn.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 1

    @staticmethod
    def backward(ctx, g):
        return g.conj() * 1j


def test_gradgradcheck_with_gaps():
    x = kilnn.rand(3, dtype=kilnn.float64, requires_grad=True)
    assert kilnn.autograd.gradgradcheck(lambda x: x**3, x, gen_non_contig_grad_outputs=True)
    with pytest.raises(NotImplementedError):
        kilnn.autograd.gradcheck(lambda x: x, x, check_forward_ad=True)


def test_padded_sequences_lie_in_the_order_of_their_indices():
    def padded(T):
        return T.nn.utils.rnn.pad_sequence([T.arange(3), T.arange(2)])

    assert padded(kilnn).stride() == padded(torch).stride()
    assert padded(kilnn)[1:].view(-1).tolist() == padded(torch)[1:].view(-1).tolist()
