"""Shapes, strides and their error texts against PyTorch, by enumeration and by random layouts."""

import itertools
import random
import re
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from kilnn.base import shapes
from kilnn.base.shapes import (
    broadcast_shapes,
    contiguous_strides,
    conv_output_size,
    conv_transpose_output_size,
    elementwise_strides,
    expand_strides,
    infer_size,
    is_channels_last,
    is_contiguous,
    is_dense,
    normalize_dim,
    normalize_dims,
    numel,
    pool_output_size,
    preserved_strides,
    view_strides,
)

SMALL = [shape for ndim in range(4) for shape in itertools.product((0, 1, 2, 3), repeat=ndim)]


def same_outcome(ours: Callable, theirs: Callable, *, text: bool = True) -> None:
    """Equal results, or errors of one type with one text."""
    try:
        expected = theirs()
    except (RuntimeError, IndexError) as error:
        with pytest.raises(type(error), match=f"^{re.escape(str(error))}$" if text else None):
            ours()
    else:
        assert ours() == expected


def random_layout(rng: random.Random, sizes: tuple[int, ...] = (0, 1, 1, 2, 3, 4)) -> torch.Tensor:
    """A tensor that was permuted, sliced, stretched, viewed and offset at random."""
    ndim = rng.randrange(5)
    x = torch.empty([rng.choice(sizes) for _ in range(ndim)])
    for _ in range(rng.randrange(6)):
        dim = rng.randrange(ndim) if ndim else 0
        action = rng.choice((0, 0, 1, 2, 3, 4)) if ndim else 4
        if action == 0:
            x = x.permute(rng.sample(range(ndim), ndim))
        elif action == 1 and x.shape[dim] > 1:
            x = x.narrow(dim, 1, x.shape[dim] - 1)
        elif action == 2 and x.shape[dim] > 1:
            x = x[(slice(None),) * dim + (slice(None, None, 2),)]
        elif action == 3 and x.shape[dim] == 1:
            x = x.expand([rng.choice((1, 2, 3)) if d == dim else -1 for d in range(ndim)])
        elif action == 4 and x.ndim == 4 and x.numel():
            x = x.contiguous(memory_format=torch.channels_last)
    return x


def test_numel():
    assert [numel(()), numel((3,)), numel((2, 3)), numel((2, 0, 3))] == [1, 3, 6, 0]


@pytest.mark.parametrize("ndim", range(4))
@pytest.mark.parametrize("dim", range(-6, 6))
def test_normalize_dim(dim, ndim):
    x = torch.empty([2] * ndim)
    same_outcome(lambda: [2] * normalize_dim(dim, ndim), lambda: list(x.shape[: x.cumsum(dim).ndim and dim % ndim]))


@pytest.mark.parametrize("dims", [(0, 0), (0, -2), (1, 0), (-1,), (0, 1, 2), (0, 5), (1, 1, 7)])
def test_normalize_dims(dims):
    x = torch.empty(2, 3)
    same_outcome(
        lambda: [s for d, s in enumerate((2, 3)) if d not in normalize_dims(dims, 2)],
        lambda: list(x.sum(dims).shape),
    )


def test_broadcast_pairs():
    for a, b in itertools.product(SMALL, SMALL):
        if len(a) + len(b) <= 4:
            same_outcome(lambda: broadcast_shapes(a, b), lambda: tuple((torch.empty(a) + torch.empty(b)).shape))


@pytest.mark.parametrize("triple", [((3,), (2, 1), (4,)), ((2, 1), (1, 3), (4, 1, 1)), ((5, 1), (1, 2), (3, 2))])
def test_broadcast_folds_from_the_left(triple):
    a, b, c = (torch.empty(shape) for shape in triple)
    same_outcome(lambda: broadcast_shapes(*triple), lambda: tuple(torch.addcmul(a, b, c).shape))
    assert broadcast_shapes() == ()


def test_infer_size():
    targets = [t for ndim in range(4) for t in itertools.product((-2, -1, 0, 1, 2, 3), repeat=ndim)]
    for count, target in itertools.product((0, 1, 2, 6), targets):
        same_outcome(lambda: infer_size(target, count), lambda: tuple(torch.empty(count).view(target).shape))


def test_contiguous_strides():
    for shape in SMALL:
        assert contiguous_strides(shape) == torch.empty(shape).stride()


