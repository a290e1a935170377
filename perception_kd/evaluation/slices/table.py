"""The scores of slices, and what was evaluated, as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from perception_kd.evaluation.report import ERRORS
from perception_kd.evaluation.resampling.text import bookkeeping, format_range
from perception_kd.evaluation.slices.scores import SliceScore


def format_slices(scores: Sequence[SliceScore], meta: Mapping[str, Any]) -> str:
    """One line a slice.

    Args:
        scores: In the order of the lines.
        meta: As in ``answers``, with ``min_boxes`` and ``resamples``.
    """
    lines = [f'{"slice":<28}{"boxes":>8}{"scenes":>7}{"AP":>8}  {"95 % of AP":<17}'
             + ''.join(f'{name:>8}' for name in ERRORS.values())]
    family = ''
    for score in scores:
        if score.family != family and family:
            lines.append('')
        family = score.family
        lines.append(_line(score))
    lines += ['', f'AP and errors: means over the classes with at least {meta["min_boxes"]} true boxes in the slice, '
                  'blank where none has']
    return '\n'.join([*lines, *bookkeeping(meta)])


def title(one: Any) -> str:
    """Name in a table of what has ``family`` and ``name``: a slice or its result."""
    return one.name if one.family in ('all', 'class') else f'{one.family}: {one.name}'


def _line(score: SliceScore) -> str:
    place = f'{title(score):<28}{score.boxes:>8}{score.scenes:>7}'
    if score.ap is None:
        return place
    errors = ''.join(f'{score.errors[name]:>8.3f}' if name in score.errors else ' ' * 8 for name in ERRORS.values())
    return f'{place}{score.ap:>8.3f}  {format_range(score.ap_interval):<17}{errors}'.rstrip()
