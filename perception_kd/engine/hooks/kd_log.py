"""Logs how much of the total each pair is, before anybody believes a weight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from perception_kd.distill.accounting import PREFIX, detection_loss, loss_shares, loss_sizes
from perception_kd.distill.schedules import full_weight
from perception_kd.engine.hooks.progress import unwrapped
from perception_kd.registry import HOOKS


@HOOKS.register_module()
class KDLogHook(Hook):
    """Logs ``share.<pair>`` (of the magnitudes of all losses), ``share.task``, ``weight.<pair>``, ``cover.<pair>``.

    ``cover`` is the mean of the pair's mask: of a gate, the part that it accepts. What a loss notes is logged, too: of
    an adversarial one ``accuracy.<pair>``, the part that its discriminator judges rightly. Of pairs that need boxes
    also ``skipped.<pair>``: samples without annotations that were left out since the last entry (in this process),
    where the data has any.

    Args:
        interval: Iterations between two entries; each reads the losses back from the device.
        expected: Lowest and highest ratio of a pair's loss to the detection loss, e.g. ``(0.05, 0.5)``. The first
            ``samples`` entries of each pair at its full weight are averaged, and a ratio outside is a warning.
            None: no look.
        samples: Entries that are averaged.
    """

    priority = 'NORMAL'

    def __init__(self, interval: int = 10, expected: tuple[float, float] | None = None, samples: int = 10) -> None:
        if interval < 1 or samples < 1:
            raise ValueError(f'KDLogHook: interval and samples must be at least 1, got {interval} and {samples}')
        if expected is not None and not 0 <= expected[0] < expected[1]:
            raise ValueError(f'KDLogHook: expected is a lowest and a highest ratio, got {expected}')
        self.interval, self.expected, self.samples = interval, expected, samples
        self._ratios: dict[str, list[float]] = {}
        self._skipped: Counter[str] = Counter()

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None,
                         outputs: dict | None = None) -> None:
        """Write the entries of this step to the message hub."""
        model = unwrapped(runner)
        weights = getattr(model, 'weights', None)
        for name, samples in getattr(model, 'skipped', {}).items():
            if samples or name in self._skipped:
                self._skipped[name] += samples
        if not weights or not outputs or not self.every_n_train_iters(runner, self.interval):
            return
        for name, share in loss_shares(outputs).items():
            runner.message_hub.update_scalar(f'train/share.{name}', share)
        for name, weight in weights.items():
            runner.message_hub.update_scalar(f'train/weight.{name}', weight)
        for name, coverage in model.coverage.items():
            runner.message_hub.update_scalar(f'train/cover.{name}', float(coverage))
        for name, value in model.noted.items():
            runner.message_hub.update_scalar(f'train/{name}', float(value))
        for name, samples in self._skipped.items():
            runner.message_hub.update_scalar(f'train/skipped.{name}', samples)
            self._skipped[name] = 0
        if self.expected is not None:
            self._look(runner, outputs, [name for name in weights if _at_full_weight(model, name)])

    def _look(self, runner: Runner, outputs: Mapping[str, Any], pairs: list[str]) -> None:
        detection, sizes = detection_loss(outputs), loss_sizes(outputs)
        for name in pairs if detection > 0 else ():
            seen = self._ratios.setdefault(name, [])
            if len(seen) == self.samples:
                continue
            seen.append(sizes[PREFIX + name] / detection)
            mean = sum(seen) / len(seen)
            low, high = self.expected
            if len(seen) == self.samples and not low <= mean <= high:
                runner.logger.warning(
                    f"pair '{name}' is {100 * mean:.1f} % of the detection loss at iteration {runner.iter + 1}, "
                    f'{100 * low:g} to {100 * high:g} % are expected: look at its weight')


def _at_full_weight(model: Any, name: str) -> bool:
    schedule = model.pairs[name].schedule
    return schedule(model.progress) == full_weight(schedule) != 0
