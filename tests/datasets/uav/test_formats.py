"""Every format: what is in its files comes out, and what is wrong in them is counted."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from perception_kd.datasets.uav.convert import Conversion, convert_uav
from tests.datasets.uav.worlds import WORLDS, Expected

HALVES = Conversion(shares=(0.5, 0.5, 0.0))


def quietly(call, *arguments):
    with contextlib.redirect_stdout(io.StringIO()):
        return call(*arguments)


def found_in(out: Path) -> Expected:
    """What converted files hold."""
    found: Expected = {}
    for path in sorted((out / 'annotations').iterdir()):
        content = json.loads(path.read_text())
        videos = {row['id']: row['name'] for row in content['videos']}
        names = {row['id']: row['name'] for row in content['categories']}
        for image in content['images']:
            picture = cv2.imread(str(out / image['file_name']))
            assert picture.shape[:2] == (image['height'], image['width'])
            name = videos.get(image.get('video_id')) or str(Path(image['file_name']).with_suffix('')).split('/', 2)[2]
            rows = [row for row in content['annotations'] if row['image_id'] == image['id']]
            assert all(row['area'] == row['bbox'][2] * row['bbox'][3] for row in rows)
            found[path.stem, name, image.get('frame_id')] = [
                (names[row['category_id']], tuple(row['bbox'])) for row in rows]
    return found


def score(path: Path) -> float:
    """AP of the truth as its own prediction."""
    truth = quietly(COCO, str(path))
    found = quietly(truth.loadRes, [dict(row, score=0.5) for row in truth.dataset['annotations']])
    run = quietly(COCOeval, truth, found, 'bbox')
    for step in (run.evaluate, run.accumulate, run.summarize):
        quietly(step)
    return run.stats[0]


@pytest.mark.parametrize('name', WORLDS)
def test_a_set_becomes_a_file_that_pycocotools_scores(name, tmp_path):
    make, odd = WORLDS[name]
    expected, out = make(tmp_path / 'set'), tmp_path / 'out'
    converted = convert_uav(name, tmp_path / 'set', out, HALVES)
    assert dict(converted.tally.counts) == odd
    found = found_in(out)
    if not any(split for split, _, _ in expected):  # drawn: whole videos, and both halves have some
        sides = {video: {split for split, other, _ in found if other == video} for _, video, _ in found}
        assert all(len(side) == 1 for side in sides.values())
        assert {split for split, _, _ in found} == {'train', 'val'}
        found = {('', *key[1:]): rows for key, rows in found.items()}
    assert found.keys() == expected.keys()
    for key, rows in expected.items():
        assert [name for name, _ in found[key]] == [name for name, _ in rows]
        np.testing.assert_allclose([box for _, box in found[key]], [box for _, box in rows], atol=1.1e-3)
    for path in (out / 'annotations').iterdir():
        content = json.loads(path.read_text())
        for part in ('images', 'annotations', 'categories', 'videos'):
            assert [row['id'] for row in content[part]] == list(range(1, len(content[part]) + 1))
        assert content['categories'][0]['name'] == 'drone'
        assert {'source', 'licence', 'stamp'} <= content['info'].keys()
        if any(not row['iscrowd'] for row in content['annotations']):
            assert score(path) == pytest.approx(1.0)
    assert json.loads((out / 'conversion.json').read_text())['odd'].keys() == odd.keys()


@pytest.mark.parametrize('name', WORLDS)
def test_a_folder_of_something_else_is_refused_in_a_line(name, tmp_path):
    (tmp_path / 'set').mkdir()
    (tmp_path / 'set' / 'readme.md').write_text('nothing')
    with pytest.raises((FileNotFoundError, ValueError), match='set'):
        convert_uav(name, tmp_path / 'set', tmp_path / 'out', HALVES)
    assert not (tmp_path / 'out').exists()
    with pytest.raises(FileNotFoundError, match='gone does not exist'):
        convert_uav(name, tmp_path / 'gone', tmp_path / 'out', HALVES)


@pytest.mark.parametrize('name', WORLDS)
def test_damaged_label_files_break_nothing_else(name, tmp_path):
    make, _ = WORLDS[name]
    make(tmp_path / 'set')
    rng = np.random.default_rng(0)
    endings = {'.txt', '.xml', '.json', '.mat', '.yaml', '.shape'}
    files = [path for path in sorted((tmp_path / 'set').rglob('*')) if path.suffix in endings]
    for place, path in enumerate(files):
        whole = path.read_bytes()
        for content in (whole[:len(whole) // 2], b'', bytes(rng.integers(0, 256, 60, np.uint8)), b'\xff\xfe' + whole):
            path.write_bytes(content)
            try:
                convert_uav(name, tmp_path / 'set', tmp_path / f'out{place}', Conversion(shares=(1, 0, 0), force=True))
            except (ValueError, FileNotFoundError) as error:
                assert str(tmp_path) in str(error) and '\n' not in str(error)
        path.write_bytes(whole)


def test_modalities_parts_and_origins(tmp_path):
    for name in ('anti-uav', 'svanstrom', 'dut', 'voc'):
        WORLDS[name][0](tmp_path / name)
    job = Conversion(shares=(1, 0, 0))
    convert_uav('anti-uav', tmp_path / 'anti-uav', tmp_path / 'both', job, modality='both')
    assert {video for _, video, _ in found_in(tmp_path / 'both')} == {'s1/rgb', 's1/ir', 's2/rgb'}
    with pytest.raises(FileNotFoundError, match='modality ir'):
        convert_uav('svanstrom', tmp_path / 'svanstrom', tmp_path / 'ir', job, modality='ir')
    for name in ('anti-uav', 'svanstrom'):
        with pytest.raises(ValueError, match="rgb, ir or both, not 'x'"):
            convert_uav(name, tmp_path / name, tmp_path / 'x', job, modality='x')
    convert_uav('dut', tmp_path / 'dut', tmp_path / 'tracking', job, part='tracking', origin=1)
    found = found_in(tmp_path / 'tracking')
    assert found['train', 'tracking/video01', 0] == [('drone', (0, 1, 3, 4))]
    converted = convert_uav('voc', tmp_path / 'voc', tmp_path / 'zero', job, origin=0)
    assert found_in(tmp_path / 'zero')['train', 'sky', 0] == [('drone', (1, 1, 9, 4))]
    assert converted.tally.counts['boxes left out: width or height is not above 0'] == 2


def test_pixel_0_in_labels_that_count_from_1_is_told(tmp_path):
    WORLDS['det-fly'][0](tmp_path / 'set')
    converted = convert_uav('voc', tmp_path / 'set', tmp_path / 'out', HALVES)
    assert converted.tally.counts['boxes at pixel 0 though pixels count from 1 (is --origin 0 meant?)'] == 3
