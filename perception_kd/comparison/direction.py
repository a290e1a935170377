"""Which metrics grow with quality."""

from __future__ import annotations

_TOTALS, _BEGINNINGS = ('mAP', 'NDS', 'mAP_present'), ('AP', 'AR', 'precision', 'recall', 'F1', 'best_F1')


def better_when_higher(metric: str) -> bool:
    """Whether a metric is known to grow with quality; errors do not, and of those of other evaluators nobody knows."""
    name = metric.rpartition('/')[2]
    return name in _TOTALS or name.endswith('_AP') or (name.startswith(_BEGINNINGS) and name != 'best_F1_score')
