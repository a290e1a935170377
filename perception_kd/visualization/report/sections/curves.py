"""How training went: losses, validation, learning rate, time."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from perception_kd.visualization.report.blocks import Block, Chart, Fold, Multiples, Section
from perception_kd.visualization.report.charts import Series, lines
from perception_kd.visualization.report.runs import Curve, Run, RunSet
from perception_kd.visualization.report.words import metric_title

PAIR_LOSS = 'loss_distill.'
VALIDATED = ('mAP_present', 'mAP', 'NDS', 'AP', 'AP50', 'AP_vt', 'AP_t', 'recall')
_LATER = {'lr': 'learning rate', 'grad_norm': 'norm of the gradient', 'time': 'seconds an iteration',
          'data_time': 'seconds waiting for data', 'memory': 'GPU memory in MB'}
_SMALL = 240
_STEREO = re.compile(r'.+/(EPE|BP-2)_(noc|all)')


def section(runs: RunSet) -> Section | None:
    """Curves of the first seed of each method; None where nothing was logged."""
    logged = [one.runs[0] for one in runs.methods if one.runs[0].training or one.runs[0].validation]
    if not logged:
        return None
    blocks = [*_task_loss(runs, logged), *_parts(runs, logged), *_validation(runs, logged), *_later(runs, logged)]
    return Section('curves', 'Training', _lead(runs, logged), blocks) if blocks else None


def task_loss(run: Run) -> Curve | None:
    """The total loss without what the pairs add: the same thing with and without distillation."""
    total = run.training.get('loss')
    if total is None:
        return None
    pairs = [curve for name, curve in run.training.items() if name.startswith(PAIR_LOSS) and len(curve) == len(total)]
    if pairs and not any(_is_part(name) for name in run.training):
        return None  # nothing is learned but what the teachers show
    return Curve(total.steps, total.values - sum((curve.values for curve in pairs), np.zeros(len(total))))


def _lead(runs: RunSet, logged: Sequence[Run]) -> str:
    several = any(len(one.runs) > 1 for one in runs.methods)
    pairs = any(name.startswith(PAIR_LOSS) for run in logged for name in run.training)
    text = 'Losses as they were logged, means over the iterations between two entries.'
    if pairs:
        text += ' What distillation adds is left out here, so that students with and without it can be compared.'
    return text + (' Of methods with several seeds the first is shown.' if several else '')


def _task_loss(runs: RunSet, logged: Sequence[Run]) -> list[Block]:
    curves = [(run, curve) for run in logged if (curve := task_loss(run)) is not None]
    if not curves:
        return []
    return [_chart('Task loss', runs, curves, 'iteration', 'loss', height=340)]


def _parts(runs: RunSet, logged: Sequence[Run]) -> list[Block]:
    """The losses that the task loss is made of, where there are several."""
    names = list(dict.fromkeys(name for run in logged for name in run.training if _is_part(name)))
    charts = [_chart(name, runs, _of(logged, name), 'iteration', 'loss', _SMALL) for name in names]
    return [Multiples(charts, 'The task loss, part by part.')] if len(charts) > 1 else []


def _is_part(name: str) -> bool:
    return 'loss' in name and name != 'loss' and not name.startswith(PAIR_LOSS)


def _validation(runs: RunSet, logged: Sequence[Run]) -> list[Block]:
    """Metrics that were taken during training, more than once."""
    charts = []
    for name in (*VALIDATED, *_of_stereo(logged)):
        curves = [(run, run.validation[name]) for run in logged if len(run.validation.get(name, ())) > 1]
        if curves and not _repeats(name, curves):
            title = metric_title(name)
            charts.append(_chart(title, runs, curves, 'epoch', title, _SMALL, markers=True))
    return [Multiples(charts, 'Validation during training.')] if charts else []


def _of_stereo(logged: Sequence[Run]) -> list[str]:
    """EPE and BP-2 of each data set where both cameras see, or of all pixels where nothing else was scored."""
    names = list(dict.fromkeys(name for run in logged for name in run.validation))
    found = [name for name in names if _STEREO.fullmatch(name)]
    return [name for name in found if name.endswith('_noc') or name.removesuffix('all') + 'noc' not in found]


def _repeats(name: str, curves: Sequence[tuple[Run, Curve]]) -> bool:
    """Whether mAP is what mAP over the classes present has shown already."""
    def same(run: Run, curve: Curve) -> bool:
        other = run.validation.get('mAP_present')
        return other is not None and len(other) == len(curve) and np.allclose(other.values, curve.values)

    return name == 'mAP' and all(same(run, curve) for run, curve in curves)


def _later(runs: RunSet, logged: Sequence[Run]) -> list[Block]:
    charts = [_chart(title, runs, _of(logged, name), 'iteration', title, _SMALL) for name, title in _LATER.items()
              if _of(logged, name)]
    return [Fold('Learning rate, gradient and time', [Multiples(charts)])] if charts else []


def _of(logged: Sequence[Run], name: str) -> list[tuple[Run, Curve]]:
    return [(run, run.training[name]) for run in logged if name in run.training]


def _chart(name: str, runs: RunSet, curves: Sequence[tuple[Run, Curve]], x: str, y: str, height: int,
           markers: bool = False) -> Chart:
    series = [Series(run.method or run.title, curve.steps.tolist(), curve.values.tolist(), runs.position(run))
              for run, curve in curves]
    return lines(name, series, x=x, y=y, height=height, markers=markers)
