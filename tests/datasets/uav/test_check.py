"""What would spoil a score is found in a converted set."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from perception_kd.datasets.uav.check import check_set
from perception_kd.datasets.uav.convert import Conversion, convert_uav
from perception_kd.files import write_json
from tests.datasets.uav.worlds import write_picture, write_text, yolo_line


@pytest.fixture
def out(tmp_path) -> Path:
    """Two videos of two frames, one a side; boxes of 20, 9, 5 and 0.5 px, a bird, an empty picture."""
    root = tmp_path / 'set'
    write_text(root / 'data.yaml', 'train: images/train', 'val: images/val', 'names: {0: bird, 2: drone}')
    for place, name in enumerate(('train/a_0', 'train/a_1', 'val/b_0', 'val/b_1')):
        write_picture(root / 'images' / f'{name}.png', 11 * place)
    write_text(root / 'labels/train/a_0.txt', yolo_line(2, 4, 4, 20, 20), yolo_line(2, 4, 4, 9, 9))
    write_text(root / 'labels/train/a_1.txt', yolo_line(0, 4, 4, 5, 5))
    write_text(root / 'labels/val/b_0.txt', yolo_line(2, 9, 9, 0.5, 3))
    write_text(root / 'labels/val/b_1.txt')
    convert_uav('yolo', root, tmp_path / 'out', Conversion())
    return tmp_path / 'out'


def edit(out: Path, split: str, change) -> list[str]:
    """Problems after a change of a split's file."""
    path = out / 'annotations' / f'{split}.json'
    content = json.loads(path.read_text())
    change(content)
    write_json(path, content)
    return check_set(out).problems


def test_a_good_set_is_counted(out):
    report = check_set(out)
    assert not report.problems and not report.notes
    sizes = dict.fromkeys(report.splits['train']['sizes'], 0)
    assert report.splits['train'] == dict(
        videos=1, pictures=2, empty=0, without_drone=1, boxes=dict(drone=2, bird=1), below_1px=0,
        sizes={**sizes, 'very tiny, 2-8': 1, 'tiny, 8-16': 1, 'small, 16-32': 1})
    assert report.splits['val'] == dict(videos=1, pictures=2, empty=1, without_drone=1, boxes=dict(drone=1),
                                        below_1px=1, sizes={**sizes, 'below 2 px': 1})
    categories = json.loads((out / 'annotations/val.json').read_text())['categories']
    assert [row['name'] for row in categories] == ['drone', 'bird', 'class 1']
    assert any('1 boxes less than 1 px' in line for line in report.lines())


def test_a_picture_in_two_splits_is_found_by_its_bytes(out):
    shutil.copy(out / 'images/train/a/a_0.png', out / 'images/val/b/b_1.png')
    assert check_set(out).problems == ['1 pictures are in two splits, first: images/train/a/a_0.png is '
                                       'images/val/b/b_1.png']
    shutil.copy(out / 'images/val/b/b_1.png', out / 'images/train/a/a_1.png')
    report = check_set(out)
    assert report.notes == ['1 pictures are byte for byte another of their split']
    assert report.problems[0].startswith('1 pictures are in two splits')


def test_a_video_in_two_splits_is_found(out):
    problems = edit(out, 'val', lambda content: content['videos'][0].update(name='a'))
    assert len(problems) == 1 and problems[0].startswith('1 videos have frames in two splits: a (train and val); ')


@pytest.mark.parametrize(('change', 'message'), [
    (lambda content: content['annotations'][0].update(id=0), 'ids of annotations must be different and count from 1'),
    (lambda content: content['annotations'][0].update(id=2), 'ids of annotations must be different'),
    (lambda content: content['annotations'][0].update(bbox=[60, 4, 20, 5]), '1 boxes are not inside of a picture'),
    (lambda content: content['annotations'][0].update(bbox=[float('nan'), 4, 20, 5]), '1 boxes are not inside'),
    (lambda content: content['annotations'][0].update(bbox=[1, 'x']), '1 boxes are not inside of a picture'),
    (lambda content: content['annotations'][0].update(image_id=99), '1 boxes are not inside of a picture'),
    (lambda content: content['images'][0].update(file_name='gone.png'), '1 pictures are missing, first: .*gone.png'),
    (lambda content: content['categories'].reverse(), 'the splits differ in their categories')])
def test_other_problems(out, change, message):
    problems = edit(out, 'train', change)
    assert len(problems) == 1
    with pytest.raises(ValueError, match=message):
        raise ValueError(problems[0])


def test_a_missing_split_is_a_note(out):
    (out / 'annotations/val.json').unlink()
    assert check_set(out).notes == ['there is no split val']
    (out / 'annotations/train.json').unlink()
    with pytest.raises(FileNotFoundError, match='convert a set first'):
        check_set(out)
