"""The slices that people ask for: light, weather, distance, speed, visibility, camera sector, LiDAR points, class."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import numpy as np

from perception_kd.evaluation.fast.boxes import LABELS, BoxArrays, Floats, Mask
from perception_kd.evaluation.fast.truth import Truth
from perception_kd.evaluation.slices.sectors import Camera, sectors
from perception_kd.evaluation.slices.slice import Slice

STANDING, SLOW = 0.2, 5.0
"""m/s. Below the first an object gets the attribute of a standing one in result files; the second is fast on foot."""

VISIBILITIES = ('0-40 %', '40-60 %', '60-80 %', '80-100 %')
UNKNOWN = 'unknown'
_NIGHT, _RAIN = re.compile(r'\bnight', re.IGNORECASE), re.compile(r'\brain', re.IGNORECASE)


def default_slices(*, distances: Sequence[float] = (20.0, 30.0), points: Sequence[int] = (5, 20, 100),
                   speeds: Sequence[float] = (STANDING, SLOW), cameras: Sequence[Camera] = ()) -> list[Slice]:
    """The whole split (``all``), light, weather, distance, speed, visibility, sector, LiDAR points and class.

    Night and rain are what the scene's description says, as in nuScenes ("Night, after rain, ..."); a scene that
    does not say is by day, or dry. Speed is over ground; a true box without a velocity (its object has no neighbour
    in time) has the speed ``unknown``, and no false alarm has.

    Args:
        distances: Borders of the rings around the ego car in m.
        points: Borders of the numbers of LiDAR points.
        speeds: Borders of the speeds in m/s.
        cameras: Of the rig (:func:`~perception_kd.evaluation.slices.sectors.load_cameras`); without any, the
            sectors are front, left, back and right.

    Raises:
        ValueError: borders that do not rise from above 0.
    """
    rings, counts, rates = _ranges('distances', distances), _ranges('points', points), _ranges('speeds', speeds)
    return [
        Slice('all', 'all'),
        Slice('light', 'day', scene=lambda row: not _NIGHT.search(row['description'])),
        Slice('light', 'night', scene=lambda row: bool(_NIGHT.search(row['description']))),
        Slice('weather', 'dry', scene=lambda row: not _RAIN.search(row['description'])),
        Slice('weather', 'rain', scene=lambda row: bool(_RAIN.search(row['description']))),
        *(_distance(low, high) for low, high in rings),
        *(_speed(low, high) for low, high in rates),
        _of_boxes('speed', UNKNOWN, lambda boxes: np.isnan(boxes.velocity).any(axis=1)),
        *(_visibility(level) for level in range(1, 5)),
        *(_sector(name, inside) for name, inside in sectors(cameras).items()),
        *(_points(low, high) for low, high in counts),
        *(_class(name) for name in LABELS)]


def find_slice(text: str, slices: Sequence[Slice]) -> Slice:
    """A slice by ``family=value``: a value of ``slices``, or any range of distance, speed or LiDAR points.

    Args:
        text: ``light=night``, ``distance=0-20``, ``speed=8+``, ``lidar-points=5-19``, ``visibility=0-40``,
            ``class=car``, ``camera=CAM_BACK`` ...
        slices: Those of :func:`default_slices`.

    Raises:
        ValueError: no such family or value; names those there are.
    """
    family, _, value = text.partition('=')
    chosen, ranged = of_families([family], slices), _RANGED.get(family)
    for one in chosen:
        if value in (one.name, one.name.split(' ')[0]):
            return one
    match = re.fullmatch(r'(\d+(?:\.\d+)?)(?:-(\d+(?:\.\d+)?)|\+)', value)
    if match is None or ranged is None:
        names = ', '.join(one.name for one in chosen)
        raise ValueError(f'slice {text!r}: {family} has {names}' + (', and any LOW-HIGH or LOW+' if ranged else ''))
    low, high = (float(border) if border else np.inf for border in match.groups())
    if low >= high:
        raise ValueError(f'slice {text!r}: the range is empty')
    return ranged(low, high)


def of_families(keys: Iterable[str], slices: Sequence[Slice]) -> list[Slice]:
    """The slices of these families, by :func:`key_of`.

    Raises:
        ValueError: no such family; names those there are.
    """
    known = list(dict.fromkeys(key_of(one.family) for one in slices))
    found = []
    for key in keys:
        if key not in known:
            raise ValueError(f'no family of slices {key!r}; there are {", ".join(known)}')
        found += [one for one in slices if key_of(one.family) == key]
    return found


def key_of(family: str) -> str:
    """How a family is written on a command line."""
    return family.lower().replace(' ', '-')


def _ranges(what: str, borders: Sequence[float]) -> list[tuple[float, float]]:
    edges = [0.0, *borders, float('inf')]
    if not all(low < high for low, high in pairwise(edges)):  # NaN is neither
        raise ValueError(f'slices: {what} must rise from above 0, got {list(borders)}')
    return list(pairwise(edges))


def _label(low: float, high: float, unit: str) -> str:
    return f'{low:g}+ {unit}' if high == float('inf') else f'{low:g}-{high:g} {unit}'


def _of_boxes(family: str, name: str, within: Callable[[BoxArrays], Mask]) -> Slice:
    """By something that true and predicted boxes have."""
    return Slice(family, name, truth=lambda truth: within(truth.boxes),
                 predicted=lambda truth, boxes: within(boxes))


def _distance(low: float, high: float) -> Slice:
    return _of_boxes('distance', _label(low, high, 'm'), lambda boxes: _within(boxes.ego_distance, low, high))


def _speed(low: float, high: float) -> Slice:
    return _of_boxes('speed', _label(low, high, 'm/s'),
                     lambda boxes: _within(np.linalg.norm(boxes.velocity, axis=1), low, high))


def _class(name: str) -> Slice:
    return _of_boxes('class', name, lambda boxes: boxes.label == LABELS[name])


def _visibility(level: int) -> Slice:
    return Slice('visibility', VISIBILITIES[level - 1], truth=lambda truth: truth.visibility == level)


def _points(low: float, high: float) -> Slice:
    """At least ``low`` points and less than ``high``."""
    name = _label(low, high - 1 if high < np.inf else high, 'points')
    return Slice('LiDAR points', name, truth=lambda truth: _within(truth.num_lidar_pts, low, high))


def _sector(name: str, inside: Callable[[Truth, BoxArrays], Mask]) -> Slice:
    return Slice('camera', name, truth=lambda truth: inside(truth, truth.boxes), predicted=inside)


def _within(values: Floats, low: float, high: float) -> Mask:
    return (low <= values) & (values < high)


_RANGED: dict[str, Callable[[float, float], Slice]] = {
    'distance': _distance, 'speed': _speed, 'lidar-points': lambda low, high: _points(low, high + 1)}
