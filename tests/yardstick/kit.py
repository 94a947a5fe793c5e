"""Small things that recipes share: operands, and results that compare across libraries."""

from typing import Any


def matrix(T: Any, requires_grad: bool = False) -> Any:
    return T.tensor([[0.5, -1.5, 2.0], [3.0, 0.25, -0.75]], requires_grad=requires_grad)


def square(T: Any) -> Any:
    return T.tensor([[2.0, 0.5, -1.0], [0.3, 3.0, 0.2], [1.0, -0.4, 2.5]])


def vector(T: Any) -> Any:
    return T.tensor([1.5, -0.5, 3.0, 0.25])


def positive(T: Any) -> Any:
    return T.tensor([[0.5, 1.5, 2.0], [3.0, 0.25, 0.75]])


def whole(T: Any) -> Any:
    return T.tensor([[1, 0, 2], [4, 3, 0]])


def mask(T: Any) -> Any:
    return T.tensor([[True, False, True], [False, False, True]])


def images(T: Any, channels: int = 3, size: int = 8, batch: int = 2) -> Any:
    count = batch * channels * size * size
    return (T.arange(count, dtype=T.float32) * 0.37).sin().reshape(batch, channels, size, size)


def sequence(T: Any, *shape: int) -> Any:
    count = 1
    for n in shape:
        count *= n
    return (T.arange(count, dtype=T.float32) * 0.61).sin().reshape(shape)


def word(x: Any) -> str:
    """A dtype, device or constant without the library's name."""
    return str(x).removeprefix("torch.").removeprefix("kilnn.")


def layer(T: Any, name: str, *args: Any, inputs: Any = (), train: bool = True, **kwargs: Any) -> Any:
    """What a layer with PyTorch's initial values computes, the gradients it gives, and what it keeps."""
    T.manual_seed(0)
    made = getattr(T.nn, name)(*args, **kwargs)
    made.train(train)
    leaves = [t.requires_grad_(True) if t.is_floating_point() else t for t in inputs]
    out = made(*leaves)
    first = out[0] if isinstance(out, tuple) else out
    if first.requires_grad:
        (first * (T.arange(first.numel()) * 0.9).cos().reshape(first.shape)).sum().backward()
    grads = [t.grad for t in leaves if t.is_floating_point()] + [p.grad for p in made.parameters()]
    return [_detached(out), grads, [t.detach() for t in made.state_dict().values()]]


def _detached(out: Any) -> Any:
    return [_detached(t) for t in out] if isinstance(out, tuple | list) else out.detach()


def steps(T: Any, make: Any, count: int = 3) -> Any:
    """Parameters after a few steps of an optimizer that `make(parameters)` returns."""
    T.manual_seed(0)
    model = T.nn.Sequential(T.nn.Linear(3, 4), T.nn.Tanh(), T.nn.Linear(4, 1))
    optimizer = make(model.parameters())
    for _ in range(count):
        optimizer.zero_grad()
        model(matrix(T)).square().sum().backward()
        optimizer.step()
    return [p.detach() for p in model.parameters()]


def net_on_cpu(T: Any) -> Any:
    return T.nn.Linear(2, 2)
