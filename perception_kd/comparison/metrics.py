"""Which metrics runs will have, as far as that can be told before they begin."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from typing import TYPE_CHECKING

from mmengine.config import Config

from perception_kd.engine.stages import METRIC_PREFIXES
from perception_kd.evaluation.report import METRICS

if TYPE_CHECKING:
    from perception_kd.comparison.runs import Run

_COLUMNS = ('mAP', 'NDS', 'mATE')
_OF_DRONES = ('AP', 'AP50', 'AP_vt', 'AP_t', 'recall', 'FPPI_negatives')


def kind_of(cfg: Config) -> str | None:
    """Type of a config's test evaluator; None of several."""
    evaluator = cfg.get('test_evaluator') or {}
    return evaluator.get('type') if isinstance(evaluator, dict) else None


def known_metrics(cfg: Config) -> tuple[str, ...] | None:
    """Keys of the test evaluator's metrics; None of evaluators whose keys depend on the data, or that are not ours."""
    kind = kind_of(cfg)
    if kind == 'NuScenesDetMetric':
        return METRICS
    if kind == 'UAVMetric':
        from perception_kd.evaluation.uav.rules import UAVRules  # of this task alone

        evaluator = cfg.test_evaluator
        given = {name: evaluator[name] for name in signature(UAVRules).parameters if name in evaluator}
        return tuple(f'{prefix_of(cfg)}{name}' for name in UAVRules(**given).names)
    return None


def default_metrics(runs: Sequence[Run]) -> tuple[str, ...]:
    """Columns of a table for which none were asked."""
    if runs and kind_of(runs[0].cfg) == 'UAVMetric':
        return tuple(f'{prefix_of(runs[0].cfg)}{name}' for name in _OF_DRONES)
    return _COLUMNS


def prefix_of(cfg: Config) -> str:
    """Of a data set's name that stays before its figures."""
    prefix = f'{cfg.test_evaluator.get("prefix", "uav")}/'
    return '' if prefix in METRIC_PREFIXES else prefix
