"""Logged values over several beginnings of a training."""

import numpy as np
import pytest

from perception_kd.visualization.report.scalars import read_scalars
from tests.visualization.report.run_folders import log_rows, write_training


def test_a_resumed_training_replaces_what_it_did_again(tmp_path):
    first, second = log_rows(range(5, 30, 5)), log_rows(range(20, 40, 5))
    for row in second:
        row['loss'] += 1000
    write_training(tmp_path, {}, first, '20250101_000000')
    write_training(tmp_path, {}, second, '20250102_000000')
    training, validation = read_scalars(tmp_path)
    assert training['loss'].steps.tolist() == [5, 10, 15, 20, 25, 30, 35]
    assert (training['loss'].values > 1000).tolist() == [False] * 3 + [True] * 4
    assert training['epoch'].values.tolist() == [1, 1, 2, 2, 3, 3, 4] and not validation


def test_validation_is_kept_apart_and_a_name_that_comes_late_has_its_own_steps(tmp_path):
    rows = [dict(loss=1.0, iter=5, step=5), {'nusc/mAP': 0.1, 'step': 1}, dict(loss=0.5, extra=2.0, iter=10, step=10),
            {'nusc/mAP': float('nan'), 'step': 2}]
    write_training(tmp_path, {}, rows)
    training, validation = read_scalars(tmp_path)
    assert training['loss'].steps.tolist() == [5, 10] and training['extra'].steps.tolist() == [10]
    np.testing.assert_equal(validation['nusc/mAP'].values, [0.1, np.nan])


def test_a_last_line_may_be_cut_off_another_may_not(tmp_path):
    path = write_training(tmp_path, {}, log_rows(range(5, 20, 5))) / 'vis_data' / 'scalars.json'
    whole = path.read_text()
    path.write_text(whole[:-20])
    assert len(read_scalars(tmp_path)[0]['loss']) == 2
    path.write_text(whole.replace('"loss"', 'loss', 1))
    with pytest.raises(ValueError, match=r'scalars\.json is damaged: line 1'):
        read_scalars(tmp_path)
