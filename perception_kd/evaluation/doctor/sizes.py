"""Mistakes of the size: width and length swapped, another order, another unit; and of the height of the centre."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import numpy as np

from perception_kd.evaluation.doctor.cures import Cure, resized, shifted
from perception_kd.evaluation.doctor.evidence import ENOUGH, Floats, Pairs, Trial, attempt, best
from perception_kd.evaluation.doctor.frames import Frames
from perception_kd.evaluation.fast.boxes import BoxArrays
from perception_kd.evaluation.fast.errors import pair_errors

SIZE_FLOOR = 0.15
"""Of the scale error, 0 to 1."""
HEIGHT_FLOOR = 0.25
"""m of the centre's height."""
LONGISH = 1.5
"""Ratio of the sides from which on a box tells its length from its width."""
FACTORS = (0.5, 2.0, 0.1, 10.0, 0.01, 100.0, 0.001, 1000.0)

_NAMES = 'wlh'


def scale_error(truth: BoxArrays, predicted: BoxArrays) -> Floats:
    """``(N,)`` the metric's scale error."""
    return pair_errors(truth, predicted)['scale_err']


def height_error(truth: BoxArrays, predicted: BoxArrays) -> Floats:
    """``(N,)`` m between the heights of the centres."""
    return np.abs(predicted.translation[:, 2] - truth.translation[:, 2])


def find_swap(pairs: Pairs) -> Trial | None:
    """Width and length the wrong way round; only longish boxes can tell."""
    sides = np.sort(pairs.truth.size[:, :2], axis=1)
    longish = pairs.take(sides[:, 1] >= LONGISH * sides[:, 0])
    cure = Cure('size_swapped', 'width and length are swapped', lambda boxes, frames: resized(boxes, (1, 0, 2)))
    trial = attempt(longish, cure, scale_error, SIZE_FLOOR)
    return trial if trial.convincing else None


def find_size(pairs: Pairs) -> Trial | None:
    """Another order of the three sizes, or another unit."""
    orders = [order for order in permutations(range(3)) if order not in ((0, 1, 2), (1, 0, 2))]
    cures = [Cure('size_scale', f'sizes are multiplied by {factor:g}', _sized((0, 1, 2), factor)) for factor in FACTORS]
    cures += [Cure('size_order', f'sizes are read as ({", ".join(_NAMES[_back(order)[i]] for i in range(3))}) '
                   'instead of (w, l, h)', _sized(order, 1.0)) for order in orders]
    return best(pairs, cures, scale_error, SIZE_FLOOR)


def find_height(pairs: Pairs) -> Trial | None:
    """Height of the bottom or top in the place of the centre's, or a constant offset."""
    if len(pairs) < ENOUGH:
        return None
    cures = [Cure('height_bottom', 'half the height is added to z', _raised(0.5)),
             Cure('height_top', 'half the height is taken from z', _raised(-0.5))]
    offset = float(np.median(pairs.truth.translation[:, 2] - pairs.predicted.translation[:, 2]))
    if abs(offset) >= HEIGHT_FLOOR:
        cures.append(Cure('height_offset', f'z is raised by {offset:+.2f} m',
                          lambda boxes, frames: shifted(boxes, np.array([0, 0, offset]))))
    return best(pairs, cures, height_error, HEIGHT_FLOOR)


def _back(order: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(order.index(place) for place in range(3))


def _sized(order: tuple[int, ...], factor: float) -> Callable[[BoxArrays, Frames], BoxArrays]:
    return lambda boxes, frames: resized(boxes, order, factor)


def _raised(share: float) -> Callable[[BoxArrays, Frames], BoxArrays]:
    def change(boxes: BoxArrays, frames: Frames) -> BoxArrays:
        return shifted(boxes, boxes.size[:, 2:] * [[0.0, 0.0, share]])
    return change
