"""A flying thing in the picture: rays through its pixels, each at its own moment of the exposure.

Distributed ray tracing (Cook, Porter and Carpenter 1984): the samples of a pixel are spread over its area and over the
exposure alike, so that one cast gives partial coverage, motion blur and turning rotors.
"""

from dataclasses import dataclass

import numpy as np
import open3d as o3d

from perception_kd.simulation.uav.bodies.body import Body, Rotor, plane_of
from perception_kd.simulation.uav.cameraman import CameraPath, Lens
from perception_kd.simulation.uav.flight import Attitude, Flight
from perception_kd.simulation.uav.weather import Weather

SLOTS = 8
"""Moments of an exposure."""
_FEWEST, _MOST = 16, 128
"""Rays of a pixel."""
_MARGIN = 2


@dataclass(frozen=True)
class Target:
    """A body on its way; ``track`` is its number in the sequence."""

    body: Body
    flight: Flight
    attitude: Attitude
    track: int

    def pose(self, time: float) -> tuple[np.ndarray, np.ndarray]:
        """(3, 3) world from body, and (3,) place in m."""
        return self.attitude.rotation(self.flight, time), self.flight.position(time)


@dataclass(frozen=True)
class Shot:
    """A camera during one exposure.

    Args:
        lens: The camera.
        path: Where it looks.
        begin: s.
        shutter: s.
    """

    lens: Lens
    path: CameraPath
    begin: float
    shutter: float

    @property
    def middle(self) -> float:
        """Time in s of its middle."""
        return self.begin + self.shutter / 2

    def moments(self) -> np.ndarray:
        """(SLOTS,) times in s."""
        return self.begin + (np.arange(SLOTS) + 0.5) / SLOTS * self.shutter

    def sees(self, target: Target, points: np.ndarray, time: float) -> np.ndarray:
        """Places (N, 2) in the picture of points (N, 3) of a target's body."""
        turn, place = target.pose(time)
        return self.lens.project((points @ turn.T + place) @ self.path.rotation(time))


@dataclass(frozen=True)
class Patch:
    """The pixels of a target, which may reach over the picture's border.

    Args:
        left, top: Column and row of its first pixel.
        colour: (h, w, 3) linear RGB times ``coverage``.
        coverage: (h, w) share of a pixel's area and exposure in which it sees the target.
        distance: m.
    """

    left: int
    top: int
    colour: np.ndarray
    coverage: np.ndarray
    distance: float


def render_target(target: Target, shot: Shot, weather: Weather, budget: int) -> Patch | None:
    """The target as the camera sees it, with nothing before it; None if it is out of the picture.

    Args:
        target: What.
        shot: By what camera, and when.
        weather: Light and air.
        budget: Rays, about.
    """
    mesh = target.body.shape(shot.middle)
    outline = np.concatenate([mesh.points, *(rotor.rim() for rotor in target.body.rotors)])
    ends = np.concatenate([shot.sees(target, outline, time) for time in (shot.begin, shot.begin + shot.shutter)])
    if np.isnan(ends).any():
        return None
    left, top = np.floor(ends.min(0)).astype(int) - _MARGIN
    right, bottom = np.ceil(ends.max(0)).astype(int) + _MARGIN
    size = right - left, bottom - top
    if right <= 0 or bottom <= 0 or left >= shot.lens.width or top >= shot.lens.height or max(size) > 4000:
        return None
    each = SLOTS * int(np.clip(budget / (size[0] * size[1]) / SLOTS, _FEWEST / SLOTS, _MOST / SLOTS))
    origins, rays = _rays(target, shot, (left, top), size, each)
    caster = o3d.t.geometry.RaycastingScene(nthreads=1)
    caster.add_triangles(o3d.core.Tensor(np.ascontiguousarray(mesh.points, np.float32)),
                         o3d.core.Tensor(np.ascontiguousarray(mesh.faces, np.uint32)))  # fmt: skip
    turn, place = target.pose(shot.middle)
    light = _Light(weather, turn, target.body)
    reach, colour = light.of_mesh(caster, mesh, origins, rays)
    times = np.resize(shot.moments().astype(np.float32), len(rays))
    for rotor in target.body.rotors:
        _lay_rotor(rotor, times, origins, rays, reach, colour, light.of_rotor(rotor))
    met = np.isfinite(reach).astype(np.float32).reshape(size[1], size[0], each)
    coverage = met.mean(-1)
    mean = colour.reshape(size[1], size[0], each, 3).mean(2)
    distance = float(np.linalg.norm(place))
    air = float(weather.air(distance))
    mean = (1 - air) * mean + air * coverage[..., None] * weather.sky((place / distance).astype(np.float32))
    return Patch(int(left), int(top), mean.astype(np.float32), coverage, distance)


