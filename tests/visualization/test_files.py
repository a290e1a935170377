"""From files to a PNG, and one clear line for everything that can be wrong with them."""

import json
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from perception_kd.datasets.nuscenes.formats import RADAR_DTYPE, RADAR_FIELDS, write_radar_pcd
from perception_kd.visualization.commands import build_parser
from perception_kd.visualization.frame import read_frame
from perception_kd.visualization.options import PictureOptions, scores_of_texts, view_of_range
from perception_kd.visualization.run import save_compare, save_scene
from perception_kd.visualization.sheet import Sheet
from perception_kd.visualization.sources import InfoFile, ResultFile
from tests.visualization.conftest import LIDAR2EGO

TOOL = Path(__file__).parents[2] / 'tools' / 'visualize.py'


@pytest.fixture
def infos(tiny_root):
    return tiny_root / 'nuscenes_infos_tiny_val.pkl'


def results_of_truth(info_file: InfoFile) -> dict:
    """A result file that repeats the truth of every sample."""
    results = {}
    for index, info in enumerate(info_file.data_list):
        frame = info_file.frame(index, lidar=False)
        turn = np.arctan2(*frame.lidar2global[[1, 0], 0])
        results[info['token']] = [
            {
                'translation': (frame.lidar2global @ np.r_[centre, 1])[:3].tolist(),
                'size': size[[1, 0, 2]].tolist(),
                'rotation': [np.cos((yaw + turn) / 2), 0, 0, np.sin((yaw + turn) / 2)],
                'detection_name': name,
                'detection_score': 0.9,
            }
            for centre, size, yaw, name in zip(
                frame.truth.centres, frame.truth.sizes, frame.truth.yaws, frame.truth.names
            )
        ]
    return {'meta': {}, 'results': results}


@pytest.fixture
def results(infos, tiny_root, tmp_path):
    path = tmp_path / 'results.json'
    path.write_text(json.dumps(results_of_truth(InfoFile(infos, tiny_root))))
    return path


def test_results_equal_to_the_truth_fall_on_it(infos, tiny_root, results):
    frame = InfoFile(infos, tiny_root).frame(1)
    boxes = ResultFile(results).boxes(frame.token, frame.lidar2global)
    assert len(boxes) == 5
    np.testing.assert_allclose(boxes.corners, frame.truth.corners, atol=1e-6)


def test_radar_comes_into_the_lidar_frame(infos, tiny_root):
    frame = InfoFile(infos, tiny_root).frame(1)
    assert len(frame.radar) == 20 and len(frame.lidar) == 350
    truck = frame.truth.of_classes(('truck',))
    inside = np.linalg.norm(frame.radar.positions[:, :2] - truck.centres[0, :2], axis=1) < 4.5
    moving = np.linalg.norm(frame.radar.velocities, axis=1) > 1
    assert (inside == moving).all() and moving.sum() == 4
    speed = (frame.radar.velocities[moving] @ frame.lidar2global[:2, :2].T).mean(0)
    np.testing.assert_allclose(speed, (4, 1), atol=1e-3)


def test_a_rig_without_lidar(infos, tiny_root):
    """No file: no points. No frame of a LiDAR either: boxes are in the vehicle's."""
    source = InfoFile(infos, tiny_root)
    info = dict(source.find(1))
    lidar2ego = np.array(info['lidar_points']['lidar2ego'])
    info['lidar_points'] = {'lidar2ego': lidar2ego.tolist()}
    frame = read_frame(info, tiny_root)
    assert len(frame.lidar) == 0 and np.array_equal(frame.lidar2ego, lidar2ego) and len(frame.truth)
    del info['lidar_points'], info['instances']
    frame = read_frame(info, tiny_root)
    assert np.array_equal(frame.lidar2ego, np.eye(4)) and not frame.annotated and not len(frame.truth)


