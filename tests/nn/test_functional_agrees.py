"""Functions of several operations beside PyTorch: results, gradients, and error types for what does not fit."""

import warnings

import numpy as np
import pytest
import torch

import kilnn
from tests.nn.modules import data, unit, whole
from tests.oracle import assert_agrees, assert_same_tree


def with_gradients(T, inputs, run):
    """The result of `run` and the gradients of the inputs that want one."""
    out = run(T.nn.functional, *inputs)
    outs = out if isinstance(out, tuple) else (out,)
    total = sum((o * o).sum() + o.sum() for o in outs if o.requires_grad)
    total.backward()
    return out, [x.grad for x in inputs]


GRADIENTS = {
    "pdist": (lambda T: (data(T, 5, 3),), lambda F, x: F.pdist(x, 1.5)),
    "pdist of equal rows": (lambda T: (T.ones(3, 2, requires_grad=True),), lambda F, x: F.pdist(x)),
    "affine_grid": (lambda T: (data(T, 2, 2, 3),), lambda F, t: F.affine_grid(t, (2, 1, 4, 5), align_corners=False)),
    "affine_grid 3D": (lambda T: (data(T, 2, 3, 4),), lambda F, t: F.affine_grid(t, (2, 1, 4, 2, 3), True)),
    "conv_tbc": (lambda T: (data(T, 7, 2, 3), data(T, 3, 3, 4), data(T, 4)), lambda F, *a: F.conv_tbc(*a, 1)),
    "lp_pool of inf": (lambda T: (data(T, 2, 7),), lambda F, x: F.lp_pool1d(x, float("inf"), 3, 2)),
    "lp_pool of -inf": (lambda T: (data(T, 2, 7, 6),), lambda F, x: F.lp_pool2d(x, -float("inf"), 3, 2)),
    "unfold of one": (lambda T: (data(T, 3, 5, 4),), lambda F, x: F.unfold(x, 2)),
    "fold of one": (lambda T: (data(T, 12, 12),), lambda F, x: F.fold(x, (5, 4), 2)),
    "area": (lambda T: (data(T, 2, 3, 7, 5),), lambda F, x: F.interpolate(x, (3, 4), mode="area")),
    "recomputed factors": (
        lambda T: (data(T, 2, 3, 7),),
        lambda F, x: F.interpolate(x, scale_factor=1.7, mode="linear", recompute_scale_factor=True),
    ),
    "unpool to a size": (
        lambda T: (unit(T, 1, 2, 3, grad=True), T.tensor([[[0, 2, 5], [1, 3, 6]]])),
        lambda F, x, i: F.max_unpool1d(x, i, 2, output_size=(1, 2, 7)),
    ),
    "multi_margin of one": (lambda T: (data(T, 4), T.tensor(2)), lambda F, x, t: F.multi_margin_loss(x, t, p=2)),
    "multi_margin weighted": (
        lambda T: (data(T, 6, 4), whole(T, 6, below=4), unit(T, 4)),
        lambda F, x, t, w: F.multi_margin_loss(x, t, weight=w, reduction="sum"),
    ),
    "multilabel_soft_margin": (
        lambda T: (data(T, 6, 4), unit(T, 6, 4), unit(T, 4)),
        lambda F, x, t, w: F.multilabel_soft_margin_loss(x, t, w, reduction="none"),
    ),
    "ctc of one": (
        lambda T: (data(T, 8, 5), T.tensor([1, 2, 2])), lambda F, p, t: F.ctc_loss(p, t, (7,), (3,), reduction="none"),
    ),
    "ctc in double": (
        lambda T: (data(T, 6, 2, 5).detach().double().log_softmax(-1).requires_grad_(), whole(T, 2, 3, below=4) + 1),
        lambda F, p, t: F.ctc_loss(p, t, (6, 5), (3, 2)),
    ),
    "ctc without a path": (
        lambda T: (data(T, 2, 2, 5), T.tensor([[1, 1, 1], [1, 2, 3]])),
        lambda F, p, t: F.ctc_loss(p, t, (2, 2), (3, 2), zero_infinity=True),
    ),
    "linear_cross_entropy": (
        lambda T: (data(T, 6, 3), data(T, 4, 3), whole(T, 6, below=4), data(T, 4)),
        lambda F, x, w, t, b: F.linear_cross_entropy(x, w, t, linear_bias=b, label_smoothing=0.1, ignore_index=1),
    ),
    "triplets with cosine distance": (
        lambda T: (data(T, 6, 3), data(T, 6, 3, seed=1), data(T, 6, 3, seed=2)),
        lambda F, *a: F.triplet_margin_with_distance_loss(
            *a, distance_function=lambda x, y: 1 - F.cosine_similarity(x, y), swap=True
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name):
    inputs, run = GRADIENTS[name]
    ours, theirs = (with_gradients(T, inputs(T), run) for T in (kilnn, torch))
    assert_same_tree(ours, theirs, rtol=1e-4, atol=1e-5)


def image(T):
    return T.zeros(1, 4, 6, 5)


ERRORS = {
    "size and factor": lambda T, F: F.interpolate(image(T), 3, 2.0),
    "neither": lambda T, F: F.interpolate(image(T)),
    "align_corners of nearest": lambda T, F: F.interpolate(image(T), 3, align_corners=True),
    "sizes": lambda T, F: F.interpolate(image(T), (3, 4, 5)),
    "factors": lambda T, F: F.interpolate(image(T), scale_factor=(2.0,)),
    "fractional size": lambda T, F: F.interpolate(image(T), (2.5, 3)),
    "mode for another rank": lambda T, F: F.interpolate(image(T), 3, mode="trilinear"),
    "antialias of nearest": lambda T, F: F.interpolate(image(T), 3, antialias=True),
    "antialias of volumes": lambda T, F: F.interpolate(T.zeros(1, 1, 2, 2, 2), 3, mode="trilinear", antialias=True),
    "lanczos without antialias": lambda T, F: F.interpolate(image(T), 3, mode="lanczos"),
    "recomputing a size": lambda T, F: F.interpolate(image(T), 3, recompute_scale_factor=True),
    "no spatial dimension": lambda T, F: F.interpolate(T.zeros(2, 3), 3, mode="bicubic"),
    "grid mode": lambda T, F: F.grid_sample(image(T), T.zeros(1, 2, 2, 2), "cubic"),
    "grid padding": lambda T, F: F.grid_sample(image(T), T.zeros(1, 2, 2, 2), padding_mode="circular"),
    "theta's shape": lambda T, F: F.affine_grid(T.zeros(1, 3, 3), (1, 1, 2, 2), align_corners=False),
    "theta of integers": lambda T, F: F.affine_grid(T.ones(1, 2, 3).int(), (1, 1, 2, 2), align_corners=False),
    "theta's rank": lambda T, F: F.affine_grid(T.zeros(1, 2, 3), (1, 1, 2), align_corners=False),
    "an empty grid": lambda T, F: F.affine_grid(T.zeros(1, 2, 3), (1, 1, 0, 2), align_corners=False),
    "columns": lambda T, F: F.fold(T.zeros(1, 5, 4), 4, 2),
    "kernel": lambda T, F: F.unfold(image(T), 0),
    "kernel beyond the image": lambda T, F: F.unfold(image(T), 9),
    "shuffle of a matrix": lambda T, F: F.channel_shuffle(T.zeros(2, 4), 2),
    "shuffle of 4 by 3": lambda T, F: F.channel_shuffle(image(T), 3),
    "shuffle of none": lambda T, F: F.channel_shuffle(image(T), 0),
    "pdist of a vector": lambda T, F: F.pdist(T.zeros(3)),
    "pdist of integers": lambda T, F: F.pdist(T.zeros(3, 2).long()),
    "pdist with negative p": lambda T, F: F.pdist(T.zeros(3, 2), -1.0),
    "response of a matrix": lambda T, F: F.local_response_norm(T.zeros(3, 2), 2),
    "unpooled size": lambda T, F: F.max_unpool1d(T.zeros(1, 1, 2), T.zeros(1, 1, 2).long(), 2, output_size=(9,)),
    "unpooled indices": lambda T, F: F.max_unpool1d(T.zeros(1, 1, 2), T.zeros(1, 1, 2).int(), 2),
    "adaptive rank": lambda T, F: F.adaptive_max_pool2d(T.zeros(3, 4), 2),
    "no output size": lambda T, F: F.fractional_max_pool2d(image(T), 2),
    "fractional window": lambda T, F: F.fractional_max_pool2d(image(T), 4, 4),
    "p of 3": lambda T, F: F.multi_margin_loss(T.zeros(2, 3), T.zeros(2).long(), p=3),
    "two-dimensional weight": lambda T, F: F.multi_margin_loss(T.zeros(2, 3), T.zeros(2).long(), weight=T.ones(1, 3)),
    "margin target": lambda T, F: F.multi_margin_loss(T.zeros(2, 3), T.tensor([0, 3])),
    "labels' shape": lambda T, F: F.multilabel_margin_loss(T.zeros(2, 3), T.zeros(2, 2).long()),
    "label": lambda T, F: F.multilabel_margin_loss(T.zeros(2, 3), T.tensor([[0, 3, -1], [0, 0, 0]])),
    "margin of 0": lambda T, F: F.triplet_margin_with_distance_loss(T.zeros(2), T.zeros(2), T.zeros(2), margin=0),
    "triplets of ranks": lambda T, F: F.triplet_margin_with_distance_loss(T.zeros(2), T.zeros(1, 2), T.zeros(2)),
    "bag mode": lambda T, F: F.embedding_bag(whole(T, 2, 3), T.zeros(5, 2), mode="median"),
    "offsets for a matrix": lambda T, F: F.embedding_bag(whole(T, 2, 3), T.zeros(5, 2), T.tensor([0, 1])),
    "no offsets": lambda T, F: F.embedding_bag(whole(T, 3), T.zeros(5, 2)),
    "weights of a mean": lambda T, F: F.embedding_bag(whole(T, 2, 3), T.zeros(5, 2), per_sample_weights=T.ones(2, 3)),
    "weights' shape": lambda T, F: F.embedding_bag(
        whole(T, 2, 3), T.zeros(5, 2), per_sample_weights=T.ones(3), mode="sum"
    ),
    "frequencies of a maximum": lambda T, F: F.embedding_bag(
        whole(T, 2, 3), T.zeros(5, 2), mode="max", scale_grad_by_freq=True
    ),
    "a table of one dimension": lambda T, F: F.embedding_bag(whole(T, 2, 3), T.zeros(5)),
    "ctc blank": lambda T, F: F.ctc_loss(T.zeros(4, 1, 3), T.tensor([[1]]), (4,), (1,), blank=3),
    "ctc batch": lambda T, F: F.ctc_loss(T.zeros(4, 2, 3), T.tensor([[1]]), (4,), (1,)),
    "ctc input length": lambda T, F: F.ctc_loss(T.zeros(4, 1, 3), T.tensor([[1]]), (5,), (1,)),
    "classes and features": lambda T, F: F.linear_cross_entropy(T.zeros(2, 3), T.zeros(4, 2), T.tensor([0, 1])),
    "bias of the classes": lambda T, F: F.linear_cross_entropy(
        T.zeros(2, 3), T.zeros(4, 3), T.tensor([0, 1]), linear_bias=T.zeros(3)
    ),
    "feature dropout of a vector": lambda T, F: F.feature_alpha_dropout(T.zeros(3), training=True),
}


@pytest.mark.filterwarnings("ignore:Default grid_sample")
@pytest.mark.parametrize("name", ERRORS)
def test_error_types(name):
    def program(T):
        made = ERRORS[name](T, T.nn.functional)
        return made.tolist()

    with pytest.raises(Exception) as info:
        program(torch)
    assert info.value is not None
    assert_agrees(program, kilnn)


@pytest.mark.parametrize("name,args", [("celu_", ()), ("selu_", ()), ("threshold_", (0.1, 2.0)), ("rrelu_", ())])
def test_in_place_activations(name, args):
    ours, theirs = data(kilnn, 3, 4, grad=False), data(torch, 3, 4, grad=False)
    assert getattr(kilnn.nn.functional, name)(ours, *args) is ours
    getattr(torch.nn.functional, name)(theirs, *args)
    assert_same_tree(ours, theirs)


@pytest.mark.parametrize("name", ["upsample", "upsample_nearest", "upsample_bilinear"])
def test_older_names_of_interpolate(name):
    found = []
    for T in (kilnn, torch):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found.append(getattr(T.nn.functional, name)(data(T, 1, 2, 3, 4, grad=False), scale_factor=2))
        assert any("deprecated" in str(w.message) for w in caught)
    assert_same_tree(*found)


def test_a_grid_of_one_place_is_its_middle():
    found = []
    for T in (kilnn, torch):
        with pytest.warns(UserWarning, match="unit-size grids"):
            found.append(T.nn.functional.affine_grid(data(T, 1, 2, 3), (1, 1, 1, 3), align_corners=True))
    assert_same_tree(*found)


def test_frequencies_in_bags():
    """PyTorch divides by the frequencies of other rows than it should; a sum of `embedding` shows the right ones."""
    F = kilnn.nn.functional
    first, second = (data(kilnn, 7, 3) for _ in range(2))
    index = whole(kilnn, 4, 5, below=7)
    F.embedding_bag(index, first, mode="sum", scale_grad_by_freq=True).square().sum().backward()
    F.embedding(index, second, scale_grad_by_freq=True).sum(1).square().sum().backward()
    assert kilnn.allclose(first.grad, second.grad)


def test_values_out_of_range_are_found():
    F = kilnn.nn.functional
    with pytest.raises(RuntimeError, match="offsets can not be"):
        F.embedding_bag(kilnn.tensor([0, 1]), kilnn.ones(3, 2), kilnn.tensor([0, 5])).tolist()
    with pytest.raises(RuntimeError, match="a length lies outside"):
        F.ctc_loss(kilnn.zeros(4, 1, 3), kilnn.tensor([[1]]), (4,), (2,)).item()
    with pytest.raises(RuntimeError, match=r"should be in \[0, 20 - 1\], but 20 was found"):
        kilnn.nn.AdaptiveLogSoftmaxWithLoss(4, 20, [5])(kilnn.ones(1, 4), kilnn.tensor([20])).loss.item()


def test_ctc_gradient_is_the_derivative_through_log_softmax():
    scores = data(kilnn, 5, 2, 4).detach().double().requires_grad_()
    targets = kilnn.tensor([[1, 2], [3, 0]])

    def loss(x):
        return kilnn.nn.functional.ctc_loss(x.log_softmax(-1), targets, (5, 3), (2, 1), reduction="sum")

    assert kilnn.autograd.gradcheck(loss, (scores,))


def test_all_log_probabilities_and_predictions():
    found = []
    for T in (kilnn, torch):
        T.manual_seed(0)
        layer = T.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], div_value=2.0)
        x = data(T, 9, 8, grad=False) * 4
        single = layer(x[0], T.tensor(5))
        found.append((layer.log_prob(x), layer.predict(x), layer(x, whole(T, 9, below=12)).output, tuple(single)))
    assert_same_tree(found[0], found[1], rtol=1e-4, atol=1e-5)
    assert np.allclose(found[0][0].exp().sum(1).tolist(), 1, atol=1e-5)