def _rays(target: Target, shot: Shot, corner: tuple[int, int], size: tuple[int, int],
          each: int) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Origins and directions (h * w * each, 3) in the body's frame; sample k of a pixel is of moment k % SLOTS."""
    columns, rows = np.meshgrid(np.arange(size[0]) + corner[0], np.arange(size[1]) + corner[1])
    places = np.stack([columns, rows], -1)[:, :, None] + spread(each)
    rays = shot.lens.rays(places.astype(np.float32)).reshape(-1, each // SLOTS, SLOTS, 3)
    origins = np.empty_like(rays)
    for slot, time in enumerate(shot.moments()):
        turn, place = target.pose(time)
        rays[:, :, slot] = rays[:, :, slot] @ (turn.T @ shot.path.rotation(time)).T.astype(np.float32)
        origins[:, :, slot] = -turn.T @ place
    rays = rays.reshape(-1, 3)
    return origins.reshape(-1, 3), rays / np.linalg.norm(rays, axis=1, keepdims=True)


def spread(count: int) -> np.ndarray:
    """(count, 2) places in a unit square, even over all of it and over every ``SLOTS``-th of them: steps across, the
    golden ratio down, both shifted from slot to slot."""
    number, slot = np.divmod(np.arange(count), SLOTS)
    across = (number + (slot * 5 % SLOTS + 0.5) / SLOTS) * SLOTS / count
    return np.stack([across, (number * 0.6180339887 + slot * 0.7548776662 + 0.25) % 1], -1)


class _Light:
    """Light on a body that lies in the air in a certain way.

    Args:
        weather: Where it comes from.
        turn: (3, 3) world from body.
        body: Its paints.
    """

    def __init__(self, weather: Weather, turn: np.ndarray, body: Body) -> None:
        self.weather = weather
        self.sun = (turn.T @ weather.sun).astype(np.float32)
        self.up = -turn[1].astype(np.float32)
        self.colours = np.array([paint.colour for paint in body.paints], np.float32)
        self.gloss = np.array([paint.gloss for paint in body.paints], np.float32)

    def of_mesh(self, caster: o3d.t.geometry.RaycastingScene, mesh, origins: np.ndarray,
                rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """Distance (N,), inf where nothing is met, and light (N, 3) along rays."""
        found = caster.cast_rays(o3d.core.Tensor(np.concatenate([origins, rays], 1)), nthreads=1)
        reach = found['t_hit'].numpy()
        index = np.flatnonzero(np.isfinite(reach))
        colour = np.zeros_like(rays)
        triangle, weights = found['primitive_ids'].numpy()[index], found['primitive_uvs'].numpy()[index]
        corners = mesh.normals[mesh.faces[triangle]]
        weights = np.concatenate([1 - weights.sum(1, keepdims=True), weights], 1)[..., None]
        normal = (corners * weights).sum(1)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
        view = rays[index]
        normal = np.where((normal * view).sum(1, keepdims=True) > 0, -normal, normal)
        points = origins[index] + view * reach[index, None]
        colour[index] = self._lit(caster, points, normal, view, mesh.material[triangle])
        return reach, colour

    def _lit(self, caster: o3d.t.geometry.RaycastingScene, points: np.ndarray, normal: np.ndarray, view: np.ndarray,
             material: np.ndarray) -> np.ndarray:  # fmt: skip
        weather = self.weather
        facing = np.maximum(normal @ self.sun, 0)
        if weather.sunlight.any() and len(points):
            start = points + normal * 1e-3 * max(float(np.ptp(points, 0).max()), 1e-3)
            shadow = np.concatenate([start, np.broadcast_to(self.sun, start.shape)], 1).astype(np.float32)
            facing = facing * ~caster.test_occlusions(o3d.core.Tensor(shadow), nthreads=1).numpy()
        above = (0.5 + 0.5 * (normal @ self.up))[:, None]
        light = weather.below + (weather.above - weather.below) * above + facing[:, None] * weather.sunlight
        gloss = self.gloss[material][:, None]
        mirrored = view - 2 * (normal * view).sum(1, keepdims=True) * normal
        upward = np.clip(0.5 + 3 * (mirrored @ self.up), 0, 1)[:, None]
        seen = weather.below * 0.6 + upward * (weather.horizon - weather.below * 0.6)
        spark = np.maximum(mirrored @ self.sun, 0)[:, None] ** 60 * (facing > 0)[:, None] * 6 * weather.sunlight
        # Schlick (1994): more at grazing views
        share = gloss + (1 - gloss) * 0.3 * (1 - np.abs((normal * view).sum(1, keepdims=True))) ** 5
        return self.colours[material] * light * (1 - share) + share * seen + gloss * spark

    def of_rotor(self, rotor: Rotor) -> np.ndarray:
        """(3,) light of blades, which turn all their sides to all sides."""
        weather = self.weather
        sunny = 0.5 * abs(float(rotor.axis @ self.sun))
        return np.float32(np.array(rotor.colour) * (0.5 * (weather.above + weather.below) + sunny * weather.sunlight)
                          + 0.03 * weather.horizon)  # fmt: skip


def _lay_rotor(rotor: Rotor, times: np.ndarray, origins: np.ndarray, rays: np.ndarray, reach: np.ndarray,
               colour: np.ndarray, light: np.ndarray) -> None:  # fmt: skip
    """Put a rotor's blades before what the rays have met, in place."""
    slope = rays @ rotor.axis.astype(np.float32)
    with np.errstate(divide='ignore', invalid='ignore'):
        at = ((rotor.centre - origins) @ rotor.axis / slope).astype(np.float32)
    index = np.flatnonzero((at > 0) & (at < reach))
    spot = origins[index] + rays[index] * at[index, None] - rotor.centre
    across, other = plane_of(rotor.axis)
    radius = np.linalg.norm(spot, axis=1)
    turned = np.arctan2(spot @ other, spot @ across) / (2 * np.pi) - rotor.rate * times[index] - rotor.phase
    away = np.abs((turned * rotor.blades + 0.5) % 1 - 0.5) * 2 * np.pi / rotor.blades * radius
    taper = 1.15 - 0.5 * radius / rotor.radius
    hit = index[(radius < rotor.radius) & (away < 0.5 * rotor.chord * taper)]
    reach[hit], colour[hit] = at[hit], light
