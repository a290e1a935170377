"""The background of a sequence, painted once: a sky and layers before it, over azimuth and elevation."""

from dataclasses import dataclass

import cv2
import numpy as np

from perception_kd.simulation.uav.cameraman import CameraPath, Lens, direction_angles

_STEP = 16
"""px between the places that are projected; between them the map is straight."""


@dataclass(frozen=True)
class Grid:
    """Cells of a panorama, from left to right and from top to bottom.

    Args:
        left, top: Azimuth and elevation in rad of the first cell's centre.
        pitch: rad from cell to cell.
        width, height: Cells.
    """

    left: float
    top: float
    pitch: float
    width: int
    height: int

    @property
    def azimuth(self) -> np.ndarray:
        """(width,) rad."""
        return (self.left + self.pitch * np.arange(self.width)).astype(np.float32)

    @property
    def elevation(self) -> np.ndarray:
        """(height,) rad, falling."""
        return (self.top - self.pitch * np.arange(self.height)).astype(np.float32)

    def row(self, elevation: float | np.ndarray) -> float | np.ndarray:
        """Row, with fractions, of an elevation."""
        return (self.top - elevation) / self.pitch

    def part(self, rows: slice, columns: slice = slice(None)) -> 'Grid':
        """Some rows and columns of it."""
        first, last, _ = rows.indices(self.height)
        start, stop, _ = columns.indices(self.width)
        left, top = self.left + self.pitch * start, self.top - self.pitch * first
        return Grid(left, top, self.pitch, stop - start, last - first)

    def directions(self) -> np.ndarray:
        """(height, width, 3) float32 unit vectors."""
        azimuth, elevation = self.azimuth[None], self.elevation[:, None]
        flat = np.cos(elevation)
        return np.stack(np.broadcast_arrays(flat * np.sin(azimuth), -np.sin(elevation), flat * np.cos(azimuth)), -1)


@dataclass(frozen=True)
class Layer:
    """What stands at about one distance.

    Args:
        distance: m; targets farther away are behind it.
        top, left: Row and column of the panorama where its first cell lies.
        colour: (h, w, 3) linear RGB times ``alpha``.
        alpha: (h, w) share that is covered.
    """

    distance: float
    top: int
    left: int
    colour: np.ndarray
    alpha: np.ndarray

    def over(self, picture: np.ndarray) -> None:
        """Lay it over a picture (H, W, 3) of the whole panorama, in place."""
        height, width = self.alpha.shape
        area = picture[self.top:self.top + height, self.left:self.left + width]
        area *= 1 - self.alpha[..., None]
        area += self.colour


@dataclass(frozen=True)
class Panorama:
    """grid; picture (H, W, 3) of everything; layers, the nearest first, of what may hide a target."""

    grid: Grid
    picture: np.ndarray
    layers: tuple[Layer, ...]

    def place(self, lens: Lens, turn: np.ndarray) -> np.ndarray:
        """(height, width, 2) float32 column and row of the panorama that each pixel of a camera shows.

        Args:
            lens: The camera.
            turn: (3, 3) world from camera.
        """
        columns, rows = (-(-size // _STEP) for size in (lens.width, lens.height))
        x, y = ((np.arange(-1, count + 1) + 0.5) * _STEP for count in (columns, rows))
        rays = lens.rays(np.stack(np.meshgrid(x, y), -1)) @ turn.T
        angles = direction_angles(rays)
        coarse = np.stack([angles[..., 0] - self.grid.left, self.grid.top - angles[..., 1]], -1) / self.grid.pitch
        fine = cv2.resize(coarse.astype(np.float32), None, fx=_STEP, fy=_STEP, interpolation=cv2.INTER_LINEAR)
        return fine[_STEP:_STEP + lens.height, _STEP:_STEP + lens.width]

    def view(self, places: np.ndarray) -> np.ndarray:
        """(h, w, 3) the picture at ``places`` (h, w, 2)."""
        return cv2.remap(self.picture, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def before(self, places: np.ndarray, distance: float) -> tuple[np.ndarray, np.ndarray] | None:
        """Colour (h, w, 3), times alpha, and alpha (h, w) of what stands nearer than ``distance``; None if nothing."""
        colour = alpha = None
        low, high = places.min((0, 1)), places.max((0, 1))
        for layer in self.layers:
            size, corner = np.array(layer.alpha.shape[::-1]), np.array([layer.left, layer.top])
            if layer.distance >= distance or (high < corner).any() or (low > corner + size).any():
                continue
            own = places - corner.astype(np.float32)
            tint, cover = (cv2.remap(part, own, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
                           for part in (layer.colour, layer.alpha))  # fmt: skip
            if colour is None:
                colour, alpha = tint, cover
            else:
                colour, alpha = colour + (1 - alpha[..., None]) * tint, alpha + (1 - alpha) * cover
        return None if alpha is None or not alpha.any() else (colour, alpha)


def grid_for(lens: Lens, path: CameraPath, times: np.ndarray, fineness: float = 1.15) -> Grid:
    """The grid that holds all that a camera sees at ``times``; ``fineness`` cells for a pixel."""
    x, y = (np.linspace(-4, size + 4, 9) for size in (lens.width, lens.height))
    corners = lens.rays(np.stack(np.meshgrid(x, y), -1).reshape(-1, 2))
    angles = np.concatenate([direction_angles(corners @ path.rotation(time).T) for time in times])
    pitch = 1 / (lens.focal * fineness)
    (left, bottom), (right, top) = angles.min(0), angles.max(0)
    width, height = (int(reach / pitch) + 8 for reach in (right - left, top - bottom))
    return Grid(left - 3 * pitch, top + 3 * pitch, pitch, width, height)