def test_bounds_on_scores_are_read():
    assert scores_of_texts(['0.3']) == (0.3, {}) and scores_of_texts([]) == (0.3, {})
    assert scores_of_texts(['car=0.4', '0.2', 'bus=1']) == (0.2, {'car': 0.4, 'bus': 1})
    for texts, said in ((['car'], "'car' is neither"), (['0.1', '0.2'], 'got 2'), (['car=much'], 'CLASS=NUMBER')):
        with pytest.raises(ValueError, match=said):
            scores_of_texts(texts)
    with pytest.raises(ValueError, match='car: a score must lie'):
        PictureOptions(class_scores={'car': 1.5})
    with pytest.raises(ValueError, match='unknown classes tram'):
        PictureOptions(class_scores={'tram': 0.5})


def test_pictures_are_written_whole(infos, tiny_root, results, tmp_path):
    out = tmp_path / 'deep' / 'scene.png'
    size = save_scene(infos=infos, root=tiny_root, sample=0, results=results, out=out, dpi=50)
    assert cv2.imread(str(out)).shape[:2][::-1] == size and size[0] == 900
    size = save_compare(
        infos=infos,
        root=tiny_root,
        sample='-1',
        models={'Student': results},
        out=tmp_path / 'c.png',
        dpi=300,
        max_width=700,
    )
    assert size[0] == 700 and cv2.imread(str(tmp_path / 'c.png')).shape[1] == 700
    assert [path.name for path in out.parent.iterdir()] == ['scene.png']


def test_a_sample_without_predictions_is_drawn(infos, tiny_root, tmp_path):
    token, out = InfoFile(infos, tiny_root).find(0)['token'], tmp_path / 'scene.png'
    (tmp_path / 'empty.json').write_text(json.dumps({'meta': {}, 'results': {token: []}}))
    save_scene(infos=infos, root=tiny_root, sample=0, results=tmp_path / 'empty.json', out=out, dpi=40)
    assert out.stat().st_size > 10000
    with pytest.raises(ValueError, match=r'empty\.json: sample .* is not among its 1; was it made for another split'):
        save_scene(infos=infos, root=tiny_root, sample=1, results=tmp_path / 'empty.json', out=out, dpi=40)


@pytest.fixture
def own_root(tiny_root, tmp_path):
    """A copy of the data root that a test may spoil."""
    return Path(shutil.copytree(tiny_root, tmp_path / 'copy'))


def one_file(root, channel):
    info = InfoFile(root / 'nuscenes_infos_tiny_val.pkl', root).data_list[0]
    name = (
        info['images'][channel]['img_path']
        if channel in info['images']
        else info['radar_points'][channel]['radar_path']
    )
    return next(path for path in (root / 'samples' / channel / Path(name).name,) if path.is_file())


def draw(root, **more):
    return save_scene(
        infos=root / 'nuscenes_infos_tiny_val.pkl', root=root, sample=0, out=root / 'x.png', dpi=30, **more
    )


def test_a_missing_or_broken_image_is_named(own_root):
    image = one_file(own_root, 'CAM_FRONT')
    image.write_bytes(b'no picture')
    with pytest.raises(ValueError, match=rf'CAM_FRONT.*{image.name}: corrupt picture'):
        draw(own_root)
    image.write_bytes(b'')
    with pytest.raises(ValueError, match='cannot be decoded'):
        draw(own_root)
    image.unlink()
    with pytest.raises(FileNotFoundError, match=f'CAM_FRONT.*{image.name}: no such picture'):
        draw(own_root)
    assert not (own_root / 'x.png').exists()


def test_empty_radar_and_velocities_that_are_no_numbers(own_root):
    for channel in ('RADAR_FRONT', 'RADAR_BACK_LEFT'):
        write_radar_pcd(one_file(own_root, channel), np.zeros((18, 0)))
    frame = InfoFile(own_root / 'nuscenes_infos_tiny_val.pkl', own_root).frame(0)
    assert len(frame.radar) == 0 and frame.radar.compensated
    draw(own_root)
    path = one_file(own_root, 'RADAR_FRONT')
    write_radar_pcd(path, {'x': np.array([9.0, 12]), 'y': np.zeros(2), 'vx_comp': np.array([3.0, 1])})
    content = path.read_bytes()
    start = content.index(b'DATA binary\n') + 12
    offset = sum(
        {'dyn_prop': 1, 'id': 2}.get(name, 4) for name in RADAR_FIELDS[: RADAR_FIELDS.index('vx_comp')]
    )
    offset += start + RADAR_DTYPE.itemsize  # a NaN in the first point would mean an empty sweep
    path.write_bytes(content[:offset] + np.float32(np.nan).tobytes() + content[offset + 4 :])
    radar = InfoFile(own_root / 'nuscenes_infos_tiny_val.pkl', own_root).frame(0).radar
    assert len(radar) == 2 and radar.radial.tolist() == [3, 0]
    draw(own_root, options=PictureOptions(radar='velocity'))


