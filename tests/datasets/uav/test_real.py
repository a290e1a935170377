"""The real clips and frames of Svanström et al."""

from __future__ import annotations

import json
from collections import Counter

import cv2
import numpy as np
import pytest

from perception_kd.datasets.uav.convert import Conversion, convert_uav
from perception_kd.datasets.uav.formats.svanstrom import read_label_table
from perception_kd.datasets.uav.frames import decode_frames
from perception_kd.datasets.uav.records import Tally
from perception_kd.registry import DATASETS

pytestmark = pytest.mark.real_data
ROWS = {'V_DRONE_001': (301, 301), 'V_DRONE_108': (304, 216 * 2 + 88)}  # frames, boxes; counted by hand once


@pytest.fixture
def uav(real_data):
    folder = real_data / 'uav'
    if not folder.is_dir():
        pytest.skip('no real pictures of drones')
    return folder


@pytest.mark.parametrize('name', ROWS)
def test_clips_agree_with_frames_that_another_reader_labelled(uav, name):
    tally = Tally()
    frames = read_label_table(uav / 'svanstrom_clips' / f'{name}_LABELS.mat', tally)
    assert not tally.counts and (len(frames), sum(len(frame.boxes) for frame in frames)) == ROWS[name]
    clip = uav / 'svanstrom_clips' / f'{name}.mp4'
    labels = sorted((uav / 'svanstrom_visible/labels').glob(f'*/{name}_*.txt'))
    numbers = [int(path.stem.rsplit('_', 1)[1]) for path in labels]
    pictures = dict(decode_frames(clip, [*numbers, len(frames) - 1, len(frames)]))
    assert len(numbers) > 2 and sorted(pictures) == [*numbers, len(frames) - 1]  # as many frames as rows
    for number, path in zip(numbers, labels):
        shares = np.loadtxt(path, ndmin=2)[:, 1:]
        expected = np.c_[shares[:, :2] - shares[:, 2:] / 2, shares[:, 2:]] * [640, 512, 640, 512]
        np.testing.assert_allclose([box.xywh for box in frames[number].boxes], expected, atol=2e-3)
        stored = cv2.imread(str(uav / 'svanstrom_visible/images' / path.parent.name / f'{path.stem}.jpg'))
        assert np.abs(stored.astype(float) - pictures[number]).mean() < 3


def test_clips_convert(uav, tmp_path):
    done = convert_uav('svanstrom', uav / 'svanstrom_clips', tmp_path / 'out',
                       Conversion(every=60, shares=(0.5, 0.5, 0)))
    assert not done.tally.counts and not done.check.problems
    assert {split: row['pictures'] for split, row in done.check.splits.items()} == {'train': 6, 'val': 6}


def test_frames_convert_and_are_read_bare_alike(uav, tmp_path):
    root, out = uav / 'svanstrom_visible', tmp_path / 'out'
    done = convert_uav('yolo', root, out, Conversion(symlink=True))
    assert not done.tally.counts and not done.check.problems and not done.check.notes
    names = (root / 'classes.txt').read_text().split()
    for split in ('train', 'val'):
        lines = [line.split() for path in (root / 'labels' / split).glob('*.txt')
                 for line in path.read_text().splitlines()]
        row, name = done.check.splits[split], f'annotations/{split}.json'
        assert row['boxes'] == Counter(names[int(words[0])] for words in lines)
        assert row['pictures'] == len(list((root / 'images' / split).glob('*.jpg')))
        areas = sorted(float(words[3]) * 640 * float(words[4]) * 512 for words in lines)
        content = json.loads((out / name).read_text())
        np.testing.assert_allclose(sorted(one['area'] for one in content['annotations']), areas, rtol=1e-3)
        common = dict(type='UAVDataset', pipeline=[], ann_file=name)
        bare = DATASETS.build(dict(**common, data_root=str(root), layout='yolo'))
        for one, other in zip(DATASETS.build(dict(**common, data_root=str(out))), bare, strict=True):
            assert one['instances'] == other['instances']
