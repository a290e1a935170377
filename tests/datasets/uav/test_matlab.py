"""Saved ``groundTruth`` objects of MATLAB, whole and damaged."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.io import savemat

from perception_kd.datasets.uav.formats.matlab import read_object
from perception_kd.datasets.uav.formats.svanstrom import read_label_table
from perception_kd.datasets.uav.records import Tally
from tests.datasets.uav.mat_file import write_ground_truth

ROWS = [dict(DRONE=[[1.0, 2.0, 3.0, 4.0]] * count, BIRD=np.zeros((0, 4))) for count in (1, 0, 3)]


def test_all_boxes_of_a_frame_are_read_from_pixel_0(tmp_path):
    frames = read_label_table(write_ground_truth(tmp_path / 'a.mat', ROWS), Tally())
    assert [frame.number for frame in frames] == [0, 1, 2]
    assert [[box.xywh for box in frame.boxes] for frame in frames] == [[(0, 1, 3, 4)] * count for count in (1, 0, 3)]


def test_another_object_or_none_is_told(tmp_path):
    other = write_ground_truth(tmp_path / 'other.mat', ROWS, b'somethingElse')
    with pytest.raises(ValueError, match=r'other.mat: holds no groundTruth object'):
        read_object(other, 'groundTruth')
    savemat(tmp_path / 'plain.mat', {'x': np.eye(2)})
    with pytest.raises(ValueError, match=r'plain.mat: holds no groundTruth object'):
        read_object(tmp_path / 'plain.mat', 'groundTruth')
    with pytest.raises(FileNotFoundError, match=r'gone.mat does not exist'):
        read_object(tmp_path / 'gone.mat', 'groundTruth')


def test_cut_off_files_are_told(tmp_path):
    whole = write_ground_truth(tmp_path / 'a.mat', ROWS).read_bytes()
    for length in range(0, len(whole) - 1, 97):
        (tmp_path / 'cut.mat').write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r'cut.mat: (damaged|holds no groundTruth)'):
            read_label_table(tmp_path / 'cut.mat', Tally())
