"""Programs that once differed from PyTorch, one for each cause: named, smallest, compared statement by statement."""

import contextlib

import pytest

import kilnn
from tests.engine.fuzz.machine import compare

CAUSES = {
    "softmax of a number that is not finite": """
        v0 = T.tensor(float("nan")); v1 = T.softmax(v0, -1); v2 = T.log_softmax(v0, -1)
        v3 = T.tensor(float("inf"), requires_grad=True); v4 = T.softmax(v3, -1); v5 = T.log_softmax(v3 * 1, -1)
    """,
    "a write to one element of an expanded NaN": """
        v0 = T.tensor(float("nan")); v1 = v0.expand(3)
        v1[T.tensor([-1])] = 1.0
        v2 = T.tensor([float("nan"), 2.0]); v3 = v2[:, None].expand(2, 3)
        v3[0, 2] = 1.0
    """,
    "a write to the gradient that a cross-entropy began with": """
        v0 = T.tensor([[0.0, -1.75], [1.94, 0.75]], requires_grad=True)
        v1 = T.nn.functional.cross_entropy(v0, T.tensor([0, 0]))
        v2, v3 = T.autograd.grad(v1, [v1, v0], create_graph=True)
        v2.div_(2)
        v3.exp().sum().backward()
    """,
    "no classes": """
        v0 = T.nn.functional.nll_loss(T.zeros((2, 0)), T.tensor([0, 0]))
        v1 = T.nn.functional.cross_entropy(T.zeros((2, 0)), T.tensor([0, 0]))
    """,
    "a double number beside single precision counts in losses": """
        v0 = T.tensor([[0.26, -0.25], [0.5, 1.75]], requires_grad=True)
        v1 = T.tensor(0.25, dtype=T.float64, requires_grad=True)
        v2 = T.nn.functional.mse_loss(v1, v0); v3 = T.nn.functional.l1_loss(v0, v1)
        v4 = T.nn.functional.smooth_l1_loss(v1, v0); v5 = T.nn.functional.huber_loss(v0, v1)
        (v2 + v3 + v4).backward()
    """,
    "a walk to one piece of an unbound tensor visits what leads to its sisters": """
        v0 = T.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
        v1, v2 = (v0 * 1).unbind(0); v3, v4 = (v0 * 1).chunk(2)
        v5 = v1.dot(v1); v6 = v5 * v5; v7 = v3.exp().sum()
        v8, = T.autograd.grad(v7, [v4], allow_unused=True, retain_graph=True)
        v5 *= 0.5
        T.autograd.grad(v6, [v2], allow_unused=True)
    """,
    "masked_fill starts from a contiguous copy": """
        v0 = T.zeros((3, 2)).t(); v1 = v0.masked_fill(T.tensor(True), 1.5); v2 = v1.view(-1)
        _ = (v1.stride(), v0.masked_fill(v0 == 0, v2[0]).stride())
    """,
    "zeros_like and its kin keep the layout of a permuted tensor": """
        v0 = T.tensor([[1.5, 1.0, -1.75], [0.5, -1.0, 2.0]]); v1 = v0.t()
        v2 = T.zeros_like(v1); v3 = T.ones_like(v1); v4 = T.full_like(v1, 2.0, requires_grad=True)
        _ = (v2.stride(), v3.stride(), v4.stride(), T.empty_like(v1).stride())
        _ = T.zeros_like(v1, memory_format=T.contiguous_format).stride()
        _ = v1.clone(memory_format=T.contiguous_format).stride()
        v5 = v3.neg().reshape(-1)[:3]
        v5.neg_()
    """,
    "a boolean divided by zero, and times infinity": """
        v0 = T.tensor([0.5, 1.0], requires_grad=True)
        v1 = v0 > 0.7; v2 = v1 / T.zeros(2); v3 = v1 * float("inf"); v4 = v1.float() * float("inf")
        v5 = (v0 * 1).sum() + v2.sum()
    """,
    "booleans have no hardtanh": """
        v0 = T.nn.functional.hardtanh(T.tensor([True, False]))
    """,
    "a gradient depends on what its own formula reads": """
        v0 = T.ones(3, requires_grad=True); v1 = T.full((3,), 2.0, requires_grad=True)
        v2, = T.autograd.grad((v0 * v1).sum(), [v0], create_graph=True)
        v3, v4 = T.autograd.grad(v2.sum(), [v0, v1], allow_unused=True, retain_graph=True)
        T.autograd.grad(v2.sum(), [v0], retain_graph=True)
        v2.sum().backward()
    """,
    "a gradient that is differentiated again does not lead to a graph that was freed": """
        v0 = T.tensor([[0.25, 1.48], [-1.45, 0.39]], requires_grad=True)
        v1 = v0.index_select(0, T.tensor([0, 1, 1]))
        v1.sum().backward()
        v2 = v1.max(-2)[0] @ v0
        v3, = T.autograd.grad(v2.sum(), [v1], create_graph=True)
        v4, = T.autograd.grad(v3.sum(), [v0], create_graph=True)
    """,
    "a leaf that was written to in place after it had been used": """
        v0 = T.ones(2, requires_grad=True); v1 = v0.floor()
        v0.detach_()
        v0 += v1
        v0.sum().backward()
    """,
    "nothing, a negative number of times": """
        v0 = T.zeros(0).repeat(-1)
        v1 = T.zeros(0, 2).repeat(-1, 2)
    """,
    "a number of times that is negative": """
        T.zeros(2).repeat(-1)
    """,
    "positions in a dimension of size 0, beside another such": """
        v0 = T.zeros(0, 0)
        v1 = v0[T.tensor([0])]
        v0[T.tensor([0])] += True
        v2 = T.zeros(3, 0)[T.tensor([5])]
        v3 = T.zeros(0, 3)[T.zeros(0, dtype=T.int64)]
    """,
    "the gradient of a product of one element requires grad": """
        v0 = T.tensor([0.75], requires_grad=True); v1 = T.tensor(0.75, requires_grad=True)
        v2, = T.autograd.grad(v0.prod(0), [v0], create_graph=True)
        v3, = T.autograd.grad(v1.prod(), [v1], create_graph=True)
    """,
    "a hook of an output without a gradient is called with None": """
        v0 = T.tensor([[2.0, 1.0], [0.0, 3.0]], requires_grad=True); v1, v2 = T.linalg.qr(v0 * 1)
        v1.register_hook(lambda g: log("v1", g))
        v2.sum().backward()
        v1.register_hook(lambda g: g * 2)
        v1, v2 = T.linalg.qr(v0 * 1)
        v1.register_hook(lambda g: g * 2)
        v2.sum().backward()
    """,
    "a view that nobody looked at since its base got a history counts as a leaf": """
        v0 = T.ones((2, 2), requires_grad=True)
        v1 = T.zeros_like(v0); v2 = v1[0]
        v2[...] += v0[0]
    """,
    "... until something looks": """
        v0 = T.ones((2, 2), requires_grad=True)
        v1 = T.zeros_like(v0); v2 = v1[0]; v3 = v1.view(-1)
        v2.add_(v0[0])
        v4 = v3 * 2
        v3.add_(1)
        v3.sum().backward()
    """,
    "retains_grad outlives detach_": """
        v0 = T.ones(2, requires_grad=True); v1 = v0 * 2
        v1.retain_grad()
        v1.detach_()
        (v1 + v0).sum().backward()
    """,
    "what was saved of a tensor cannot be used once it is detached in place": """
        v0 = T.ones(2, requires_grad=True); v1 = v0 * 2; v2 = v1 + 1; v3 = v1 * v1; v4 = v1.exp()
        v1.detach_()
        v2.sum().backward()
        v4.sum().backward()
        v3.sum().backward()
    """,
    "the second derivative of a square requires grad, its third does not": """
        v0 = T.tensor([1.5, 0.0], requires_grad=True)
        v1, = T.autograd.grad(T.square(v0).sum(), [v0], create_graph=True)
        v2, = T.autograd.grad(v1.sum(), [v0], create_graph=True)
        v3, = T.autograd.grad(v2.sum(), [v0], create_graph=True)
        v4, = T.autograd.grad((v0 ** 1).sum(), [v0], create_graph=True)
        v5, = T.autograd.grad((v0 ** 0).sum(), [v0], create_graph=True)
    """,
    "a write on a view is freed although it saved nothing": """
        v0 = T.ones((2, 2), requires_grad=True); v1 = v0.clone()
        v1[0].add_(1)
        v1.sum().backward(retain_graph=True)
        v1.sum().backward()
        v1.sum().backward()
    """,
    "a subscript that leaves nothing out is no view to write to": """
        v0 = T.ones((2, 1), requires_grad=True); v1 = v0.clone(); v2 = v0.clone()
        v1[:, :1] = 2; v2[:] = v0 * 3
        (v1.sum() + v2.sum()).backward()
        (v1.sum() + v2.sum()).backward()
        v2[:1].add_(1)
        v2.sum().backward()
        v2.sum().backward()
    """,
    "... but a negative start makes one": """
        v0 = T.ones(1, requires_grad=True); v1 = T.zeros(2, 1); v2 = v1[0]
        v2[-1:] *= v0
        v1.sum().backward()
    """,
    "a node without edges frees what PyTorch saves unconditionally": """
        v0 = T.ones((2, 2), requires_grad=True)
        with T.no_grad(): v1 = v0[0]
        v2 = v1.exp(); v3 = v1 * v1
        v3.sum().backward()
        v3.sum().backward()
        v2.sum().backward()
        v2.sum().backward()
    """,
    "for an operand without an edge nothing is saved": """
        v0 = T.ones((2, 2), requires_grad=True); v1 = v0 * 1
        with T.no_grad(): v2 = v0[0]
        v3 = v2 * v1
        v1.add_(1)
        v3.sum().backward()
    """,
    "two parameters of an optimizer share their storage": """
        v0 = T.tensor([1.75, 0.0], requires_grad=True); v1 = v0.detach().requires_grad_()
        o = T.optim.SGD([v0, v1], lr=0.1, momentum=0.9)
        (v1 * v1).sum().backward()
        o.step()
        (v0 * v1).sum().backward()
        o.step()
    """,
    "materialized gradients require grad with create_graph": """
        v0 = T.ones(2, requires_grad=True); v1 = v0 * 2
        v2, v3 = T.autograd.grad((v0 * v0).sum(), [v0, v1], create_graph=True, materialize_grads=True)
    """,
    "an unneeded root among several is not visited": """
        v0 = T.ones(2, requires_grad=True); v1 = v0.sum(); v2 = v0 * 3
        h = v2.register_hook(lambda g: log('v2', g))
        T.autograd.backward([v1, v2], [T.ones_like(v1), T.ones_like(v2)], inputs=[v1], retain_graph=True)
        v2.backward(T.ones_like(v2), inputs=[v1])
    """,
    "a root that has nowhere to send its gradient": """
        v0 = T.ones(2, requires_grad=True)
        with T.no_grad(): v1 = v0[0]
        v1.backward()
    """,
    "writing a product in double into a float view": """
        v0 = T.ones((2, 2), requires_grad=True); v1 = T.ones((2, 2))
        v1[0].mul_(v0.double()[0])
        v1.sum().backward()
    """,
    "writing in double does not save its own target's version": """
        v0 = T.ones(2, requires_grad=True); v1 = T.zeros(2)
        v1.clamp_(min=v0.double())
        v1.sum().backward()
    """,
    "fills may write to elements that share memory": """
        v0 = T.ones(3)
        v0.expand(2, 3).fill_(2); v0.expand(2, 3).zero_(); v0.expand(2, 3).tril_()
        v0.expand(2, 3).index_fill_(0, T.tensor([0]), 3)
        v0[:0].expand(2, 0).mul_(3)
        v1 = v0.expand(2, 3); v1[T.tensor([True, False])] = 4
        v1.mul_(2)
    """,
    "one window of several that overlap": """
        v0 = T.tensor([1.0, 2.0, 3.0]); v1 = v0.unfold(0, 2, 1)
        v1[0].add_(1.5)
        v1[1, 0].mul_(2)
    """,
    "a source that partly overlaps the target": """
        v0 = T.arange(6).float()
        v0.add_(v0); v0.copy_(v0[...]); v0[:3].copy_(v0[3:]); v0[0].fill_(v0[0])
        v0[0:3].add_(v0[1:4])
        v0[T.arange(6)] = v0
        v0.div_(v0[0])
    """,
    "logic in place is not tracked, comparisons are": """
        v0 = T.ones(2, requires_grad=True); v1 = v0 * 1; v2 = T.zeros(2)
        v0.logical_not_(); v1.logical_not_(); v2.gt_(v0)
        (v1 + v2).sum().backward()
        v0.eq_(1)
    """,
    "limits of clamp are two numbers or two tensors": """
        v0 = T.ones(2); v1 = v0.clamp(T.tensor(0.0), 1)
        v2 = v0.clamp(v0, 1)
        v0.clamp_(0, v0)
    """,
    "a tensor takes another shape in place": """
        v0 = T.ones((2, 3), requires_grad=True); v1 = v0 * 2; v2 = v0 * 3; v3 = v2[0]
        v1.t_(); v1.mul_(v1[0, 0].detach() + 1); v1[0].add_(1); v3.unsqueeze_(0)
        v2.mul_(2)
        (v1.sum() + v3.sum()).backward()
        v0.t_()
    """,
    "... and what was saved of it counts as changed": """
        v0 = T.ones((2, 3), requires_grad=True); v1 = v0.exp()
        v1.unsqueeze_(0)
        v1.sum().backward()
    """,
    "a number assigned to elements that share memory": """
        v0 = T.ones(3).expand(2, 3)
        v0[0] = 2
        v0[:, 0] = 2
        v0.fill_(T.tensor(2.0))
    """,
    "only a mask takes an element of another dtype": """
        v0 = T.zeros(1); v1 = T.tensor([2])
        v0[v0 > -1] = v1; v0[[True]] = v1[0]; v0[[0]] = 2; v0.index_put_((v0 > -1,), v1)
        v0[[0]] = v1[0]
        v0.index_put_((v0 > -1,), v1[0], accumulate=True)
    """,
    "one element of a scalar is selected": """
        T.tensor(1.0).index_select(0, T.tensor([0, 0]))
    """,
    "the derivative of a softmax over one number is zero, but it requires grad": """
        v0 = T.tensor(0.5, requires_grad=True)
        v1, = T.autograd.grad(T.softmax(v0, 0), [v0], create_graph=True)
        v2, = T.autograd.grad(T.nn.functional.log_softmax(v0, 0), [v0], create_graph=True)
        (v1 + v2).backward()
    """,
    "a scalar has one dimension to flip": """
        v0 = T.tensor(1.5, requires_grad=True); v1 = v0.flip(0); v2 = (v0 > 0).flip(-1)
        v1.backward()
        v0.flip(1)
        T.fliplr(T.ones(2)); T.flipud(v0)
    """,
    "powers of bools": """
        v0 = T.tensor([True, False]); v1 = v0.square(); v2 = v0 ** True; v3 = v0 ** False; v4 = v0 ** 2
        v0.square_()
    """,
    "second derivative of layer_norm: its statistics depend on the input": """
        v0 = T.tensor([[-0.68, 0.59, 0.5], [0.86, 0.75, 0.25]], requires_grad=True)
        v9 = T.tensor([1.5, 0.5, 2.0], requires_grad=True)
        v8 = T.tensor([0.5, 1.0, 2.0], requires_grad=True)
        v1 = T.nn.functional.layer_norm(v0, (3,), v9, v8, 0.1)
        v3, v4, v5 = T.autograd.grad((v1 * v1 * v1).sum(), [v0, v9, v8], create_graph=True)
        ((v3 * v3).sum() + (v4 * v4 * v5).sum()).backward()
    """,
    "second derivative of rms_norm: its statistics depend on the input": """
        v0 = T.tensor([[-0.68, 0.59, 0.5], [0.86, 0.75, 0.25]], requires_grad=True)
        v9 = T.tensor([1.5, 0.5, 2.0], requires_grad=True); v1 = T.nn.functional.rms_norm(v0, (3,), v9, 0.1)
        v3, v4 = T.autograd.grad((v1 * v1 * v1).sum(), [v0, v9], create_graph=True)
        ((v3 * v3).sum() + (v4 * v4).sum()).backward()
    """,
    "second derivative of group_norm: its statistics depend on the input": """
        v0 = T.tensor([[-0.68, 0.59, 0.5, 0.1], [0.86, 0.75, 0.25, -0.3]], requires_grad=True)
        v9 = T.tensor([1.5, 0.5, 2.0, 1.0], requires_grad=True)
        v8 = T.tensor([0.5, 1.0, 2.0, 3.0], requires_grad=True)
        v1 = T.nn.functional.group_norm(v0, 2, v9, v8, 0.1)
        v3, v4, v5 = T.autograd.grad((v1 * v1 * v1).sum(), [v0, v9, v8], create_graph=True)
        ((v3 * v3).sum() + (v4 * v4 * v5).sum()).backward()
    """,
    "second derivative of batch_norm: its statistics depend on the input": """
        v0 = T.tensor([[-0.68, 0.59, 0.5], [0.86, 0.75, 0.25], [0.3, 0.1, -0.5]], requires_grad=True)
        v9 = T.tensor([1.5, 0.5, 2.0], requires_grad=True)
        v8 = T.tensor([0.5, 1.0, 2.0], requires_grad=True)
        v1 = T.nn.functional.batch_norm(v0, T.zeros(3), T.ones(3), v9, v8, True, 0.1, 0.1)
        v3, v4, v5 = T.autograd.grad((v1 * v1 * v1).sum(), [v0, v9, v8], create_graph=True)
        ((v3 * v3).sum() + (v4 * v4 * v5).sum()).backward()
    """,
    "second derivative of batch_norm of running statistics: its statistics depend on the input": """
        v0 = T.tensor([[-0.68, 0.59, 0.5], [0.86, 0.75, 0.25], [0.3, 0.1, -0.5]], requires_grad=True)
        v9 = T.tensor([1.5, 0.5, 2.0], requires_grad=True)
        v8 = T.tensor([0.5, 1.0, 2.0], requires_grad=True)
        v1 = T.nn.functional.batch_norm(v0, T.zeros(3), T.ones(3), v9, v8, False, 0.1, 0.1)
        v3, v4, v5 = T.autograd.grad((v1 * v1 * v1).sum(), [v0, v9, v8], create_graph=True)
        ((v3 * v3).sum() + (v4 * v4 * v5).sum()).backward()
    """,
    "second derivative of cross_entropy with all options: its statistics depend on the input": """
        v0 = T.tensor([[-0.68, 0.59, 0.5], [0.86, 0.75, 0.25]], requires_grad=True)
        v5 = T.tensor([1, 0]); v6 = T.tensor([1.0, 2.0, 0.5])
        v1 = T.nn.functional.cross_entropy(v0, v5, weight=v6, label_smoothing=0.2, reduction='sum')
        v3, = T.autograd.grad(v1 * v1, [v0], create_graph=True)
        v4, = T.autograd.grad((v3 * v3).sum(), [v0], create_graph=True); (v4 * v4).sum().backward()
    """,
    "second derivative of attention: its statistics depend on the input": """
        v0 = T.tensor([[-0.68, 0.59], [0.86, 0.75]], requires_grad=True)
        v1 = T.nn.functional.scaled_dot_product_attention(v0[None], v0[None] * 2, v0[None] * 3, is_causal=True)
        v3, = T.autograd.grad((v1 * v1 * v1).sum(), [v0], create_graph=True); (v3 * v3).sum().backward()
    """,
    "a gradient reaches saved statistics only, and is differentiated again": """
        v0 = T.tensor([[0.5], [1.5]], requires_grad=True); v1 = v0 * v0
        v2, = T.autograd.grad(T.nn.functional.layer_norm(v1, (1,)).sum(), [v1], create_graph=True)
        v2.sum().backward(create_graph=True, inputs=[v0])
    """,
    "scalars cannot be concatenated": """
        T.cat([T.tensor(1.0)] * 2, 9)
        T.cat([T.ones(2), T.tensor(1.0)])
    """,
    "sizes must be given": """
        v0 = T.tensor(1.0)
        v0.view(); v0.permute(); v0.expand(); v0.reshape()
        v1 = v0.view(()); v2 = v0.mT
    """,
    "broadcast_tensors returns what fits already": """
        v0 = T.ones(2, requires_grad=True); v1, v2 = T.broadcast_tensors(v0, T.ones((2, 2)))
        v3, v4 = T.broadcast_tensors(v0, v0)
        _ = v3 is v0
    """,
    "True and False as a subscript that is written to": """
        v0 = T.arange(4)
        v0[True] = T.ones(4) > 0
        v0[False] = T.ones(7)
    """,
    "a list is not assigned": """
        v0 = T.ones(2)
        v0[:] = [1.0, 2.0]
    """,
    "alpha takes the dtype of the source": """
        v0 = T.ones((2, 2)) > 0
        v0.index_add_(0, T.tensor([1]), v0[:1].clone(), alpha=2)
    """,
    "linear of a scalar weight": """
        T.nn.functional.linear(T.ones((2, 2)), T.tensor(1.0))
    """,
    "an input that a Function returns is a view that must not be written to": """
        v0 = T.ones(2, requires_grad=True); v1 = v0 * 2
        v2 = Same.apply(v1); v3 = Ident.apply(v1); v4 = v3[0]
        _ = v2._base is v1
        v2.add_(1)
        v4.add_(1)
        v5 = Same.apply(T.zeros(2))
        v5.add_(1)
        v5.add_(v0)
        v3.sum().backward()
    """,
    "a Function that changes a view in place": """
        v0 = T.ones((2, 2), requires_grad=True); v1 = v0 * 2
        v2 = Half.apply(v1[0])
        v1.sum().backward()
        Half.apply(v0[0])
    """,
    "... in any pass": """
        v0 = T.ones(2, 2, requires_grad=True); v1 = v0 * 1; v2 = v1 @ v1
        v1.detach_()
        v2.sum().backward()
    """,
    "... but a batched product saved views of its operands": """
        v0 = T.ones((2, 2, 2), requires_grad=True); v1 = v0.ceil(); v2 = v1 @ v1.transpose(-1, -2)
        v3 = v0 * 1; v4 = v3 @ v0[0]
        v1.detach_(); v3.detach_()
        v2.sum().backward()
        v4.sum().backward()
    """,
    "diff of a number, of nothing, too often": """
        v0 = T.tensor(1.5); v1 = T.tensor([1.0, 2.0])
        v2 = v0.diff()
        v3 = v1.diff(n=5); v4 = v1.diff(n=-1)
    """,
}


def lines_of(text: str) -> list[str]:
    statements: list[str] = []
    for line in map(str.strip, text.strip().splitlines()):
        statements += [line] if line.startswith("with") else line.split("; ")
    return statements


@pytest.mark.parametrize("eager", [False, True], ids=["lazy", "eager"])
@pytest.mark.parametrize("cause", CAUSES)
def test_cause(cause, eager):
    with kilnn.eager() if eager else contextlib.nullcontext():
        found = compare(lines_of(CAUSES[cause]), kilnn)
    assert found is None, f"{found.lines[found.index :][:1]}: {found.message}"