@pytest.mark.parametrize("seed", range(4))
def test_layout_predicates(seed):
    rng = random.Random(seed)
    for _ in range(500):
        x = random_layout(rng)
        pair = (tuple(x.shape), x.stride())
        assert is_contiguous(*pair) == x.is_contiguous(), pair
        assert is_dense(*pair) == torch.ops.aten.is_non_overlapping_and_dense(x), pair
        if x.ndim == 4 and x.numel():
            assert is_channels_last(*pair) == x.is_contiguous(memory_format=torch.channels_last), pair
    assert not is_channels_last((2, 3), (3, 1))


def test_expand():
    targets = [t for ndim in range(4) for t in itertools.product((-2, -1, 0, 1, 3), repeat=ndim)]
    for shape, target in itertools.product([(), (1,), (3,), (1, 3), (3, 1), (2, 3), (1, 1)], targets):
        if len(shape) > len(target) or -2 in target or (not shape and -1 in target):
            continue  # the errors of these are compared, or differ on purpose, in test_expand_texts
        x = torch.empty(shape)
        for y in (x, x.t()) if x.ndim == 2 else (x,):

            def theirs(y: torch.Tensor = y, target: tuple[int, ...] = target) -> tuple:
                expanded = y.expand(target)
                return tuple(expanded.shape), expanded.stride()

            same_outcome(lambda y=y: expand_strides(tuple(y.shape), y.stride(), target), theirs)


def test_expand_texts():
    same_outcome(lambda: expand_strides((2, 3), (3, 1), (-2, 3)), lambda: torch.empty(2, 3).expand(-2, 3))
    with pytest.raises(RuntimeError, match="isn't allowed in a leading"):  # PyTorch: an overflow message
        expand_strides((), (), (-1,))
    with pytest.raises(RuntimeError, match=r"number of sizes provided \(1\) must be greater or equal to .* \(2\)"):
        expand_strides((2, 3), (3, 1), (3,))


def view_outcome(x: torch.Tensor, target: tuple[int, ...]) -> tuple[int, ...] | None:
    try:
        return x.view(target).stride()
    except RuntimeError:
        return None


def factorizations(count: int, depth: int = 3) -> list[tuple[int, ...]]:
    """Shapes with `count` elements, ones included."""
    if count == 0:
        return [(0,), (2, 0), (0, 3), (1, 0, 2)]
    found = {t for ndim in range(1, depth + 1) for t in itertools.product(range(1, count + 1), repeat=ndim)}
    return sorted({t for t in found if numel(t) == count} | ({()} if count == 1 else set()))


def test_view_strides():
    rng = random.Random(0)
    possible = impossible = 0
    for _ in range(1000):
        x = random_layout(rng, sizes=(0, 1, 1, 2, 2, 3))
        if x.numel() > 24:
            continue
        for target in factorizations(x.numel()):
            expected = view_outcome(x, target)
            ours = view_strides(tuple(x.shape), x.stride(), target)
            assert ours == expected, (x.shape, x.stride(), target)
            possible, impossible = possible + (expected is not None), impossible + (expected is None)
    assert possible > 1000 and impossible > 1000  # both answers were asked for


@pytest.mark.parametrize("seed", range(4))
def test_unary_strides(seed):
    rng = random.Random(seed)
    for _ in range(1000):
        x = random_layout(rng)
        pair = (tuple(x.shape), x.stride())
        assert elementwise_strides([pair[0]], [pair[1]], pair[0]) == x.neg().stride(), pair
        assert preserved_strides(*pair) == x.clone().stride() == torch.empty_like(x).stride(), pair
        assert preserved_strides(*pair) == x.to(torch.float64).stride(), pair


def partner(rng: random.Random, x: torch.Tensor) -> torch.Tensor:
    """A second operand that broadcasts with `x`: of one layout, of another, of fewer dimensions, with ones."""
    choice = rng.randrange(5)
    if choice == 0:
        return torch.empty_like(x)
    if choice == 1:
        return torch.empty(())
    shape = [size if rng.random() < 0.7 else 1 for size in x.shape]
    if choice == 2:
        shape = shape[rng.randrange(len(shape) + 1) :]
    order = rng.sample(range(len(shape)), len(shape))
    y = torch.empty([shape[d] for d in order]).permute([order.index(d) for d in range(len(shape))])
    return y.expand_as(x) if choice == 3 else y