def test_unfit_radar_returns_are_left_out_as_the_devkit_does(own_root):
    fields = {
        'x': np.arange(1.0, 5),
        'y': np.zeros(4),
        'invalid_state': np.array([0, 1, 0, 0]),
        'ambig_state': np.array([3, 3, 0, 3]),
        'dyn_prop': np.array([0, 0, 0, 7]),
    }
    for channel in ('RADAR_FRONT', 'RADAR_BACK_LEFT'):
        write_radar_pcd(one_file(own_root, channel), fields)
    assert len(InfoFile(own_root / 'nuscenes_infos_tiny_val.pkl', own_root).frame(0).radar) == 2


NAN = float('nan')


def a_result(**changed) -> str:
    """A result file with one car, of which some fields are changed."""
    row = {'translation': [1, 2, 3], 'rotation': [1, 0, 0, 0], 'size': [2, 4, 1.5], 'detection_name': 'car',
           'detection_score': 0.5, **changed}
    return json.dumps({'results': {'TOKEN': [row]}})


@pytest.mark.parametrize(
    ('content', 'said'),
    [
        ('{', 'not JSON'),
        ('[]', 'submission format'),
        ('{"results": {"TOKEN": [{}]}}', "no field 'translation'"),
        ('{"results": {"TOKEN": [3]}}', 'malformed'),
        ('{"results": {"TOKEN": [{"translation": [1], "rotation": [1], "size": [1]}]}}', 'malformed'),
        (a_result(), ''),
        (a_result(translation=[1, NAN, 1]), 'translation is not 3 finite'),
        (a_result(rotation=[0, 0, 0, 0]), 'rotation is 0'),
        (a_result(size=[1, 0, 1]), 'size is not positive'),
        (a_result(detection_score=NAN), 'detection_score is not finite'),
        (a_result(detection_score='high'), 'malformed'),
        (a_result(velocity=[float('inf'), 0]), 'velocity is infinite'),
        (a_result(velocity=[NAN, NAN]), ''),
        (a_result(detection_name='tram'), 'unknown classes tram; there are car'),
    ],
)
def test_bad_results_are_named(content, said, tmp_path):
    path = tmp_path / 'r.json'
    path.write_text(content)
    if not said:
        assert len(ResultFile(path).boxes('TOKEN', LIDAR2EGO)) == 1
        return
    with pytest.raises(ValueError, match=rf'r\.json.*{said}'):
        ResultFile(path).boxes('TOKEN', LIDAR2EGO)


def test_missing_files_are_named(infos, tiny_root, tmp_path):
    with pytest.raises(FileNotFoundError, match='no such result file'):
        ResultFile(tmp_path / 'r.json')
    with pytest.raises(FileNotFoundError, match=r'data root .* does not exist'):
        InfoFile(infos, tmp_path / 'nowhere')
    with pytest.raises(FileNotFoundError, match=r'infos\.pkl'):
        InfoFile(tmp_path / 'infos.pkl', tiny_root)
    (tmp_path / 'infos.pkl').write_bytes(pickle.dumps([1]))
    with pytest.raises(ValueError, match='not an info file'):
        InfoFile(tmp_path / 'infos.pkl', tiny_root)


@pytest.mark.parametrize('sample', ['f' * 32, '3', '-4', '', 'x'])
def test_an_unknown_sample_says_how_many_there_are(infos, tiny_root, sample):
    with pytest.raises(ValueError, match='among its 3: give 0 to 2'):
        InfoFile(infos, tiny_root).find(sample)


