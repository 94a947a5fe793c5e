"""Optimizers and schedules: parameters after a few steps."""

from tests.yardstick.kit import matrix, steps


def _optimizer(name, **kwargs):
    return lambda T: steps(T, lambda p: getattr(T.optim, name)(params=p, **kwargs))


def _scheduled(make):
    def recipe(T):
        w = T.nn.Parameter(matrix(T))
        optimizer = T.optim.SGD([w], lr=0.1)
        scheduler = make(T, optimizer)
        rates = []
        for _ in range(6):
            optimizer.zero_grad()
            w.square().sum().backward()
            optimizer.step()
            scheduler.step()
            rates.append(optimizer.param_groups[0]["lr"])
        return [rates, w.detach()]

    return recipe


def _state(T):
    w = T.nn.Parameter(matrix(T))
    one, two = T.optim.Adam([w], lr=0.1), T.optim.Adam([w], lr=0.3)
    w.square().sum().backward()
    one.step()
    two.load_state_dict(one.state_dict())
    kept = two.state_dict()
    return [kept["param_groups"][0]["lr"], kept["state"][0]["exp_avg"], list(kept)]


def _zeroed(T):
    w = T.nn.Parameter(matrix(T))
    found = []
    for kwargs in ({}, {"set_to_none": False}):
        optimizer = T.optim.SGD([w], lr=0.1)
        w.square().sum().backward()
        optimizer.zero_grad(**kwargs)
        found.append(None if w.grad is None else w.grad.clone())
    return found


def _closure(T):
    w = T.nn.Parameter(matrix(T))
    optimizer = T.optim.SGD([w], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = w.square().sum()
        loss.backward()
        return loss

    return [optimizer.step(closure=closure).detach(), w.detach()]


def _own(T):
    class Descent(T.optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        def step(self, closure=None):
            with T.no_grad():
                for group in self.param_groups:
                    for p in group["params"]:
                        p.add_(p.grad, alpha=-group["lr"])

    return steps(T, lambda p: Descent(p, lr=0.1))


RECIPES = {
    "torch.optim": lambda T: hasattr(T.optim, "SGD"),
    "torch.optim.Optimizer": _own,
    "torch.optim.SGD": _optimizer("SGD", lr=0.1, momentum=0.9, weight_decay=0.01, dampening=0, nesterov=True),
    "torch.optim.Adam": _optimizer(
        "Adam", lr=0.01, betas=(0.8, 0.9), eps=1e-7, weight_decay=0.01, amsgrad=True, foreach=False
    ),
    "torch.optim.AdamW": _optimizer("AdamW", lr=0.01, betas=(0.8, 0.9), eps=1e-7, weight_decay=0.1, amsgrad=False),
    "torch.optim.RMSprop": _optimizer("RMSprop", lr=0.01, alpha=0.9, eps=1e-7, weight_decay=0.01, momentum=0.5),
    "torch.optim.Adadelta": _optimizer("Adadelta", lr=0.5),
    "torch.optim.lr_scheduler.StepLR": _scheduled(lambda T, o: T.optim.lr_scheduler.StepLR(o, step_size=2, gamma=0.5)),
    "torch.optim.lr_scheduler.LambdaLR": _scheduled(
        lambda T, o: T.optim.lr_scheduler.LambdaLR(o, lr_lambda=lambda n: 0.9**n)
    ),
    "Scheduler.step": _scheduled(lambda T, o: T.optim.lr_scheduler.StepLR(o, 1)),
    "Optimizer.step": _closure,
    "Optimizer.zero_grad": _zeroed,
    "Optimizer.state_dict": _state,
    "Optimizer.load_state_dict": _state,
}
