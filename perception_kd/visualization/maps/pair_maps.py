"""The maps of one pair: what it compares, where it counts, before and after training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from perception_kd.distill.pair import Pair
from perception_kd.structures import BEVGrid
from perception_kd.visualization.maps.bev_map import BEVMap, Scale, limits_of
from perception_kd.visualization.maps.observe import PairView, Values

TIMES = ('before', 'after')
FEATURES, SINGLE, HEAD = ('RMS of the channels, as the loss sees them', 'The one channel, as the loss sees it',
                          'Probability of the likeliest class')
"""What the strength of a cell is in maps of features, in maps of one channel, and of heads."""


def pair_maps(name: str, before: PairView | None, after: PairView, *, what: str = FEATURES) -> dict[str, BEVMap]:
    """Maps of a pair by the last part of their names, all of one kind on one colour scale.

    Args:
        name: Of the pair; the maps' group.
        before, after: Of the models before and after training; None: there is the second one alone. Mask, target scale
            and teacher are those of ``after``.
        what: What strengths are, for people.

    Returns:
        ``teacher``, ``student/before``, ``student/after``, ``difference/...``, ``distance/...`` and ``change`` (not the
        last three where channels differ), ``mask`` and ``target_scale`` where the pair has them.
    """
    maker = _Maker(name, after.grid)
    views = {time: view for time, view in zip(TIMES, (before, after)) if view is not None}
    said = {time: f', {time} training' if before is not None else '' for time in views}
    target = 'Teacher, times the target scale' if after.scale is not None else 'Teacher'
    maker.add('sequential', {
        'teacher': (after.teacher, target, f'What the student is drawn to. {what}.'),
        **{f'student/{time}': (view.student, f'Student{said[time]}', f'{what}; same scale as the teacher.')
           for time, view in views.items()}})
    maker.add('diverging', {
        f'difference/{time}': (view.student - view.teacher, f'Difference{said[time]}',
                               'Student less teacher: red stronger, blue weaker. White need not mean equal.')
        for time, view in views.items()})
    if all(view.distance is not None for view in views.values()):
        _add_distances(maker, views, said)
    if after.mask is not None:
        maker.add('mask', {'mask': (after.mask, 'Mask', f'How much a cell counts; mean {after.mask.mean():.2g}.')})
    if after.scale is not None:
        maker.add('mask', {'target_scale': (after.scale, 'Target scale', 'What the teacher is multiplied by.')})
    return maker.maps


def meaning(pair: Pair) -> str:
    """What the strengths of a pair's maps are."""
    if pair.teacher.kind == 'head':
        return HEAD
    return SINGLE if pair.teacher.channels == 1 else FEATURES


def _add_distances(maker: _Maker, views: dict[str, PairView], said: dict[str, str]) -> None:
    weighted = ', times the mask' if views['after'].mask is not None else ''
    maker.add('sequential', {
        f'distance/{time}': (view.distance, f'Distance{said[time]}',
                             f'How far the two are apart, cell by cell{weighted}; mean {view.distance.mean():.3g}.')
        for time, view in views.items()})
    if 'before' in views:
        maker.add('diverging', {'change': (
            views['after'].distance - views['before'].distance, 'Distance, after \N{MINUS SIGN} before',
            'Blue: training has brought the student closer there; red: away.')})


def mean_view(views: Sequence[PairView]) -> PairView:
    """One pair's views of several samples, averaged cell by cell; a map that one of them lacks is left out."""
    means = {}
    for field in fields(PairView):
        values = [getattr(view, field.name) for view in views]
        if field.name == 'grid':
            means['grid'] = values[0]
        else:
            means[field.name] = None if any(value is None for value in values) else np.mean(values, axis=0)
    return PairView(**{**means, 'loss': float(means['loss'])})


class _Maker:
    """Gathers maps; those that are added together share one colour scale."""

    def __init__(self, group: str, grid: BEVGrid) -> None:
        self.group, self.grid, self.maps = group, grid, {}

    def add(self, scale: Scale, several: dict[str, tuple[Values, str, str]]) -> None:
        """Args: ``scale``; by name the values, the title and one line about them."""
        limits = limits_of([values for values, _, _ in several.values()], scale)
        for part, (values, title, about) in several.items():
            self.maps[part] = BEVMap(f'{self.group}/{part}', title, values, self.grid, scale, group=self.group,
                                     limits=limits, about=about)
