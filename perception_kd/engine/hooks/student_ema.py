"""The moving average of the student's weights: validated, tested and deployed in place of the last weights."""

from __future__ import annotations

import logging
import math
from typing import Any

import torch
from mmengine.hooks import EMAHook, Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch import Tensor

from perception_kd.engine.hooks.progress import unwrapped
from perception_kd.registry import HOOKS

KEY = 'ema'


@HOOKS.register_module()
class StudentEMAHook(Hook):
    """Averages the student, or a model that is no distiller, by ``decay = limit * (1 - exp(-n / gamma))``.

    ``n`` counts updates of the optimiser, without those that a loss scaler leaves out; the decay is that of YOLOX and
    of LabelDistill's released code (mmdet's ``ExpMomentumEMA`` with momentum ``1 - limit``). Parameters and running
    statistics of batch norms are averaged, counters copied; pairs and teachers are not looked at. The average is
    float32 like the weights.

    In a checkpoint ``state_dict`` holds the average, which testing and exporting so read without knowing, and
    ``ema`` the student's own weights and ``n``, with which a resumed run goes on bit for bit.

    Args:
        limit: Decay after many updates.
        gamma: Updates until the decay is 63 % of it.
    """

    priority = 'NORMAL'  # before the checkpoint hook

    def __init__(self, *, limit: float = 0.9999, gamma: float = 2000.0) -> None:
        if not 0 < limit < 1 or gamma <= 0:
            raise ValueError(f'StudentEMAHook: 0 < limit < 1 and gamma > 0, got {limit} and {gamma}')
        self.limit, self.gamma = limit, gamma
        self.updates = 0
        self.average: dict[str, Tensor] = {}
        self._stepped = False
        self._watch: Any = None

    def decay(self, updates: int) -> float:
        """Share of the old average that stays at an update, the first being number 1."""
        return self.limit * (1 - math.exp(-updates / self.gamma))

    def before_run(self, runner: Runner) -> None:
        """See that there is one average.

        Raises:
            ValueError: another hook swaps weights, too.
        """
        others = [type(hook).__name__ for hook in runner.hooks
                  if isinstance(hook, (StudentEMAHook, EMAHook)) and hook is not self]
        if others:
            raise ValueError(f'a run has one moving average, and {", ".join(others)} would be a second; leave it out '
                             'of custom_hooks, or set default_hooks.ema=None')

    def before_train(self, runner: Runner) -> None:
        """Begin with the initial weights, unless a checkpoint brought an average; watch the optimiser."""
        if not self.average:
            self.average = _copied(_state(runner))
        self._watch = self._watch or runner.optim_wrapper.optimizer.register_step_post_hook(self._after_step)

    def _after_step(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        # A scaler does not call the optimiser for gradients that are not finite; a fused one is called and told so.
        left_out = getattr(optimizer, 'found_inf', None)
        self._stepped = left_out is None or not bool(left_out)

    @torch.no_grad()
    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None,
                         outputs: dict | None = None) -> None:
        """Take in the new weights, if this step has updated them."""
        if not self._stepped:
            return
        self._stepped = False
        self.updates += 1
        state = _state(runner)
        floats = [name for name in _once(state) if state[name].is_floating_point()]
        old, new = ([values[name] for name in floats] for values in (self.average, state))
        torch._foreach_lerp_(old, new, 1 - self.decay(self.updates))
        for name, value in state.items():
            if not value.is_floating_point():
                self.average[name].copy_(value)

    def before_val_epoch(self, runner: Runner) -> None:
        """The average is what is validated."""
        self._swap(runner)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Training goes on with its own weights."""
        self._swap(runner)

    def before_test_epoch(self, runner: Runner) -> None:
        """The same for a test right after training; a run that only tests has loaded the average as weights."""
        self._swap(runner)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """See :meth:`after_val_epoch`."""
        self._swap(runner)

    @torch.no_grad()
    def _swap(self, runner: Runner) -> None:
        state = _state(runner)
        for name in _once(state) if self.average else ():
            own = state[name].clone()
            state[name].copy_(self.average[name])
            self.average[name].copy_(own)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Put the average in the place of the student's own weights, and these beside it."""
        weights, prefix = checkpoint['state_dict'], _prefix(runner)
        checkpoint[KEY] = dict(updates=self.updates, own={name: weights[prefix + name] for name in self.average})
        weights.update({prefix + name: value for name, value in self.average.items()})

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Take the average out of a checkpoint that is resumed; from any other, weights are weights."""
        self.average, self.updates = {}, 0
        if not runner._resume:
            return
        if KEY not in checkpoint:
            print_log('the checkpoint holds no moving average: it starts from the weights', 'current', logging.WARNING)
            return
        weights, prefix, saved = checkpoint['state_dict'], _prefix(runner), checkpoint[KEY]
        self.average, self.updates = _copied(_state(runner)), saved['updates']
        for name, kept in self.average.items():
            kept.copy_(weights[prefix + name])
        weights.update({prefix + name: value for name, value in saved['own'].items()})


def _prefix(runner: Runner) -> str:
    return 'student.' if hasattr(unwrapped(runner), 'student') else ''


def _state(runner: Runner) -> dict[str, Tensor]:
    model = unwrapped(runner)
    return getattr(model, 'student', model).state_dict()


def _once(state: dict[str, Tensor]) -> list[str]:
    """A name of each tensor; modules may share one, which then has several."""
    return list({(value.data_ptr(), value.shape): name for name, value in state.items()}.values())


def _copied(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Names that share a tensor share the copy."""
    copies: dict[Any, Tensor] = {}
    return {name: copies.setdefault((value.data_ptr(), value.shape), value.detach().clone())
            for name, value in state.items()}
