"""From gradients to a table of teachers that says which differences are more than noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from perception_kd.engine.closing_table import format_table
from perception_kd.selection.score import SMOOTHING, GraceScore, bootstrap, grace

COLUMNS = (('GRACE', 'score'), ('2.5 %', 'low'), ('97.5 %', 'high'), ('directions', 'directions'), ('norm', 'norm'),
           ('consistency', 'consistency'), ('metric', 'metric'), ('against the first', 'verdict'))


def rank(gradients: Mapping[str, Tensor], metrics: Mapping[str, float], *, splits: int = 10,
         smoothing: float = SMOOTHING, seed: int = 0) -> list[dict[str, Any]]:
    """Rows of the table, best first.

    ``low`` and ``high`` hold 95 % of the scores on samples drawn anew. ``verdict``: a teacher is ``worse`` than the
    first one where it is so in 97.5 % of the draws of the same samples, else ``within noise``.

    Args:
        gradients: ``(N, V, d)`` by teacher, of the same samples and views.
        metrics: What is known of teachers, by name.
        splits, smoothing, seed: See :func:`~perception_kd.selection.score.grace`.
    """
    scores = {name: grace(value, splits=splits, smoothing=smoothing, seed=seed) for name, value in gradients.items()}
    names = sorted(scores, key=lambda name: scores[name].score)
    draws = bootstrap(torch.stack([scores[name].parts for name in names]), seed=seed)
    behind = (draws - draws[:, :1]).quantile(0.025, dim=0)
    verdicts = ['first', *('worse' if least > 0 else 'within noise' for least in behind[1:].tolist())]
    return [_row(name, scores[name], draws[:, place], metrics.get(name), verdicts[place])
            for place, name in enumerate(names)]


def format_rows(rows: Sequence[Mapping[str, Any]]) -> str:
    """The table."""
    return format_table([(row['name'], {key: _cell(row[key]) for _, key in COLUMNS}) for row in rows], COLUMNS)


def _row(name: str, score: GraceScore, draws: Tensor, metric: float | None, verdict: str) -> dict[str, Any]:
    low, high = draws.quantile(torch.tensor([0.025, 0.975], dtype=draws.dtype)).tolist()
    return dict(name=name, score=score.score, low=low, high=high, directions=score.directions, norm=score.norm,
                consistency=score.consistency, metric=metric, verdict=verdict)


def _cell(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else f'{value:.4g}'