@pytest.mark.parametrize("seed", range(6))
def test_binary_strides(seed):
    rng = random.Random(seed)
    for _ in range(1500):
        x = random_layout(rng)
        y = partner(rng, x)
        if rng.random() < 0.5:
            x, y = y, x
        out = torch.add(x, y)
        pairs = [(tuple(t.shape), t.stride()) for t in (x, y)]
        ours = elementwise_strides([p[0] for p in pairs], [p[1] for p in pairs], tuple(out.shape))
        assert ours == out.stride(), pairs


@pytest.mark.parametrize("seed", range(3))
def test_ternary_strides(seed):
    rng = random.Random(seed)
    for _ in range(700):
        x = random_layout(rng)
        y, z = partner(rng, x), partner(rng, x)
        out = torch.addcmul(x, y, z)
        pairs = [(tuple(t.shape), t.stride()) for t in (x, y, z)]
        ours = elementwise_strides([p[0] for p in pairs], [p[1] for p in pairs], tuple(out.shape))
        assert ours == out.stride(), pairs


def test_python_numbers_count_as_zero_dimensional_operands():
    x = torch.empty(2, 3, 1, 1).contiguous(memory_format=torch.channels_last)
    ours = elementwise_strides([tuple(x.shape), ()], [x.stride(), ()], tuple(x.shape))
    assert ours == (x + 2).stride()


def test_the_oracle_can_fail():
    """Row-major for everything would be wrong often enough for the tests above to notice."""
    rng = random.Random(0)
    wrong = 0
    for _ in range(300):
        x = random_layout(rng)
        wrong += contiguous_strides(x.shape) != x.neg().stride()
    assert wrong > 20


def test_conv_output_size():
    for size, kernel, stride, padding, dilation in itertools.product((5, 8), (1, 2, 3), (1, 2, 3), (0, 1), (1, 2)):
        x, w = torch.empty(1, 1, size), torch.empty(1, 1, kernel)
        y = F.conv1d(x, w, None, stride, padding, dilation)
        assert conv_output_size(size, kernel, stride, padding, dilation) == y.shape[2]


def test_conv_transpose_output_size():
    options = itertools.product((4, 5), (1, 3), (1, 2), (0, 1), (0, 1), (1, 2))
    for size, kernel, stride, padding, extra, dilation in options:
        x, w = torch.empty(1, 1, size), torch.empty(1, 1, kernel)
        if extra >= max(stride, dilation):
            continue
        try:
            y = F.conv_transpose1d(x, w, None, stride, padding, extra, 1, dilation)
        except RuntimeError:
            continue
        assert conv_transpose_output_size(size, kernel, stride, padding, extra, dilation) == y.shape[2]


def test_pool_output_size():
    options = itertools.product((4, 5, 7), (1, 2, 3), (None, 0, 1, 2, 3), (-1, 0, 1, 2), (1, 2), (False, True))
    for size, kernel, stride, padding, dilation, ceil_mode in options:
        reach = dilation * (kernel - 1) + 1
        if 0 <= size + 2 * padding < reach or kernel // 2 < padding <= reach // 2:
            continue  # an empty result, and PyTorch's stricter rule on padding, are the operation's errors
        x = torch.empty(1, 1, size, size)
        same_outcome(
            lambda: pool_output_size(size, kernel, stride, padding, dilation, ceil_mode=ceil_mode),
            lambda: F.max_pool2d(x, kernel, stride, padding, dilation, ceil_mode).shape[2],
        )


def test_average_pooling_agrees():
    options = itertools.product((4, 5, 6), (2, 3), (1, 2, 3), (0, 1), (False, True))
    for size, kernel, stride, padding, ceil_mode in options:
        y = F.avg_pool1d(torch.empty(1, 1, size), kernel, stride, padding, ceil_mode)
        assert pool_output_size(size, kernel, stride, padding, ceil_mode=ceil_mode) == y.shape[2]


def test_no_list_leaks():
    assert all(
        isinstance(result, tuple)
        for result in (
            broadcast_shapes([2], [1]),
            infer_size([-1], 3),
            contiguous_strides([2, 3]),
            shapes.expand_shape([1], [3]),
            elementwise_strides([[2]], [[1]], [2]),
            view_strides([2, 3], [3, 1], [6]),
        )
    )
