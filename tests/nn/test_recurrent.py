"""RNN, LSTM, GRU beside PyTorch: initial weights, values, gradients, packed sequences, dropout, programs, errors."""

import pickle

import numpy as np
import pytest
import torch

import kilnn
from tests.nn.modules import data
from tests.oracle import Difference, assert_agrees, assert_same, assert_same_tree

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")

KINDS = ("RNN", "LSTM", "GRU")
FORMS = {"plain": {}, "deep": {"num_layers": 2, "bidirectional": True}, "bare": {"bias": False, "batch_first": True}}


def make(T, kind, **arguments):
    T.manual_seed(4)
    return getattr(T.nn, kind)(3, 5, **arguments)


def states_for(T, module, batch, dtype=None):
    """Random initial states of a module, as forward takes them."""
    count = module.num_layers * (2 if module.bidirectional else 1)
    lead = (count,) if batch is None else (count, batch)
    h = data(T, *lead, module.proj_size or module.hidden_size)
    if module.mode != "LSTM":
        return h
    return h, data(T, *lead, module.hidden_size, seed=1)


def flat(tree):
    return [t for part in tree for t in (part if isinstance(part, tuple) else (part,))]


def weighted(T, tensors):
    """A number that depends on every element differently."""
    total = 0
    for k, t in enumerate(tensors):
        total = total + (t * data(T, *t.shape, seed=k + 20, grad=False) + 0.3 * t * t).sum()
    return total


