"""Files that belong together."""

import pytest

from perception_kd.inference.calibration import read_rig
from perception_kd.inference.moments import find_moments
from tests.inference.conftest import RADAR, write_pcd

POINT = {'px': [1.0], 'py': [0.0], 'snr': [1.0], 'doppler': [0.0]}


def names(moments):
    return [[moment.name, *(f'{name}/{file.path.name}' for name, file in moment.files.items())] for moment in moments]


def test_one_file_each_is_one_moment_whatever_it_is_called(folder):
    root = folder(('front',))
    (root / 'RADAR' / 'front.pcd').rename(root / 'RADAR' / 'scan.pcd')
    (moment,) = find_moments(read_rig(root), sweeps=False)
    assert names([moment]) == [['drive', 'CAM/front.png', 'RADAR/scan.pcd']] and moment.time is None


def test_names_say_what_belongs_together(folder):
    root = folder(('a', 'b'))
    (root / 'RADAR' / 'b.pcd').unlink()
    (root / 'CAM' / 'notes.txt').touch()
    assert names(find_moments(read_rig(root), sweeps=False)) == [['a', 'CAM/a.png', 'RADAR/a.pcd'], ['b', 'CAM/b.png']]
    (root / 'CAM' / 'a.jpg').touch()
    with pytest.raises(ValueError, match='two files of CAM have one name'):
        find_moments(read_rig(root), sweeps=False)


def test_a_missing_picture_is_named(folder):
    camera = {'size': [40, 20], 'intrinsics': [[30.0, 0, 19.5], [0, 30.0, 9.5], [0, 0, 1]], 'files': 'CAM/a.png',
              'to_vehicle': {'translation': [0, 0, 0], 'rotation': [1, 0, 0, 0]}}
    root = folder(('a', 'b'))
    rig = read_rig(folder(('a', 'b'), cameras={'CAM': {**camera, 'files': 'CAM/*'}, 'OTHER': camera}))
    with pytest.raises(FileNotFoundError, match='no picture of OTHER called b'):
        find_moments(rig, sweeps=False)
    with pytest.raises(FileNotFoundError, match=r"no file of CAM matches 'nothing/\*'"):
        find_moments(read_rig(folder(cameras={'CAM': {**camera, 'files': 'nothing/*'}})), sweeps=False)
    assert root.is_dir()


def stamped(folder):
    """Pictures at 1.0 and 2.0 s, radar every 0.3 s from 0.05 s on."""
    root = folder(('cam_1000', 'cam_2000'), stamps='milliseconds')
    for old in (root / 'RADAR').iterdir():
        old.unlink()
    for number in range(7):
        write_pcd(root / 'RADAR' / f'scan-{50 + 300 * number}.pcd', POINT)
    return root


def test_time_stamps_say_what_belongs_together(folder):
    root = stamped(folder)
    first, second = find_moments(read_rig(root), sweeps=True)
    assert (first.name, first.time) == ('1000', 1.0) and second.time == 2.0
    assert first.files['RADAR'].time == 0.95 and 'RADAR' not in second.files  # 0.15 s away
    assert [file.time for file in first.sweeps['RADAR']] == [0.65, 0.35, 0.05]
    assert not find_moments(read_rig(root), sweeps=False)[0].sweeps


def test_a_radar_too_far_away_is_left_out_and_old_sweeps_too(folder):
    root = stamped(folder)
    (root / 'times.txt').write_text('1980\n')
    (moment,) = find_moments(read_rig(root), sweeps=True)
    assert list(moment.files) == ['CAM']
    write_pcd(root / 'RADAR' / 'scan-2000.pcd', POINT)
    (moment,) = find_moments(read_rig(root), sweeps=True)
    assert [file.time for file in moment.sweeps['RADAR']] == [1.85, 1.55, 1.25, 0.95, 0.65]


def test_mistakes_of_time(folder):
    root = stamped(folder)
    (root / 'times.txt').write_text('1500\n')
    with pytest.raises(FileNotFoundError, match=r'no picture of CAM within 0\.1 s of 1500'):
        find_moments(read_rig(root), sweeps=True)
    for text in ('1000\n1000\n', '2000\n1000\n'):
        (root / 'times.txt').write_text(text)
        with pytest.raises(ValueError, match=r'times\.txt: times must rise, 1000 is not after'):
            find_moments(read_rig(root), sweeps=True)
    (root / 'times.txt').write_text('early\n')
    with pytest.raises(ValueError, match=r'times.txt: one time a line, in milliseconds'):
        find_moments(read_rig(root), sweeps=True)
    write_pcd(root / 'RADAR' / 'other-50.pcd', POINT)
    with pytest.raises(ValueError, match='of RADAR have one time stamp'):
        find_moments(read_rig(root), sweeps=True)
    (root / 'RADAR' / 'other-50.pcd').rename(root / 'RADAR' / 'last.pcd')
    with pytest.raises(ValueError, match=r'last.pcd: its name ends in no time stamp'):
        find_moments(read_rig(root), sweeps=True)


def test_stamps_of_another_unit(folder):
    root = folder(('1532402927612460',), stamps='milliseconds')
    with pytest.raises(ValueError, match=r'1532402927612460\.png: 1532402927612460 as a time is in a year far ahead'):
        find_moments(read_rig(root), sweeps=True)


def test_a_pattern_that_is_none(folder):
    root = folder(radars={'RADAR': {**RADAR, 'files': '**x/*'}})
    with pytest.raises(ValueError, match=r'calib\.yaml: RADAR: files: Invalid pattern'):
        find_moments(read_rig(root), sweeps=False)
