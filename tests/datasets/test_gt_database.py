"""The ground-truth database: its objects against a brute-force look, as mmdet3d's, interrupted, killed and spoiled."""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  isort: skip

import json
import os
import pickle
import random
import runpy
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet3d.structures import LiDARInstance3DBoxes

from perception_kd.datasets.nuscenes import gt_database
from perception_kd.datasets.nuscenes.dataset import NuScenesRadarDataset
from perception_kd.datasets.nuscenes.gt_database import GTDatabaseJob, create_gt_database
from perception_kd.datasets.nuscenes.gt_objects import OBJECT, GTObjects
from perception_kd.datasets.nuscenes.stamp import load_infos
from perception_kd.datasets.transforms import LoadLidarSweeps
from perception_kd.files import write_bytes
from perception_kd.structures.classes import NUSCENES_CLASSES

TRAIN = 'nuscenes_infos_tiny_train.pkl'
TOOL = Path(__file__).parents[2] / 'tools' / 'create_data.py'
SWEEPS = 1


def job_of(root: Path, out: Path, **options: object) -> GTDatabaseJob:
    return GTDatabaseJob(**{'root': root, 'infos': root / TRAIN, 'out': out, 'sweeps': SWEEPS, **options})


def make(job: GTDatabaseJob, **options: object) -> tuple[Path, list[str]]:
    lines: list[str] = []
    return create_gt_database(job, echo=lines.append, **options), lines


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def most_points(out: Path) -> int:
    """Most points of an object of a finished database."""
    return GTObjects.load(out / 'nuscenes_gt_database_tiny_train.pkl').objects['points'].max()


def test_every_true_box_with_its_points(tiny_root: Path, tmp_path: Path) -> None:
    index, lines = make(job_of(tiny_root, tmp_path))
    database, dataset = GTObjects.load(index), NuScenesRadarDataset(ann_file=TRAIN, data_root=str(tiny_root))
    assert database.frames == [(info['token'], info['scene_token']) for info in load_infos(tiny_root / TRAIN)[1]]
    found = iter(database.objects)
    for row in range(len(dataset)):
        info = LoadLidarSweeps(sweeps_num=SWEEPS)(dataset.get_data_info(row))
        truth, points = info['ann_info'], info['points']
        boxes = LiDARInstance3DBoxes(truth['gt_bboxes_3d'], box_dim=9, origin=(0.5, 0.5, 0.5)).tensor
        inside = LiDARInstance3DBoxes(boxes[:, :7]).points_in_boxes_all(torch.from_numpy(points[:, :3])).bool().numpy()
        valid = np.flatnonzero(truth['num_lidar_pts'] + truth['num_radar_pts'])
        for place, true in enumerate(valid):
            one, wanted = next(found), points[inside[:, true]]
            assert (one['frame'], one['gt_idx'], one['label']) == (row, place, truth['gt_labels_3d'][true])
            np.testing.assert_array_equal(one['box'], boxes[true].numpy())
            cloud = database.points(one)
            np.testing.assert_array_equal(cloud[:, 3:], wanted[:, 3:])
            np.testing.assert_allclose(cloud[:, :3] + one['box'][:3], wanted[:, :3], atol=1e-5)
            assert len(cloud) == one['points'] >= 30 and (len(cloud) > 30 or row % 3 == 0 or one['label'] == 1)
    assert next(found, None) is None
    assert lines == [f'{index}: 24 objects with {database.objects["points"].sum()} points '
                     '(car 6, truck 6, pedestrian 6, barrier 6)']


