"""What calib.yaml may say, and one line for each mistake in it."""

import copy
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from perception_kd.inference.calibration import read_rig
from tests.inference.conftest import CALIBRATION


def changed(path: str, value):
    """The good calibration with one entry changed; None takes it out."""
    content = copy.deepcopy(CALIBRATION)
    *way, last = path.split('.')
    node = content
    for part in way:
        node = node[part]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return content


def test_a_good_file(folder):
    rig = read_rig(folder())
    assert (rig.origin, rig.stamps, list(rig.cameras), list(rig.radars)) == ('on the ground', '', ['CAM'], ['RADAR'])
    camera = rig.cameras['CAM']
    assert camera.size == (40, 20) and camera.files == 'CAM/*' and not camera.distortion
    # A camera looks along its z axis, which is the vehicle's x; its y axis points down.
    np.testing.assert_allclose(camera.to_vehicle @ [0, 1, 5, 1], [6.5, 0, 0.4, 1], atol=1e-12)
    assert rig.lidar.files == '' and rig.lidar.to_vehicle[2, 3] == 1.8


MISTAKES = [
    ('origin', None, 'origin is missing: a few words'),
    ('stamps', 'hours', "stamps is one of seconds, milliseconds, microseconds, nanoseconds; got 'hours'"),
    ('camera', {}, 'unknown camera; there are origin, stamps, cameras, radars, lidar'),
    ('cameras', ['CAM'], 'cameras: must be a mapping of names'),
    ('cameras.CAM.intrinsics', None, 'CAM: intrinsics is missing'),
    ('cameras.CAM.intrinsics', [[1, 0], [0, 1]], 'CAM: intrinsics must be three rows'),
    ('cameras.CAM.intrinsics', [[0.0, 0, 1], [0, 5, 1], [0, 0, 1]], 'with fx, fy above 0'),
    ('cameras.CAM.size', [40.5, 20], 'size is two whole numbers above 0, got 40.5 and 20'),
    ('cameras.CAM.to_vehicle.rotation', [1, 1, 0, 0], 'CAM: to_vehicle: rotation is no unit quaternion (length 1.414)'),
    ('cameras.CAM.to_vehicle.rotation', [[1, 0, 0], [0, 1, 0], [0, 0.1, 1]], 'rotation is not orthonormal'),
    ('cameras.CAM.to_vehicle.rotation', [[1, 0, 0], [0, 1, 0], [0, 0, -1]], 'rotation is not orthonormal'),
    ('cameras.CAM.to_vehicle.translation', [1, 2, float('nan')], 'translation must be x, y, z in m'),
    ('cameras.CAM.distortion', {'coefficients': [0.1, 0.2]}, 'pinhole takes 4 or 5 or 8 or 12 or 14 coefficients'),
    ('cameras.CAM.distortion', {'model': 'odd', 'coefficients': []}, 'model is one of pinhole, fisheye'),
    ('cameras.CAM.files', '../other/*', 'files is a pattern inside the folder'),
    ('cameras.CAM.files', '', 'files is a pattern inside the folder'),
    ('cameras', {'../x': CALIBRATION['cameras']['CAM']}, "'../x' is no name for one"),
    ('cameras', {'LIDAR_TOP': CALIBRATION['cameras']['CAM']}, "'LIDAR_TOP' is no name for one"),
    ('cameras', {'RADAR': CALIBRATION['cameras']['CAM']}, 'RADAR is a camera and a radar'),
    ('radars.RADAR.to_vehicle', None, 'RADAR: to_vehicle is missing'),
    ('radars.RADAR.fields', {'x': ['px']}, 'fields: x is the name of a field or a number'),
    ('radars.RADAR.compensated', 'yes', "compensated is true or false, got 'yes'"),
]  # fmt: skip


@pytest.mark.parametrize(('path', 'value', 'line'), MISTAKES)
def test_each_mistake_is_one_clear_line(folder, path, value, line):
    root = folder()
    (root / 'calib.yaml').write_text(yaml.safe_dump(changed(path, value)))
    with pytest.raises(ValueError, match=re.escape(line)) as error:
        read_rig(root)
    assert str(error.value).startswith(str(root / 'calib.yaml'))


def test_neither_cameras_nor_radars(folder):
    with pytest.raises(ValueError, match='names neither cameras nor radars'):
        read_rig(folder(cameras=None, radars=None))


@pytest.mark.parametrize('text', ['a: [1', '!!python/object/apply:os.getcwd []', '\x00', '[' * 1100, '12'])
def test_what_is_no_plain_data_is_refused(folder, text):
    root = folder()
    (root / 'calib.yaml').write_text(text)
    with pytest.raises(ValueError, match=re.escape(str(root / 'calib.yaml'))):
        read_rig(root)


def test_a_sensor_that_is_there_twice(folder):
    root = folder()
    (root / 'calib.yaml').write_text('origin: here\ncameras:\n  CAM: {size: [1, 1]}\n  CAM: {size: [2, 2]}\n')
    with pytest.raises(ValueError, match='CAM is there twice, again in line 4'):
        read_rig(root)


@pytest.mark.parametrize('place', ['origin', 'stamps', 'cameras.CAM.intrinsics', 'cameras.CAM.files',
                                   'cameras.CAM.distortion.coefficients', 'radars.RADAR.fields.x'])
def test_lists_of_lists_by_reference_cost_nothing(folder, place):
    """Ten lists that each hold the one before ten times have more entries than memory has bytes."""
    root, bomb = folder(), [1.0] * 10
    for _ in range(9):
        bomb = [bomb] * 10
    content = changed('cameras.CAM.distortion', {'model': 'pinhole', 'coefficients': [0.0] * 4})
    *way, last = place.split('.')
    node = content
    for part in way:
        node = node[part]
    node[last] = bomb
    (root / 'calib.yaml').write_text(yaml.safe_dump(content))
    with pytest.raises(ValueError, match=re.escape(str(root / 'calib.yaml'))):
        read_rig(root)


def test_the_example_of_the_page(tmp_path):
    page = (Path(__file__).parents[2] / 'docs' / 'inference.md').read_text()
    (example,) = re.findall(r'```yaml\n(.*?)```', page, re.DOTALL)
    (tmp_path / 'calib.yaml').write_text(example)
    rig = read_rig(tmp_path)
    # It looks straight ahead: what lies right of its view lies on the vehicle's right.
    np.testing.assert_allclose(rig.cameras['CAM_FRONT'].to_vehicle[:3, :3] @ [1, 0, 10], [10, -1, 0], atol=1e-12)
    assert rig.radars['RADAR_FRONT'].fields['velocity'] == '-doppler' and not rig.radars['RADAR_FRONT'].compensated
    np.testing.assert_allclose(rig.lidar.to_vehicle[:3, :3] @ [0, 1, 0], [1, 0, 0], atol=1e-6)  # its y is ahead
