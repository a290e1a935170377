"""Recordings, read back: what lies where and when, and that the viewer's projection is ours."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

rr = pytest.importorskip('rerun', reason='rerun-sdk is optional', exc_type=ImportError)

from perception_kd.structures.bev_grid import BEVGrid  # noqa: E402
from perception_kd.visualization.boxes import Boxes  # noqa: E402
from perception_kd.visualization.maps.bev_map import BEVMap  # noqa: E402
from perception_kd.visualization.options import PictureOptions  # noqa: E402
from perception_kd.visualization.recording import Recording  # noqa: E402
from tests.full_disk import file_size_limit  # noqa: E402
from tests.visualization.conftest import CAM2IMG, LIDAR2CAM, LIDAR2EGO, SIZE, make_boxes  # noqa: E402

LIDAR = '/world/ego/lidar'
TILT = 0.1


class Read:
    """A recording's rows by frame."""

    def __init__(self, path: Path) -> None:
        if not hasattr(rr, 'dataframe'):
            pytest.skip(f'rerun-sdk {rr.__version__} reads recordings in another way')
        self.view = rr.dataframe.load_recording(str(path)).view(index='frame', contents='/**')
        self.table = self.view.select().read_all()
        self.paths = {column.entity_path for column in self.view.schema().component_columns()}

    def get(self, path: str, component: str, row: int = 0) -> np.ndarray | None:
        """A component of an entity at a frame; None where it is empty."""
        value = self.table.column(f'{path}:{component}')[row].as_py()
        return np.array(value) if value else None

    def matrix(self, path: str, row: int = 0) -> np.ndarray:
        """(4, 4) transform to the parent; the file keeps columns."""
        motion = np.eye(4)
        motion[:3, :3] = self.get(path, 'TransformMat3x3', row).reshape(3, 3).T
        motion[:3, 3] = self.get(path, 'Translation3D', row).reshape(3)
        return motion


def truth() -> Boxes:
    """A car to the front in a world that the LiDAR's frame is tilted against, a hidden one, a pedestrian aside."""
    roll = np.array([[1, 0, 0], [0, np.cos(TILT), -np.sin(TILT)], [0, np.sin(TILT), np.cos(TILT)]])
    boxes = make_boxes([('car', 1.0, 12.0, 1.2), ('car', -6.0, 20.0, 0.0), ('pedestrian', 5.0, -3.0, 2.0)],
                       lidar2world=roll, measured=np.array([True, False, True]))
    return replace(boxes, velocities=np.array([[1.0, 4.0], [np.nan, np.nan], [0.1, 0.0]]))


@pytest.fixture
def recorded(make_frame, radar, tmp_path) -> tuple[Read, list]:
    """Two frames; predictions and a map with the first alone, of which one box is below the threshold."""
    first = replace(make_frame(truth(), radar=radar), ego2global=_pose(600_000.25, 1000.5, 0.0))
    second = replace(first, timestamp=first.timestamp + 0.5, ego2global=_pose(600_004.25, 1000.5, 0.2), token='b' * 32)
    predictions = make_boxes([('bus', 2.0, 12.0, 1.0), ('car', 0.0, 5.0, 0.0)], scores=[0.8, 0.1])
    values = np.zeros((4, 2), np.float32)
    values[3, 0] = 1.0
    shown = BEVMap('pair/mask', 'Mask', values, BEVGrid(-2, -4, 2, 4, 2.0), scale='mask')
    with Recording(tmp_path / 'drive.rrd', options=PictureOptions(score=0.3)) as recording:
        recording.frame(first, predictions, [shown])
        recording.frame(second)
    return Read(tmp_path / 'drive.rrd'), [first, second]


