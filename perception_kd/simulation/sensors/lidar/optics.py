"""How much laser light comes back: material, incidence, range, glass, water on the road, rain in the air."""

from dataclasses import dataclass

import numpy as np

from perception_kd.simulation.poses import dot
from perception_kd.simulation.snapshot import Hits, Snapshot
from perception_kd.simulation.textures import paint

_BEAM_ANGLE = 0.003
_REACH = 22.0
"""At this range in m one step of intensity is just about enough to be detected."""
_RAIN_LOSS = 0.012
_PANES, _PANE_LOSS = 2, 0.6
_SHINE = 3.0
RETRO = 0.8
"""Reflectivity above which a surface is a retro-reflector."""


@dataclass
class Returns:
    """One entry for each ray: distance (N,) in m, intensity (N,) 0..255, and whether anything comes back."""

    distance: np.ndarray
    intensity: np.ndarray
    found: np.ndarray

    def in_columns(self, rings: int) -> 'Returns':
        """Views of the same numbers, (columns, rings)."""
        return Returns(*(x.reshape(-1, rings) for x in (self.distance, self.intensity, self.found)))


def illuminate(
    snapshot: Snapshot, origin: np.ndarray, directions: np.ndarray, reach: float, rng: np.random.Generator
) -> Returns:
    """What each ray from ``origin`` (3,) along ``directions`` (N, 3) brings back within ``reach`` m."""
    light = snapshot.world.light
    hits, passed = _through_glass(snapshot, origin, directions, rng)
    index = np.flatnonzero(hits.found & (hits.distance < reach))
    seen = hits.chosen(index)
    normal = snapshot.normals.take(seen.triangle, 0)
    slant = np.abs(dot(normal, directions.take(index, 0)))
    _, reflectivity = paint(snapshot, seen, seen.distance * _BEAM_ANGLE / np.maximum(slant, 0.05))
    reflectivity = reflectivity * _PANE_LOSS ** passed[index]
    reflectivity *= matt_share(slant, snapshot.surfaces.gloss.take(seen.triangle))
    if light.wetness:
        reflectivity *= np.where(normal[:, 2] > 0.9, wet_share(slant, light.wetness), 1)
    intensity = np.zeros(len(directions))
    value = returned(reflectivity, slant, seen.distance, light.rain)
    value = value * rng.normal(1, 0.08, len(value)) + rng.normal(0, 0.8, len(value))
    intensity[index] = np.clip(np.round(value), 0, 255)
    found = np.zeros(len(directions), bool)
    found[index] = True
    return Returns(hits.distance.astype(float), intensity, found)


def _through_glass(
    snapshot: Snapshot, origin: np.ndarray, directions: np.ndarray, rng: np.random.Generator
) -> tuple[Hits, np.ndarray]:
    """First hits after up to two panes that let the light through, and how many (N,) each ray passed."""
    hits = snapshot.cast(origin, directions)
    passed = np.zeros(len(directions))
    active = np.arange(len(directions))
    for _ in range(_PANES):
        clear = snapshot.surfaces.clear.take(hits.triangle[active], mode='wrap')
        index = active[hits.found[active] & (clear > 0)]
        index = index[rng.random(len(index)) < snapshot.surfaces.clear.take(hits.triangle[index])]
        behind = hits.distance[index, None] + np.float32(0.01)
        further = snapshot.cast(origin + directions[index] * behind, directions[index])
        hits.distance[index] = behind[:, 0] + further.distance
        hits.triangle[index], hits.barycentric[index] = further.triangle, further.barycentric
        passed[index] += 2  # There and back.
        active = index
    return hits, passed


def matt_share(slant: np.ndarray, gloss: np.ndarray) -> np.ndarray:
    """Share (N,) of light that gloss does not throw away forwards; all of it at right angles."""
    return 1 - np.minimum(_SHINE * gloss, 0.85) * (1 - slant)


def wet_share(slant: np.ndarray, wetness: float) -> np.ndarray:
    """Share (N,) of light that a wet road returns: water darkens it, and at flat angles it is a mirror."""
    return (1 - 0.45 * wetness) * (1 - 0.95 * wetness * (1 - slant) ** 3)


def returned(
    reflectivity: np.ndarray, slant: np.ndarray, distance: np.ndarray, rain: float = 0.0
) -> np.ndarray:
    """Mean intensity (N,) 0..255. Rough surfaces return with less than the cosine of incidence (Oren and Nayar,
    1994) and stay below 100, as calibrated sensors report them; retro-reflectors reach 255 at any angle."""
    matt = 110 * np.minimum(reflectivity, RETRO) * slant**0.6
    retro = 900 * np.maximum(reflectivity - RETRO, 0)
    return np.clip((matt + retro) * np.exp(-distance * (1 / 180 + 2 * _RAIN_LOSS * rain)), 0, 255)


def detection(returns: Returns) -> np.ndarray:
    """Chance (N,) that a return is detected: what is dark or distant gets lost."""
    signal = (returns.intensity + 0.7) * (_REACH / np.maximum(returns.distance, 1.0)) ** 2
    return 0.985 * (1 - np.exp(-signal / 1.2))
