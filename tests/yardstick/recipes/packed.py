"""Sequences of different lengths, parametrizations, and layers under hooks of other kinds."""

import tempfile
import warnings
from pathlib import Path

from tests.yardstick.kit import matrix, sequence, square, vector


def _rows(T):
    return [sequence(T, 3, 2), sequence(T, 1, 2), sequence(T, 2, 2)]


def _packed(T):
    packed = T.nn.utils.rnn.pack_padded_sequence(
        sequence(T, 3, 4, 2), T.tensor([2, 4, 1]), batch_first=True, enforce_sorted=False
    )
    return [packed.data, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices]


def _unpacked(T):
    rnn = T.nn.utils.rnn
    packed = rnn.pack_padded_sequence(sequence(T, 4, 2, 3), [4, 2])
    return list(rnn.pad_packed_sequence(packed, batch_first=True, padding_value=-1.0))


def _parametrized(T):
    class Symmetric(T.nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).mT

    net = T.nn.Linear(3, 3)
    with T.no_grad():
        net.weight.copy_(square(T))
    T.nn.utils.parametrize.register_parametrization(net, "weight", Symmetric())
    net.weight.square().sum().backward()
    return [net.weight.detach(), net.parametrizations.weight.original.grad, list(net.state_dict())]


def _weight_norm(T):
    T.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = T.nn.utils.weight_norm(T.nn.Linear(3, 2), name="weight", dim=0)
    net(matrix(T)).sum().backward()
    return [net.weight_g.grad, net.weight_v.grad, list(net.state_dict())]


def _float_functional(T):
    f = T.nn.quantized.FloatFunctional()
    seen = []
    f.activation_post_process.register_forward_hook(lambda module, args, output: seen.append(output))
    x, y = matrix(T), matrix(T) * 2
    f.add(x, y), f.mul(x, y), f.cat([x, y], dim=1), f.add_relu(x, y), f.matmul(x, y.t())
    return [seen, f.add_scalar(x, 2.0), f.mul_scalar(x, 2.0), list(f.state_dict())]


def _stance(T):
    @T.compiler.set_stance("force_eager")
    def double(x):
        return x * 2

    T.compiler.set_stance("default")
    with T.compiler.set_stance("force_eager"):
        return double(vector(T)) + 1


def _compiled_module(T):
    T.manual_seed(0)
    net = T.nn.Linear(3, 2)
    net.compile(backend="eager")
    return [net(matrix(T)), list(net.state_dict())]


def _write(number, path):
    Path(path, str(number)).write_text("done")


def _spawn(T):
    with tempfile.TemporaryDirectory() as folder:
        T.multiprocessing.spawn(_write, args=(folder,), nprocs=1, join=True)
        return sorted(p.name for p in Path(folder).iterdir())


RECIPES = {
    "torch.nn.utils.rnn.pack_padded_sequence": _packed,
    "torch.nn.utils.rnn.pad_packed_sequence": _unpacked,
    "torch.nn.utils.rnn.pad_sequence": lambda T: [
        T.nn.utils.rnn.pad_sequence(_rows(T), batch_first=batch_first, padding_value=0.5)
        for batch_first in (True, False)
    ],
    "torch.nn.utils.parametrize.register_parametrization": _parametrized,
    "torch.nn.utils.weight_norm": _weight_norm,
    "torch.nn.modules.utils._pair": lambda T: [T.nn.modules.utils._pair(3), T.nn.modules.utils._pair([1, 2])],
    "torch.nn.quantized.FloatFunctional": _float_functional,
    "torch.compiler.set_stance": _stance,
    "Module.compile": _compiled_module,
    "torch.multiprocessing.spawn": _spawn,
}
