"""The picture ``scene``: known things lie where the projection says, layers appear, nothing is cut off."""

import itertools
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from matplotlib.text import Text
from nuscenes.utils.geometry_utils import view_points

from perception_kd.visualization.boxes import Boxes
from perception_kd.visualization.compare import draw_compare
from perception_kd.visualization.frame import RadarPoints
from perception_kd.visualization.options import PictureOptions
from perception_kd.visualization.palette import INK, NUSCENES, PALETTES
from perception_kd.visualization.scene import draw_scene
from perception_kd.visualization.view import View
from tests.visualization.conftest import CAM2IMG, LIDAR2CAM, SIZE, make_boxes

CAR = make_boxes([('car', 1.0, 14.0, 1.2)])
BARE = PictureOptions(lidar='none', radar='none', view=View(30, 10, 20))
ALL_ROUND = ('CAM_FRONT_LEFT', 'CAM_FRONT', 'CAM_FRONT_RIGHT', 'CAM_BACK_LEFT', 'CAM_BACK', 'CAM_BACK_RIGHT')


def pixels_of(sheet):
    sheet.canvas.draw()
    return np.asarray(sheet.canvas.buffer_rgba())[..., :3].astype(int)


def near_colour(pixels, colour, tolerance=60):
    return np.abs(pixels - np.array(colour) * 255).sum(-1) < tolerance


def place_of(axes, sheet):
    """Left, top, width, height of axes in pixels of the picture."""
    box = axes.get_window_extent()
    return box.x0, sheet.height - box.y1, box.width, box.height


def gids(sheet):
    return {artist.get_gid() for artist in sheet.figure.findobj() if artist.get_gid()}


def test_a_box_lies_where_the_camera_matrix_says(make_frame):
    sheet = draw_scene(make_frame(CAR), options=BARE)
    left, top, width, _ = place_of(sheet.figure.axes[0], sheet)
    camera = (np.c_[CAR.corners[0], np.ones(8)] @ LIDAR2CAM.T)[:, :3]
    expected = view_points(camera.T, CAM2IMG, normalize=True)[:2].T * width / SIZE[0] + (left, top)
    image = pixels_of(sheet)[: int(top + width * SIZE[1] / SIZE[0])]
    rows, columns = np.nonzero(near_colour(image, NUSCENES.of('car'))[:, : int(left + width)])
    assert len(rows) > 200
    low, high = expected.min(0), expected.max(0)
    found = np.array([[columns.min(), rows.min()], [columns.max(), rows.max()]])
    np.testing.assert_allclose(found, [low, high], atol=4)


def test_a_box_lies_where_the_ground_view_says(make_frame):
    sheet = draw_scene(make_frame(CAR), options=BARE)
    left, top, width, height = place_of(sheet.figure.axes[1], sheet)
    assert height / width == pytest.approx(40 / 40)
    part = pixels_of(sheet)[
        round(top) + 2 : round(top + height) - 2, round(left) + 2 : round(left + width) - 2
    ]
    rows, columns = np.nonzero(near_colour(part, NUSCENES.of('car')))
    scale = width / 40
    # LiDAR x is to the right and y ahead; the view reaches 20 m to the left and 30 m ahead.
    expected = (CAR.corners[0, :, :2] * (1, -1) + (20, 30)) * scale - 2
    found = np.array([[columns.min(), rows.min()], [columns.max(), rows.max()]])
    np.testing.assert_allclose(found, [expected.min(0), expected.max(0)], atol=3)


