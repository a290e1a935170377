"""Where things lie on the sheets."""

from __future__ import annotations

import numpy as np
import pytest

from perception_kd.structures import BEVGrid
from perception_kd.visualization.maps.bev_map import BEVMap
from perception_kd.visualization.maps.pair_maps import pair_maps
from perception_kd.visualization.maps.panels import PANEL_WIDTH, TICKS, TITLE_HEIGHT, Ground, draw_map
from perception_kd.visualization.maps.sheets import average_sheet, pair_sheet, student_sheet
from perception_kd.visualization.sheet import Sheet
from tests.visualization.maps.test_maps import AFTER, BEFORE, GRID

NONE = np.zeros((0, 4, 2))
SQUARE = BEVGrid(-20.0, -20.0, 20.0, 20.0, 2.0)
TURNED = np.array([[0, 1, 0, 0.9], [-1, 0, 0, 0], [0, 0, 1, 1.8], [0, 0, 0, 1.0]])  # nuScenes' LiDAR: y is ahead


def pixel_of(ahead: float, left: float) -> np.ndarray:
    """Where the panel at (0, 0) shows a place: the map reaches from 19.1 m behind to 20.9 m ahead."""
    scale = PANEL_WIDTH / 40
    return np.array([TICKS + PANEL_WIDTH / 2 - left * scale, TITLE_HEIGHT + (20.9 - ahead) * scale])


def middle_of(mask: np.ndarray) -> np.ndarray:
    return np.argwhere(mask).mean(0)[::-1] + 0.5


def drawn(values: np.ndarray, outlines: np.ndarray = NONE, scale: str = 'sequential') -> np.ndarray:
    sheet = Sheet(width=320, height=420)
    axes = draw_map(sheet, 0, 0, BEVMap('m', '', values, SQUARE, scale), Ground(TURNED, outlines, (SQUARE,)))
    axes.get_children()
    picture = sheet.pixels().astype(int)
    return picture[TITLE_HEIGHT:TITLE_HEIGHT + PANEL_WIDTH + 1]  # without the colour bar


def test_a_cell_lies_where_the_vehicle_sees_it():
    values = np.zeros(SQUARE.shape, np.float32)
    values[16, 3] = 1  # y 12 to 14, x -14 to -12 of the LiDAR: 13.9 m ahead, 13 m to the left
    picture = drawn(values)
    yellow = (picture[..., 0] > 200) & (picture[..., 1] > 200) & (picture[..., 2] < 100)
    assert np.abs(middle_of(yellow) + (0, TITLE_HEIGHT) - pixel_of(13.9, 13)).max() < 1.5
    assert yellow.sum() == pytest.approx((2 * PANEL_WIDTH / 40) ** 2, rel=0.25)


def test_a_box_is_outlined_where_it_stands():
    box = np.array([[[8, 3], [8, 1], [4, 1], [4, 3]]], np.float64)  # 4 m to 8 m ahead, 1 m to 3 m to the left
    values = np.zeros(SQUARE.shape, np.float32)
    changed = (drawn(values, box) != drawn(values)).any(axis=-1)
    assert np.abs(middle_of(changed) + (0, TITLE_HEIGHT) - pixel_of(6, 2)).max() < 1.5
    rows, columns = np.nonzero(changed)
    assert np.ptp(rows) == pytest.approx(4 * PANEL_WIDTH / 40, abs=4)
    assert np.ptp(columns) == pytest.approx(2 * PANEL_WIDTH / 40, abs=4)


def test_colours_tell_stronger_from_weaker():
    values = np.zeros(SQUARE.shape, np.float32)
    values[:, :10], values[:, 10:] = -1, 1  # left of the vehicle weaker, right stronger
    row = drawn(values, scale='diverging')[PANEL_WIDTH // 4]
    left, right = row[TICKS + 40], row[TICKS + PANEL_WIDTH - 40]
    assert left[2] > left[0] + 50 and right[0] > right[2] + 50


def layers(sheet: Sheet, gid: str) -> int:
    return sum(child.get_gid() == gid for axes in sheet.figure.axes for child in axes.get_children())


@pytest.mark.parametrize('scaled', [False, True])
def test_sheets_hold_every_map_with_vehicle_and_boxes(scaled):
    from dataclasses import replace
    after = replace(AFTER, scale=AFTER.mask) if scaled else AFTER
    maps = pair_maps('p', BEFORE, after)
    ground = Ground(np.eye(4), np.array([[[1, 0], [1, -1], [0, -1], [0, 0]]], np.float64), (GRID,))
    text = dict(title='p', note='a sample', facts=['one', 'two'])
    sheet = pair_sheet(maps, ground, **text)
    shown = {artist.get_text() for artist in sheet.figure.texts}
    assert {'p', 'a sample', 'one', 'two', 'Mask', 'Student, before training', 'Distance, after training'} <= shown
    count = 10 if scaled else 8
    assert [layers(sheet, gid) for gid in ('map', 'vehicle', 'truth')] == [count] * 3
    assert all(artist.get_window_extent(sheet.canvas.get_renderer()).x1 <= sheet.width for artist in sheet.figure.texts)
    assert layers(average_sheet({'p loss': maps, 'q': maps}, ground, **text), 'map') == 10
    student = {'a': [maps['mask']], 'b': [maps['student/before'], maps['student/after']]}
    assert layers(student_sheet(student, ground, **text), 'map') == 3
    alone = pair_sheet(pair_maps('p', None, after), ground, **text)
    assert layers(alone, 'map') == (6 if scaled else 5)


def test_a_long_narrow_ground_keeps_its_shape_and_shows_the_vehicle():
    ground = Ground(np.eye(4), NONE, (BEVGrid(2.0, -10.0, 82.0, 10.0, 2.0),))
    left, right, bottom, top = ground.extent
    assert (left, right, top) == (-10, 10, 82) and -3 < bottom < -1
    width, height = ground.size
    assert height / width == pytest.approx((top - bottom) / 20) and height < 2 * PANEL_WIDTH
