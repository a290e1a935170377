"""Boxes from infos and from result files are the same boxes."""

import numpy as np
import pytest
from nuscenes.utils.data_classes import Box
from pyquaternion import Quaternion

from perception_kd.structures.classes import NUSCENES_CLASSES
from perception_kd.visualization.boxes import Boxes, boxes_of_instances, boxes_of_results
from tests.visualization.conftest import make_boxes


@pytest.mark.parametrize('tilt', [0.0, 0.05])
def test_results_return_to_the_lidar_frame_as_the_devkit_moves_them(tilt):
    """Upright in the world, also where the LiDAR is tilted."""
    rotation = Quaternion(axis=[0.6, 0.8, 0], angle=tilt) * Quaternion(axis=[0, 0, 1], angle=2.1)
    shift = np.array([600.0, 1500, 1])
    box = Box([604.0, 1509, 0], [1.9, 4.5, 1.6], Quaternion(axis=[0, 0, 1], angle=0.7))
    seen = box.copy()
    seen.translate(-shift)
    seen.rotate(rotation.inverse)
    row = {
        'translation': box.center.tolist(),
        'size': box.wlh.tolist(),
        'rotation': box.orientation.elements.tolist(),
        'detection_name': 'car',
        'detection_score': 0.6,
        'velocity': [3.0, -4.0],
    }
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation.rotation_matrix, shift
    ours = boxes_of_results([row], pose)
    np.testing.assert_allclose(ours.corners[0], seen.corners().T, atol=1e-9)
    assert ours.names == ('car',) and ours.scores.tolist() == [0.6]
    motion = rotation.inverse.rotation_matrix @ [3, -4, 0]
    np.testing.assert_allclose(ours.motions, motion[None], atol=1e-9)
    np.testing.assert_allclose(ours.velocities, motion[None, :2], atol=1e-9)
    assert np.isnan(boxes_of_results([{**row, 'velocity': [np.nan, np.nan]}], np.eye(4)).motions).all()


def test_instances_keep_known_classes_and_know_who_is_measured():
    row = {
        'bbox_3d': [1, 2, 3, 4, 2, 1.5, 0.3, 0, 0],
        'bbox_label_3d': 0,
        'num_lidar_pts': 0,
        'num_radar_pts': 0,
    }
    known = {'num_radar_pts': 2, 'bbox_label_3d': 9, 'velocity': [1.0, 2.0]}
    rows = [row, {**row, 'bbox_label_3d': -1}, {**row, **known}]
    boxes = boxes_of_instances(rows, NUSCENES_CLASSES, np.eye(4))
    assert boxes.names == ('car', 'barrier') and boxes.measured.tolist() == [False, True]
    np.testing.assert_allclose(boxes.sizes[0], [4, 2, 1.5])
    np.testing.assert_array_equal(boxes.take([1, 0]).velocities, [(1, 2), (np.nan, np.nan)])


def test_selection():
    boxes = make_boxes([('car', 0, 1, 0), ('bus', 0, 2, 0), ('car', 0, 3, 0)], [0.2, 0.9, 0.5])
    assert boxes.at_least(0.5).names == ('bus', 'car')
    assert boxes.of_classes(('car',)).scores.tolist() == [0.2, 0.5]
    assert len(Boxes.empty().of_classes(('car',)).at_least(0.1)) == 0


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match='different lengths'):
        Boxes(np.zeros((2, 3)), np.zeros((1, 3)), np.zeros(2), ('car', 'car'))