def _pose(x: float, y: float, yaw: float) -> np.ndarray:
    pose = np.eye(4)
    pose[:2, :2] = [[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]
    pose[:2, 3] = x, y
    return pose


def test_layers_and_times(recorded) -> None:
    read, frames = recorded
    assert {f'{LIDAR}/{name}' for name in ('points', 'radar', 'radar/velocities', 'truth', 'truth/headings',
                                           'predictions', 'cameras/CAM_FRONT')} <= read.paths
    times = read.table.column('time').to_numpy().astype('datetime64[us]').astype(np.int64)
    assert times.tolist() == [round(frame.timestamp * 1e6) for frame in frames]
    assert read.table.column('frame').to_pylist() == [0, 1]
    assert [read.get('/world/ego', 'token', row)[0] for row in (0, 1)] == [frame.token for frame in frames]


def test_the_world_begins_at_the_first_frame_and_keeps_its_axes(recorded) -> None:
    read, frames = recorded
    for row, frame in enumerate(frames):
        expected = frame.ego2global.copy()
        expected[:3, 3] -= frames[0].ego2global[:3, 3]
        assert np.allclose(read.matrix('/world/ego', row), expected, atol=1e-6)
        assert np.allclose(read.matrix(LIDAR, row), LIDAR2EGO, atol=1e-6)
    assert np.allclose(read.get('/world/way', 'LineStrip3D', 1)[0], [[0, 0, 0], [4, 0, 0]], atol=1e-5)


def test_points_boxes_and_colours(recorded) -> None:
    read, frames = recorded
    assert np.allclose(read.get(f'{LIDAR}/points', 'Position3D'), frames[0].lidar[:, :3])
    assert np.allclose(read.get(f'{LIDAR}/radar', 'Position3D'), frames[0].radar.positions)
    assert read.get(f'{LIDAR}/radar/velocities', 'Vector3D').tolist() == [[0, 6, 0], [0, 2, 0]], 'not the resting one'
    assert np.allclose(read.get(f'{LIDAR}/truth', 'PoseTranslation3D'), frames[0].truth.centres, atol=1e-5)
    assert np.allclose(read.get(f'{LIDAR}/truth/velocities', 'Vector3D'), frames[0].truth.motions[:1], atol=1e-5)
    assert read.get(f'{LIDAR}/predictions', 'Text').tolist() == ['bus 0.80']
    beside, alone = (read.get(f'{LIDAR}/truth', 'Color', row) >> 8 for row in (0, 1))
    orange, blue = 0xff9e00, 0x0000e6  # nuScenes' car and pedestrian
    assert beside[0] == beside[2] == 0xffffff and alone.tolist() == [orange, beside[1], blue]


def test_recorded_boxes_have_our_corners(recorded) -> None:
    """Quaternion and half sizes give the corners that the pictures draw, also in a tilted frame."""
    from scipy.spatial.transform import Rotation

    read, frames = recorded
    half, centre, turn = (read.get(f'{LIDAR}/truth', name)[0] for name in (
        'HalfSize3D', 'PoseTranslation3D', 'PoseRotationQuat'))
    signs = np.array([[a, b, c] for a in (1, -1) for b in (1, -1) for c in (1, -1)])
    corners = Rotation.from_quat(turn).apply(signs * half) + centre
    ours = frames[0].truth.corners[0]
    assert np.allclose(corners[np.lexsort(corners.T)], ours[np.lexsort(ours.T)], atol=1e-4)


def test_a_corner_is_projected_where_our_pictures_have_it(recorded) -> None:
    """From world down to pixels with the transforms and the pinhole of the file alone."""
    read, frames = recorded
    camera = f'{LIDAR}/cameras/CAM_FRONT'
    pinhole = read.get(camera, 'PinholeProjection').reshape(3, 3).T
    corner = frames[0].truth.corners[0, 2]
    place = np.linalg.inv(read.matrix(camera)) @ [*corner, 1]
    pixel = (pinhole @ place[:3])[:2] / place[2]
    ours = CAM2IMG @ (LIDAR2CAM @ [*corner, 1])[:3]
    assert np.allclose(pixel, ours[:2] / ours[2], atol=1e-3) and (pixel > 0).all() and (pixel < SIZE).all()
    assert read.get(camera, 'Resolution').ravel().tolist() == list(SIZE)


def test_pictures_are_the_files_bytes(recorded, make_frame, tmp_path) -> None:
    read, frames = recorded
    blob = bytes(read.get(f'{LIDAR}/cameras/CAM_FRONT', 'Blob').astype(np.uint8).ravel())
    assert blob == frames[0].cameras[0].path.read_bytes()
    picture = tmp_path / 'odd.bmp'
    cv2.imwrite(str(picture), np.full((20, 30, 3), 200, np.uint8))
    frame = make_frame(truth())
    frame = replace(frame, cameras=(replace(frame.cameras[0], path=picture),))
    with Recording(tmp_path / 'bmp.rrd') as recording:
        recording.frame(frame)
    again = Read(tmp_path / 'bmp.rrd').get(f'{LIDAR}/cameras/CAM_FRONT', 'Blob').astype(np.uint8).ravel()
    assert again[:2].tolist() == [0xFF, 0xD8] and cv2.imdecode(again, 1).shape == (20, 30, 3), 'encoded as JPEG'


def test_what_a_frame_lacks_is_cleared(recorded) -> None:
    read, _ = recorded
    assert len(read.get(f'{LIDAR}/predictions', 'HalfSize3D')) == 1
    assert read.get(f'{LIDAR}/predictions', 'HalfSize3D', 1) is None
    assert read.get('/maps/pair/mask', 'Blob', 1) is None and read.get(f'{LIDAR}/truth', 'HalfSize3D', 1) is not None


def test_a_map_lies_on_the_ground_and_its_picture_has_ahead_up(recorded) -> None:
    """The cell [3, 0] is the farthest ahead and to the left: x is right and y is ahead in this LiDAR frame."""
    read, _ = recorded
    blob = read.get('/maps/pair/mask', 'Blob').astype(np.uint8).ravel()
    picture = cv2.imdecode(blob, cv2.IMREAD_COLOR)
    assert picture.shape == (4, 2, 3)
    dark = picture.astype(int).sum(2) < picture.astype(int).sum(2).max()
    assert dark[0, 0] and dark.sum() == 1
    corners = read.get('/world/ego/maps/pair/mask', 'Position3D')
    reach = [corners[:, :2].min(0).tolist(), corners[:, :2].max(0).tolist()]
    assert np.allclose(reach, [[-4, -2], [4, 2]])


def test_a_file_that_was_not_finished_leaves_nothing(make_frame, tmp_path) -> None:
    frame = make_frame(truth())
    frame.cameras[0].path.unlink()
    with pytest.raises(FileNotFoundError, match='no such picture'), Recording(tmp_path / 'x.rrd') as recording:
        recording.frame(frame)
    assert not list(tmp_path.glob('**/*.rrd'))


def test_a_full_disk_is_told(make_frame, tmp_path) -> None:
    frame = make_frame(truth())
    full, recording = pytest.raises(OSError, match='not all was written'), Recording(tmp_path / 'x.rrd')
    with full, file_size_limit(3000), recording:
        recording.frame(frame)
    assert not list(tmp_path.glob('**/*.rrd'))


def test_bad_names(tmp_path) -> None:
    with pytest.raises(ValueError, match=r'a recording is a \.rrd file'):
        Recording(tmp_path / 'x.mp4')
    (tmp_path / 'y.rrd').mkdir()
    with pytest.raises(IsADirectoryError):
        Recording(tmp_path / 'y.rrd')


def test_without_rerun_one_line_says_what_to_install(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, 'rerun', None)
    with pytest.raises(ImportError, match=r"pip install 'perception_kd\[rerun\]'"):
        Recording(tmp_path / 'x.rrd')


def test_the_command_records_a_scene(tiny_root, tmp_path, capsys) -> None:
    from perception_kd.visualization.commands import build_parser

    infos = next(tiny_root.glob('*infos*val*.pkl'))
    args = build_parser('').parse_args(['record', '--infos', str(infos), '--root', str(tiny_root), '--no-lidar',
                                        '--out', str(tmp_path / 'scene.rrd')])
    assert args.run(args) == 0
    said = capsys.readouterr().out
    read = Read(tmp_path / 'scene.rrd')
    assert f'{read.table.num_rows} frames' in said and f'{LIDAR}/points' not in read.paths


def test_arrows_of_raw_doppler_and_those_that_nobody_wants_are_left_out(make_frame, radar, tmp_path) -> None:
    frame = make_frame(truth(), radar=replace(radar, compensated=False))
    with Recording(tmp_path / 'drive.rrd', options=PictureOptions(velocities=False)) as recording:
        recording.frame(frame)
    read = Read(tmp_path / 'drive.rrd')
    assert len(read.get(f'{LIDAR}/radar', 'Position3D')) == 3 and len(read.get(f'{LIDAR}/truth', 'HalfSize3D')) == 3
    assert not any(name.endswith('/velocities:Vector3D') for name in read.table.column_names)
