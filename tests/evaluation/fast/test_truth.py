"""The true boxes: equal to the devkit's loaders in every field and bit, and clear on bad tables."""

import json
import shutil

import numpy as np
import pytest
from nuscenes.eval.common.loaders import add_center_dist, load_gt_of_sample_tokens
from nuscenes.eval.detection.data_classes import DetectionBox

from perception_kd.benchmark.nds_tables import VERSION, KeyFrame, TrueBox, write_tables
from perception_kd.evaluation.devkit_tables import load_devkit
from perception_kd.evaluation.fast.boxes import ATTRIBUTE_CODES, LABELS, BoxArrays
from perception_kd.evaluation.fast.truth import load_truth
from perception_kd.evaluation.frames import split_tokens
from tests.tiny_world import KEY_FRAMES
from tests.tiny_world import VERSION as TINY

UPRIGHT = (1.0, 0, 0, 0)


def box(category: str, x: float, track: str = '0', attribute: str = '') -> TrueBox:
    return TrueBox(category, track, (x, 1.5, 0.5), (1, 2, 3), UPRIGHT, attribute, (3, 4))


@pytest.fixture
def root(tmp_path):
    frames = [KeyFrame('a', 'one', 0, (5, 0, 0), [box('vehicle.car', 1, attribute='vehicle.parked'),
                                                  box('animal', 2), box('static_object.bicycle_rack', 3)]),
              KeyFrame('b', 'one', 500_000, (6, 0, 0), [box('vehicle.car', 4), box('vehicle.bus.rigid', 5)]),
              KeyFrame('c', 'two', 0, (7, 0, 0))]
    write_tables(tmp_path, frames, {'all': ['one', 'two']})
    return tmp_path


def test_equal_to_the_devkits_loaders(tiny_root):
    tokens = split_tokens(tiny_root, TINY, 'tiny_val')[::-1]
    truth, nusc = load_truth(tiny_root, TINY, tokens), load_devkit(tiny_root, TINY)
    theirs = add_center_dist(nusc, load_gt_of_sample_tokens(nusc, tokens, DetectionBox)).all
    assert len(truth.boxes) == len(theirs) == 5 * KEY_FRAMES
    for name in ('translation', 'size', 'rotation', 'velocity', 'num_pts', 'ego_translation'):
        np.testing.assert_array_equal(getattr(truth.boxes, name), [getattr(one, name) for one in theirs])
    np.testing.assert_array_equal(truth.boxes.ego_distance, [one.ego_dist for one in theirs])
    assert truth.boxes.label.tolist() == [LABELS[one.detection_name] for one in theirs]
    assert truth.boxes.attribute.tolist() == [ATTRIBUTE_CODES[one.attribute_name] for one in theirs]
    assert [tokens[frame] for frame in truth.boxes.frame] == [one.sample_token for one in theirs]
    rows = [nusc.get('sample_annotation', token) for token in truth.annotation]
    assert truth.num_lidar_pts.tolist() == [row['num_lidar_pts'] for row in rows]
    assert truth.num_radar_pts.tolist() == [row['num_radar_pts'] for row in rows]
    assert truth.visibility.tolist() == [int(row['visibility_token']) for row in rows]
    assert [row['name'] for row in truth.scenes] == ['tiny-2'] and len(truth.racks) == KEY_FRAMES


def test_neighbours_racks_and_parts(root):
    truth = load_truth(root, VERSION, ['b', 'c', 'a'])
    assert truth.boxes.frame.tolist() == [0, 0, 2] and truth.racks.frame.tolist() == [2]
    assert truth.scene.tolist() == [0, 1, 0] and [row['name'] for row in truth.scenes] == ['one', 'two']
    np.testing.assert_allclose(truth.boxes.velocity[:, 0], [6, np.nan, 6])  # 3 m in half a second; the bus is alone
    assert truth.boxes.ego_translation[0].tolist() == [-2, 1.5, 0.5]
    alone = load_truth(root, VERSION, ['a'])  # its neighbour is no key frame of the part, but still its neighbour
    assert alone.boxes.velocity[0, 0] == 6
    assert alone.take(alone.boxes.label != 0).annotation.tolist() == []


def test_boxes_are_checked_and_taken():
    some = BoxArrays.empty()
    assert len(some) == 0 and some.ego_distance.shape == (0,)
    with pytest.raises(ValueError, match=r'label has shape \(1,\), expected \(0,\)'):
        some.replace(label=np.zeros(1))
    two = BoxArrays(frame=[0, 1], label=[1, 2], translation=np.eye(3)[:2], size=np.ones((2, 3)),
                    rotation=np.ones((2, 4)), velocity=np.zeros((2, 2)), score=[0.1, 0.2], attribute=[-1, 0],
                    num_pts=[-1, -1], ego_translation=[[3, 4, 0], [0, 0, 9]])
    assert two.take(np.array([False, True])).score.tolist() == two.take(np.array([1])).score.tolist() == [0.2]
    assert two.take([]).score.tolist() == [] and two.ego_distance.tolist() == [5, 0]


def edit(root, table: str, change) -> None:
    path = root / VERSION / f'{table}.json'
    path.write_text(json.dumps(change(json.loads(path.read_text()))))


@pytest.mark.parametrize(('table', 'change', 'message'), [
    ('sample_data', lambda rows: rows[1:], 'key frame a has no LIDAR_TOP'),
    ('sample_annotation', lambda rows: [dict(rows[0], size=[1, 0, 1]), *rows[1:]], 'row a/0: size'),
    ('sample_annotation', lambda rows: [dict(rows[0], attribute_tokens=['a-vehicle.parked'] * 2), *rows[1:]],
     'row a/0 has the attributes'),
    ('sample_annotation', lambda rows: [dict(row, next='nowhere') for row in rows], "no row 'nowhere'"),
    ('sample_annotation', lambda rows: [], 'no annotated boxes'),
    ('instance', lambda rows: rows[1:], r'instance\.json has no row'),
    ('ego_pose', lambda rows: rows[1:], r"ego_pose\.json has no row 'p-a'"),
    ('attribute', lambda rows: [], r"attribute\.json has no row 'a-vehicle\.parked'"),
])
def test_bad_tables(root, table, change, message):
    edit(root, table, change)
    with pytest.raises(ValueError, match=message):
        load_truth(root, VERSION, 'all')


def test_missing_things(root):
    with pytest.raises(ValueError, match="no row 'd'"):
        load_truth(root, VERSION, ['a', 'd'])
    with pytest.raises(ValueError, match='it has all'):
        load_truth(root, VERSION, 'val')
    shutil.move(root / VERSION / 'ego_pose.json', root / 'gone.json')
    with pytest.raises(FileNotFoundError, match='ego_pose'):
        load_truth(root, VERSION, 'all')
