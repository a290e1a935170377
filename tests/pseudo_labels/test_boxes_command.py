"""``tools/pseudo_label.py boxes``, in this process."""

import cv2
import numpy as np
import pytest

from perception_kd.datasets.nuscenes.stamp import load_infos
from perception_kd.pseudo_labels.commands import build_parser
from tests.pseudo_labels.teachers import INFOS, config_2d, config_3d, weights


@pytest.fixture
def call(tiny_root, tmp_path, capsys):
    """``call(kind, input, *words)`` -> status and lines, with a teacher of ``frames`` or ``pictures``."""
    def run(kind, source, *words):
        (config_3d(tiny_root) if kind == 'frames' else config_2d()).dump(str(tmp_path / f'{kind}.py'))
        words = [tmp_path / f'{kind}.py', weights(tmp_path), source, '--out', tmp_path / 'out', *words]
        args = build_parser('').parse_args(['boxes', *map(str, words)])
        return args.run(args), capsys.readouterr().out.splitlines()
    return run


def test_key_frames(call, tmp_path):
    words = ['--labelled', 'fraction=0.5', 'by=scene', '--score', '0.75', 'barrier=0.5']
    status, lines = call('frames', INFOS, *words)
    assert status == 0 and lines[0] == '3 key frames, 0 of them without a kept box'
    assert [line.split() for line in lines if line.startswith(('barrier', 'ped'))] == [
        ['barrier', '3', '0', '0', '0'], ['pedestrian', '0', '3', '0', '0']]
    stamp, infos = load_infos(lines[-1])
    assert stamp['pseudo_labels']['config'] == str(tmp_path / 'frames.py') and len(infos) == 6
    assert call('frames', INFOS, *words)[1] == ['3 key frames were labelled earlier', *lines]


def test_pictures_of_which_one_fails(call, tmp_path):
    cv2.imwrite(str(tmp_path / 'good.png'), np.zeros((8, 8, 3), np.uint8))
    (tmp_path / 'bad.png').write_bytes(b'')
    status, lines = call('pictures', tmp_path, '--retries', '0')
    assert status == 1 and lines[0] == '1 pictures, 1 of them without a kept box'
    assert any(line.startswith('no box was kept: is the teacher trained') for line in lines)
    assert any(line.startswith('failed: bad.png: ') for line in lines) and '1 of 2 pictures failed' in lines[-1]


@pytest.mark.parametrize(('kind', 'words', 'message'), [
    ('pictures', ['--no-velocity'], '--labelled, --no-velocity and --doubles are for key'),
    ('pictures', ['--score', 'red=much'], "score: 'red=much' is neither a number nor CLASS"),
    ('frames', ['--score', 'tram=0.5'], 'a score is given for tram'),
    ('frames', ['--floor', '2'], '--floor is a score from 0 to 1, got 2.0'),
    ('frames', ['--labelled', 'part=0.5'], 'labelled takes fraction, by, seed and others'),
    ('frames', ['--cfg-options', 'test_dataloader.dataset.type=StereoDataset'], 'tools/pseudo_label.py stereo'),
])
def test_bad_words_are_told_in_a_line(call, tmp_path, kind, words, message):
    with pytest.raises(ValueError, match=message):
        call(kind, INFOS if kind == 'frames' else tmp_path, *words)
