"""Converted sets as one."""

from __future__ import annotations

import json

import pytest

from perception_kd.datasets.uav.convert import Conversion, convert_uav
from perception_kd.datasets.uav.merge import merge_uav
from perception_kd.files import write_json
from tests.datasets.uav.test_formats import found_in
from tests.datasets.uav.worlds import make_coco, make_svanstrom


@pytest.fixture
def sets(tmp_path):
    make_coco(tmp_path / 'one')
    make_svanstrom(tmp_path / 'two')
    convert_uav('coco', tmp_path / 'one', tmp_path / 'a', Conversion())
    convert_uav('svanstrom', tmp_path / 'two', tmp_path / 'b', Conversion(shares=(0.5, 0.5, 0)))
    return [tmp_path / 'a', tmp_path / 'b']


def test_all_pictures_and_boxes_come_under_the_name_of_their_set(sets, tmp_path):
    done = merge_uav(sets, tmp_path / 'out', Conversion())
    assert not done.tally.counts and not done.check.problems
    expected = {(split, f'{root.name}/{video}', number): boxes for root in sets
                for (split, video, number), boxes in found_in(root).items()}
    assert found_in(tmp_path / 'out') == expected
    content = json.loads((tmp_path / 'out/annotations/train.json').read_text())
    assert [row['name'] for row in content['categories']] == ['drone', 'bird', 'airplane', 'helicopter']
    assert content['info']['stamp']['sets']['b']['stamp']['format'] == 'svanstrom'
    assert 'CC0' in content['info']['licence']
    assert any(row.get('instance_id') == 2 for row in content['annotations'])


def test_names_are_mapped_and_frames_thinned_out(sets, tmp_path):
    merge_uav(sets, tmp_path / 'out', Conversion(renamed={'bird': 'animal', 'airplane': ''}), every=[1, 2])
    found = found_in(tmp_path / 'out')
    assert {name for rows in found.values() for name, _ in rows} == {'drone', 'animal'}
    assert sum(video.startswith('a/') for _, video, _ in found) == 6
    assert {(video, number) for _, video, number in found if video.startswith('b/')} == {
        ('b/V_DRONE_001', 0), ('b/V_BIRD_002', 0)}
    content = json.loads((tmp_path / 'out/annotations/val.json').read_text())
    assert [row['name'] for row in content['categories']] == ['drone', 'animal', 'helicopter']


def test_pseudo_labels_keep_their_stamp_and_are_no_truth(sets, tmp_path):
    stamp = dict(checkpoint='teacher.pth', config='c.py')
    for split in ('train', 'val'):
        path = sets[0] / 'annotations' / f'{split}.json'
        content = json.loads(path.read_text())
        content['info']['pseudo_labels'] = stamp
        write_json(path, content)
        if split == 'train':
            merge_uav(sets, tmp_path / 'out', Conversion())
            infos = [json.loads((tmp_path / 'out/annotations' / f'{name}.json').read_text())['info']
                     for name in ('train', 'val')]
            assert infos[0]['pseudo_labels'] == stamp and 'pseudo_labels' not in infos[1]
    with pytest.raises(ValueError, match=r'split val of merged: a, b: its boxes are pseudo-labels of teacher.pth'):
        merge_uav(sets, tmp_path / 'other', Conversion())
    assert not (tmp_path / 'other/annotations').exists()


def test_impossible_merges_are_told(sets, tmp_path):
    (tmp_path / 'x/a').mkdir(parents=True)
    for roots, every, message in (([sets[0], tmp_path / 'x/a'], [1], 'two are the same: a, a'),
                                  (sets, [1, 2, 3], r'one a set \(2\), not \[1, 2, 3\]'),
                                  (sets, [0], 'every is one number from 1 on')):
        with pytest.raises(ValueError, match=message):
            merge_uav(roots, tmp_path / 'out', Conversion(), every=every)
    with pytest.raises(FileNotFoundError, match='convert the set first'):
        merge_uav([tmp_path / 'x'], tmp_path / 'out', Conversion())
    with pytest.raises(ValueError, match='is the set itself'):
        merge_uav(sets, sets[0], Conversion(force=True))
