"""Averages of a model's weights: stochastic weight averaging, moving averages, and the learning rate for them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from typing import Any

from kilnn.base import dtypes
from kilnn.engine.grad_mode import no_grad
from kilnn.nn.layers.normalization import BatchNorm
from kilnn.nn.module import Module
from kilnn.optim.lr_scheduler.base import LRScheduler, one_each
from kilnn.optim.optimizer import Optimizer
from kilnn.tensor.create import tensor
from kilnn.tensor.tensor import Tensor

AverageOne = Callable[[Tensor, Tensor, Any], Tensor]
"""(average so far, current value, how many were averaged) -> new average."""
AverageMany = Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]
"""The same for lists of tensors; writes into the first."""


def get_ema_avg_fn(decay: float = 0.999) -> AverageOne:
    """A function for `avg_fn`: average = decay * average + (1 - decay) * value.

    Example:
        >>> import kilnn
        >>> kilnn.optim.swa_utils.get_ema_avg_fn(0.75)(kilnn.ones(1), kilnn.zeros(1), 1).item()
        0.75

    Source: https://docs.pytorch.org/docs/2.13/optim.html#weight-averaging-swa-and-ema
    """

    @no_grad()
    def ema_update(ema_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        average: Tensor = decay * ema_param + (1 - decay) * current_param
        return average

    return ema_update


def get_swa_avg_fn() -> AverageOne:
    """A function for `avg_fn`: the plain mean, average + (value - average) / (number + 1).

    Example:
        >>> import kilnn
        >>> kilnn.optim.swa_utils.get_swa_avg_fn()(kilnn.ones(1), kilnn.zeros(1), 1).item()
        0.5

    Source: https://docs.pytorch.org/docs/2.13/optim.html#weight-averaging-swa-and-ema
    """

    @no_grad()
    def swa_update(averaged_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        average: Tensor = averaged_param + (current_param - averaged_param) / (num_averaged + 1)
        return average

    return swa_update


def get_ema_multi_avg_fn(decay: float = 0.999) -> AverageMany:
    """A function for `multi_avg_fn`: average = decay * average + (1 - decay) * value, for a list of tensors.

    Raises:
        ValueError: decay outside [0, 1].

    Example:
        >>> import kilnn
        >>> average = kilnn.ones(1)
        >>> kilnn.optim.swa_utils.get_ema_multi_avg_fn(0.75)([average], [kilnn.zeros(1)], 1)
        >>> average.item()
        0.75

    Source: https://docs.pytorch.org/docs/2.13/optim.html#weight-averaging-swa-and-ema
    """
    if decay < 0.0 or decay > 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")

    @no_grad()
    def ema_update(ema_param_list: Sequence[Tensor], current_param_list: Sequence[Tensor], num_averaged: Any) -> None:
        for average, value in zip(ema_param_list, current_param_list, strict=True):
            if average.is_floating_point() or average.is_complex():
                average.lerp_(value, 1 - decay)
            else:
                average.copy_(average * decay + value * (1 - decay))

    return ema_update


def get_swa_multi_avg_fn() -> AverageMany:
    """A function for `multi_avg_fn`: the plain mean, for a list of tensors.

    Example:
        >>> import kilnn
        >>> average = kilnn.ones(1)
        >>> kilnn.optim.swa_utils.get_swa_multi_avg_fn()([average], [kilnn.zeros(1)], 1)
        >>> average.item()
        0.5

    Source: https://docs.pytorch.org/docs/2.13/optim.html#weight-averaging-swa-and-ema
    """

    @no_grad()
    def swa_update(
        averaged_param_list: Sequence[Tensor], current_param_list: Sequence[Tensor], num_averaged: Any
    ) -> None:
        for average, value in zip(averaged_param_list, current_param_list, strict=True):
            average.add_((value - average) / (num_averaged + 1))

    return swa_update


class AveragedModel(Module):
    """A copy of a model whose parameters are an average of those that the model has had.

    Args:
        model: is copied; the copy is `module`.
        device: where the copy lies; by default where the model does.
        avg_fn: (average, value, number averaged so far) -> new average; the plain mean by default.
        multi_avg_fn: the same in place for lists of tensors of one dtype; not together with avg_fn.
        use_buffers: average buffers too; otherwise they are copied.

    The number of models averaged is the buffer `n_averaged`; the first `update_parameters` copies.

    Raises:
        AssertionError: both avg_fn and multi_avg_fn.

    Example:
        >>> import kilnn
        >>> from kilnn.optim.swa_utils import AveragedModel
        >>> model = kilnn.nn.Linear(1, 1, bias=False)
        >>> average = AveragedModel(model)
        >>> for value in (1.0, 2.0):
        ...     _ = kilnn.nn.init.constant_(model.weight, value)
        ...     average.update_parameters(model)
        >>> average(kilnn.ones(1)).item()
        1.5

    Source: Izmailov et al. 2018, https://arxiv.org/abs/1803.05407;
    https://docs.pytorch.org/docs/2.13/generated/torch.optim.swa_utils.AveragedModel.html
    """

    n_averaged: Tensor

    def __init__(
        self, model: Module, device: Any = None, avg_fn: AverageOne | None = None,
        multi_avg_fn: AverageMany | None = None, use_buffers: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=dtypes.int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The averaged model's output."""
        return self.module(*args, **kwargs)

    @no_grad()
    def update_parameters(self, model: Module) -> None:
        """Take the model's current parameters into the average; no value of them is read.

        Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.swa_utils.AveragedModel.html
        """
        buffers = self.use_buffers
        averages = [*self.module.parameters(), *(self.module.buffers() if buffers else ())]
        values = [*model.parameters(), *(model.buffers() if buffers else ())]
        pairs = [(a.detach(), v.detach().to(a.device)) for a, v in zip(averages, values, strict=False)]
        if self.n_averaged.item() == 0:
            for average, value in pairs:
                average.copy_(value)
        elif self.avg_fn is not None or self.multi_avg_fn is None:
            one = self.avg_fn or get_swa_avg_fn()
            for average, value in pairs:
                average.copy_(one(average, value, self.n_averaged.to(average.device)))
        else:
            alike: dict[Any, list[tuple[Tensor, Tensor]]] = {}
            for pair in pairs:
                alike.setdefault((pair[0].device, pair[0].dtype), []).append(pair)
            for (device, _), group in alike.items():
                self.multi_avg_fn([a for a, _ in group], [v for _, v in group], self.n_averaged.to(device))
        if not buffers:
            for mine, theirs in zip(self.module.buffers(), model.buffers(), strict=True):
                mine.detach().copy_(theirs.detach().to(mine.device))
        self.n_averaged += 1


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of a model's batch normalisation anew, in one pass over a loader.

    Args:
        loader: gives batches; of a list or tuple the first entry is the model's input.
        model: is left in the mode, training or evaluation, that it was in.
        device: where batches are moved to.

    Example:
        >>> import kilnn
        >>> model = kilnn.nn.BatchNorm1d(1)
        >>> kilnn.optim.swa_utils.update_bn([kilnn.tensor([[1.0], [3.0]])], model)
        >>> model.running_mean.item()
        2.0

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.swa_utils.update_bn.html
    """
    momenta = {m: m.momentum for m in model.modules() if isinstance(m, BatchNorm)}
    if not momenta:
        return
    was_training = model.training
    model.train()
    for module in momenta:
        module.reset_running_stats()
        module.momentum = None  # the plain mean over all batches
    try:
        for batch in loader:
            x = batch[0] if isinstance(batch, list | tuple) else batch
            model(x if device is None else x.to(device))
    finally:
        for module, momentum in momenta.items():
            module.momentum = momentum
        model.train(was_training)


class SWALR(LRScheduler):
    """Goes from each group's rate to `swa_lr` in `anneal_epochs` epochs, then stays there.

    Args:
        optimizer: its `param_groups` get the learning rates.
        swa_lr: a number, or one for each group.
        anneal_epochs: >= 0.
        anneal_strategy: "cos" or "linear".
        last_epoch: epochs done before; -1 starts anew.

    Raises:
        ValueError: another strategy, or a number of epochs that is negative or no whole number.

    Example:
        >>> import kilnn
        >>> optimizer = kilnn.optim.SGD([kilnn.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = kilnn.optim.swa_utils.SWALR(optimizer, swa_lr=0.5, anneal_epochs=2, anneal_strategy="linear")
        >>> rates = []
        >>> for epoch in range(4):
        ...     optimizer.step()
        ...     scheduler.step()
        ...     rates += scheduler.get_last_lr()
        >>> rates
        [0.75, 0.5, 0.5, 0.5]

    Source: https://docs.pytorch.org/docs/2.13/generated/torch.optim.swa_utils.SWALR.html
    """

    def __init__(
        self, optimizer: Optimizer, swa_lr: Any, anneal_epochs: int = 10, anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:  # fmt: skip
        for rate, group in zip(one_each("swa_lr", optimizer, swa_lr), optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def anneal_func(self, t: float) -> float:
        """How much of the way from the old rate to `swa_lr` is done after a share t of the epochs."""
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2

    def _done(self, epoch: int) -> float:
        return self.anneal_func(max(0, min(1, epoch / max(1, self.anneal_epochs))))

    def get_lr(self) -> list[Any]:
        self._only_in_step()
        epoch = self._step_count - 1
        if self.anneal_epochs == 0:
            epoch = max(1, epoch)
        before, now = self._done(epoch - 1), self._done(epoch)
        rates = []
        for group in self.optimizer.param_groups:
            rate, end = group["lr"], group["swa_lr"]
            # What the rate would be without annealing: other schedulers' changes are kept.
            start = end if before == 1 else (rate - before * end) / (1 - before)
            rates.append(end * now + start * (1 - now))
        return rates
