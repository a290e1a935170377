"""Our pipeline and mmdet3d's transforms make the same of a sample; whatever differs stops the comparison."""

from __future__ import annotations

import copy
import json
import runpy
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from perception_kd.benchmark.loader import LoaderCase, benchmark_loader
from perception_kd.benchmark.loader_check import check_same
from perception_kd.benchmark.loader_sides import Common, our_side, their_side
from perception_kd.datasets.nuscenes.formats import read_lidar_bin, write_lidar_bin
from tests.tiny_world import HEIGHT, SECONDS_BETWEEN, WIDTH, ego_pose

LIMITS = [-30.0, -20.0, -5.0, 30.0, 20.0, 3.0]
SHARED = ['pictures', 'points', 'boxes', 'resize, crop', 'turn, scale', 'range', 'pack']


def config(root: Path) -> Config:
    pipeline = [
        dict(type='LoadMultiViewImages', decode_scale=2), dict(type='LoadRadarSweeps', sweeps_num=1),
        dict(type='LoadLidarSweeps', sweeps_num=2), dict(type='LoadBoxes3D'),
        dict(type='ImageAug', final_size=(24, 80), resize_lim=(0.5, 0.6), flip_prob=0.5, training=True),
        dict(type='BEVAug'), dict(type='FilterObjects', point_cloud_range=LIMITS),
        dict(type='FilterPoints', point_cloud_range=LIMITS), dict(type='PackInputs', keys=('img', 'points', 'radar'))]
    dataset = dict(type='NuScenesRadarDataset', data_root=str(root), ann_file='nuscenes_infos_tiny_train.pkl',
                   pipeline=pipeline)
    return Config(dict(train_dataloader=dict(batch_size=2, dataset=dataset)))


@pytest.fixture
def sides(tiny_root):
    init_default_scope('perception_kd')
    common = Common.of(config(tiny_root))
    return our_side(common), their_side(common)


def test_both_sides_make_the_same(sides, tiny_root):
    ours, theirs = sides
    assert len(ours) == len(theirs) == 6
    common = Common.of(config(tiny_root))
    assert common.size == (WIDTH, HEIGHT) and common.resized == (80, 29) and common.final_size == (24, 80)
    for index in range(6):
        found = check_same(ours, theirs, index)
        assert found['pictures'] <= 1 and found['points'] < 1e-4 and found['boxes'] < 1e-4
        packed = theirs[index]
        assert found['boxes_kept'] == len(packed['data_samples'].gt_instances_3d) > 1
        assert found['points_kept'] == pytest.approx(len(packed['inputs']['points']), abs=5)
        assert found['points_kept'] > 100
        assert packed['inputs']['img'].shape == (2, 3, 24, 80)


def change(name: str):
    """A last transform of our side that changes what it has packed."""
    def transform(packed):
        truth = packed['data_samples'].gt_instances_3d
        if name == 'pictures':
            packed['inputs']['img'] = packed['inputs']['img'] ^ 2
        elif name == 'size':
            packed['inputs']['img'] = packed['inputs']['img'][:, :, 1:]
        elif name == 'label':
            truth.labels_3d[0] = 9
        elif name == 'box':
            truth.bboxes_3d.tensor[0, 1] += 0.01
        elif name == 'unknown velocity':
            truth.bboxes_3d.tensor[0, 7] = float('nan')
        return packed
    return transform


@pytest.mark.parametrize(('name', 'message'), [
    ('pictures', 'pictures of the two sides differ by up to [23]$'), ('size', r'pictures are \(2, 3, 23, 80\)'),
    ('label', r'boxes have the labels \[9,'), ('box', 'boxes of the two sides differ by up to 0.01$')])
def test_what_is_packed_otherwise_is_an_error(sides, name, message):
    sides[0].steps['pack'].append(change(name))
    with pytest.raises(ValueError, match=f'^sample [0-9a-f]+: {message}'):
        check_same(*sides, 1)


def test_an_unknown_velocity_is_that_of_resting_boxes_in_mmdet3d(sides):
    ours, theirs = sides
    truth = theirs[1]['data_samples'].gt_instances_3d.bboxes_3d.tensor
    assert truth[0, 7:].abs().max() < 1e-3, 'this box rests'
    ours.steps['pack'].append(change('unknown velocity'))
    check_same(ours, theirs, 1)


def test_points_that_differ_are_an_error(sides, tiny_root):
    ours, theirs = sides
    ours.steps['points'].append(lambda sample: {**sample, 'points': sample['points'][1:]})
    with pytest.raises(ValueError, match=r'\d+ LiDAR points of ours, \d+ of mmdet3d'):
        check_same(ours, theirs, 1)
    ours.steps['points'][1] = lambda sample: {
        **sample, 'points': sample['points'] + np.float32([0.01, 0, 0, 0, 0])}
    with pytest.raises(ValueError, match=r'LiDAR points of the two sides differ by up to 0\.01'):
        check_same(ours, theirs, 1)
    del ours.steps['points'][1]
    ours.steps['range'].append(lambda sample: {**sample, 'points': sample['points'][:-5]})
    with pytest.raises(ValueError, match=r'ours keeps \d+ points in the range, there are \d+'):
        check_same(ours, theirs, 1)


def test_points_of_the_own_car_are_those_that_mmdet3d_keeps(tiny_root, tmp_path):
    root = shutil.copytree(tiny_root, tmp_path / 'root')
    init_default_scope('perception_kd')
    ours, theirs = (make(Common.of(config(root))) for make in (our_side, their_side))
    before = check_same(ours, theirs, 2)
    path = root / theirs.dataset.get_data_info(2)['lidar_points']['lidar_path']
    close = np.array([[0.5, -0.9, -1.0, 3, 4], [-0.99, 0.2, -1.0, 3, 4]])
    write_lidar_bin(path, np.concatenate([read_lidar_bin(path), close]))
    assert check_same(ours, theirs, 2) == before
    untouched = their_side(Common.of(config(tiny_root)))
    assert len(theirs[2]['inputs']['points']) == len(untouched[2]['inputs']['points']) + 2