@pytest.mark.parametrize('palette', ['nuscenes', 'safe'])
def test_the_close_up_shows_the_box_twice_as_large(make_frame, palette):
    options = PictureOptions(lidar='none', radar='none', view=View(40, 40, 40), palette=palette)
    sheet = draw_scene(make_frame(CAR, ALL_ROUND), options=options)
    image, colour = pixels_of(sheet), PALETTES[palette].of('car')
    for axes, half in zip(sheet.figure.axes[6:8], (40, 20)):
        left, top, width, height = place_of(axes, sheet)
        assert height == pytest.approx(width)
        part = image[round(top) + 2 : round(top + height) - 2, round(left) + 2 : round(left + width) - 2]
        rows, columns = np.nonzero(near_colour(part, colour))
        expected = (CAR.corners[0, :, :2] * (1, -1) + half) * width / (2 * half) - 2
        found = np.array([[columns.min(), rows.min()], [columns.max(), rows.max()]])
        np.testing.assert_allclose(found, [expected.min(0), expected.max(0)], atol=3)


def test_arrows_end_where_velocity_says(make_frame):
    """One second later; LiDAR x is to the right and y ahead."""
    truth = make_boxes([('car', 5, 10, 0), ('car', -9, 3, 0), ('bus', -5, 5, 0)],
                       velocities=np.array([(-8.0, 6.0), (np.nan, np.nan), (0.2, 0.1)]))
    found = make_boxes([('car', 5, 10, 0)], velocities=np.array([(3.0, -9.0)]))
    options = PictureOptions(lidar='none', radar='none', view=View(30, 10, 20), width=1000)
    car = NUSCENES.of('car')
    for predictions, layers in (
        (None, [('truth velocity', car, (-3, 16))]),
        (found, [('predictions velocity', car, (8, 1)), ('truth velocity', INK, (-3, 16))]),
    ):
        sheet = draw_scene(make_frame(truth), predictions, options)
        without = draw_scene(make_frame(truth), predictions, replace(options, velocities=False))
        image, changed = pixels_of(sheet), (pixels_of(sheet) != pixels_of(without)).any(-1)
        left, top, width, _ = place_of(sheet.figure.axes[1], sheet)
        for layer, colour, tip in layers:
            (arrows,) = (artist for artist in sheet.figure.findobj() if artist.get_gid() == layer)
            ends = arrows.get_offsets() + np.stack([arrows.U, arrows.V], axis=1)
            np.testing.assert_allclose(ends, [tip], atol=1e-9)
            column, row = np.round((left, top) + np.array([20 + tip[0], 30 - tip[1]]) * width / 40).astype(int)
            drawn = changed & near_colour(image, colour)
            assert drawn[row - 6 : row + 7, column - 6 : column + 7].any() and layer not in gids(without)


def test_lidar_points_lie_in_the_camera_where_its_matrix_says(make_frame):
    point = np.array([2.0, 20, 1, 90, 0], np.float32)
    frame = replace(make_frame(Boxes.empty()), lidar=np.stack([point, point * (1, -1, 1, 1, 1)]).astype(np.float32))
    options = {'lidar': 'none', 'radar': 'none', 'view': View(30, 10, 20)}
    for by, value in (('depth', np.hypot(2, 20)), ('height', 2.8), ('intensity', 90)):
        sheet = draw_scene(frame, options=PictureOptions(camera_lidar=by, **options))
        (drawn,) = (artist for artist in sheet.figure.axes[0].collections if artist.get_gid() == 'lidar')
        # u = 200 x / z + 200, v = 200 y / z + 90 with x = 2, y = -1, z = 20; the other point lies behind.
        np.testing.assert_allclose(drawn.get_offsets(), [(220, 80)], atol=1e-6)
        assert drawn.get_array() == pytest.approx(value)
    assert 'lidar' not in gids(draw_scene(frame, options=PictureOptions(**options)))


def test_a_rig_without_lidar_or_annotations(make_frame):
    """What is not there is said, or left out of the keys."""
    frame = replace(make_frame(Boxes.empty()), lidar=np.zeros((0, 5), np.float32), annotated=False)
    sheet = draw_scene(frame, make_boxes([('car', 1, 14, 0)], [0.8]), PictureOptions(camera_lidar='depth'))
    texts = {text.get_text() for text in check_texts(sheet)}
    assert {'No LiDAR points', 'No radar returns', 'predicted', 'predictions with a score of 0.3 or more'} <= texts
    assert not any('truth' in text or 'LiDAR by' in text for text in texts) and 'truth' not in gids(sheet)


