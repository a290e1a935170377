"""One picture of a sequence: background, targets before and behind things, lens, sensor, coding."""

from dataclasses import dataclass

import cv2
import numpy as np

from perception_kd.simulation.uav.panorama import Panorama
from perception_kd.simulation.uav.sensor import Sensor, develop
from perception_kd.simulation.uav.target import Patch, Shot, Target, render_target
from perception_kd.simulation.uav.truth import Sight, inside, sight_of
from perception_kd.simulation.uav.weather import Weather


@dataclass(frozen=True)
class Frame:
    """picture (H, W, 3) uint8 in OpenCV's BGR order; sights: what is in it."""

    picture: np.ndarray
    sights: tuple[Sight, ...]


def take(panorama: Panorama, targets: tuple[Target, ...], shot: Shot, weather: Weather, sensor: Sensor, budget: int,
         rng: np.random.Generator) -> Frame:  # fmt: skip
    """A picture and its truth."""
    light, sights = expose(panorama, targets, shot, weather, budget)
    return Frame(develop(light, sensor, rng), sights)


def expose(panorama: Panorama, targets: tuple[Target, ...], shot: Shot, weather: Weather,
           budget: int) -> tuple[np.ndarray, tuple[Sight, ...]]:  # fmt: skip
    """Linear light (H, W, 3) on a perfect sensor behind a perfect lens, and what is to be seen."""
    places = panorama.place(shot.lens, shot.path.rotation(shot.middle))
    smear = smear_of(shot)
    picture = _smeared(panorama.view(places), smear)
    patches = [(target, render_target(target, shot, weather, budget)) for target in targets]
    patches = sorted([pair for pair in patches if pair[1]], key=lambda pair: -pair[1].distance)
    size, seen = (shot.lens.width, shot.lens.height), {}
    for target, patch in patches:
        rows, columns = inside(patch, size)
        here = (slice(patch.top + rows.start, patch.top + rows.stop),
                slice(patch.left + columns.start, patch.left + columns.stop))  # fmt: skip
        near = panorama.before(places[here], patch.distance)
        cover, tint = patch.coverage[rows, columns], patch.colour[rows, columns]
        behind, shown = picture[here], np.zeros_like(patch.coverage)
        contrast = _contrast(behind, tint, cover)
        if near is None:
            picture[here] = behind * (1 - cover[..., None]) + tint
            shown[rows, columns] = cover
        else:
            front, alpha = (_smeared(part, smear) for part in near)
            through = 1 - alpha
            picture[here] = behind - cover[..., None] * (behind - front) + through[..., None] * tint
            shown[rows, columns] = through * cover
        for other, (earlier, before, weber) in seen.items():
            seen[other] = earlier, _hidden_by(earlier, before, patch), weber
        seen[target.track] = patch, shown, contrast
    sights = [sight_of(target, *seen[target.track], size) for target, _ in patches]
    return picture, tuple(sorted((sight for sight in sights if sight), key=lambda sight: sight.track))


def _contrast(behind: np.ndarray, tint: np.ndarray, cover: np.ndarray) -> float:
    """Mean difference of light (h, w, 3), times ``cover`` (h, w), from what is behind it, as a share of that."""
    hidden = cover[..., None] * behind
    return float(np.abs(tint - hidden).sum() / max(float(hidden.sum()), 1e-9))


def _hidden_by(far: Patch, seen: np.ndarray, near: Patch) -> np.ndarray:
    """``seen`` (h, w) of a far target less what a nearer one covers."""
    height, width = seen.shape
    y, x = near.top - far.top, near.left - far.left
    rows = slice(max(y, 0), min(y + near.coverage.shape[0], height))
    columns = slice(max(x, 0), min(x + near.coverage.shape[1], width))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return seen
    seen = seen.copy()
    seen[rows, columns] *= 1 - near.coverage[rows.start - y:rows.stop - y, columns.start - x:columns.stop - x]
    return seen


def smear_of(shot: Shot) -> np.ndarray | None:
    """Kernel (k, k) that blurs what is far as the camera turns during the exposure; None if that is too little."""
    ahead = shot.path.rotation(shot.middle) @ np.array([0, 0, 1.0])
    ends = [shot.lens.project(ahead @ shot.path.rotation(time)) for time in (shot.begin, shot.begin + shot.shutter)]
    way = ends[1] - ends[0]
    reach = int(np.ceil(np.abs(way).max() / 2))
    if np.abs(way).max() < 0.3:
        return None
    kernel = np.zeros((2 * reach + 1,) * 2, np.float32)
    for share in np.linspace(-0.5, 0.5, 8 * reach + 8):
        x, y = share * way + reach
        column, row = min(int(x), 2 * reach - 1), min(int(y), 2 * reach - 1)
        u, v = x - column, y - row
        kernel[row:row + 2, column:column + 2] += np.outer((1 - v, v), (1 - u, u))
    return kernel / kernel.sum()


def _smeared(picture: np.ndarray, smear: np.ndarray | None) -> np.ndarray:
    return picture if smear is None else cv2.filter2D(picture, -1, smear, borderType=cv2.BORDER_REPLICATE)
