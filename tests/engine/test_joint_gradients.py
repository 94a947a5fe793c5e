"""Which gradients a second backward pass leaves None, and whether a third one finds its graph, as in PyTorch.

PyTorch takes all gradients of a convolution or a normalisation in one operation, those of a product in one each; the
statistics of a normalisation are part of it or results of their own. All of that decides what depends on what.
"""

import pytest
import torch

import kilnn
from tests.oracle import Difference

SHAPE = (2, 3, 4)
TRIALS = {
    "layer_norm": (lambda f, x, w, b: f.layer_norm(x.transpose(1, 2), (3,), w, b), SHAPE, (3,), (3,)),
    "batch_norm": (lambda f, x, w, b: f.batch_norm(x, None, None, w, b, True), SHAPE, (3,), (3,)),
    "frozen": (lambda f, x, w, b: f.batch_norm(x, x.detach()[0, :, 0], x.detach()[0, :, 1], w, b), SHAPE, (3,), (3,)),
    "instance_norm": (lambda f, x, w, b: f.instance_norm(x, None, None, w, b, True), SHAPE, (3,), (3,)),
    "group_norm": (lambda f, x, w, b: f.group_norm(x, 3, w, b), SHAPE, (3,), (3,)),
    "rms_norm": (lambda f, x, w: f.rms_norm(x.transpose(1, 2), (3,), w), SHAPE, (3,)),
    "conv": (lambda f, x, w, b: f.conv1d(x, w, b), SHAPE, (2, 3, 2), (2,)),
    "conv_transpose": (lambda f, x, w, b: f.conv_transpose1d(x, w, b), SHAPE, (3, 2, 2), (2,)),
    "linear": (lambda f, x, w, b: f.linear(x, w, b), (2, 3), (4, 3), (4,)),
    "bilinear": (lambda f, x, y, w, b: f.bilinear(x, y, w, b), (2, 3), (2, 4), (5, 3, 4), (5,)),
    "embedding": (lambda f, w: f.embedding(w.detach()[0].long(), w), (4, 3)),
}
CASES = [(name, wanted) for name, (_, *shapes) in TRIALS.items() for wanted in [*range(len(shapes)), None]]


def outcome(library, name, wanted, power):
    """(requires_grad of each gradient, the leaves' second gradients, whether y leads back a second time)."""
    f, *shapes = TRIALS[name]
    start = torch.Generator().manual_seed(0)
    leaves = [library.tensor(torch.rand(s, generator=start, dtype=torch.float64).tolist()) for s in shapes]
    leaves = [t.double().requires_grad_() for t in leaves]
    y = f(library.nn.functional, *leaves)
    chosen = leaves if wanted is None else [leaves[wanted]]
    gradients = library.autograd.grad((y**power).sum(), chosen, create_graph=True)
    found = [[g.requires_grad for g in gradients]]
    for step in (lambda: sum((g * g).sum() for g in gradients).backward(), lambda: y.sum().backward()):
        try:
            step()
            found.append([None if t.grad is None else t.grad.tolist() for t in leaves])
        except RuntimeError as error:
            found.append(str(error)[:60])
    return found


def compare(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        if isinstance(a, list) and isinstance(b, list):
            for x, y in zip(a, b, strict=True):
                if isinstance(x, list) and isinstance(y, list):
                    torch.testing.assert_close(torch.tensor(x), torch.tensor(y), rtol=1e-3, atol=1e-6)
                elif x != y:
                    raise Difference(f"{x} where PyTorch has {y}")
        elif a != b:
            raise Difference(f"{a} where PyTorch has {b}")


@pytest.mark.parametrize("power", [1, 3])
@pytest.mark.parametrize(("name", "wanted"), CASES)
def test_second_gradients(name, wanted, power):
    compare(outcome(kilnn, name, wanted, power), outcome(torch, name, wanted, power))


def test_the_comparison_sees_zeros_for_none():
    with pytest.raises(Difference):
        compare([[True], [[0.0]], [[1.0]]], [[True], [None], [[1.0]]])