def test_layers_appear_and_can_be_left_out(make_frame, radar):
    frame = make_frame(CAR, radar=radar)
    full = gids(draw_scene(frame, CAR, PictureOptions(view=View(30, 10, 20))))
    assert {
        'lidar',
        'radar',
        'radar velocity',
        'truth',
        'predictions',
        'predictions heading',
        'vehicle',
    } <= full
    bare = gids(draw_scene(frame, None, BARE))
    assert 'truth' in bare and not {'lidar', 'radar', 'radar velocity', 'predictions'} & bare


def test_raw_doppler_gets_no_arrows(make_frame, radar):
    raw = RadarPoints(radar.positions, radar.velocities, radar.radial, compensated=False)
    shown = gids(draw_scene(make_frame(CAR, radar=raw), options=PictureOptions(radar='velocity')))
    assert 'radar' in shown and 'radar velocity' not in shown


def crowd(count):
    rng = np.random.default_rng(4)
    names = ('car', 'pedestrian', 'barrier', 'construction_vehicle')
    rows = [(names[i % 4], *rng.uniform(-18, 18, 2), rng.uniform(-3, 3)) for i in range(count)]
    return make_boxes(rows, rng.uniform(0.3, 1, count).tolist())


def check_texts(sheet):
    """No text covers another or leaves the picture."""
    pixels_of(sheet)
    renderer = sheet.canvas.get_renderer()
    texts = [text for text in sheet.figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    boxes = {
        text.get_text() + f' #{index}': text.get_window_extent(renderer) for index, text in enumerate(texts)
    }
    for name, box in boxes.items():
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= sheet.width and box.y1 <= sheet.height, name
    for (one, a), (other, b) in itertools.combinations(boxes.items(), 2):
        assert not (min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1), (
            one,
            other,
        )
    return texts


@pytest.mark.parametrize('names', [(), ('CAM_FRONT',), ('CAM_BACK', 'CAM_FRONT'), ALL_ROUND])
def test_texts_keep_apart_for_every_rig(make_frame, radar, names):
    frame = make_frame(crowd(50), names, radar)
    texts = check_texts(draw_scene(frame, crowd(60), PictureOptions(radar='velocity', lidar='intensity')))
    scores = [text for text in texts if text.get_text().startswith('0.') and len(text.get_text()) == 4]
    assert len(scores) > 20


@pytest.mark.parametrize('cameras', ['front', 'all', 'none'])
@pytest.mark.parametrize('count', [1, 3])
def test_texts_of_a_comparison_keep_apart(make_frame, radar, cameras, count):
    frame = make_frame(crowd(30), ALL_ROUND, radar)
    titles = ('Teacher', 'Student', 'Student with distillation')
    check_texts(draw_compare(frame, {title: crowd(35) for title in titles[:count]}, cameras=cameras))


def test_nothing_to_show_is_still_a_picture(make_frame):
    check_texts(draw_scene(make_frame(Boxes.empty()), Boxes.empty()))
    check_texts(draw_compare(make_frame(Boxes.empty()), {'Student': Boxes.empty()}))


def test_boxes_behind_and_astride_the_image_plane_do_no_harm(make_frame):
    astride = make_boxes([('car', 0.3, 0.0, 1.5), ('car', 0, -12, 0), ('bus', 300, 400, 0)])
    image = pixels_of(draw_scene(make_frame(astride), astride, BARE))
    assert near_colour(image, NUSCENES.of('car')).sum() > 100


def test_global_settings_stay_untouched(make_frame, radar):
    before = dict(matplotlib.rcParams)
    draw_scene(make_frame(CAR, radar=radar), CAR)
    assert dict(matplotlib.rcParams) == before
