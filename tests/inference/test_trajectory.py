"""Poses between the rows of poses.csv."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from perception_kd.inference.trajectory import POSE_COLUMNS, read_trajectory, seconds

HEAD = ','.join(POSE_COLUMNS)


def write(folder, *rows: str):
    (folder / 'poses.csv').write_text('\n'.join([HEAD, *rows]) + '\n')
    return read_trajectory(folder, 1e6)


def test_between_rows(tmp_path):
    turned = Rotation.from_euler('z', 0.4).as_quat()[[3, 0, 1, 2]]
    trajectory = write(tmp_path, '1000000,0,0,0,1,0,0,0', f'2000000,10,2,0,{",".join(map(repr, turned.tolist()))}')
    quarter = trajectory.pose(1.25)
    np.testing.assert_allclose(quarter[:3, 3], [2.5, 0.5, 0])
    np.testing.assert_allclose(quarter[:3, :3], Rotation.from_euler('z', 0.1).as_matrix(), atol=1e-12)
    np.testing.assert_array_equal(trajectory.pose(2.05), trajectory.pose(2.0))
    with pytest.raises(ValueError, match=r'from 1.000 to 2.000 s, none at 2.300 s'):
        trajectory.pose(2.3)


def test_velocity_of_a_sensor_is_the_way_of_its_place(tmp_path):
    """A vehicle that turns on the spot moves a sensor 2 m ahead of its middle to the left, by rate times distance."""
    rate = 0.5
    rows = [f'{round(t * 1e6)},3,4,0,{np.cos(rate * t / 2)!r},0,0,{np.sin(rate * t / 2)!r}'
            for t in np.arange(0, 1, 0.01)]
    sensor = np.eye(4)
    sensor[:3, 3] = 2.0, 0, 0.5
    sensor[:3, :3] = Rotation.from_euler('z', np.pi / 2).as_matrix()  # it looks to the left
    np.testing.assert_allclose(write(tmp_path, *rows).velocity(0.5, sensor), [rate * 2.0, 0, 0], atol=1e-3)


def test_whole_numbers_keep_all_digits():
    assert seconds('1532402927612460', 1e6) == 1532402927612460 / 1e6
    assert seconds('12.5', 1.0) == 12.5


@pytest.mark.parametrize(('rows', 'line'), [
    (['1,0,0,0,1,0,0'], 'line 2 does not hold 8 numbers'), (['1,0,0,0,1,0,0,x'], 'line 2 does not hold'),
    (['1,0,0,0,1,0,0,0', '1,0,0,0,1,0,0,0'], 'times must rise, line 3'), ([], 'holds no pose'),
    (['1,0,0,0,1,0,0,0', '2,0,0,0,1,1,0,0'], 'line 3: qw, qx, qy, qz is no unit quaternion'),
])  # fmt: skip
def test_mistakes(tmp_path, rows, line):
    with pytest.raises(ValueError, match=line):
        write(tmp_path, *rows)


def test_no_file_and_other_columns(tmp_path):
    assert read_trajectory(tmp_path, 1.0) is None
    (tmp_path / 'poses.csv').write_text('t,x,y\n')
    with pytest.raises(ValueError, match='the first line must be time,x,y,z,qw,qx,qy,qz'):
        read_trajectory(tmp_path, 1.0)
