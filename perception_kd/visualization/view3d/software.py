"""Our own renderer: farthest first, anti-aliased, NumPy and OpenCV alone. It needs no driver and no display."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_kd.visualization.geometry import NEAR, clip_near, clip_to_image, project_points, to_pixels
from perception_kd.visualization.view3d.primitives import Lines, Mesh, Photo, Points, Scene3D
from perception_kd.visualization.view3d.viewpoint import Size, Viewpoint

Array = NDArray[np.float64]
Picture = NDArray[np.uint8]
_SHIFT = 4
"""OpenCV takes pixel places in units of 2^-4."""
_BANDS = 96
"""Points are drawn in this many slices of depth, between which lines and triangles lie."""
_LONGEST = 2.0
"""Lines are cut into pieces of so many metres, so that each has one depth."""


class SoftwareRenderer:
    """Draws scenes with one camera after the other.

    Args:
        size: Width and height of the pictures in pixels.
        fineness: Pictures are drawn so many times as large and made smaller, at least 2 times: marks have sharp edges.
    """

    name = 'software'

    def __init__(self, *, size: Size, fineness: int = 2) -> None:
        self.size, self.fineness = size, max(fineness, 2)

    def draw(self, scene: Scene3D, viewpoint: Viewpoint) -> Picture:
        """A picture (H, W, 3), RGB; translucent meshes are blended from a picture with and one without them."""
        full = _Canvas(scene, self._large, self._scale)
        picture = full.draw(viewpoint)
        if scene.opaque().names != scene.names:
            without = _Canvas(scene.opaque(), self._large, self._scale).draw(viewpoint)
            picture = cv2.addWeighted(picture, scene.opacity, without, 1 - scene.opacity, 0)
        return cv2.resize(picture, self.size, interpolation=cv2.INTER_AREA)

    def close(self) -> None:
        """Nothing is held."""

    @property
    def _large(self) -> Size:
        return self.size[0] * self.fineness, self.size[1] * self.fineness

    @property
    def _scale(self) -> float:
        return self._large[0] / 1600


class _Canvas:
    """One picture in the making: layers leave drawing orders with a depth, which are carried out farthest first."""

    def __init__(self, scene: Scene3D, size: Size, scale: float) -> None:
        self.scene, self.size, self.scale = scene, size, scale
        self.orders: list[tuple[float, Callable[[], None]]] = []
        self.image = np.empty((size[1], size[0], 3), np.uint8)

    def draw(self, viewpoint: Viewpoint) -> Picture:
        """Carry out everything."""
        self.extrinsic, self.intrinsic = viewpoint.extrinsic, viewpoint.intrinsic(self.size)
        self.image[:] = _bytes(np.array(self.scene.background))
        take = {Points: self._points, Lines: self._lines, Mesh: self._mesh, Photo: self._photo}
        for layer in self.scene.layers:
            take[type(layer)](layer)
        for _, order in sorted(self.orders, key=lambda one: -one[0]):
            order()
        return self.image

    def _camera(self, points: Array) -> Array:
        return points @ self.extrinsic[:3, :3].T + self.extrinsic[:3, 3]

    def _points(self, layer: Points) -> None:
        pixels, depth, shown = project_points(layer.positions, self.extrinsic, self.intrinsic, self.size)
        order = np.flatnonzero(shown)[np.argsort(-depth[shown], kind='stable')]
        colours, places = _bytes(layer.colours), np.round(pixels[order] - 0.5).astype(int)
        side = max(1, round(layer.size * self.scale))
        for part in np.array_split(np.arange(len(order)), _BANDS):
            if len(part):
                self.orders.append((depth[order[part]].mean(), self._splat(places[part], colours[order[part]], side)))

    def _splat(self, places: NDArray[np.int64], colours: Picture, side: int) -> Callable[[], None]:
        """Squares of ``side`` pixels around places (N, 2); of two in one place the later wins."""
        def order() -> None:
            for down in range(side):
                for right in range(side):
                    x, y = places[:, 0] + right - side // 2, places[:, 1] + down - side // 2
                    inside = (x >= 0) & (y >= 0) & (x < self.size[0]) & (y < self.size[1])
                    self.image[y[inside], x[inside]] = colours[inside]
        return order

    def _lines(self, layer: Lines) -> None:
        segments, owner = _pieces(layer.segments)
        segments, visible = clip_near(self._camera(segments))
        segments, owner = segments[visible], owner[visible]
        pixels, inside = clip_to_image(to_pixels(segments, self.intrinsic), *self.size)
        width, colours = max(1, round(layer.width * self.scale)), _bytes(layer.colours)
        for place, depth, index in zip(_shifted(pixels[inside]), segments[inside, :, 2].mean(1), owner[inside]):
            self.orders.append((depth, self._line(place, colours[index].tolist(), width)))

    def _line(self, ends: NDArray[np.int32], colour: list[int], width: int) -> Callable[[], None]:
        return lambda: cv2.line(self.image, ends[0].tolist(), ends[1].tolist(), colour, width, cv2.LINE_AA, _SHIFT)

    def _mesh(self, layer: Mesh) -> None:
        camera = self._camera(layer.triangles)
        before = np.flatnonzero((camera[..., 2] > NEAR).all(1))
        colours = _bytes(layer.colours)
        pixels = to_pixels(camera[before], self.intrinsic)
        seen = ((pixels.max(1) >= 0) & (pixels.min(1) < self.size)).all(1) & (np.abs(pixels) < 1e6).all((1, 2))
        for place, index in zip(_shifted(pixels[seen]), before[seen]):
            self.orders.append((camera[index, :, 2].mean(), self._triangle(place, colours[index].tolist())))

    def _triangle(self, corners: NDArray[np.int32], colour: list[int]) -> Callable[[], None]:
        return lambda: cv2.fillConvexPoly(self.image, corners, colour, cv2.LINE_AA, _SHIFT)

    def _photo(self, layer: Photo) -> None:
        camera = self._camera(layer.corners)
        if (camera[:, 2] > NEAR).all():
            pixels = to_pixels(camera, self.intrinsic).astype(np.float32)
            self.orders.append((camera[:, 2].mean(), lambda: self._hang(layer.image, pixels)))

    def _hang(self, image: Picture, corners: NDArray[np.float32]) -> None:
        height, width = image.shape[:2]
        source = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32) - 0.5
        matrix = cv2.getPerspectiveTransform(source, corners - 0.5)
        cv2.warpPerspective(image, matrix, self.size, self.image, cv2.INTER_AREA, cv2.BORDER_TRANSPARENT)


def _bytes(colours: Array) -> Picture:
    return np.round(np.clip(colours, 0, 1) * 255).astype(np.uint8)


def _shifted(pixels: Array) -> NDArray[np.int32]:
    """Pixel places (..., 2), (0, 0) at the corner of the picture, as OpenCV's fixed-point centres."""
    return np.round((pixels - 0.5) * 2**_SHIFT).astype(np.int32)


def _pieces(segments: Array) -> tuple[Array, NDArray[np.int64]]:
    """Lines (M, 2, 3) cut into short ones, and the index of the line that each came from."""
    length = np.linalg.norm(segments[:, 1] - segments[:, 0], axis=1)
    count = np.maximum(1, np.ceil(length / _LONGEST)).astype(int)
    owner = np.repeat(np.arange(len(segments)), count)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    share = np.stack([number, number + 1], axis=1) / count[owner][:, None]
    start, step = segments[owner, 0], segments[owner, 1] - segments[owner, 0]
    return start[:, None] + share[..., None] * step[:, None], owner