def results(T, module, inputs, states):
    output, last = module(inputs, states)
    tensors = flat((output.data if hasattr(output, "batch_sizes") else output, last))
    weighted(T, tensors).backward()
    given = [] if states is None else flat((states,))
    return tensors, [s.grad for s in given], [(n, p.grad) for n, p in module.named_parameters()]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_values_gradients_and_initial_weights(kind, form):
    found = []
    for T in (kilnn, torch):
        module = make(T, kind, **FORMS[form])
        start = [(n, p.detach().clone()) for n, p in module.named_parameters()]
        x = data(T, 2, 4, 3) if form == "bare" else data(T, 4, 2, 3)
        lone = data(T, 4, 3, seed=2)
        runs = [results(T, module, x, states_for(T, module, 2) if form == "deep" else None)]
        if form == "bare":
            runs.append(results(T, module, lone, states_for(T, module, None)))
        found.append((start, repr(module), runs, x.grad, lone.grad, [len(w) for w in module.all_weights]))
    ours, theirs = found
    assert_same_tree(ours[0], theirs[0], rtol=0, atol=0)
    assert_same_tree(ours[1:], theirs[1:], rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("arguments", [{"proj_size": 2}, {"proj_size": 3, "num_layers": 2, "bidirectional": True}])
def test_projection(arguments):
    found = []
    for T in (kilnn, torch):
        module = make(T, "LSTM", **arguments)
        x = data(T, 4, 2, 3)
        if arguments["proj_size"] == 2:
            runs = results(T, module, T.nn.utils.rnn.pack_padded_sequence(x, [4, 2]), None)
        else:
            runs = results(T, module, x, states_for(T, module, 2))
        found.append((dict(module.state_dict()), runs, x.grad))
    assert_same_tree(*found, rtol=1e-4, atol=2e-5)


def test_relu_and_float64():
    def program(T):
        module = make(T, "RNN", nonlinearity="relu", num_layers=2, dtype=T.float64)
        x = data(T, 4, 2, 3).double().detach().requires_grad_()
        return results(T, module, x, None), x.grad

    assert_agrees(program, kilnn, rtol=1e-9, atol=1e-11)


def test_the_comparison_can_fail():
    wrong = make(torch, "GRU")
    with torch.no_grad():
        wrong.bias_hh_l0[-1] += 0.01  # the one bias that the reset gate scales
    x = data(torch, 4, 2, 3)
    with pytest.raises(Difference):
        assert_same(make(kilnn, "GRU")(data(kilnn, 4, 2, 3))[0], wrong(x)[0], rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_packed_sequences(kind):
    def program(T):
        module = make(T, kind, num_layers=2, bidirectional=True)
        rnn = T.nn.utils.rnn
        sequences = [data(T, n, 3, seed=n) for n in (2, 4, 1)]
        packed = rnn.pack_sequence(sequences, enforce_sorted=False)
        output, last = module(packed, states_for(T, module, 3))
        padded, lengths = rnn.pad_packed_sequence(output, padding_value=-2.0)
        weighted(T, [padded, *flat((last,))]).backward()
        back = [u.detach() for u in rnn.unpack_sequence(output)]
        gradients = [s.grad for s in sequences], [p.grad for p in module.parameters()]
        return tuple(output), last, padded, lengths, back, gradients

    assert_agrees(program, kilnn, rtol=1e-4, atol=2e-5)


def test_packing_and_padding():
    def program(T):
        rnn = T.nn.utils.rnn
        x = data(T, 5, 3, 2)
        found = []
        for batch_first in (False, True):
            padded = x.transpose(0, 1) if batch_first else x
            for lengths, enforce in ([5, 3, 3], True), (T.tensor([2, 4, 1]), False):
                packed = rnn.pack_padded_sequence(padded, lengths, batch_first, enforce)
                again = rnn.pad_packed_sequence(packed, batch_first, padding_value=1.5, total_length=6)
                found.append((tuple(packed), again))
        weighted(T, [again[0] for _, again in found]).backward()
        labels = rnn.pack_padded_sequence(T.arange(6).reshape(3, 2), [3, 1])  # any dtype, no trailing dimension
        a, b = data(T, 3, 2), data(T, 1, 2)
        lists = [
            rnn.pad_sequence([a, b]), rnn.pad_sequence([b, a], True, 0.5, "left"),
            rnn.pad_sequence([T.tensor([1, 2]), T.tensor([3])], padding_value=-1),
            rnn.unpad_sequence(x.detach().transpose(0, 1), T.tensor([2, 4, 1]), True),
        ]  # fmt: skip
        weighted(T, lists[:2]).backward()
        wide = rnn.PackedSequence((a.detach(), T.tensor([2, 1]))).double()
        order = rnn.invert_permutation(T.tensor([2, 0, 1]))
        return found, x.grad, tuple(labels), lists, a.grad, b.grad, tuple(wide), order

    assert_agrees(program, kilnn, rtol=1e-6, atol=1e-7)


def test_packing_on_the_host_compiles_nothing():
    rnn = kilnn.nn.utils.rnn
    with kilnn.expect(compiles=0):
        before = kilnn.stats()["op_compiles"]
        padded = rnn.pad_sequence([kilnn.tensor([1, 2, 3]), kilnn.tensor([4])], batch_first=True)
        assert rnn.pack_padded_sequence(padded, [3, 1], True).data.tolist() == [1, 4, 2, 3]
        assert kilnn.stats()["op_compiles"] == before


@pytest.mark.parametrize("kind", KINDS)
def test_second_derivatives(kind):
    def program(T):
        module = make(T, kind, dtype=T.float64, **({"proj_size": 2} if kind == "LSTM" else {}))
        x = data(T, 3, 2, 3).double().detach().requires_grad_()
        output, last = module(x)
        wanted = [x, *module.parameters()]
        first = T.autograd.grad(weighted(T, flat((output, last))).tanh(), wanted, create_graph=True)
        return T.autograd.grad(sum((g * g).sum() for g in first), wanted)

    assert_agrees(program, kilnn, rtol=1e-7, atol=1e-9)


def test_state_dicts_are_exchanged():
    for kind in KINDS:
        ours, theirs = (make(T, kind, num_layers=2, bidirectional=True) for T in (kilnn, torch))
        with torch.no_grad():
            for p in theirs.parameters():
                p.mul_(1.5)
        ours.load_state_dict({n: kilnn.from_numpy(v.numpy()) for n, v in theirs.state_dict().items()}, strict=True)
        x = data(torch, 4, 2, 3)
        assert_same_tree(ours(data(kilnn, 4, 2, 3)), theirs(x), rtol=1e-4, atol=2e-5)
        fresh = torch.nn.__dict__[kind](3, 5, 2, bidirectional=True)
        fresh.load_state_dict({n: torch.tensor(v.numpy()) for n, v in ours.state_dict().items()}, strict=True)
        assert_same_tree(ours(data(kilnn, 4, 2, 3)), fresh(x), rtol=1e-4, atol=2e-5)


def test_dropout_between_layers():
    x = data(kilnn, 6, 3, 3, grad=False)
    module = make(kilnn, "GRU", num_layers=3, dropout=0.5)
    first, second = module(x)[0], module(x)[0]
    assert not (first == second).all()
    kilnn.manual_seed(9)
    again = module(x)[0]
    kilnn.manual_seed(9)
    assert (module(x)[0] == again).all()

    def program(T):
        whole = make(T, "GRU", num_layers=3, dropout=1.0)  # what the next layer sees is zeros
        dropped = whole(data(T, 6, 3, 3))
        whole.eval()
        return dropped, whole(data(T, 6, 3, 3))

    assert_agrees(program, kilnn, rtol=1e-4, atol=2e-5)
    with pytest.warns(UserWarning, match="does nothing with num_layers=1"):
        kilnn.nn.RNN(3, 5, dropout=0.5)


def test_half_precision_computes_in_float32():
    ours, theirs = make(kilnn, "LSTM", dtype=kilnn.bfloat16), make(torch, "LSTM", dtype=torch.bfloat16)
    outputs = [m(data(T, 6, 2, 3, grad=False).bfloat16())[0] for T, m in ((kilnn, ours), (torch, theirs))]
    assert_same(*outputs, rtol=0.05, atol=0.02)


def language_model(T, kind):
    class Model(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = T.nn.Embedding(11, 6)
            self.body = getattr(T.nn, kind)(6, 7, num_layers=2, batch_first=True, dropout=0.0)
            self.head = T.nn.Linear(7, 11)

        def forward(self, ids, lengths=None):
            x = self.embed(ids)
            if lengths is None:
                return self.head(self.body(x)[0])
            rnn = T.nn.utils.rnn
            packed = rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            return self.head(rnn.pad_packed_sequence(self.body(packed)[0], batch_first=True)[0])

    return Model()


@pytest.mark.parametrize("kind", KINDS)
def test_training_compiles_once(kind, compiles):
    runs = []
    for T in (torch, kilnn):
        T.manual_seed(1)
        model = language_model(T, kind)
        optimizer = T.optim.Adam(model.parameters(), lr=0.02)
        losses = []

        def train(lengths=None):
            for step in range(5):
                ids = T.tensor(np.random.default_rng(step).integers(0, 11, (3, 6)))
                optimizer.zero_grad()
                out = model(ids[:, :-1], None if lengths is None else lengths[step])
                loss = T.nn.functional.cross_entropy(out.transpose(1, 2), ids[:, 1:])
                loss.backward()
                optimizer.step()
                losses.append(loss.detach())

        # Which sequence is how long is a run-time input.
        orders = [[5, 4, 2], [4, 5, 2], [2, 4, 5], [5, 3, 3], [3, 5, 3]]
        if T is torch:
            train()
            train(orders)
        else:
            with compiles(step=1):
                train()
            with compiles(step=1):
                train(orders)
        runs.append(losses)
    assert_same_tree(runs[1], runs[0], rtol=2e-4, atol=2e-5)


def test_a_long_sequence_is_a_loop_in_the_program():
    module = make(kilnn, "LSTM")
    before = kilnn.stats()["recorded_ops"]
    output, _ = module(kilnn.ones(1000, 1, 3))
    assert np.isfinite(output.detach().numpy()).all()
    assert kilnn.stats()["recorded_ops"] - before < 10


ERRORS = {
    "4-D input": lambda T, m: m(T.zeros(1, 2, 3, 3)),
    "input size": lambda T, m: m(T.zeros(4, 2, 4)),
    "dtype": lambda T, m: m(T.zeros(4, 2, 3, dtype=T.float64)),
    "hidden size": lambda T, m: m(T.zeros(4, 2, 3), T.zeros(1, 3, 5)),
    "hidden rank": lambda T, m: m(T.zeros(4, 2, 3), T.zeros(2, 5)),
    "unbatched hidden rank": lambda T, m: m(T.zeros(4, 3), T.zeros(1, 2, 5)),
    "no steps": lambda T, m: m(T.zeros(0, 2, 3)),
    "proj_size": lambda T, m: T.nn.GRU(3, 4, proj_size=2),
    "nonlinearity": lambda T, m: T.nn.RNN(3, 4, nonlinearity="sin"),
    "size type": lambda T, m: T.nn.LSTM(3, 4.0),
    "size": lambda T, m: T.nn.LSTM(0, 4),
    "layers": lambda T, m: T.nn.LSTM(3, 4, 0),
    "projection size": lambda T, m: T.nn.LSTM(3, 4, proj_size=4),
    "negative projection": lambda T, m: T.nn.LSTM(3, 4, proj_size=-1),
    "bias type": lambda T, m: T.nn.LSTM(3, 4, bias=1),
    "dropout": lambda T, m: T.nn.LSTM(3, 4, dropout=1.5),
    "mode": lambda T, m: T.nn.RNNBase("X", 3, 4),
    "cell rank": lambda T, m: T.nn.LSTM(3, 5)(T.zeros(4, 2, 3), (T.zeros(2, 5), T.zeros(2, 5))),
    "cell size": lambda T, m: T.nn.LSTM(3, 5)(T.zeros(4, 2, 3), (T.zeros(1, 2, 5), T.zeros(1, 2, 4))),
    "unsorted": lambda T, m: T.nn.utils.rnn.pack_padded_sequence(T.zeros(4, 2), [1, 2]),
    "lengths": lambda T, m: T.nn.utils.rnn.pack_padded_sequence(T.zeros(4, 2), [2]),
    "length 0": lambda T, m: T.nn.utils.rnn.pack_padded_sequence(T.zeros(4, 2), [2, 0]),
    "lengths in 2-D": lambda T, m: T.nn.utils.rnn.pack_padded_sequence(T.zeros(4, 2), T.ones(2, 1)),
    "one dimension": lambda T, m: T.nn.utils.rnn.pack_padded_sequence(T.zeros(4), [1]),
    "empty": lambda T, m: T.nn.utils.rnn.pack_padded_sequence(T.zeros(0, 2), [1, 1]),
    "no sequences": lambda T, m: T.nn.utils.rnn.pad_sequence([]),
    "no list": lambda T, m: T.nn.utils.rnn.pad_sequence(3),
    "misfits": lambda T, m: T.nn.utils.rnn.pad_sequence([T.zeros(2), T.zeros(2, 2)]),
    "side": lambda T, m: T.nn.utils.rnn.pad_sequence([T.zeros(2)], padding_side="up"),
    "total length": lambda T, m: T.nn.utils.rnn.pad_packed_sequence(
        T.nn.utils.rnn.pack_sequence([T.zeros(3)]), total_length=2
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    with pytest.raises(Exception) as theirs:
        ERRORS[name](torch, torch.nn.RNN(3, 5))
    with pytest.raises(theirs.type):
        ERRORS[name](kilnn, kilnn.nn.RNN(3, 5))


def test_a_wrong_pair_of_states():
    module = make(kilnn, "LSTM")
    with pytest.raises(RuntimeError, match=r"must be the pair \(h, c\)"):
        module(kilnn.zeros(4, 2, 3), kilnn.zeros(1, 2, 5))
    with pytest.raises(RuntimeError, match="the longest of `lengths` is 5, but the input has 4 steps"):
        kilnn.nn.utils.rnn.pack_padded_sequence(kilnn.zeros(4, 2), [5, 2])


def test_lengths_of_packed_batches_make_no_programs(compiles):
    rnn = kilnn.nn.utils.rnn
    lstm = kilnn.nn.LSTM(3, 4, bidirectional=True, batch_first=True)
    optimizer = kilnn.optim.SGD(lstm.parameters(), lr=0.1)
    x = kilnn.randn(4, 6, 3)
    with compiles(step=1):
        for lengths in ([6, 2, 4, 1], [6, 6, 6, 6], [1, 3, 6, 2], [5, 6, 1, 1]):
            packed = rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            output, _ = lstm(packed)  # both stay alive until the step
            padded, _ = rnn.pad_packed_sequence(output, batch_first=True)
            optimizer.zero_grad()
            padded.sum().backward()
            optimizer.step()


def test_a_packed_sequence_that_stays_padded_is_a_tuple_like_pytorchs():
    def program(T):
        rnn = T.nn.utils.rnn
        x = T.arange(1.0, 13.0).reshape(4, 3, 1).requires_grad_()
        packed = rnn.pack_padded_sequence(x, [4, 1, 3], enforce_sorted=False)
        with T.no_grad():
            x.mul_(0)  # packing copies
            late = packed.data
        data, batch_sizes, order, back = packed
        again = pickle.loads(pickle.dumps(type(packed)(data.detach(), *packed[1:])))
        late.square().sum().backward()
        assert repr(packed).startswith("PackedSequence(data=tensor([")
        assert (
            packed == packed
            and len(packed) == 4
            and packed[0] is packed.data is data
            and packed.double().data.dtype is T.float64
        )
        assert packed.to(T.float32) is packed and not packed.is_cuda
        return data, batch_sizes, order, back, tuple(again), packed._replace(data=data * 2).data, x.grad

    assert_same_tree(program(kilnn), program(torch))


def test_long_batches_are_kept_with_few_different_sizes():
    sizes = set()
    for longest in range(100, 129):
        packed = kilnn.nn.utils.rnn.pack_padded_sequence(kilnn.zeros(1000, 1, 1), [longest])
        sizes.add(packed._grid.size(0))
        assert longest <= packed._grid.size(0) <= longest * 1.125
        assert packed.data.shape == (longest, 1)
    assert len(sizes) <= 4
