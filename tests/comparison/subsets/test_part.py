"""Scores of subsets beside the devkit's on the same boxes, and how they get into the files of runs."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean

import pytest
from mmengine.config import Config

from perception_kd.comparison import place as place_module
from perception_kd.comparison.parts import KEY_FILE, complete, folder_of
from perception_kd.comparison.place import Place
from perception_kd.comparison.subsets.choice import choose_slices
from perception_kd.comparison.subsets.part import Subsets, of_metrics, score_subsets
from perception_kd.evaluation.nuscenes_official import evaluate_devkit
from perception_kd.evaluation.slices.families import default_slices, find_slice
from perception_kd.evaluation.subsets import BoxSubset
from perception_kd.files import write_json
from tests.evaluation.helpers import disturb, perfect_results, save
from tests.evaluation.slice_world import SPLIT, VERSION, make_sliced_world

VISIBLE = '3+ points: LiDAR-visible'


@pytest.fixture(scope='module')
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Root, and a result file."""
    root = make_sliced_world(tmp_path_factory.mktemp('world'))
    return root, save(tmp_path_factory.mktemp('results') / 'results_nusc.json',
                      disturb(perfect_results(root, VERSION, SPLIT), 3))


@pytest.fixture
def cfg(results: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Config:
    """Of a run that is scored there."""
    monkeypatch.setattr(place_module, '_stamp', lambda infos: (VERSION, SPLIT))
    return Config(dict(test_evaluator=dict(type='NuScenesDetMetric', data_root=str(results[0]), ann_file='i.pkl')))


def test_words_are_families_slices_and_what_the_lidar_sees() -> None:
    names = [(one.family, one.name) for one in choose_slices(['lidar', 'distance=0-40', 'distance', 'distance'])]
    assert names[:3] == [('LiDAR points', VISIBLE), ('LiDAR points', '0-2 points'), ('LiDAR points', '0-4 points')]
    assert names[6:] == [('distance', name) for name in ('0-40 m', '0-20 m', '20-30 m', '30+ m')]
    with pytest.raises(ValueError, match="no family of slices 'depth'; there are all, light"):
        choose_slices(['depth'])


@pytest.mark.parametrize(('family', 'name', 'subset'), [
    ('lidar-points', VISIBLE, BoxSubset(min_lidar_points=3)),
    ('distance', '0-40 m', BoxSubset(slices=(find_slice('distance=0-40', default_slices()),)))])
def test_scores_are_the_devkits(results: tuple[Path, Path], tmp_path: Path, family: str, name: str,
                                subset: BoxSubset) -> None:
    root, path = results
    found = score_subsets(path, Place(str(root), VERSION, SPLIT), ['lidar', 'distance=0-40'])[family][name]
    summary = evaluate_devkit(path, root, VERSION, SPLIT, box_filter=subset)
    classes = [one for one, count in summary['num_gt'].items() if count >= 20]
    assert set(found['classes']) == set(classes) and classes
    assert found['boxes'] == sum(summary['num_gt'].values())
    assert found['AP'] == pytest.approx(mean(summary['mean_dist_aps'][one] for one in classes), abs=1e-12)
    assert found['ATE'] == pytest.approx(mean(summary['label_tp_errors'][one]['trans_err'] for one in classes))


def test_a_part_of_a_split_is_scored_on_what_is_answered(results: tuple[Path, Path], tmp_path: Path) -> None:
    root, path = results
    content = json.loads(path.read_bytes())
    content['results'] = dict(list(content['results'].items())[:6])
    few = save(tmp_path / 'few.json', content)
    found = score_subsets(few, Place(str(root), VERSION, SPLIT, partial=True), ['all'])['all']['all']
    whole = score_subsets(path, Place(str(root), VERSION, SPLIT), ['all'])['all']['all']
    assert 0 < found['boxes'] < whole['boxes'] and found['scenes'] == 2


def test_files_of_earlier_runs_get_them_as_long_as_their_results_are_there(results, cfg, tmp_path: Path) -> None:
    path, folder, key = tmp_path / 'none-seed0.json', tmp_path / 'none-seed0', dict(model='a')
    write_json(path, dict(name='none', key=key, metrics=dict(mAP=0.5)))
    folder.mkdir()
    (folder / KEY_FILE).write_text(json.dumps(key))
    (folder / 'results_nusc.json').symlink_to(results[1])
    assert folder_of(folder, key) == folder
    assert folder_of(folder, dict(model='b')) is None and folder_of(tmp_path, key) is None
    distance = Subsets(['distance'], cfg)
    gone = complete(path, read(path), cfg, None, [distance])
    assert len(gone) == 1 and gone[0].startswith('no subsets: its result file is not in the work folder any more')
    assert read(path) == dict(name='none', key=key, metrics=dict(mAP=0.5))
    assert complete(path, read(path), cfg, folder, [distance]) == []
    first = read(path)
    assert set(first['subsets']['distance']) == {'0-20 m', '20-30 m', '30+ m'} and not distance.lacks(first)
    both = Subsets(['camera', 'distance=0-40'], cfg)
    assert both.lacks(first) and complete(path, first, cfg, folder, [both]) == []
    second = read(path)
    assert set(second['subsets']['camera']) == {'CAM_FRONT', 'CAM_BACK', 'no camera'} and not both.lacks(second)
    assert second['subsets']['distance'] == {**first['subsets']['distance'],
                                             '0-40 m': second['subsets']['distance']['0-40 m']}
    assert {**second, 'subsets': 0} == {**first, 'subsets': 0}


def test_drones_have_sizes_from_their_metrics() -> None:
    cfg = Config(dict(test_evaluator=dict(type='UAVMetric', prefix='halmstad')))
    part = Subsets(['size'], cfg)
    found = dict(metrics={'halmstad/AP_vt': 0.1, 'halmstad/AP_t': None, 'halmstad/AP_m': 0.4})
    assert part.lacks(found)
    sizes = part.gather(found, cfg, None)['size']
    assert [one['AP'] for one in sizes.values()] == [0.1, None, None, 0.4] and not part.lacks(dict(subsets=dict(
        size=sizes)))
    assert of_metrics(dict(AP_s=0.2), ['size'], '')['size']['small, 16-32 px'] == dict(AP=0.2)
    with pytest.raises(ValueError, match='drones have size, not distance'):
        Subsets(['distance'], cfg)


def test_other_tasks_have_none() -> None:
    with pytest.raises(ValueError, match='--subsets is for detection, not for what StereoMetric scores'):
        Subsets(['distance'], Config(dict(test_evaluator=dict(type='StereoMetric'))))


def read(path: Path) -> dict:
    return json.loads(path.read_bytes())