def test_the_layout_of_mmdet3d_holds_the_same(tiny_root: Path, tmp_path: Path) -> None:
    packed = GTObjects.load(make(job_of(tiny_root, tmp_path))[0])
    index, _ = make(job_of(tiny_root, tmp_path, layout='mmdet3d'))
    assert index.name == 'nuscenes_dbinfos_tiny_train.pkl'
    infos = pickle.loads(index.read_bytes())
    assert list(infos) == ['car', 'truck', 'pedestrian', 'barrier']
    by_group = sorted((info for listed in infos.values() for info in listed), key=lambda info: info['group_id'])
    assert [info['group_id'] for info in by_group] == list(range(24)) and len(files_of(tmp_path)) == 4 + 1 + 25
    for info, one in zip(by_group, packed.objects):
        points = np.fromfile(tmp_path / info['path'], np.float32).reshape(-1, 5)
        np.testing.assert_array_equal(points, packed.points(one))
        assert info['name'] == NUSCENES_CLASSES[one['label']] and info['num_points_in_gt'] == len(points)
        assert (info['image_idx'], info['gt_idx'], info['difficulty']) == (one['frame'], one['gt_idx'], 0)
        np.testing.assert_array_equal(info['box3d_lidar'], np.nan_to_num(one['box']))
        assert Path(info['path']).name == f'{one["frame"]}_{info["name"]}_{one["gt_idx"]}.bin'


def test_workers_write_the_same_and_what_is_up_to_date_stays(tiny_root: Path, tmp_path: Path) -> None:
    index, _ = make(job_of(tiny_root, tmp_path / 'one'))
    make(job_of(tiny_root, tmp_path / 'two'), workers=2)
    assert files_of(tmp_path / 'one') == files_of(tmp_path / 'two')
    before = index.stat().st_mtime_ns
    assert make(job_of(tiny_root, tmp_path / 'one'))[1] == [f'{index}: up to date']
    assert index.stat().st_mtime_ns == before
    make(job_of(tiny_root, tmp_path / 'one', sweeps=0))
    folders = [path for path in (tmp_path / 'one').iterdir() if path.is_dir()]
    assert len(folders) == 1 and GTObjects.load(index).stamp['sweeps'] == 0, 'the older one is gone'
    assert most_points(tmp_path / 'one') < 40 < most_points(tmp_path / 'two')
    job = job_of(tiny_root, tmp_path / 'one')
    write_bytes(job.folder / 'stray.bin', b'of an interrupted run')
    make(job, force=True)
    assert files_of(tmp_path / 'one') == files_of(tmp_path / 'two')


def begin(job: GTDatabaseJob) -> int:
    """Make the database, slowly, in a process of its own; returns its number."""
    number = os.fork()
    if number:
        return number
    real = gt_database._objects
    gt_database._objects = lambda *arguments: time.sleep(0.02) or real(*arguments)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    try:
        create_gt_database(job, echo=lambda line: None)
    finally:
        os._exit(0)


@pytest.mark.parametrize('layout', ['packed', 'mmdet3d'])
def test_killed_at_random_moments(tiny_root: Path, tmp_path: Path, layout: str) -> None:
    draw, kept = random.Random(1), set()
    job, twin = (job_of(tiny_root, tmp_path / name, layout=layout) for name in ('killed', 'whole'))
    for seconds in (0.11, *(draw.uniform(0, 0.25) for _ in range(4))):
        process = begin(job)
        time.sleep(seconds)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        found = {path.name for path in job.folder.glob('parts/[!.]*.pkl')}
        assert kept <= found or job.index.is_file(), 'finished scenes stay'
        kept = found
    make(job)
    make(twin)
    left = {name for name in files_of(job.out) if '.partial' not in name}
    assert {name: files_of(job.out)[name] for name in left} == files_of(twin.out)


