"""Each panel has its layers, and they lie where they should: cameras and ground of ``scene`` and ``compare``."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from matplotlib.patches import Circle
from matplotlib.text import Text

from perception_kd.visualization.compare import draw_compare
from perception_kd.visualization.options import PictureOptions
from perception_kd.visualization.scene import draw_scene
from perception_kd.visualization.view import View
from tests.visualization.conftest import SIZE, make_boxes
from tests.visualization.test_scene import ALL_ROUND, pixels_of

OPTIONS = PictureOptions(view=View(30, 10, 20), camera_lidar='depth', width=1000)
POINTS = np.array([[2.0, 20, 1, 90, 0], [-4.0, 10, 0, 9, 0]], np.float32)
SHIFT = np.array([[220.0, 80.0], [120.0, 90.0]])
"""Of ``POINTS`` in the cameras: u = 200 x / z + 200, v = 200 y / z + 90."""


def layers(axes):
    """What is drawn on axes, by name."""
    return {artist.get_gid(): artist for artist in axes.get_children() if artist.get_gid()}


@pytest.fixture
def frame(make_frame, radar):
    """Boxes, LiDAR points and radar returns before a camera to the front."""
    return replace(make_frame(make_boxes([('car', 1, 14, 1.2)]), radar=radar), lidar=POINTS)


def test_panels_of_a_scene(frame):
    camera, ground = map(layers, draw_scene(frame, options=OPTIONS).figure.axes[:2])
    assert {'lidar', 'radar', 'truth'} <= set(camera) and {'lidar', 'radar', 'radar velocity', 'truth'} <= set(ground)
    np.testing.assert_allclose(sorted(camera['lidar'].get_offsets()[:, 0]), sorted(SHIFT[:, 0]), atol=1e-4)
    # radar (2, 15, -1) and (-3, 12, -1); the third return lies behind
    expected = [(200 * x / z + 200, 200 / z + 90) for x, z in ((2, 15), (-3, 12))]
    np.testing.assert_allclose(camera['radar'].get_offsets(), expected, atol=1e-6)
    np.testing.assert_allclose(ground['radar'].get_offsets(), frame.radar.positions[:, :2], atol=1e-6)
    arrows = ground['radar velocity']
    np.testing.assert_allclose(np.c_[arrows.get_offsets(), arrows.U, arrows.V], [(2, 15, 0, 6), (0, -8, 0, 2)],
                               atol=1e-6)
    np.testing.assert_allclose(sorted(map(tuple, ground['lidar'].get_offsets())), [(-4, 10), (2, 20)], atol=1e-5)


def test_the_overview_frames_the_close_up(make_frame):
    sheet = draw_scene(make_frame(make_boxes([]), ALL_ROUND), options=replace(OPTIONS, view=View(40, 40, 40)))
    overview, close = sheet.figure.axes[6:8]
    frame = layers(overview)['close-up']
    assert frame.get_bbox().bounds == (-20, -20, 40, 40) and close.get_xlim() == (-20, 20)
    assert 'close-up' not in layers(close)


@pytest.mark.parametrize('cameras', ['front', 'all'])
def test_panels_of_a_comparison(frame, cameras):
    found = make_boxes([('car', 1, 14, 1.2), ('bus', -6, 12, 0)], [0.9, 0.8])
    axes = draw_compare(frame, {'S': found}, OPTIONS, cameras=cameras).figure.axes
    truth, model, camera = map(layers, axes[:3])
    assert {'lidar', 'radar', 'radar velocity', 'truth', 'vehicle'} <= set(truth)
    assert {'lidar', 'truth', 'matches', 'false alarms', 'crosses', 'vehicle'} <= set(model)
    assert 'radar' not in model
    np.testing.assert_allclose(model['crosses'].get_offsets(), [(-6, 12)], atol=1e-9)
    np.testing.assert_allclose(sorted(camera['lidar'].get_offsets()[:, 0]), sorted(SHIFT[:, 0]), atol=1e-4)


def test_rings_are_as_wide_as_they_say(frame):
    ground = draw_scene(frame, options=OPTIONS).figure.axes[1]
    radii = [ring.radius for ring in ground.findobj(Circle)]
    assert radii[:2] == [5, 10]
    labels = {text.get_text(): text.get_position() for text in ground.findobj(Text) if text.get_text().endswith(' m')}
    assert len(labels) >= 3
    for text, place in labels.items():
        assert np.hypot(*place) == pytest.approx(float(text.removesuffix(' m')))


def test_photographs_are_neither_mirrored_nor_upside_down(make_frame):
    frame = make_frame(make_boxes([]))
    picture = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    picture[:100, :200] = (0, 0, 255)  # red above at the left, blue below at the right; the file is BGR
    picture[100:, 200:] = (255, 0, 0)
    cv2.imwrite(str(frame.cameras[0].path), picture)
    sheet = draw_scene(frame, options=replace(OPTIONS, radar='none', camera_lidar='none'))
    box, image = sheet.figure.axes[0].get_window_extent(), pixels_of(sheet)
    shares = np.array([0.3, 0.8])
    rows, columns = sheet.height - box.y1 + shares * box.height, box.x0 + shares * box.width
    seen = image[np.ix_(rows.astype(int), columns.astype(int))].tolist()
    assert seen == [[[255, 0, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 255]]]
