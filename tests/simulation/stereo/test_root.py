"""The data set on disk: layout, calibration, resuming, refusals."""

import cv2
import numpy as np
import pytest

from perception_kd.datasets.stereo.calibration import read_calibration
from perception_kd.datasets.stereo.pfm import read_pfm
from perception_kd.simulation.stereo.pair import simulate_pair
from perception_kd.simulation.stereo.stamp import stereo_stamp
from perception_kd.simulation.writers import stereo as target
from perception_kd.simulation.writers.stereo import FILES, INFO, SPLITS, simulate_stereo, split_of
from tests.simulation.quiet import digests
from tests.simulation.stereo.small import SMALL
from tools.simulate import main


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    return simulate_stereo(tmp_path_factory.mktemp('a') / 'root', count=3, seed=3, preset=SMALL, workers=1)


def test_the_root_has_the_layout_of_middlebury(made):
    assert sorted(path.parent.name + '/' + path.name for path in made.glob('*/*')) == [
        'test/000002', 'train/000000', 'val/000001']  # fmt: skip
    for index, split in enumerate(SPLITS):
        folder, pair = made / split / f'{index:06d}', simulate_pair(SMALL, 3, index)
        assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
        for side, picture in enumerate((pair.left, pair.right)):
            np.testing.assert_array_equal(cv2.imread(str(folder / f'im{side}.png'))[..., ::-1], picture)
            np.testing.assert_array_equal(read_pfm(folder / f'disp{side}.pfm'), pair.truth[side].disparity)
            mask = cv2.imread(str(folder / f'mask{side}nocc.png'), cv2.IMREAD_UNCHANGED)
            np.testing.assert_array_equal(mask, np.where(pair.truth[side].noc, 255, 128))
        found = read_calibration(folder / 'calib.txt')
        assert found.focal == pytest.approx(pair.rig.focal, abs=1e-5)
        assert found.baseline == pytest.approx(pair.rig.baseline, abs=1e-7)
        assert found.doffs == pytest.approx(pair.rig.doffs, abs=1e-5)
    assert not list(made.parent.glob('.*')), 'nothing is left beside'


def test_an_interrupted_run_goes_on_to_equal_files(made, tmp_path, monkeypatch):
    def stop(preset, seed, index):
        if index == 1:
            raise KeyboardInterrupt
        return simulate_pair(preset, seed, index)

    said = []
    arguments = {'count': 3, 'seed': 3, 'preset': SMALL, 'workers': 1, 'echo': said.append}
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(target, 'simulate_pair', stop)
        simulate_stereo(tmp_path / 'root', **arguments)
    assert not (tmp_path / 'root').exists()
    again = []
    monkeypatch.setattr(target, 'simulate_pair', lambda *args: again.append(args[2]) or simulate_pair(*args))
    other = simulate_stereo(tmp_path / 'root', **arguments)
    assert again == [1, 2] and '1 pairs are finished' in said[-1]
    assert digests(other) == digests(made) and len(digests(made)) == 3 * len(FILES) + 1


def test_a_failing_run_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError('no such light')

    monkeypatch.setattr(target, 'simulate_pair', fail)
    with pytest.raises(RuntimeError, match='no such light'):
        simulate_stereo(tmp_path / 'root', count=3, preset=SMALL, workers=1)
    assert not list(tmp_path.iterdir())


def test_existing_folders_are_not_lost(made, tmp_path):
    before = digests(made)
    with pytest.raises(FileExistsError, match=r'not empty; choose another folder or use --force'):
        simulate_stereo(made, count=3, preset=SMALL)
    (tmp_path / 'photo.jpg').write_text('x')
    with pytest.raises(FileExistsError, match=rf'no simulated stereo pairs \({INFO}\), so --force will not replace'):
        simulate_stereo(tmp_path, count=1, preset=SMALL, force=True)
    assert digests(made) == before


@pytest.mark.parametrize(('arguments', 'words'), [
    (['--preset', 'huge'], 'unknown stereo preset'),
    (['--count', '0'], 'count must be at least 1'),
    (['--seed', '-1'], 'seed must be at least 0'),
    (['--workers', '0'], 'workers must be at least 1'),
])  # fmt: skip
def test_the_tool_refuses_bad_numbers(tmp_path, arguments, words):
    with pytest.raises(ValueError, match=words):
        main(['stereo', '--out', str(tmp_path / 'root'), *arguments])
    assert not list(tmp_path.iterdir())


def test_splits_are_tenths():
    splits = [split_of(index, 30) for index in range(30)]
    assert [splits.count(split) for split in SPLITS] == [24, 3, 3]
    assert split_of(0, 1) == split_of(1, 2) == 'train'


def test_the_stamp_tells_seed_and_preset():
    assert stereo_stamp(SMALL, 0) != stereo_stamp(SMALL, 1)
    assert stereo_stamp(SMALL, 0).startswith('stereo-test-seed0-')
