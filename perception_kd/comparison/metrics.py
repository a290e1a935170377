"""Which metrics runs will have, as far as that can be told before they begin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from typing import TYPE_CHECKING, Any

from mmengine.config import Config

from perception_kd.engine.stages import METRIC_PREFIXES
from perception_kd.evaluation.report import METRICS

if TYPE_CHECKING:
    from perception_kd.comparison.runs import Run

_COLUMNS = ('mAP', 'NDS', 'mATE')
_OF_DRONES = ('AP', 'AP50', 'AP_vt', 'AP_t', 'recall', 'FPPI_negatives')
_FIRST = ('mAP', 'AP', 'EPE')


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
    kind = kind_of(runs[0].cfg) if runs else None
    if kind == 'UAVMetric':
        return tuple(f'{prefix_of(runs[0].cfg)}{name}' for name in _OF_DRONES)
    return _stereo_columns(runs[0].cfg) if kind == 'StereoMetric' else _COLUMNS


def first_metric(results: Sequence[Mapping[str, Any]]) -> str:
    """What finished runs are about."""
    known = list(dict.fromkeys(key for one in results for key in one['metrics']))
    return next((name for name in _FIRST if name in known), known[0] if known else '')


def prefix_of(cfg: Config) -> str:
    """What stays before the names of an evaluator's figures."""
    prefix = f'{cfg.test_evaluator.get("prefix", "uav")}/'
    return '' if prefix in METRIC_PREFIXES else prefix


def _stereo_columns(cfg: Config) -> tuple[str, ...]:
    """Figures of the first data set, of all pixels with truth: what both cameras see not every set knows."""
    from perception_kd.datasets.stereo.dataset import set_name  # of this task alone
    from perception_kd.evaluation.stereo.protocols import DEFAULT, protocol_of

    evaluator, dataset = cfg.test_evaluator, cfg.test_dataloader.dataset
    while 'datasets' in dataset:
        dataset = dataset.datasets[0]
    name = set_name(*(dataset.get(key) or '' for key in ('name', 'ann_file', 'layout')))
    rules = protocol_of(name, evaluator.get('protocol', DEFAULT), thresholds=evaluator.get('thresholds'))
    bad = 2 if 2 in rules.thresholds else rules.thresholds[0]
    return tuple(f'{name}/{figure}_all' for figure in ('EPE', f'BP-{bad:g}', 'D1'))
