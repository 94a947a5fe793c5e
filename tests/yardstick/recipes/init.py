"""Initial values: equal to PyTorch's for the same seed."""


def _fill(name, *args, shape=(4, 3), **kwargs):
    def recipe(T):
        T.manual_seed(2)
        return getattr(T.nn.init, name)(T.empty(*shape), *args, **kwargs)

    return recipe


def _orthogonal(T):
    w = _fill("orthogonal_", gain=2.0)(T)
    return w.t() @ w


RECIPES = {
    "torch.nn.init.normal_": _fill("normal_", mean=1.0, std=0.5),
    "torch.nn.init.constant_": _fill("constant_", val=0.3),
    "torch.nn.init.xavier_uniform_": _fill("xavier_uniform_", gain=2.0),
    "torch.nn.init.xavier_normal_": _fill("xavier_normal_", gain=2.0),
    "torch.nn.init.zeros_": _fill("zeros_"),
    "torch.nn.init.ones_": _fill("ones_"),
    "torch.nn.init.kaiming_normal_": _fill("kaiming_normal_", mode="fan_out", nonlinearity="relu"),
    "torch.nn.init.kaiming_uniform_": _fill("kaiming_uniform_", a=0.2, mode="fan_in", nonlinearity="leaky_relu"),
    "torch.nn.init.uniform_": _fill("uniform_", a=-1.0, b=2.0),
    "torch.nn.init.trunc_normal_": _fill("trunc_normal_", mean=0.0, std=1.0, a=-1.0, b=1.0),
    "torch.nn.init.orthogonal_": _orthogonal,
    "torch.nn.init.calculate_gain": lambda T: [T.nn.init.calculate_gain(n) for n in ("relu", "tanh", "linear")],
}
