"""Ground maps in a recording: a picture with ahead up, and the same colours lying on the ground."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.nuscenes.poses import move
from perception_kd.visualization.maps.bev_map import BEVMap
from perception_kd.visualization.maps.panels import colours_of
from perception_kd.visualization.movie import png_bytes
from perception_kd.visualization.recording.entities import EGO, Entities

FLAT = 'maps'
"""Entity path of the pictures."""
GROUND = f'{EGO}/maps'
"""Of the maps on the ground."""
_HEIGHT = 0.03  # metres above the ground, so that it does not shine through


def map_entities(rr: Any, maps: Iterable[BEVMap], grid2ego: NDArray[np.float64]) -> Entities:
    """Entities of maps, by their names below :data:`FLAT` and :data:`GROUND`.

    Args:
        rr: The module ``rerun``.
        maps: Of one frame.
        grid2ego: (4, 4) from the frame of their grids to the vehicle's.
    """
    entities: Entities = {}
    for shown in maps:
        picture, parts = coloured(shown), shown.name.split('/')
        png = png_bytes(ahead_up(picture, grid2ego))
        entities[rr.new_entity_path([FLAT, *parts])] = [
            rr.EncodedImage(contents=png, media_type='image/png'), _about(rr, shown)]
        entities[rr.new_entity_path([*GROUND.split('/'), *parts])] = [_carpet(rr, shown, picture, grid2ego)]
    return entities


def coloured(shown: BEVMap) -> NDArray[np.uint8]:
    """(ny, nx, 3) colours on the map's own scale; rows along y, as its values are."""
    low, high = shown.shown_limits
    share = (shown.values - low) / (high - low)
    return np.round(255 * colours_of(shown.scale)(np.clip(share, 0, 1))[..., :3]).astype(np.uint8)


def ahead_up(picture: NDArray[np.uint8], grid2ego: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Turn a picture whose rows run along y by the quarter turns that bring the vehicle's front to the top."""
    ahead = np.degrees(np.arctan2(grid2ego[0, 1], grid2ego[0, 0]))  # of the vehicle's x axis, in the grid's frame
    return np.ascontiguousarray(np.rot90(picture[::-1], round((90 - ahead) / 90)))


def _about(rr: Any, shown: BEVMap) -> Any:
    low, high = shown.shown_limits
    return rr.AnyValues(title=shown.title, about=shown.about, lowest=low, highest=high, unit=shown.unit)


def _carpet(rr: Any, shown: BEVMap, picture: NDArray[np.uint8], grid2ego: NDArray[np.float64]) -> Any:
    """A rectangle on the ground that carries the picture, whose first row is at the smallest y."""
    grid = shown.grid
    places = np.array([[grid.x_min, grid.y_min, 0], [grid.x_max, grid.y_min, 0],
                       [grid.x_max, grid.y_max, 0], [grid.x_min, grid.y_max, 0]])
    corners = move(grid2ego, places)
    corners[:, 2] = _HEIGHT
    return rr.Mesh3D(vertex_positions=corners, triangle_indices=[[0, 1, 2], [0, 2, 3]],
                     vertex_texcoords=[[0, 0], [1, 0], [1, 1], [0, 1]], albedo_texture=picture)
