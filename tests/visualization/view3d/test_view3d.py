"""From files to pictures and films: figures, frames, titles, errors; with the built-in renderer."""

import itertools
import sys

import cv2
import numpy as np
import pytest

from perception_kd.visualization.commands import build_parser
from perception_kd.visualization.options import PictureOptions
from perception_kd.visualization.palette import NUSCENES
from perception_kd.visualization.view3d.build import SceneBuilder
from perception_kd.visualization.view3d.figure import FOOTER, TITLE, FigureMaker
from perception_kd.visualization.view3d.run import save_view3d
from perception_kd.visualization.view3d.software import SoftwareRenderer
from perception_kd.visualization.view3d.stage import Stage, size_of_text
from perception_kd.visualization.view3d.theme import DARK
from perception_kd.visualization.view3d.viewpoint import viewpoint
from tests.visualization.conftest import make_boxes
from tests.visualization.test_movie import read_back
from tests.visualization.view3d.conftest import VIEW, near, pixels_of

SMALL = Stage(size=(640, 360), renderer='software', theme='dark')
CAR = make_boxes([('car', 1.0, 14.0, np.pi / 2)])


@pytest.fixture
def files(tiny_root):
    return {'infos': tiny_root / 'nuscenes_infos_tiny_val.pkl', 'root': tiny_root}


def figure(frame, predictions=None, **choices):
    options = PictureOptions(lidar='none', radar='none', view=VIEW)
    maker = FigureMaker((800, 450), options, DARK, 30, **choices)
    camera = viewpoint('side', VIEW)
    scene = SceneBuilder(VIEW, options, DARK).scene(frame, predictions)
    picture = SoftwareRenderer(size=maker.scene_size).draw(scene, camera)
    return maker, camera, maker.figure(picture, camera, frame, predictions)


def test_a_box_lies_in_the_figure_where_the_camera_says(make_frame):
    maker, camera, picture = figure(make_frame(CAR))
    assert picture.shape == (450, 800, 3)
    width, height = maker.scene_size
    top = round(TITLE * 800 / 1600)
    assert (width, height) == (800, 450 - round((TITLE + FOOTER) * 800 / 1600))
    ego = CAR.corners[0] @ make_frame(CAR).lidar2ego[:3, :3].T + (0, 0, 1.8)
    corners = pixels_of(ego, (width, height), camera) + (0, top)
    rows, columns = np.nonzero(near(picture, NUSCENES.of('car'), 110)[top : top + height])
    np.testing.assert_allclose([columns.min(), rows.min() + top], corners.min(0), atol=3)
    np.testing.assert_allclose([columns.max(), rows.max() + top], corners.max(0), atol=3)
    assert near(picture, NUSCENES.of('car'), 110)[top + height :].any(), 'the key shows the class'


def test_title_key_and_radii_can_be_left_out(make_frame):
    _, _, full = figure(make_frame(CAR), CAR)
    maker, _, bare = figure(make_frame(CAR), CAR, bare=True)
    assert maker.scene_size == (800, 450) and bare.shape == full.shape
    paper = np.round(np.array(DARK.paper) * 255)
    texts = (full[: TITLE // 2].astype(int) - paper).max(-1) > 120
    assert texts.sum() > 200, 'the title is bright on dark paper'
    assert not ((bare[:20].astype(int) - paper).max(-1) > 120).any()


def test_a_sample_becomes_a_picture(files, tmp_path):
    made = save_view3d(**files, out=tmp_path / 'deep' / 'a.png', stage=SMALL, sample=0)
    picture = cv2.imread(str(tmp_path / 'deep' / 'a.png'))
    assert picture.shape == (360, 640, 3) and made.size == (640, 360)
    assert made.frames == 1 and made.fps is None and made.renderer == 'software'
    assert [one.name for one in (tmp_path / 'deep').iterdir()] == ['a.png']


@pytest.mark.parametrize('name', ['orbit.mp4', 'orbit.gif', 'orbit'])
def test_an_orbit_has_its_frames(files, tmp_path, name):
    made = save_view3d(**files, out=tmp_path / name, stage=Stage(size=(320, 320), renderer='software'), frames=3,
                       quiet=True)
    frames, rate = read_back(tmp_path / name)
    assert len(frames) == made.frames == 3 and frames[0].shape == (320, 320, 3)
    assert rate in (20, None)
    assert min(np.abs(one.astype(int) - other).mean() for one, other in itertools.pairwise(frames)) > 0.5


def test_a_scene_becomes_a_film_of_its_key_frames(files, tmp_path):
    from perception_kd.visualization.sources import InfoFile

    count = len(InfoFile(path=files['infos'], root=files['root']).scene(0).samples)
    made = save_view3d(**files, out=tmp_path / 'drive', scene=0, stage=SMALL, quiet=True)
    assert made.frames == count == len(list((tmp_path / 'drive').iterdir()))


@pytest.mark.parametrize(('choices', 'words'), [
    ({'out': 'a.jpg'}, r'a\.jpg: a video is'),
    ({'out': 'a.png', 'scene': 0}, r'a\.png: a scene gives a film; name an \.mp4'),
    ({'out': 'a.mp4', 'frames': 1}, 'at least 2 frames, got 1'),
    ({'out': 'a.mp4', 'fps': 900}, 'fps must lie in'),
    ({'out': 'a.png', 'sample': 99}, "no sample '99'"),
])
def test_bad_input_is_said_in_one_line_and_leaves_nothing(files, tmp_path, choices, words):
    choices['out'] = tmp_path / choices['out']
    with pytest.raises(ValueError, match=words):
        save_view3d(**files, **choices, stage=SMALL, quiet=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(('make', 'words'), [
    (lambda: Stage(camera='top'), "camera: 'top' is not among chase, bird, side, front"),
    (lambda: Stage(theme='blue'), "theme: 'blue' is not among light, dark"),
    (lambda: Stage(renderer='gl'), "renderer: 'gl'"),
    (lambda: Stage(fineness=5), 'fineness: 5 is not among 1, 2, 3, 4'),
    (lambda: Stage(size=(10, 10)), 'sides must lie in 320 to 7680 pixels'),
    (lambda: Stage(size=(400, 900)), 'the width in 1 to 3 heights, got 400 x 900'),
    (lambda: size_of_text('big'), "size: 'big' is not WIDTHxHEIGHT, like 1600x900"),
])
def test_stages_that_make_no_sense_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
    assert size_of_text('1920X1080') == (1920, 1080)


def test_the_command_draws_and_says_what(files, tmp_path, capsys):
    def run(*more):
        args = ['view3d', '--infos', str(files['infos']), '--root', str(files['root']), *more]
        parsed = build_parser('').parse_args(args)
        return parsed.run(parsed)

    assert run('--out', str(tmp_path / 'a.png'), '--renderer', 'software', '--size', '320x320', '--bare') == 0
    assert capsys.readouterr().out == f'{tmp_path / "a.png"} (320 x 320, software)\n'
    assert 'perception_kd.visualization.view3d.open3d_layers' not in sys.modules, 'this process never loads Open3D'
    with pytest.raises(ValueError, match='a window shows one sample and writes nothing'):
        run('--out', 'a.png', '--renderer', 'window')
