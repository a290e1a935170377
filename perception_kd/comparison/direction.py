"""Which metrics grow with quality, and which fall."""

from __future__ import annotations

_TOTALS, _BEGINNINGS = ('mAP', 'NDS', 'mAP_present'), ('AP', 'AR', 'precision', 'recall', 'F1', 'best_F1')
_ERRORS, _ERROR_ENDS = ('EPE', 'BP-', 'D1', 'FPPI'), ('ATE', 'ASE', 'AOE', 'AVE', 'AAE')


def direction(metric: str) -> int:
    """1 of a metric that grows with quality, -1 of an error, 0 where nobody knows: other evaluators, thresholds."""
    name = metric.rpartition('/')[2]
    if name == 'best_F1_score':
        return 0
    if name in _TOTALS or name.endswith('_AP') or name.startswith(_BEGINNINGS):
        return 1
    return -1 if name.startswith(_ERRORS) or name.endswith(_ERROR_ENDS) else 0