def test_finished_scenes_are_not_made_again(tiny_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, rows = gt_database._objects, []

    def interrupted(dataset: NuScenesRadarDataset, row: int, sweeps: int) -> tuple:
        rows.append(row)
        if len(rows) == 5:  # in the middle of the second scene
            raise KeyboardInterrupt
        return real(dataset, row, sweeps)

    make(job_of(tiny_root, tmp_path, sweeps=0))
    monkeypatch.setattr(gt_database, '_objects', interrupted)
    job = job_of(tiny_root, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        make(job)
    assert GTObjects.load(job.index).stamp['sweeps'] == 0, 'the old one is there until the new one is whole'
    make(job)
    assert rows == [0, 1, 2, 3, 4, 3, 4, 5] and GTObjects.load(job.index).stamp['sweeps'] == SWEEPS


def test_corrupt_key_frames_are_told(tiny_root: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(tiny_root, tmp_path / 'root'))
    job = job_of(root, tmp_path)
    info = load_infos(root / TRAIN)[1][4]
    path = root / 'samples' / 'LIDAR_TOP' / info['lidar_points']['lidar_path']
    content = path.read_bytes()
    path.write_bytes(content[:999])  # it is a sweep of the next key frame, too
    with pytest.raises(ValueError, match=r'key frame .: .*truncated.*; 2 key frames are corrupt, and at most 1 may'):
        make(job_of(root, tmp_path, sweeps=3), max_corrupt=1)
    assert not job.index.is_file()
    for workers in (0, 2):
        _, lines = make(job_of(root, tmp_path, sweeps=3), max_corrupt=2, workers=workers, force=True)
        assert '16 objects' in lines[0]
        assert [line.split(':')[1] for line in lines[1:]] == [' key frame 4', ' key frame 5']
    path.write_bytes(content)
    assert make(job_of(root, tmp_path, sweeps=3))[1][0].endswith(
        '2 corrupt key frames were left out: --force makes it again')
    assert '24 objects' in make(job_of(root, tmp_path, sweeps=3), force=True)[1][0]


def test_a_spoiled_database_is_refused(tiny_root: Path, tmp_path: Path) -> None:
    index, _ = make(job_of(tiny_root, tmp_path))
    good = pickle.loads(index.read_bytes())
    objects = np.frombuffer(good['objects'], OBJECT).copy()
    objects['scene'][3] = 7
    spoiled = [
        (pickle.dumps({**good, 'kind': 'x'}), 'not a packed GT database'),
        (pickle.dumps({**good, 'objects': good['objects'][:-1]}), 'damaged'),
        (pickle.dumps({**good, 'objects': objects.tobytes()}), 'an object whose scene it does not have'),
        (pickle.dumps({**good, 'scenes': None}), 'damaged'), (pickle.dumps([1]), 'not a packed GT database'),
        (pickle.dumps({**good, 'metainfo': {**good['metainfo'], 'box_convention': 'old'}}), 'box_convention'),
        (pickle.dumps({'car': [np.zeros(3)]}), 'comes from another tool'), (b'', 'damaged'),
    ]
    for content, message in spoiled:
        (tmp_path / 'bad.pkl').write_bytes(content)
        with pytest.raises(ValueError, match=message) as caught:
            GTObjects.load(tmp_path / 'bad.pkl')
        assert '\n' not in str(caught.value) and 'bad.pkl' in str(caught.value)
    scene = tmp_path / good['scenes'][0]
    scene.write_bytes(scene.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r'bytes, \d+ are needed\); make it again'):
        GTObjects.load(index)
    scene.unlink()
    with pytest.raises(FileNotFoundError, match='does not exist'):
        GTObjects.load(index)
    with pytest.raises(FileNotFoundError, match=r'GT database .*gone\.pkl does not exist'):
        GTObjects.load(tmp_path / 'gone.pkl')


def test_command_line(tiny_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                      capsys: pytest.CaptureFixture) -> None:
    def status(*arguments: object) -> int:
        monkeypatch.setattr(sys, 'argv', [str(TOOL), 'gt-database', *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(str(TOOL), run_name='__main__')
        return stop.value.code

    common = ('--root', tiny_root, '--infos', tiny_root / TRAIN, '--out', tmp_path)
    assert status(*common, '--gt-sweeps', 0, '--workers', 2) == 0
    assert GTObjects.load(tmp_path / 'nuscenes_gt_database_tiny_train.pkl').stamp['sweeps'] == 0
    folder = next(path for path in tmp_path.iterdir() if path.is_dir())
    assert json.loads((folder / 'stamp.json').read_text())['left_out'] == [] and not (folder / 'parts').exists()
    for arguments, message in [
            ((*common, '--gt-sweeps', -1), '--gt-sweeps must not be negative'),
            (('--root', tiny_root, '--infos', tmp_path / 'no.pkl'), 'no.pkl is missing'),
            (('--root', tmp_path, '--infos', tiny_root / TRAIN, '--out', tmp_path / 'b'), 'has no version'),
            (('--root', tiny_root, '--infos', tiny_root / TRAIN, '--out', tiny_root / TRAIN), 'is a file')]:
        capsys.readouterr()
        assert status(*arguments) == 1
        error = capsys.readouterr().err
        assert error.count('\n') == 1 and error.startswith('error: ') and message in error, error
