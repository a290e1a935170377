"""Pictures of a scene as a perfect camera takes them: linear RGB."""

import cv2
import numpy as np

from perception_kd.simulation.stereo.noise import noise_tiles
from perception_kd.simulation.stereo.rig import Rig
from perception_kd.simulation.stereo.scene import Hits, Light, Scene, Surface

_ROW = 2048
_OFF = 2e-3
"""Rays start this far off their surface, in m for each m of distance."""


def render(scene: Scene, rig: Rig, side: int, hits: Hits, samples: int, jitter: np.ndarray) -> np.ndarray:
    """(H, W, 3) float32 linear RGB of a view: one ray for each pixel, and ``samples`` squared at edges and shadows.

    Args:
        scene: The world.
        rig: The cameras.
        side: 0 for left, 1 for right.
        hits: Of the rays through the pixels' centres.
        samples: Rays per edge pixel and direction.
        jitter: (samples * samples, 3) where on a lamp of unit radius each sample of a pixel looks for light.
    """
    rays, origin, shape = rig.rays(side), rig.origin(side), (rig.height, rig.width)
    painter = _Painter(scene, 1 / rig.focal)
    picture, marks = painter.look(origin, rays, hits, np.zeros_like(rays), bounces=1)
    edges = np.flatnonzero(_edges(marks.reshape(*shape, marks.shape[-1])))
    finer = rig.rays(side, samples).reshape(rig.height, samples, rig.width, samples, 3).swapaxes(1, 2)
    finer = finer.reshape(-1, samples**2, 3)[edges]
    lamp = np.broadcast_to(jitter.astype(np.float32), finer.shape).reshape(-1, 3)
    painter.spread /= samples
    rays = finer.reshape(-1, 3)
    fine, _ = painter.look(origin, rays, scene.cast(origin, rays), lamp, bounces=1)
    picture[edges] = fine.reshape(finer.shape).mean(1)
    return picture.reshape(*shape, 3)


def _edges(marks: np.ndarray) -> np.ndarray:
    """(H, W) bool, and one pixel around, where marks (H, W, 6) differ: see :meth:`_Painter.look`."""
    edge = np.zeros(marks.shape[:2], np.uint8)
    for axis in (0, 1):
        step = np.abs(np.diff(marks[..., 1:], axis=axis)).max(-1) > 0.25
        inverse = marks[..., 0]
        bend = np.abs(np.diff(inverse, 2, axis=axis))  # 0 on planes
        middle = inverse[1:-1] if axis == 0 else inverse[:, 1:-1]
        one, two = (edge[:-1], edge[1:-1]) if axis == 0 else (edge[:, :-1], edge[:, 1:-1])
        one |= step
        two |= bend > 0.02 * middle
    return cv2.dilate(edge, np.ones((3, 3), np.uint8)) > 0


