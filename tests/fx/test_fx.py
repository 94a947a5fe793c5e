"""Graphs of functions beside PyTorch's."""

import copy
import operator

import pytest
import torch

import kilnn
from kilnn import relu as imported_relu
from tests.oracle import assert_agrees

BOTH = (kilnn, torch)


def block(T):
    class Block(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.lin = T.nn.Linear(4, 4)
            self.scale = T.nn.Parameter(T.ones(4) * 2)
            self.register_buffer("off", T.arange(4.0))

        def forward(self, x, flag=True):
            y = self.lin(x) * self.scale + self.off
            if flag:
                y = T.nn.functional.relu(y)
            n = y.size(0)
            z = T.cat([y, -y], dim=1).view(n, -1)
            return {"a": 1 + z[:, 1:3], "b": (z.sum(dim=-1, keepdim=True), x.shape[0])}

    class Net(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.block = Block()
            self.seq = T.nn.Sequential(T.nn.Linear(4, 2), T.nn.ReLU())

        def forward(self, input, y=None):
            out = self.block(self.seq(input).repeat(1, 2))
            return out["a"].clamp(min=0.5), out["b"][0] ** 2

    T.manual_seed(0)
    return Net()


def rows(graph):
    return [(n.op, n.name, len(n.users)) for n in graph.nodes]


def ones(T):
    return T.ones(3, 4)


def test_a_module():
    def program(T):
        net = block(T)
        traced = T.fx.symbolic_trace(net)
        out = traced(ones(T))
        out[0].sum().backward()
        gradients = {name: p.grad for name, p in sorted(traced.named_parameters())}
        assert traced.block.lin.weight is net.block.lin.weight
        traced.graph.lint()
        return [rows(traced.graph), list(out), gradients, list(traced.state_dict()), type(traced).__name__]

    assert_agrees(program, kilnn)


def without_keywords(code):
    return code.replace("torch", "kilnn").replace(", inplace = False", "").replace(" = ", "=").split()


def test_text():
    def f(x, y=2.5):
        z = kilnn.nn.functional.relu(x) @ x.t() + y
        return [z.sum(1), (kilnn.stack([z, z])[0, 1:], z.T)]

    def g(x, y=2.5):
        z = torch.nn.functional.relu(x) @ x.t() + y
        return [z.sum(1), (torch.stack([z, z])[0, 1:], z.T)]

    ours, theirs = kilnn.fx.symbolic_trace(f), torch.fx.symbolic_trace(g)
    assert without_keywords(ours.code) == without_keywords(theirs.code)
    text = str(theirs.graph).replace("torch", "kilnn").replace("{inplace: False}", "{}")
    assert str(ours.graph).split() == text.split()


def test_compiles_once_and_trains():
    traced = kilnn.fx.symbolic_trace(block(kilnn))
    optimizer = kilnn.optim.SGD(traced.parameters(), lr=0.1)

    def step():
        optimizer.zero_grad()
        traced(ones(kilnn))[0].sum().backward()
        optimizer.step()

    step(), step()
    with kilnn.expect(compiles=0, syncs=0):
        step(), step(), step()


def test_changing_a_graph():
    def program(T):
        def f(x):
            return T.relu(x) + T.relu(x * 2)

        traced = T.fx.symbolic_trace(f)
        for node in traced.graph.nodes:
            if node.op == "call_function" and node.target is T.relu:
                with traced.graph.inserting_after(node):
                    new = traced.graph.call_function(T.sigmoid, node.args)
                    node.replace_all_uses_with(new)
                traced.graph.erase_node(node)
        first = traced.graph.find_nodes(op="placeholder")[0]
        with traced.graph.inserting_before(first.next):
            traced.graph.call_method("exp", (first,))
        dead = rows(traced.graph)
        changed = traced.graph.eliminate_dead_code()
        add = traced.graph.output_node().args[0]
        add.update_arg(1, 10.0)
        traced.graph.eliminate_dead_code()
        traced.graph.lint()
        traced.recompile()
        x = T.tensor([0.5, -1.0])
        twin = copy.deepcopy(traced)
        add.target = operator.sub
        traced.recompile()
        nodes = list(traced.graph.nodes)
        facts = [nodes[1].prev.name, nodes[1].next.name, nodes[1] < nodes[2], str(nodes[1].all_input_nodes)]
        return [dead, changed, rows(traced.graph), traced(x), twin(x), facts]

    assert_agrees(program, kilnn)


def test_dead_code_that_writes_or_checks_stays():
    def f(x, flag):
        x.exp()
        y = x * 1
        y.add_(1)
        y[0] = 5.0
        kilnn._assert(x.sum() > 0, "positive")
        return y

    traced = kilnn.fx.symbolic_trace(f, concrete_args={"flag": True})
    assert traced.graph.eliminate_dead_code() and not traced.graph.eliminate_dead_code()
    traced.recompile()
    assert traced(kilnn.tensor([1.0, 2.0]), True).tolist() == [5.0, 3.0]
    with pytest.raises(AssertionError, match="positive"):
        traced(kilnn.tensor([-1.0, 0.0]), True)
    with pytest.raises(AssertionError, match="specialized"):
        traced(kilnn.tensor([1.0, 2.0]), False)


def test_tracing_inside_of_tracing():
    inner = kilnn.nn.Sequential(kilnn.nn.Linear(4, 2), kilnn.nn.ReLU())

    def f(x):
        assert len(kilnn.fx.symbolic_trace(inner).graph.nodes) == 4
        return kilnn.relu(x) + 1

    assert [n.name for n in kilnn.fx.symbolic_trace(f).graph.nodes] == ["x", "relu", "add", "output"]


def test_a_graph_by_hand():
    def program(T):
        graph = T.fx.Graph()
        x = T.fx.Proxy(graph.placeholder("x"))
        weight = T.fx.Proxy(graph.get_attr("inner.weight"))
        y = (x @ weight).relu()
        graph.output(graph.call_module("act", (y.node,)))
        root = {"inner.weight": T.ones(2, 2), "act": T.nn.Tanh()}
        made = T.fx.GraphModule(root, graph, "Made")
        graph.lint()
        added = made.add_submodule("a.b", T.nn.Linear(1, 1))
        before = [name for name, _ in made.named_modules()]
        made.delete_all_unused_submodules()
        after = sorted(name for name, _ in made.named_modules())
        merged = T.fx.Graph()
        merged.output(merged.graph_copy(made.graph, {}))
        return [rows(made.graph), made(T.ones(1, 2) * 0.1), added, before, after, rows(merged), type(made).__name__]

    assert_agrees(program, kilnn)


def test_interpreter_and_transformer():
    def program(T):
        traced = T.fx.symbolic_trace(block(T))
        seen = []

        class Watch(T.fx.Interpreter):
            def run_node(self, n):
                seen.append(n.name)
                return super().run_node(n)

        class Negative(T.fx.Transformer):
            def call_function(self, target, args, kwargs):
                return super().call_function(operator.sub if target is operator.add else target, args, kwargs)

        return [list(Watch(traced).run(ones(T))), seen, list(Negative(traced).transform()(ones(T)))]

    assert_agrees(program, kilnn)


def helper(x):
    assert not isinstance(x, (kilnn.fx.Proxy, torch.fx.Proxy))
    return x * 2 if x.sum() > 0 else x


kilnn.fx.wrap("helper")
torch.fx.wrap("helper")
kilnn.fx.wrap("len")
torch.fx.wrap("len")


def test_wrapped_functions():
    def program(T):
        traced = T.fx.symbolic_trace(lambda x: helper(x) + len(x))
        return [rows(traced.graph), traced(ones(T))]

    assert_agrees(program, kilnn)
    assert len([1]) == 1 and "len" not in globals()


def test_functions_that_were_imported_by_name():
    before = kilnn.relu
    traced = kilnn.fx.symbolic_trace(lambda x: imported_relu(x) + 1)
    assert [n.name for n in traced.graph.nodes] == ["x", "relu", "add", "output"]
    assert imported_relu is kilnn.relu is before


def test_concrete_arguments_and_leaves():
    def program(T):
        def f(x, flag):
            return x * 2 if flag else x

        traced = T.fx.symbolic_trace(f, concrete_args={"flag": True})

        class Deep(T.fx.Tracer):
            def is_leaf_module(self, m, name):
                return name == "block"

        graph = Deep().trace(block(T))
        kinds = [n.op for n in graph.nodes if n.op == "call_module"]
        return [traced(ones(T), True), kinds]

    assert_agrees(program, kilnn)
    traced = kilnn.fx.symbolic_trace(lambda x, flag: x, concrete_args={"flag": True})
    with pytest.raises(AssertionError, match="specialized"):
        traced(ones(kilnn), False)


@pytest.mark.parametrize("T", BOTH)
def test_what_cannot_be_recorded(T):
    before = T.relu
    with pytest.raises(T.fx.proxy.TraceError):
        T.fx.symbolic_trace(lambda x: x if x.sum() > 0 else -x)
    with pytest.raises(T.fx.proxy.TraceError):
        T.fx.symbolic_trace(lambda x: [y for y in x])
    assert T.relu is before
    graph, other = T.fx.Graph(), T.fx.Graph()
    x = graph.placeholder("x")
    y = graph.call_function(T.relu, (x,))
    with pytest.raises(RuntimeError):
        graph.erase_node(x)
    with pytest.raises(RuntimeError):
        other.erase_node(y)
    with pytest.raises(RuntimeError):
        T.fx.GraphModule({}, graph_of(T))
    y.prepend(graph.call_function(T.abs, (x,)))
    y.next.prepend(x)
    with pytest.raises(RuntimeError):
        graph.lint()


def graph_of(T):
    graph = T.fx.Graph()
    graph.output(graph.get_attr("absent"))
    return graph


def test_operands_that_tracing_does_not_see():
    graph = kilnn.fx.Graph()
    x = kilnn.fx.Proxy(graph.placeholder("x"))
    with pytest.raises(kilnn.fx.TraceError, match=r"fx\.wrap"):
        kilnn.exp(x)
    with pytest.raises(RuntimeError, match="another graph"):
        kilnn.fx.Graph().call_function(kilnn.relu, (x.node,))
    with pytest.raises(NotImplementedError, match=r"\*args"):
        kilnn.fx.symbolic_trace(lambda *args: args)
    with pytest.raises(NotImplementedError, match="trace again"):
        copy.copy(kilnn.fx.symbolic_trace(kilnn.nn.ReLU())).__reduce_ex__(4)
    with pytest.raises(NotImplementedError, match="top level"):
        kilnn.fx.wrap("sum")
