"""Pasted objects: equal to mmdet3d's own sampler for equal draws, reproducible, and only where they belong."""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  isort: skip

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet3d.datasets.transforms import ObjectSample
from mmdet3d.structures import LiDARInstance3DBoxes, LiDARPoints
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope

from perception_kd.datasets.nuscenes.gt_database import GTDatabaseJob, create_gt_database
from perception_kd.datasets.nuscenes.gt_objects import GTObjects
from perception_kd.datasets.nuscenes.labelled import Labelled
from perception_kd.datasets.transforms import LoadBoxes3D, LoadLidarSweeps, PackInputs, PasteObjects
from perception_kd.datasets.transforms.paste import PASTED, free_ones
from perception_kd.engine.references import resolve_references
from perception_kd.registry import DATASETS
from perception_kd.structures.classes import NUSCENES_CLASSES
from tests.datasets.uncompiled import uncompiled  # noqa: F401

TRAIN = 'nuscenes_infos_tiny_train.pkl'
CONFIGS = Path(__file__).parents[3] / 'configs' / '_base_'
GROUND = 55  # intensity of its points
COUNTS = {'car': 3, 'truck': 2, 'pedestrian': 4, 'barrier': 2}


@pytest.fixture(scope='module')
def out(tiny_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Databases of both layouts, key sweeps only."""
    folder = tmp_path_factory.mktemp('database')
    for layout in ('packed', 'mmdet3d'):
        create_gt_database(GTDatabaseJob(root=tiny_root, infos=tiny_root / TRAIN, out=folder, sweeps=0, layout=layout),
                           echo=lambda line: None)
    return folder


def paste(out: Path, **options: object) -> PasteObjects:
    return PasteObjects(**{'database': str(out / 'nuscenes_gt_database_tiny_train.pkl'), 'classes': NUSCENES_CLASSES,
                           'counts': COUNTS, 'sweeps_num': 0, **options})


@pytest.fixture
def sample(raw: dict) -> dict:
    """A key frame with two of its boxes, of which one is moved away."""
    sample = alone(raw)
    sample['gt_bboxes_3d'].tensor[0, :2] += 11
    sample['points'][sample['points'][:, 3] == GROUND, 2] -= 0.1  # exactly at the bottom of boxes, rounding decides
    for key in ('gt_bboxes_3d', 'gt_labels_3d', 'gt_num_lidar_pts'):
        sample[key] = sample[key][:2]
    return sample


def alone(raw: dict) -> dict:
    """The key frame before boxes and LiDAR, no other sensor loaded."""
    return LoadBoxes3D()(LoadLidarSweeps(sweeps_num=0)(raw))


def theirs(out: Path, draws: dict[str, np.ndarray]) -> ObjectSample:
    """mmdet3d's transform over its own layout, which draws what it is told to."""
    names = list(NUSCENES_CLASSES)
    step = ObjectSample(db_sampler=dict(
        type='DataBaseSampler', data_root=str(out), info_path=str(out / 'nuscenes_dbinfos_tiny_train.pkl'), rate=1.0,
        prepare=dict(filter_by_difficulty=[-1], filter_by_min_points=dict.fromkeys(COUNTS, 5)), sample_groups=COUNTS,
        classes=names,
        points_loader=dict(type='LoadPointsFromFile', coord_type='LIDAR', load_dim=5, use_dim=[0, 1, 2, 3, 4])))
    for name, sampler in step.db_sampler.sampler_dict.items():
        sampler._sample = lambda count, name=name: draws[name][:count]
    return step


@pytest.mark.parametrize('seed', range(6))
def test_equal_to_mmdet3d(out: Path, sample: dict, monkeypatch: pytest.MonkeyPatch, uncompiled: None,  # noqa: F811
                          seed: int) -> None:
    monkeypatch.setattr(np, 'long', np.int64, raising=False)  # its sampler asks NumPy 1.26 for a name of 1.23 and 2.0
    init_default_scope('mmdet3d')
    rng = np.random.default_rng(seed)
    # Neither twice the same object nor one of this very key frame: their collision test overlooks equal boxes.
    draws = {name: rng.permutation([0, 1, 2, 3, 5]) for name in COUNTS}
    wanted = theirs(out, draws)({**copy.deepcopy(sample), 'points': LiDARPoints(sample['points'], points_dim=5)})
    names = iter(COUNTS)
    known = {name: np.count_nonzero(sample['gt_labels_3d'] == NUSCENES_CLASSES.index(name)) for name in COUNTS}

    def drawn(most: int, size: int) -> np.ndarray:
        name = next(names)
        assert (most, size) == (6, COUNTS[name] - known[name])
        return draws[name][:size]

    step = paste(out)
    monkeypatch.setattr(np.random, 'randint', drawn)
    got = step(sample)
    np.testing.assert_array_equal(got['points'], wanted['points'].numpy())
    np.testing.assert_array_equal(np.nan_to_num(got['gt_bboxes_3d'].tensor), wanted['gt_bboxes_3d'].numpy())
    np.testing.assert_array_equal(got['gt_labels_3d'], wanted['gt_labels_3d'])
    assert got[PASTED] == len(wanted['gt_labels_3d']) - 2 > 0


def test_objects_keep_velocity_points_and_counts(out: Path, sample: dict) -> None:
    np.random.seed(1)
    sample['gt_bboxes_3d'].tensor[:, :2] -= 60  # the place is free
    database = GTObjects.load(out / 'nuscenes_gt_database_tiny_train.pkl')
    in_the_way = [database.points(one) + np.r_[one['box'][:3], 0, 0] for one in database.objects if one['label'] == 1]
    points = np.concatenate([sample['points'], *in_the_way]).astype(np.float32)
    before, sample['points'] = len(sample['gt_labels_3d']), points.copy()
    got = paste(out, counts={'truck': 2})(sample)
    (box,) = got['gt_bboxes_3d'].tensor[before:].numpy()
    one = next(one for one in database.objects if np.array_equal(one['box'], box, equal_nan=True))
    assert got[PASTED] == 1 and np.hypot(*box[7:9]) == pytest.approx(np.hypot(4, 1), abs=1e-3)
    assert got['gt_num_lidar_pts'].tolist()[before:] == [one['points']]
    count = one['points']
    np.testing.assert_allclose(got['points'][:count, :3] - box[:3], database.points(one)[:, :3], atol=1e-5)
    inside = LiDARInstance3DBoxes(box[None, :7]).points_in_boxes_all(torch.from_numpy(points[:, :3])).bool().numpy()
    np.testing.assert_array_equal(got['points'][count:], points[~inside[:, 0]])
    assert inside.any()


def test_drawn_by_the_global_generator(out: Path, sample: dict) -> None:
    step, results = paste(out), []
    for seed in (1, 1, 2, 3, 4):
        np.random.seed(seed)
        results.append(step(copy.deepcopy(sample))['gt_bboxes_3d'].tensor.numpy())
    assert np.array_equal(results[0], results[1], equal_nan=True)
    assert not all(np.array_equal(results[0], other, equal_nan=True) for other in results[2:])


def test_nothing_is_pasted_onto_a_box(out: Path, raw: dict) -> None:
    boxes = alone(raw)['gt_bboxes_3d'].tensor.numpy()
    objects = GTObjects.load(out / 'nuscenes_gt_database_tiny_train.pkl').objects
    own = objects[objects['frame'] == 4]['box']
    assert not free_ones(boxes, own).any()
    twice = np.concatenate([own[:1], own[:1]]) + np.float32([30] + [0] * 8)
    assert free_ones(boxes, twice).tolist() == [False, True], 'the first meets the second, then that is alone'


def test_what_is_hidden_is_not_pasted(out: Path, sample: dict) -> None:
    labelled = dict(fraction=0.5, by='scene', seed=1)
    step, hidden = paste(out, labelled=labelled), paste(out, labelled=Labelled(fraction=0.1, by='sample'), min_points=1)
    np.random.seed(0)
    for one in (step, hidden):
        one(copy.deepcopy(sample))
    database = GTObjects.load(out / 'nuscenes_gt_database_tiny_train.pkl')

    def sources(step: PasteObjects) -> set[int]:
        return {int(database.objects[row]['frame']) for pool in step._pools.values() for row in pool}

    assert sources(step) in ({0, 1, 2}, {3, 4, 5}) and len(sources(hidden)) == 1
    assert sources(step) == {row for row, (_, scene) in enumerate(database.frames)
                             if scene == database.frames[min(sources(step))][1]}


def test_unannotated_samples_and_full_ones_stay(out: Path, sample: dict) -> None:
    for step, given in ((paste(out), {'annotated': False, 'points': sample['points']}),
                        (paste(out, counts={'car': 1}), sample)):
        before = copy.deepcopy(given)
        after = step(given)
        np.testing.assert_array_equal(after['points'], before['points'])
        assert after[PASTED] == 0 and len(after.get('gt_labels_3d', ())) == len(before.get('gt_labels_3d', ()))


def test_only_for_lidar_alone(out: Path, sample: dict) -> None:
    for key in ('img', 'radar', 'past'):
        with pytest.raises(ValueError, match=f'the sample has {key}, which do not see pasted objects'):
            paste(out)({**sample, key: []})
    pasted = paste(out)(sample)
    packed = PackInputs(keys=('points', 'lidar_aug_matrix'))(pasted)
    assert len(packed['data_samples'].gt_instances_3d.labels_3d) == 2 + pasted[PASTED]
    for key in ('radar', 'img', 'past'):
        with pytest.raises(ValueError, match=f'PackInputs: {key} do not see what PasteObjects pastes'):
            PackInputs(keys=('points', key))({**pasted, 'radar': np.zeros((0, 7), np.float32)})


def test_bad_settings(out: Path, sample: dict, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='counts of boat, which are none of car'):
        paste(out, counts={'boat': 2})
    for options, kind, message in [
            ({'sweeps_num': 9}, ValueError, 'was made with --gt-sweeps 0, and the pipeline loads 9'),
            ({'min_points': 10**6}, ValueError, 'no object to paste: none of car, truck'),
            ({'counts': {'bus': 2}}, ValueError, 'no object to paste: none of bus'),
            ({'database': str(tmp_path / 'no.pkl')}, FileNotFoundError, r'GT database .*no\.pkl does not exist'),
            ({'database': str(out / 'nuscenes_dbinfos_tiny_train.pkl')}, ValueError, 'holds a Python object')]:
        with pytest.raises(kind, match=message):
            paste(out, **options)(sample)


def test_base_config_with_balanced_classes(out: Path, tiny_root: Path, tmp_path: Path) -> None:
    path = tmp_path / 'config.py'
    path.write_text(f"""
_base_ = ['{CONFIGS}/rigs/sim_tiny.py', '{CONFIGS}/datasets/nuscenes_lidar_paste.py']
train_dataloader = dict(dataset=dict(
    _delete_=True, type='CBGSDataset', dataset={{{{_base_.train_dataloader.dataset}}}}))
""")
    cfg = Config.fromfile(str(path))
    cfg.merge_from_dict({
        'data_root': str(tiny_root), 'train_split': 'tiny_train', 'val_split': 'tiny_val', 'test_split': 'tiny_val',
        'lidar_sweeps': 0, 'gt_database': str(out / 'nuscenes_gt_database_tiny_train.pkl'),
        'tasks': [['car', 'truck'], ['pedestrian', 'barrier']], 'paste_objects.counts': dict(_delete_=True, **COUNTS)})
    cfg.paste_objects.counts.pop('_delete_', None)
    cfg.train_pipeline[2].counts = COUNTS
    cfg = resolve_references(cfg)
    init_default_scope('perception_kd')
    np.random.seed(0)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    inner = dataset.dataset
    # All four classes are in all six key frames: every class is given a quarter of what all have together.
    assert len(dataset) == 24 and {int(label) for label in dataset.get_cat_ids(5)} == {0, 1, 2, 3}
    assert all(inner.get_cat_ids(row) == set(np.unique(inner.get_data_info(row)['ann_info']['gt_labels_3d']))
               for row in range(6))
    batch = pseudo_collate([dataset[3], dataset[10]])
    assert set(batch['inputs']) == {'points', 'lidar_aug_matrix'}
    assert torch.isfinite(batch['inputs']['points'][0]).all()
    assert 'pasted' not in str(DATASETS.build(cfg.val_dataloader.dataset)[0])
