"""The video of a scene: the pictures of its key frames, in order, with nothing that jumps."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib.text import Text

from perception_kd.datasets.nuscenes.stamp import load_infos, save_infos
from perception_kd.visualization.compare import draw_compare
from perception_kd.visualization.options import PictureOptions
from perception_kd.visualization.scene import common_view, draw_scene
from perception_kd.visualization.sources import InfoFile
from perception_kd.visualization.video import caption, comparing, draw_frames, recorded_rate, save_video, showing
from perception_kd.visualization.view import View
from tests.visualization.conftest import make_boxes
from tests.visualization.test_files import results_of_truth, run_tool
from tests.visualization.test_movie import read_back

SMALL = {'dpi': 30, 'quiet': True}


@pytest.fixture
def infos(tiny_root):
    return tiny_root / 'nuscenes_infos_tiny_train.pkl'


@pytest.fixture
def results(infos, tiny_root, tmp_path):
    path = tmp_path / 'results.json'
    path.write_text(json.dumps(results_of_truth(InfoFile(infos, tiny_root))))
    return path


@pytest.fixture
def source(infos, tiny_root):
    return InfoFile(infos, tiny_root)


def test_the_video_holds_the_pictures_of_the_scene(infos, tiny_root, source, tmp_path):
    made = save_video(infos=infos, root=tiny_root, scene='tiny-1', out=tmp_path / 'a.mp4', **SMALL)
    assert (made.scene, made.frames, made.fps, made.size[0]) == ('tiny-1', 3, 2, 540)
    found, rate = read_back(tmp_path / 'a.mp4')
    assert len(found) == 3 and rate == 2
    scene = source.scene('tiny-1')
    frames = [source.frame(index) for index in scene.samples]
    assert [frame.scene for frame in frames] == ['tiny-1'] * 3
    options = PictureOptions(view=common_view(frames, PictureOptions()))
    drawn = list(draw_frames(source, scene, showing(source, scene, None, options), dpi=30, max_width=None))
    difference = np.array([[np.abs(one.astype(int) - other[: len(one)]).mean() for other in drawn] for one in found])
    assert (difference.argmin(1) == (0, 1, 2)).all() and difference.diagonal().max() < 4
    np.testing.assert_array_equal(drawn[1], draw_scene(frames[1], None, options, note=caption(frames[1], scene, 2),
                                                       steady=True).pixels(dpi=30))


def test_pixels_are_those_of_the_saved_picture(source, tmp_path):
    sheet = draw_scene(source.frame(0))
    sheet.save(tmp_path / 'a.png', dpi=60)
    np.testing.assert_array_equal(sheet.pixels(dpi=60), cv2.imread(str(tmp_path / 'a.png'))[..., ::-1])
    assert sheet.pixels(max_width=333).shape[1] == 333


def test_texts_stay_in_their_places(make_frame):
    """Every text that two frames share lies at the same place in both, whatever the boxes do."""
    names = ('CAM_FRONT', 'CAM_BACK')
    options, places = PictureOptions(view=View(40, 40, 40)), []
    for count, number in ((3, 9), (40, 10)):
        rng = np.random.default_rng(count)
        crowd = make_boxes([('car', *rng.uniform(-30, 30, 2), 0.0) for _ in range(count)], rng.uniform(0.4, 1, count))
        sheet = draw_scene(make_frame(crowd, names), crowd, options, note=f'frame {number:\u2007>2} of 10', steady=True)
        sheet.canvas.draw()
        texts = [text for text in sheet.figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
        places.append({})
        for text in texts:
            places[-1].setdefault(text.get_text(), []).append(np.round(text.get_window_extent().bounds, 3).tolist())
    shared = set(places[0]) & set(places[1]) - {'–'}
    assert {'10 m', '20 m', 'front', 'car', 'truth'} <= shared
    for text in shared:
        assert places[0][text] == places[1][text], text
    notes = [next(bounds for text, bounds in place.items() if text.startswith('frame')) for place in places]
    assert notes[0][0][2] == pytest.approx(notes[1][0][2], abs=0.5), 'numbers keep their width'
    assert not any(text.startswith('0.') for text in places[1]), 'scores would jump from box to box'


def test_texts_of_a_comparison_stay_in_their_places(make_frame):
    options, places = PictureOptions(view=View(40, 40, 40)), []
    for count in (1, 14):
        rng = np.random.default_rng(count)
        boxes = make_boxes([('bus', *rng.uniform(-30, 30, 2), 0.0) for _ in range(count)], np.full(count, 0.5))
        sheet = draw_compare(make_frame(boxes), {'Student': boxes}, options, note='a', steady=True)
        sheet.canvas.draw()
        texts = [text for text in sheet.figure.findobj(Text) if text.get_text().strip()]
        places.append([(text.get_text().split('\u2007')[-1], *np.round(text.get_window_extent().bounds, 2))
                       for text in texts if ' counted' not in text.get_text()])
    moved = {one[0].split()[-1] for one in set(map(tuple, places[0])) ^ set(map(tuple, places[1]))}
    assert moved <= {'matches', 'misses', 'alarms'}, 'numbers change, other texts neither change nor move'
    ends = [[round(sum(one[i] for i in (1, 3)), 1) for one in each if one[0].endswith('alarms')] for each in places]
    assert ends[0] == pytest.approx(ends[1], abs=1), 'numbers keep their width'


def test_a_comparison_as_a_film(infos, tiny_root, source, results, tmp_path):
    common = {'infos': infos, 'root': tiny_root, 'scene': 'tiny-1', **SMALL}
    models = {'Teacher': results, 'Student': results}
    made = save_video(models=models, out=tmp_path / 'a.gif', cameras='none', **common)
    assert made.frames == 3
    found, _ = read_back(tmp_path / 'a.gif')
    scene = source.scene('tiny-1')
    paint = comparing(source, scene, models, PictureOptions(), 'none')
    drawn = draw_frames(source, scene, paint, dpi=30, max_width=None)
    for one, other in zip(found, drawn):
        assert one.shape == other.shape and np.abs(one.astype(int) - other).mean() < 4
    with pytest.raises(ValueError, match='not both'):
        save_video(models=models, results=results, out=tmp_path / 'b.gif', **common)
    with pytest.raises(ValueError, match='front, all, none'):
        save_video(models=models, out=tmp_path / 'b.gif', cameras='rear', **common)
    assert [path.name for path in tmp_path.glob('*.gif')] == ['a.gif']


def test_one_view_holds_every_frame(make_frame):
    near, far = (make_frame(make_boxes([('car', side, ahead, 0.0)])) for side, ahead in ((-3, 10), (28, 35)))
    view = common_view([near, far], PictureOptions())
    single = common_view([near], PictureOptions()), common_view([far], PictureOptions())
    assert view == View(*(max(one) for one in zip(*((each.front, each.back, each.side) for each in single))))
    assert single[0] != view


def test_a_long_description_is_cut_before_the_remark(make_frame):
    frame = make_frame(make_boxes([('car', 1.0, 14.0, 0.0)]))
    sheet = draw_scene(frame, make_boxes([]), note='rain, ' * 80)
    sheet.canvas.draw()
    texts = {text.get_text(): text.get_window_extent() for text in sheet.figure.texts}
    note = next(box for text, box in texts.items() if text.startswith('rain'))
    remark = next(box for text, box in texts.items() if text.startswith('predictions with'))
    assert note.x1 < remark.x0 and next(text for text in texts if text.startswith('rain')).endswith('…')


def test_scenes_are_found_by_name_token_and_place(source):
    names = [scene.name for scene in source.scenes()]
    assert names == ['tiny-0', 'tiny-1'] and source.scenes()[0].description == 'tiny'
    second = source.scene('tiny-1')
    assert second == source.scene(second.token) == source.scene(1) == source.scene('-1')
    times = [source.data_list[index]['timestamp'] for index in second.samples]
    assert times == sorted(times) and recorded_rate(source, second) == 2


@pytest.mark.parametrize('which', ['scene-0103', '2', '-3', ''])
def test_an_unknown_scene_lists_the_known_ones(source, which):
    with pytest.raises(ValueError, match=r'no scene .*there are tiny-0, tiny-1 \(or 0 to 1\)'):
        source.scene(which)


def test_frames_come_in_the_order_of_time_and_names_are_not_needed(infos, tiny_root, tmp_path):
    metainfo, data_list = load_infos(infos)
    save_infos(tmp_path / 'mixed.pkl', {**metainfo, 'version': 'v0-gone'}, data_list[::-1])
    source = InfoFile(tmp_path / 'mixed.pkl', tiny_root)
    scene = source.scene(0)
    assert scene.name == scene.description == '' and source.scene(scene.token) == scene
    assert scene.samples == (2, 1, 0)


def test_a_file_without_key_frames(infos, tiny_root, tmp_path):
    save_infos(tmp_path / 'none.pkl', load_infos(infos)[0], [])
    with pytest.raises(ValueError, match=r'none\.pkl: no key frames'):
        InfoFile(tmp_path / 'none.pkl', tiny_root).scene(0)


def test_a_broken_image_in_the_middle_leaves_nothing(tiny_root, tmp_path):
    root = Path(shutil.copytree(tiny_root, tmp_path / 'copy'))
    infos = root / 'nuscenes_infos_tiny_val.pkl'
    info = load_infos(infos)[1][1]
    image = root / 'samples' / 'CAM_BACK' / Path(info['images']['CAM_BACK']['img_path']).name
    image.write_bytes(b'no picture')
    for name in ('a.mp4', 'a.gif', 'frames'):
        with pytest.raises(ValueError, match=f'{image.name}.*cannot be decoded'):
            save_video(infos=infos, root=root, scene=0, out=tmp_path / 'out' / name, **SMALL)
    assert not list((tmp_path / 'out').iterdir())


def test_command_line(infos, tiny_root, tmp_path):
    common = ('video', '--infos', infos, '--root', tiny_root)
    done = run_tool(*common, '--scene', 'tiny-1', '--out', tmp_path / 'a.gif', '--fps', 4, '--range', 40,
                    '--radar', 'velocity', '--max-width', 500)
    assert done.returncode == 0, done.stderr
    assert 'a.gif (tiny-1: 3 frames of 500 x ' in done.stdout and 'frames' in done.stderr
    found, rate = read_back(tmp_path / 'a.gif')
    assert len(found) == 3 and rate == 4 and found[0].shape[1] == 500
    done = run_tool(*common, '--scene', 'scene-0103', '--out', tmp_path / 'b.mp4')
    assert done.returncode == 1 and done.stderr.count('\n') == 1 and 'there are tiny-0, tiny-1' in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ['a.gif']


@pytest.mark.parametrize('wish', [{'dpi': 1e5}, {'max_width': 1}])
def test_sizes_are_checked_before_anything_is_read(tmp_path, wish):
    with pytest.raises(ValueError, match='must'):
        save_video(infos=tmp_path / 'gone.pkl', root=tmp_path, scene=0, out=tmp_path / 'a.mp4', **wish)


def test_ctrl_c_leaves_no_half_video(infos, tiny_root, tmp_path):
    tool = Path(__file__).parents[2] / 'tools' / 'visualize.py'
    command = [sys.executable, tool, 'video', '--infos', infos, '--root', tiny_root, '--out', tmp_path / 'a.mp4',
               '--dpi', '200', '--max-width', '3600']
    job = subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, text=True, cwd=tool.parents[1])
    until = time.monotonic() + 60
    while not list(tmp_path.iterdir()) and job.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    job.send_signal(signal.SIGINT)
    errors = job.communicate(timeout=60)[1]
    assert job.returncode == 130 and 'interrupted' in errors and 'Traceback' not in errors
    assert not list(tmp_path.iterdir())
