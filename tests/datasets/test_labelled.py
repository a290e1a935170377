"""Data sets of which a part is annotated: what is hidden is nowhere in a sample."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from mmengine.dataset import ConcatDataset, RepeatDataset, pseudo_collate

from perception_kd.datasets.nuscenes.dataset import NuScenesRadarDataset
from perception_kd.datasets.nuscenes.labelled import Labelled, count_annotated, count_distinct
from perception_kd.datasets.nuscenes.stamp import load_infos, save_infos
from perception_kd.datasets.transforms import FilterObjects, LoadBoxes3D, PackInputs
from perception_kd.structures import annotated_rows

TRAIN, VAL = 'nuscenes_infos_tiny_train.pkl', 'nuscenes_infos_tiny_val.pkl'
INFOS = [dict(token=f'sample{number}', scene_token=f'scene{number // 5}') for number in range(100)]


def dataset(root: Path, infos: str | Path = TRAIN, **settings: object) -> NuScenesRadarDataset:
    """Boxes alone."""
    pipeline = [LoadBoxes3D(), FilterObjects(point_cloud_range=[-50, -50, -5, 50, 50, 3]), PackInputs(keys=())]
    return NuScenesRadarDataset(ann_file=str(infos), data_root=str(root), pipeline=pipeline, **settings)


@pytest.mark.parametrize('by', ['scene', 'sample'])
def test_fractions_are_nested_and_as_large_as_asked_for(by: str) -> None:
    parts = {}
    for fraction in (0.001, 0.1, 0.3, 0.65, 1.0):
        chosen = Labelled(fraction=fraction, by=by, seed=3).annotated(INFOS)
        parts[fraction] = {info['token'] for info, good in zip(INFOS, chosen) if good}
    sizes = [len(part) for part in parts.values()]
    assert sizes == ([5, 10, 30, 65, 100] if by == 'scene' else [1, 10, 30, 65, 100])
    assert parts[0.001] <= parts[0.1] < parts[0.3] < parts[0.65] < parts[1.0]
    if by == 'scene':
        assert all({f'sample{5 * scene + frame}' for frame in range(5)} <= parts[0.3]
                   for scene in {int(token[6:]) // 5 for token in parts[0.3]})


def test_the_part_depends_on_the_seed_and_not_on_the_order() -> None:
    part = Labelled(fraction=0.2, by='sample')
    backwards = part.annotated(INFOS[::-1])[::-1]
    assert part.annotated(INFOS) == backwards
    assert Labelled(fraction=0.2, by='sample', seed=1).annotated(INFOS) != backwards


def test_what_becomes_of_the_others() -> None:
    annotated = [False, True, False, False, True]
    rows = {others: Labelled(fraction=0.4, others=others).rows(annotated) for others in ('keep', 'drop', 'repeat')}
    assert rows == dict(keep=[0, 1, 2, 3, 4], drop=[1, 4], repeat=[1, 1, 4, 1, 4])
    with pytest.raises(ValueError, match="no key frame is annotated, so others='repeat' leaves nothing"):
        Labelled(fraction=0.4, others='repeat').rows([False])


@pytest.mark.parametrize(('settings', 'message'), [
    (dict(fraction=0), 'fraction is a number above 0 and at most 1, got 0'),
    (dict(fraction=1.5), 'got 1.5'), (dict(fraction=True), 'got True'), (dict(fraction='all'), "got 'all'"),
    (dict(fraction=0.1, by='drive'), "by is one of scene, sample, got 'drive'"),
    (dict(fraction=0.1, others='hide'), 'others is one of keep, repeat, drop'),
    (dict(part=0.1), 'labelled takes fraction, by, seed and others'),
])
def test_wrong_settings_are_one_clear_line(settings: dict, message: str, tiny_root: Path) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        dataset(tiny_root, labelled=settings)
    assert '\n' not in str(caught.value)


def test_the_truth_of_validation_is_not_hidden(tiny_root: Path) -> None:
    with pytest.raises(ValueError, match='test_mode=True takes none'):
        dataset(tiny_root, VAL, labelled=dict(fraction=0.5), test_mode=True)


def test_hidden_annotations_are_nowhere_in_the_data_set(tiny_root: Path) -> None:
    part = dataset(tiny_root, labelled=dict(fraction=0.5), past_frames=(1,))
    infos = load_infos(tiny_root / TRAIN)[1]
    chosen = Labelled(fraction=0.5).annotated(infos)
    assert sum(chosen) == part.annotated_samples == 3 and len(part) == 6
    stored, loaded = bytes(part._infos._bytes), [part[place] for place in range(6)]
    for info, good, sample in zip(infos, chosen, loaded):
        data_sample = sample['data_samples']
        assert data_sample.annotated == good and ('gt_instances_3d' in data_sample) == good
        assert 'instances' not in part.get_data_info(infos.index(info))
        text = pickle.dumps(sample)
        for one in info['instances']:
            assert (one['token'].encode() in stored) == good
            assert one['token'].encode() not in text
    assert annotated_rows(pseudo_collate(loaded)['data_samples']) == [row for row, good in enumerate(chosen) if good]


def test_the_control_has_as_many_samples_all_annotated(tiny_root: Path) -> None:
    part = dataset(tiny_root, labelled=dict(fraction=0.5, others='repeat'))
    kept = dataset(tiny_root, labelled=dict(fraction=0.5))
    known = {sample['data_samples'].token for sample in kept if sample['data_samples'].annotated}
    tokens = [sample['data_samples'].token for sample in part]
    assert len(tokens) == len(kept) == part.annotated_samples == 6 and set(tokens) == known
    assert count_annotated(dataset(tiny_root, labelled=dict(fraction=0.5, others='drop'))) == (3, 3)
    assert count_distinct(part) == count_distinct(RepeatDataset(part, times=2)) == 3 and count_distinct(kept) == 6
    both = ConcatDataset([part, dataset(tiny_root, VAL)], ignore_keys=['version', 'split'])
    assert count_distinct(both) == 6 and count_distinct(range(4)) == 4


def test_infos_without_annotations_count_as_unannotated(tiny_root: Path, tmp_path: Path) -> None:
    """No box in the whole file, as in the official test sets, or no such entry; a single empty frame is annotated."""
    meta, infos = load_infos(tiny_root / TRAIN)
    infos[0]['instances'] = []
    del infos[1]['instances']
    save_infos(tmp_path / 'partly.pkl', meta, infos)
    for info in infos:
        info['instances'] = []
    save_infos(tmp_path / 'test.pkl', meta, infos)
    partly, test = (dataset(tiny_root, tmp_path / f'{name}.pkl') for name in ('partly', 'test'))
    assert [partly[place]['data_samples'].annotated for place in range(3)] == [True, False, True]
    assert len(partly[0]['data_samples'].gt_instances_3d) == 0
    assert count_annotated(partly) == (5, 6) and count_annotated(test) == (0, 6)
    assert not any('gt_instances_3d' in sample['data_samples'] for sample in test)


def test_annotated_and_unannotated_data_sets_are_joined(tiny_root: Path) -> None:
    joined = ConcatDataset([dataset(tiny_root, VAL), dataset(tiny_root, labelled=dict(fraction=0.5))],
                           ignore_keys=['version', 'split'])
    assert count_annotated(joined) == (6, 9)
    repeated = RepeatDataset(dataset(tiny_root, labelled=dict(fraction=0.5)), times=2)
    assert count_annotated(repeated) == (3, 6) and count_annotated([1, 2]) is None
    batch = pseudo_collate([joined[place] for place in range(9)])
    assert annotated_rows(batch['data_samples'])[:3] == [0, 1, 2] and len(annotated_rows(batch['data_samples'])) == 6


def test_a_part_of_a_part(tiny_root: Path) -> None:
    """``indices`` choose out of what ``labelled`` has decided for the whole file."""
    whole = dataset(tiny_root, labelled=dict(fraction=0.5))
    part = dataset(tiny_root, labelled=dict(fraction=0.5), indices=[4, 1])
    assert [sample['data_samples'].annotated for sample in part] == [
        whole[place]['data_samples'].annotated for place in (4, 1)]
    assert part.annotated_samples == sum(sample['data_samples'].annotated for sample in part)
