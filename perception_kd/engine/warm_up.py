"""YOLOv5's curve of learning rate and momentum, and the mark of biases that it goes by."""

from __future__ import annotations

from typing import Any

from mmengine.optim import DefaultOptimWrapperConstructor
from mmengine.optim.scheduler.param_scheduler import INF, _ParamScheduler
from torch import nn

from perception_kd.registry import OPTIM_WRAPPER_CONSTRUCTORS, PARAM_SCHEDULERS

BIAS = 'bias'


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class BiasMarkingConstructor(DefaultOptimWrapperConstructor):
    """mmengine's, which gives each parameter a group of its own where ``paramwise_cfg`` says anything; here a group
    says by ``bias`` whether its parameter is one.
    """

    def add_params(self, params: list[dict[str, Any]], module: nn.Module, prefix: str = '',
                   is_dcn_module: int | float | None = None) -> None:
        """Groups of a module, and of those in it."""
        first = len(params)
        super().add_params(params, module, prefix, is_dcn_module)
        own = {id(parameter): name for name, parameter in module.named_parameters(recurse=False)}
        for group in params[first:]:
            name = own.get(id(group['params'][0]))
            group.setdefault(BIAS, name == 'bias') if name else None


@PARAM_SCHEDULERS.register_module()
class WarmUpLinear(_ParamScheduler):
    """A warm-up in which biases come from elsewhere, then a straight line to the end, both by iterations.

    ``value = start + (line - start) * i / warmup`` while ``i < warmup``, else ``line``, with
    ``line = base * (1 - (1 - final) * i / total)``. YOLOv5 lets weights come from 0 and biases from 0.1, ten times its
    learning rate, and the momentum from 0.8.

    Args:
        optimizer: Optimiser or its wrapper; groups say ``bias`` (:class:`BiasMarkingConstructor`).
        param_name: ``lr`` or ``momentum``.
        start, bias_start: Where the value comes from, in parts of the base value, for biases and for the rest.
        final: Where the line ends, in parts of the base value.
        warmup: Iterations of the warm-up; half of the training at most.
        end: Iterations of the training.
        **kwargs: mmengine's.

    Raises:
        ValueError: a number below 0, or a schedule by epochs: set ``convert_to_iter_based``.
    """

    def __init__(self, optimizer: Any, *, param_name: str = 'lr', start: float = 0.0, bias_start: float | None = None,
                 final: float = 0.01, warmup: int = 0, end: int = INF, by_epoch: bool = False, **kwargs: Any) -> None:
        if by_epoch:
            raise ValueError('WarmUpLinear goes by iterations: set convert_to_iter_based=True')
        if min(start, bias_start or 0, final, warmup) < 0:
            raise ValueError(f'start, bias_start, final and warmup are 0 or more, got {start}, {bias_start}, {final} '
                             f'and {warmup}')
        self.start, self.bias_start, self.final = start, start if bias_start is None else bias_start, final
        self.total_iters = end - kwargs.get('begin', 0)
        self.warmup = min(warmup, self.total_iters // 2)
        super().__init__(optimizer, param_name, end=end, by_epoch=False, **kwargs)

    @classmethod
    def build_iter_from_epoch(cls, *args: Any, warmup_epochs: float = 3.0, least_warmup: int = 100, begin: int = 0,
                              end: int = INF, by_epoch: bool = True, epoch_length: int = 1,
                              **kwargs: Any) -> WarmUpLinear:
        """From epochs to iterations.

        Args:
            warmup_epochs: Length of the warm-up.
            least_warmup: Least iterations of it, as in YOLOv5.
            begin, end: Epochs.
            epoch_length: Iterations of an epoch.
        """
        warmup = max(round(warmup_epochs * epoch_length), least_warmup) if warmup_epochs else 0
        return cls(*args, warmup=warmup, begin=begin * epoch_length, end=end if end == INF else end * epoch_length,
                   **kwargs)

    def _get_value(self) -> list[float]:
        """Values of all groups; nothing but the step and the base values goes in."""
        step = self.last_step
        line = 1 - (1 - self.final) * step / self.total_iters
        part = step / self.warmup if step < self.warmup else 1.0
        values = []
        for base, group in zip(self.base_values, self.optimizer.param_groups):
            start = self.bias_start if group.get(BIAS) else self.start
            values.append(base * (start + (line - start) * part))
        return values