def test_samples_are_found_by_token_and_place(infos, tiny_root):
    info_file = InfoFile(infos, tiny_root)
    token = info_file.data_list[2]['token']
    assert info_file.find(token) is info_file.find(2) is info_file.find('-1') is info_file.data_list[2]
    assert info_file.frame(0).scene == 'tiny-2'


def test_only_png_and_sensible_resolutions(tmp_path):
    sheet = Sheet(width=100, height=50)
    with pytest.raises(ValueError, match=r'end'):
        sheet.save(tmp_path / 'a.jpg')
    for dpi in (0, 1e5, float('nan')):
        with pytest.raises(ValueError, match=f'dpi must lie in 10 to 1000, got {dpi:g}'):
            sheet.save(tmp_path / 'a.png', dpi=dpi)
    with pytest.raises(ValueError, match='max_width must be at least 64 pixels, got 1'):
        sheet.save(tmp_path / 'a.png', max_width=1)
    assert sheet.save(tmp_path / 'a.png', dpi=200) == (200, 100)
    assert cv2.imread(str(tmp_path / 'a.png')).shape == (100, 200, 3)


def test_range_takes_one_or_three_numbers():
    assert view_of_range(None) is None
    assert view_of_range([40]).back == 40 and view_of_range([60, 5, 25]).side == 25
    with pytest.raises(ValueError, match=r'1 number .* or 3'):
        view_of_range([1, 2])
    for number in (float('nan'), float('inf'), 1e9, -1):
        with pytest.raises(ValueError, match=re.escape(f'at most 1000 m, got front {number:g}, back')):
            view_of_range([number])


def run_tool(*arguments):
    return subprocess.run(
        [sys.executable, str(TOOL), *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=TOOL.parents[1],
        env={'PYTHONPATH': str(TOOL.parents[1]), 'PATH': '/usr/bin:/bin'},
    )


def test_command_line_draws_and_complains_in_one_line(infos, tiny_root, results, tmp_path, capsys):
    common = tuple(map(str, ('--infos', infos, '--root', tiny_root, '--out', tmp_path / 'c.png')))
    args = build_parser('').parse_args(
        ['compare', *common, '--student', str(results), '--palette', 'safe', '--dpi', '40', '--range', '40'])
    assert args.run(args) == 0 and 'c.png (720 x ' in capsys.readouterr().out
    assert cv2.imread(str(tmp_path / 'c.png')).shape[1] == 720
    args = build_parser('').parse_args(['scene', *common, '--results', str(results), '--score', '0.5', 'car=0.95',
                                        '--camera-lidar', 'depth', '--no-velocity', '--dpi', '40'])
    assert args.run(args) == 0
    done = run_tool('scene', *common, '--sample', 99)
    assert done.returncode == 1 and done.stderr.count('\n') == 1 and 'among its 3' in done.stderr


def test_pictures_need_none_of_the_large_packages():
    code = (
        'import sys, perception_kd.visualization.run, perception_kd.visualization.video\n'
        'import perception_kd.visualization.view3d.run, perception_kd.visualization.recording\n'
        'large = {"matplotlib.pyplot", "open3d", "mmdet3d", "nuscenes", "plotly", "rerun"}\n'
        'assert not large & set(sys.modules), large & set(sys.modules)'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, cwd=TOOL.parents[1])
    assert done.returncode == 0, done.stderr


@pytest.mark.real_data
def test_a_real_nuscenes_frame(real_data, tmp_path):
    from perception_kd.datasets.nuscenes.create import InfoJob, create_infos

    root = real_data / 'nuscenes' / 'frame_scene0061_s0'
    create_infos(InfoJob(root=root, version='v1.0-oneframe', out=tmp_path), echo=lambda line: None)
    out = tmp_path / 'scene.png'
    path = next(tmp_path.glob('*.pkl'))
    assert save_scene(infos=path, root=root, sample=0, out=out)[0] == 1800
    frame = InfoFile(path, root).frame(0)
    assert len(frame.truth) == 68 and len(frame.radar) == 74 and frame.scene == 'scene-0061'
    assert frame.time_text == '2018-07-24 03:28:47.64 UTC'