class _Painter:
    """Light along rays.

    Args:
        scene: The world.
        spread: Width of a ray's cone for each metre along z.
    """

    def __init__(self, scene: Scene, spread: float) -> None:
        self.scene, self.spread = scene, spread
        self.table = scene.palette.table()
        self.size = scene.palette.texture_size
        self.pyramids = [_pyramid(texture) for texture in scene.palette.textures]
        self.shades = _pyramid(noise_tiles(self.size)[2])

    def look(self, origins: np.ndarray, rays: np.ndarray, hits: Hits, jitter: np.ndarray | None,
             bounces: int) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """(N, 3) light along N rays that end in ``hits``, and marks (N, 6) of what they met: inverse depth, normal,
        material, shadow.

        ``jitter`` (N, 3) is None where shadows do not matter.
        """
        met = np.isfinite(hits.t)
        picture, index = np.empty_like(rays), np.flatnonzero(met)
        seen = slice(None) if self.scene.air.haze else np.flatnonzero(~met)
        picture[seen] = self._sky(origins if origins.ndim == 1 else origins[seen], rays[seen])
        marks = np.zeros((len(rays), 6), np.float32)
        if not len(index):
            return picture, marks
        surface = self.scene.surface(origins, rays, hits, index)
        distance = hits.t[index]
        view = rays[index] / np.linalg.norm(rays[index], axis=1, keepdims=True)
        colour = self._albedo(surface, distance, view)
        marks[index, 0], marks[index, 1:4] = 1 / np.maximum(distance, 1e-6), surface.normal
        marks[index, 4] = surface.material + 1
        where = jitter[index] if jitter is not None else None
        light, glint, marks[index, 5] = self._light(surface, view, distance, where)
        lit = colour * light + glint
        if bounces:
            self._mirror(lit, surface, view, distance)
        if self.scene.air.haze:
            share = 1 - (1 - self.scene.air.haze) ** (distance / self.scene.air.far)
            lit += share[:, None] * (picture[index] - lit)
        picture[index] = lit
        return picture, marks

    def _sky(self, origins: np.ndarray, rays: np.ndarray) -> np.ndarray:
        """A picture on a plane far away, so that it has an exact disparity, too."""
        air, size = self.scene.air, len(self.scene.air.sky)
        ahead = np.maximum(np.abs(rays[:, 2]), 0.05)
        place = origins[..., :2] / air.far + rays[:, :2] / ahead[:, None]
        return _sample([air.sky], (place + 1) * size / 2, np.zeros(len(rays), np.int32))

    def _albedo(self, surface: Surface, distance: np.ndarray, view: np.ndarray) -> np.ndarray:
        table, kind = self.table, surface.material
        slant = np.maximum(np.abs(np.einsum('ij,ij->i', surface.normal, view)), 0.05)
        texels = surface.uv * table['scale'][kind][:, None] + table['offset'][kind][:, None]
        footprint = distance * self.spread / np.sqrt(slant) * table['scale'][kind]
        level = np.log2(np.maximum(footprint, 1e-6))
        colour = np.empty((len(kind), 3), np.float32)
        texture = table['texture'][kind]
        for number in np.unique(texture):
            index = np.flatnonzero(texture == number)
            colour[index] = _sample(self.pyramids[number], texels[index], _levels(level[index]))
        shade = 1 + table['stain'][kind] * _sample(self.shades, texels * 0.137, _levels(level - 2.9))
        shade += table['grain'][kind] * _sample(self.shades, texels * 4.7, _levels(level + 2.2))
        return colour * (table['tint'][kind] * np.maximum(shade, 0.15))[:, None]

    def _light(self, surface: Surface, view: np.ndarray, distance: np.ndarray,
               jitter: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
        """Light on matt surfaces and highlights, both (N, 3), and shadow (N,)."""
        air, table, kind = self.scene.air, self.table, surface.material
        up = (0.5 - 0.5 * surface.normal[:, 1])[:, None]
        total, glints = air.below + (air.above - air.below) * up, np.zeros_like(surface.normal)
        dark = np.zeros(len(kind), bool)
        shine, hardness = table['shine'][kind], table['hardness'][kind]
        for number, light in enumerate(self.scene.lights):
            towards, strength = _towards(light, surface.position)
            facing = np.maximum(np.einsum('ij,ij->i', surface.normal, towards), 0) * strength
            if number == 0 and jitter is not None:
                dark = self._shadowed(light, surface, distance, jitter, facing > 0)
                facing *= ~dark
            total = total + facing[:, None] * light.colour
            if not shine.any():
                continue
            half = towards - view
            half /= np.maximum(np.linalg.norm(half, axis=1, keepdims=True), 1e-6)
            gleam = np.maximum(np.einsum('ij,ij->i', surface.normal, half), 0) ** hardness * shine * (facing > 0)
            glints += (gleam * strength)[:, None] * light.colour
        return total, glints, dark

    def _shadowed(self, light: Light, surface: Surface, distance: np.ndarray, jitter: np.ndarray,
                  asked: np.ndarray) -> np.ndarray:  # fmt: skip
        dark = np.zeros(len(asked), bool)
        index = np.flatnonzero(asked)
        start = surface.position[index] + surface.normal[index] * (_OFF * distance[index])[:, None]
        dark[index] = self.scene.blocked(start, light.position + light.radius * jitter[index])
        return dark

    def _mirror(self, lit: np.ndarray, surface: Surface, view: np.ndarray, distance: np.ndarray) -> None:
        """Lay reflections over ``lit``, more at grazing views (Schlick 1994)."""
        normal_share = self.table['mirror'][surface.material]
        index = np.flatnonzero(normal_share > 0)
        if not len(index):
            return
        normal, ray = surface.normal[index], view[index]
        cosine = -np.einsum('ij,ij->i', normal, ray)
        share = normal_share[index] + (1 - normal_share[index]) * 0.6 * (1 - np.clip(cosine, 0, 1)) ** 5
        start = surface.position[index] + normal * (_OFF * distance[index])[:, None]
        rays = ray + 2 * cosine[:, None] * normal
        seen, _ = self.look(start, rays, self.scene.cast(start, rays), None, bounces=0)
        lit[index] += share[:, None] * (seen - lit[index])


def _towards(light: Light, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit directions (N, 3) to a light and its strength (N,)."""
    towards = light.position - position
    length = np.sqrt(np.einsum('ij,ij->i', towards, towards))
    towards /= np.maximum(length, 1e-6)[:, None]
    strength = (light.reach / np.maximum(length, 0.3 * light.reach)) ** 2 if light.fades else np.ones_like(length)
    return towards, strength


def _pyramid(texture: np.ndarray) -> list[np.ndarray]:
    """The texture and ever smaller ones."""
    levels = [texture]
    while len(levels[-1]) > 4:
        half = len(levels[-1]) // 2
        levels.append(cv2.resize(levels[-1], (half, half), interpolation=cv2.INTER_AREA))
    return levels


def _levels(level: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(level), 0, 7).astype(np.int32)


def _sample(pyramid: list[np.ndarray], texels: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Values (N, ...) of a texture at places (N, 2), which it tiles by mirroring, at the given levels (N,)."""
    size = len(pyramid[0])
    folded = texels - np.floor(texels * np.float32(0.5 / size)) * np.float32(2 * size)
    folded = np.abs(folded - np.float32(size))
    out = np.empty((len(texels), *pyramid[0].shape[2:]), np.float32)
    levels = np.minimum(levels, len(pyramid) - 1)
    for level in np.unique(levels):
        index = np.flatnonzero(levels == level)
        rows = -(-len(index) // _ROW)
        where = np.zeros((rows * _ROW, 2), np.float32)
        where[: len(index)] = folded[index] / 2**level - 0.5
        where = where.reshape(rows, _ROW, 2)
        found = cv2.remap(pyramid[level], where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        out[index] = found.reshape(rows * _ROW, *pyramid[0].shape[2:])[: len(index)]
    return out