def test_past_sweeps_of_a_turning_car_lie_elsewhere_in_mmdet3d(tiny_root, sides):
    """Where they belong is checked against nuscenes-devkit elsewhere; here: by how much mmdet3d misses it."""
    shifts = [check_same(*sides, index)['shift'] for index in range(3)]
    assert shifts[0] == 0, 'the first frame has no past sweeps'
    for index in (1, 2):
        sample = sides[0].dataset[index]
        moved = [ego_pose(0, sample['timestamp'] % 100 - back) for back in (0, SECONDS_BETWEEN * 2 / 3)]
        turned = 0.3 * SECONDS_BETWEEN * 2 / 3
        lever = np.hypot(*np.subtract(moved[0][0], moved[1][0])[:2])
        assert shifts[index] == pytest.approx(2 * np.sin(turned / 2) * lever, rel=0.2)


def test_report_without_workers(tiny_root, monkeypatch):
    report = benchmark_loader(config(tiny_root), LoaderCase(workers=(0,), samples=7, runs=3))
    found = json.loads(json.dumps(report.to_json()))
    assert list(found['seconds']['0']) == ['mmdet3d', 'ours', 'shrunk JPEG', 'whole pipeline']
    assert all(len(runs) == 3 for runs in found['seconds']['0'].values())
    for side in ('mmdet3d', 'ours', 'shrunk JPEG'):
        assert list(found['steps'][side]) == ['record', *SHARED, 'total']
        assert all(len(runs) == 7 for runs in found['steps'][side].values())
    assert 'LoadRadarSweeps' in found['steps']['whole pipeline'] and found['setting']['decode_scale'] == 2
    assert found['setting']['compared'] == found['setting']['data_set'] == 6
    assert found['setting']['transforms']['mmdet3d']['resize, crop'] == ['MultiViewWrapper']
    rates = {side: sorted(7 / run for run in runs)[1] for side, runs in found['seconds']['0'].items()}
    assert {side: rate['median'] for side, rate in found['samples_per_second']['0'].items()} == pytest.approx(rates)
    assert found['ratio']['0'] == pytest.approx(rates['ours'] / rates['mmdet3d'])
    assert set(found['max_difference']) == {'pictures', 'points', 'boxes'}
    assert 0.1 < found['setting']['past_sweeps_shifted_m'] < 0.3 and 'where the car turns' in report.table()
    assert 'ours gives' in report.table() and 'compared 6 samples of both' in report.table()


def test_nothing_is_timed_before_the_sides_agree(tiny_root, monkeypatch):
    from perception_kd.benchmark import loader

    def never(*_):
        raise AssertionError('timed')
    monkeypatch.setattr(loader, '_throughput', never)
    monkeypatch.setattr(loader, 'our_side', lambda common, **_: our_side(common, decode_scale=2))
    with pytest.raises(ValueError, match='pictures of the two sides differ'):
        benchmark_loader(config(tiny_root), LoaderCase())


def test_what_cannot_be_compared_is_named(tiny_root):
    init_default_scope('perception_kd')
    cfg = config(tiny_root)
    lidar_less = copy.deepcopy(cfg)
    del lidar_less.train_dataloader.dataset.pipeline[2]
    with pytest.raises(ValueError, match='lacks LoadLidarSweeps; this compares'):
        benchmark_loader(lidar_less, LoaderCase())
    cfg.train_dataloader.dataset.sensor_root = 's3://bucket/nuscenes'
    with pytest.raises(ValueError, match='s3://bucket/nuscenes: this times what is read from a disk'):
        benchmark_loader(cfg, LoaderCase())
    cfg.train_dataloader.dataset.type = 'StereoDataset'
    with pytest.raises(ValueError, match='is of StereoDataset; this compares'):
        benchmark_loader(cfg, LoaderCase())
    for wrong in (dict(workers=()), dict(workers=(0, -1)), dict(samples=0), dict(runs=0)):
        with pytest.raises(ValueError, match='--workers are 0 or more, --samples and --runs 1 or more'):
            LoaderCase(**wrong)


def test_command_line_with_a_worker(tiny_root, tmp_path, monkeypatch, capsys):
    settings, out = tmp_path / 'tiny.py', tmp_path / 'loader.json'
    settings.write_text("data_root = 'nowhere'\n" + config(tiny_root).pretty_text.replace(f"'{tiny_root}'",
                                                                                          "'${data_root}'"))
    main = runpy.run_path(str(Path(__file__).parents[2] / 'tools' / 'benchmark.py'))['main']
    given = ['benchmark.py', 'loader', str(settings), '--workers', '1', '--samples', '2', '--runs', '1']
    monkeypatch.setattr(sys, 'argv', [*given, '--root', str(tiny_root), '--json', str(out)])
    assert main() == 0
    assert '1 workers: ours gives' in capsys.readouterr().out
    assert list(json.loads(out.read_text())['seconds']) == ['1'] and str(tiny_root) not in out.read_text()
    monkeypatch.setattr(sys, 'argv', given)
    with pytest.raises(FileNotFoundError, match=r'info file .* is missing'):
        main()
    monkeypatch.setattr(sys, 'argv', [*given, '--samples', '0'])
    with pytest.raises(ValueError, match='--samples'):
        main()
    assert torch.get_num_threads() == 1
