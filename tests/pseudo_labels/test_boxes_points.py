"""Boxes in another frame, and returns in boxes, against numbers made by hand."""

import numpy as np
import pytest

from perception_kd.datasets.nuscenes.formats import write_lidar_bin, write_radar_pcd
from perception_kd.pseudo_labels.boxes.info_file import instances_of_row
from perception_kd.pseudo_labels.boxes.places import place_taken
from perception_kd.pseudo_labels.boxes.returns import boxes_in_lidar, count_returns
from perception_kd.pseudo_labels.boxes.rule import KeepRule

TURN_LEFT = [[0, -1, 0, 5], [1, 0, 0, 7], [0, 0, 1, 2], [0, 0, 0, 1]]
BOXES = np.array([[10.0, 0, 1, 4, 2, 2, 0, 0, 0], [0, 20, 1, 4, 2, 2, np.pi / 2, 0, 0], [-30, 0, 1, 1, 1, 1, 0, 0, 0]])


def frame(**more):
    return dict(ego2global=np.eye(4).tolist(), lidar_points=dict(lidar2ego=TURN_LEFT, **more), radar_points={})


def test_a_global_box_in_the_frame_of_a_turned_lidar():
    """The LiDAR stands at (5, 7, 2) and its x axis is the world's y axis."""
    row = dict(translation=[5, 17, 3], size=[2, 4, 1.5], rotation=[np.sqrt(0.5), 0, 0, np.sqrt(0.5)], velocity=[3, 4])
    np.testing.assert_allclose(boxes_in_lidar([row], frame()), [[10, 0, 1, 4, 2, 1.5, 0, 4, -3]], atol=1e-12)
    assert boxes_in_lidar([], frame()).shape == (0, 9)


def test_lidar_counts_in_space_and_radar_in_the_ground_plane(tmp_path):
    lidar = [[11.9, 0.9, 0.1], [11.9, 1.1, 1], [11.9, 0, 2.1], [0.9, 21.9, 1], [1.9, 20.9, 1]]
    write_lidar_bin(tmp_path / 'samples/LIDAR_TOP/a.bin', np.pad(np.array(lidar), ((0, 0), (0, 2))))
    write_radar_pcd(tmp_path / 'sweeps/b.pcd', dict(x=np.array([10.0, 11.5, 20.5]), y=np.array([0.5, 3.0, 0.5]),
                                             z=np.array([50.0, 0, 0])))
    info = frame(lidar_path='samples/LIDAR_TOP/a.bin')
    turned = np.array(TURN_LEFT, float)
    turned[:3, 3] = 0
    info['radar_points'] = dict(FRONT=dict(radar_path='sweeps/b.pcd', radar2lidar=np.eye(4).tolist()),
                                LEFT=dict(radar_path='sweeps/b.pcd', radar2lidar=turned.tolist()))
    found = count_returns(info, tmp_path, BOXES)
    assert [counts.tolist() for counts in found] == [[1, 1, 0], [1, 1, 0]]
    info['lidar_points'].pop('lidar_path')
    assert count_returns(info, tmp_path, BOXES)[0].tolist() == [0, 0, 0]


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'gone\.bin'):
        count_returns(frame(lidar_path='sweeps/gone.bin'), tmp_path, BOXES)


LONG = [0.0, 0, 0, 8, 2, 2, np.pi / 6, 1.0, 2.0]  # reaches to (3.46, 2), half a width of 1 to its sides


@pytest.mark.parametrize(('x', 'y', 'size', 'taken'), [
    (2.6, 1.5, 0.5, True), (3.6, 2.1, 0.5, False), (0.0, 1.1, 0.5, True), (0.0, 1.2, 0.5, False),
    (4.0, 3.0, 7.9, False), (4.0, 3.0, 8.1, True)])
def test_a_place_is_taken_by_a_centre_either_way(x, y, size, taken):
    box = [x, y, 5.0, size, size, 1.0, 0.0]
    assert place_taken(box, [LONG]) == place_taken(LONG, [[50.0] * 7, box]) == taken
    assert not place_taken(box, [])


def test_of_two_boxes_in_one_place_the_better_is_kept():
    row = dict(boxes=[LONG, [2.6, 1.5, *LONG[2:]], [30.0, *LONG[1:]]], scores=[0.9, 0.8, 0.7], labels=[6, 5, 5],
               lidar=[9, 9, 0], radar=[0, 0, 2])
    kept, fates = instances_of_row(row, 'a', KeepRule())
    assert [fate for _, fate in fates] == ['kept', 'double', 'kept'] and [one['score'] for one in kept] == [0.9, 0.7]
    assert len(instances_of_row(row, 'a', KeepRule(doubles=True))[0]) == 3
