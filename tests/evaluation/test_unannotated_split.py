"""A test split without annotations, named and stripped as nuScenes publishes its own: infos, data set, submission."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from nuscenes.utils.splits import create_splits_scenes

from perception_kd.datasets.nuscenes.create import InfoJob, create_infos
from perception_kd.datasets.nuscenes.dataset import NuScenesRadarDataset
from perception_kd.evaluation.nuscenes_metric import NuScenesDetMetric
from perception_kd.evaluation.nuscenes_official import evaluate_devkit
from perception_kd.evaluation.submission_check import check_submission_file
from tests.evaluation.test_tools import run_test
from tests.tiny_world import KEY_FRAMES, VERSION

OFFICIAL, INFOS, SCENES = 'v1.0-test', 'nuscenes_infos_test.pkl', 3


@pytest.fixture(scope='module')
def stripped(tiny_root, tmp_path_factory) -> tuple[Path, list[str]]:
    """Root with tables of ``v1.0-test`` for three of its 150 scenes, and the lines that ``create_infos`` told."""
    root, told = tmp_path_factory.mktemp('test_split'), []
    for name in ('samples', 'sweeps', 'maps'):
        (root / name).symlink_to(tiny_root / name)
    tables = shutil.copytree(tiny_root / VERSION, root / OFFICIAL)
    (tables / 'splits.json').unlink()
    for table in ('sample_annotation', 'instance'):
        (tables / f'{table}.json').write_text('[]')
    scenes = json.loads((tables / 'scene.json').read_text())
    for row, name in zip(scenes, create_splits_scenes()['test']):
        row['name'] = name
    (tables / 'scene.json').write_text(json.dumps(scenes))
    create_infos(InfoJob(root=root, version=OFFICIAL, out=root), echo=told.append)
    return root, told


def test_infos_and_data_set(stripped):
    root, told = stripped
    assert any('split test: only 3 of its 150 scenes are in' in line for line in told)
    assert any('9 key frames, 0 boxes' in line for line in told)
    dataset = NuScenesRadarDataset(ann_file=INFOS, data_root=str(root), test_mode=True)
    assert len(dataset) == SCENES * KEY_FRAMES and dataset.annotated_samples == 0
    sample = dataset.get_data_info(0)
    assert sample['annotated'] is False and 'ann_info' not in sample and sample['radar_points'] and sample['images']


def test_scoring_says_at_once_that_there_is_no_truth(stripped, tmp_path):
    root, _ = stripped
    with pytest.raises(ValueError, match=r'split test of v1\.0-test has no annotation to score with .*--format-only'):
        NuScenesDetMetric(data_root=str(root), ann_file=INFOS)
    with pytest.raises(ValueError, match='subset=True is for a part'):
        NuScenesDetMetric(data_root=str(root), ann_file=INFOS, format_only=True, subset=True,
                          jsonfile_prefix=str(tmp_path))
    tokens = [row['token'] for row in json.loads((root / OFFICIAL / 'sample.json').read_text())]
    path = tmp_path / 'r.json'
    path.write_text(json.dumps({'meta': {}, 'results': {token: [] for token in tokens}}))
    with pytest.raises(ValueError, match='no annotated boxes'):
        evaluate_devkit(path, root, OFFICIAL, 'test')


CONFIG = """
custom_imports = dict(imports=['tests.evaluation.echo_model'])
default_scope = 'perception_kd'
data_root = {root!r}
model = dict(type='OneCar')
test_dataloader = dict(
    batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='NuScenesRadarDataset', data_root=data_root, ann_file='nuscenes_infos_test.pkl', test_mode=True,
                 pipeline=[dict(type='LoadRadarSweeps'), dict(type='PackInputs', keys=['radar'])]))
test_evaluator = dict(type='NuScenesDetMetric', data_root=data_root, ann_file='nuscenes_infos_test.pkl',
                      modality=dict(use_camera={camera}))
test_cfg = dict()
"""


def write_run(folder: Path, root: Path, *, camera: bool = False, weight: float = 0.25) -> tuple[Path, Path]:
    config, checkpoint = folder / 'one_car.py', folder / 'weights.pth'
    config.write_text(CONFIG.format(root=str(root), camera=camera))
    torch.save({'state_dict': {'weight': torch.tensor(weight)}}, checkpoint)
    return config, checkpoint


def test_a_submission_of_every_sample(stripped, tmp_path, monkeypatch):
    root, _ = stripped
    run = write_run(tmp_path, root)
    with pytest.raises(ValueError, match='has no annotation to score with'):
        run_test(monkeypatch, *run, '--work-dir', tmp_path / 'scored')
    assert run_test(monkeypatch, *run, '--work-dir', tmp_path / 'out', '--format-only') == 0
    path = tmp_path / 'out' / 'results_nusc.json'
    content = json.loads(path.read_text())
    assert len(content['results']) == SCENES * KEY_FRAMES and all(map(len, content['results'].values()))
    assert content['meta'] == dict(use_camera=False, use_lidar=False, use_radar=True, use_map=False, use_external=False)
    assert check_submission_file(path, root, OFFICIAL, 'test') == [
        f'scenes of split test that the tables of v1.0-test lack: 147, the first is '
        f'{create_splits_scenes()["test"][3]}; the server wants the samples of all']
    log = next((tmp_path / 'out').rglob('*.log')).read_text()
    assert '9 samples, 9 boxes, checked' in log and 'not complete: 147 scenes of split test' in log


@pytest.mark.parametrize(('change', 'message'), [
    (dict(camera=True), 'meta says use_camera: true, but the model was given no img'),
    (dict(weight=1.5), 'boxes whose detection_score is no number from 0 to 1: 9, the first is box 0'),
])
def test_a_submission_that_the_server_would_not_take(stripped, tmp_path, monkeypatch, change, message):
    root, _ = stripped
    run = write_run(tmp_path, root, **change)
    with pytest.raises(ValueError, match=message):
        run_test(monkeypatch, *run, '--work-dir', tmp_path / 'out', '--format-only')


@pytest.mark.parametrize(('more', 'message'), [
    ('test_dataloader["dataset"]["indices"] = 2', 'dataset.indices chooses a part'),
    ('test_evaluator = dict(type="Other")', 'test_evaluator is Other'),
    ('test_evaluator = [test_evaluator]', 'test_evaluator is a dictionary of settings'),
])
def test_what_cannot_become_a_submission_is_refused_before_predicting(stripped, tmp_path, monkeypatch, more, message):
    config, checkpoint = write_run(tmp_path, stripped[0])
    config.write_text(config.read_text() + more + '\n')
    with pytest.raises(ValueError, match=message):
        run_test(monkeypatch, config, checkpoint, '--work-dir', tmp_path / 'out', '--format-only')
    assert not (tmp_path / 'out').exists()
