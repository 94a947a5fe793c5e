"""Graphs of functions."""

import operator

from tests.yardstick.kit import matrix


class _Words:
    """A module of either library that uses operators, a function, a method and a layer."""

    def __init__(self, T):
        class Net(T.nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = T.nn.Linear(3, 2)
                self.weight = T.nn.Parameter(T.ones(2))

            def forward(self, x, keep=True):
                return T.cat([self.linear(x), x.clamp(min=0)], dim=1) * (2 if keep else 1), self.weight + 1

        T.manual_seed(0)
        self.net = Net()


def _rows(graph):
    return [(n.op, n.name, len(n.users), [a.name for a in n.all_input_nodes]) for n in graph.nodes]


def _traced(T):
    made = T.fx.symbolic_trace(_Words(T).net, concrete_args={"keep": True})
    return [list(made(matrix(T), True)), [n.op for n in made.graph.nodes if n.op == "call_module"]]


def _by_hand(T):
    graph = T.fx.Graph()
    x = graph.placeholder("x")
    total = graph.call_function(T.add, (x, 2.0), {"alpha": 3})
    graph.output(graph.call_module("act", (total,)))
    graph.lint()
    made = T.fx.GraphModule({"act": T.nn.Tanh()}, graph)
    return [_rows(graph), made(matrix(T))]


def _rewritten(T):
    made = T.fx.symbolic_trace(lambda x: x.relu() + 1)
    for node in made.graph.nodes:
        if isinstance(node, T.fx.Node) and node.target is operator.add:
            with made.graph.inserting_after(node):
                node.replace_all_uses_with(made.graph.call_function(T.mul, (node.args[0], 5.0)))
            made.graph.erase_node(node)
    made.recompile()
    return [_rows(made.graph), made(matrix(T))]


def _proxies(T):
    graph = T.fx.Graph()
    x = T.fx.Proxy(graph.placeholder("x"))
    graph.output((x[0] @ x.t() - 1).node)
    return [_rows(graph), T.fx.GraphModule(T.nn.Module(), graph)(matrix(T))]


RECIPES = {
    "torch.fx.symbolic_trace": _traced,
    "torch.fx.Graph": _by_hand,
    "torch.fx.GraphModule": _by_hand,
    "torch.fx.Node": _rewritten,
    "torch.fx.Proxy": _proxies,
}
