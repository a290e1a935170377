"""Which pictures belong together."""

import pytest

from perception_kd.inference.stereo.pairs import chosen_pairs, pairs_of_inputs, pairs_of_layout


def touched(folder, *names):
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(('left', 'right', 'names'), [
    (['a.png', 'b.png'], ['b.jpg', 'a.png'], ['a', 'b']),
    (['000_left.png', '001_left.png'], ['001_right.png', '000_right.png'], ['000_left', '001_left']),
    (['room_L.png', 'Roof_L.png'], ['Roof_R.png', 'room_R.png'], ['Roof_L', 'room_L']),
    (['aloeL.jpg', 'imgLeft.png'], ['aloeR.jpg', 'imgRight.png'], ['aloeL', 'imgLeft']),
    (['left0001.png', 'left0002.png'], ['right0001.png', 'right0002.png'], ['left0001', 'left0002']),
])  # fmt: skip
def test_folders(tmp_path, left, right, names):
    folders = touched(tmp_path / 'l', *left, 'notes.txt', '.hidden.png'), touched(tmp_path / 'r', *right)
    pairs = pairs_of_inputs(folders)
    assert [pair.name for pair in pairs] == names
    plain = [(pair.left.stem.lower().replace('left', '').removesuffix('l').removesuffix('_'),
              pair.right.stem.lower().replace('right', '').removesuffix('r').removesuffix('_')) for pair in pairs]
    assert all(one == other for one, other in plain)


@pytest.mark.parametrize(('left', 'right', 'line'), [
    (['a.png', 'b.png'], ['a.png'], '2 pictures of .*l and 1 of .*r do not make pairs by name: b has no one partner'),
    (['a.png', 'a.jpg'], ['a.png', 'b.png'], 'do not make pairs'), ([], ['a.png'], 'holds no pictures'),
])  # fmt: skip
def test_folders_that_do_not_fit(tmp_path, left, right, line):
    with pytest.raises((ValueError, FileNotFoundError), match=line):
        pairs_of_inputs([touched(tmp_path / 'l', *left), touched(tmp_path / 'r', *right)])


@pytest.mark.parametrize(('left', 'name'), [('scene/im0.png', 'scene'), ('scene/left.png', 'scene'),
                                            ('scene/office_left.png', 'office_left'), ('scene/17.png', '17')])
def test_files_and_their_calibration(tmp_path, left, name):
    touched(tmp_path / 'scene', left.split('/')[1], 'r.png', 'calib.txt')
    (pair,) = pairs_of_inputs([tmp_path / left, tmp_path / 'scene/r.png'])
    assert (pair.name, pair.right, pair.calibration) == (name, tmp_path / 'scene/r.png', tmp_path / 'scene/calib.txt')


@pytest.mark.parametrize(('inputs', 'line'), [
    (['l'], 'stereo needs two inputs'), (['l', 'l'], 'given as left and as right'),
    (['l', 'l/a.png'], 'is a file; give'), (['l/a.png', 'l'], 'is a folder; give a file'),
    (['l/a.png', 'l/b.png'], 'right picture .*b.png does not exist'), (['n', 'l'], 'left picture .*n does not exist')])
def test_inputs_that_are_none(tmp_path, inputs, line):
    touched(tmp_path / 'l', 'a.png')
    with pytest.raises((ValueError, OSError), match=line):
        pairs_of_inputs([tmp_path / one for one in inputs])


def test_choosing(tmp_path):
    pairs = pairs_of_inputs([touched(tmp_path / side, 'a.png', 'b.png', 'c.png') for side in 'lr'])
    assert [pair.name for pair in chosen_pairs(pairs, ['c', '0', 'a'])] == ['c', 'a']
    assert chosen_pairs(pairs, []) == pairs
    with pytest.raises(ValueError, match="no pair '3' among 3: give positions from 0 to 2, or names such as a"):
        chosen_pairs(pairs, ['3'])


def test_a_public_layout(tmp_path):
    for scene in ('Attic', 'Bike'):
        touched(tmp_path / 'trainingQ' / scene, 'im0.png', 'im1.png', 'calib.txt')
        (tmp_path / 'trainingQ' / scene / 'calib.txt').write_text('cam0=[9 0 1; 0 9 2; 0 0 1]\nbaseline=100\ndoffs=1\n')
    pairs = pairs_of_layout(tmp_path, 'middlebury', 'trainingQ')
    assert [pair.name for pair in pairs] == ['Attic', 'Bike']
    assert pairs[1].calibration == tmp_path / 'trainingQ/Bike/calib.txt'
    touched(tmp_path / 'frames_finalpass/a/left', '0.png')
    chosen = pairs_of_layout(tmp_path, 'sceneflow', select=dict(render=['frames_finalpass']))
    assert [pair.left for pair in chosen] == [tmp_path / 'frames_finalpass/a/left/0.png']
    with pytest.raises(ValueError, match='--layout moon: there are'):
        pairs_of_layout(tmp_path, 'moon')
