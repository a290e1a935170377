"""Which pictures are one video, by their names and by a pattern; names of splits and categories."""

from __future__ import annotations

from pathlib import Path

import pytest

from perception_kd.datasets.uav.formats.yolo import read_yolo
from perception_kd.datasets.uav.listing import Grouping, Place, find_files, key_of
from perception_kd.datasets.uav.names import category_of, category_order, split_of
from perception_kd.datasets.uav.records import Tally
from tests.datasets.uav.worlds import write_picture, write_text


@pytest.mark.parametrize(('key', 'place'), [
    ('train/V_DRONE_001_0022', Place('V_DRONE_001', 22, 'train')), ('valid/clip7/000123', Place('clip7', 123, 'val')),
    ('000123', Place('', None, '')), ('frame12', Place('frame', 12, '')), ('sky', Place('', None, '')),
    ('a/b/sky', Place('a/b', None, '')), ('Testing/x-5', Place('x', 5, 'test')), ('x_٣', Place('', None, '')),
    ('train/fly_mp4-17_jpg.rf.0123456789abcdef0123456789abcdef', Place('fly_mp4', 17, 'train')),
    ('t_20230512123456789', Place('', None, ''))])
def test_videos_by_name(key, place):
    assert Grouping().place(key) == place
    assert Grouping(single=True).place(key) == Place('', None, place.split)


def test_videos_by_pattern():
    grouping = Grouping(pattern=r'(?P<video>seq\d+).*?(?P<frame>\d+)$')
    assert grouping.place('val/x/seq12/cam_7') == Place('seq12', 7, 'val')
    assert Grouping(pattern=r'^(?P<video>..)').place('abc') == Place('ab', None, '')
    with pytest.raises(ValueError, match=r'finds no group .* in other'):
        grouping.place('other')
    with pytest.raises(ValueError, match=r'--video \(: no regular expression'):
        Grouping(pattern='(').place('other')


def test_pictures_and_labels_share_a_key():
    root = Path('/r')
    assert {key_of(root / name, root) for name in (
        'images/train/a.jpg', 'labels/train/a.txt', 'train/images/a.png', 'train/labels/a.txt')} == {'train/a'}
    assert key_of(root / 'images/images.jpg', root) == 'images'


def test_lists_of_splits_part_a_video(tmp_path):
    write_text(tmp_path / 'data.yaml', 'names: [drone]', 'train: train.txt', 'val: [val.txt, gone.txt]')
    for number in range(4):
        write_picture(tmp_path / f'images/a_{number}.jpg', number)
    write_text(tmp_path / 'train.txt', './images/a_0.jpg', 'images/a_2.jpg', 'images/gone.jpg', '../a_9.jpg')
    write_text(tmp_path / 'val.txt', 'images/a_3.jpg')
    tally = Tally()
    clips = read_yolo(tmp_path, tally).clips
    assert [(clip.name, clip.split, [frame.number for frame in clip.frames]) for clip in clips] == [
        ('a', 'train', [0, 2]), ('a', 'val', [3])]
    assert tally.counts == {'pictures of lists that are not there': 2, 'pictures without a label file, taken as '
                            'background': 3, 'folders or lists of data.yaml that are not there': 1}


def test_hidden_files_are_not_found(tmp_path):
    for name in ('.hidden.jpg', '.cache/a.jpg', 'b.JPG', 'c/d.jpeg', 'e.txt'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b'')
    found = find_files(tmp_path, ('.jpg', '.jpeg'))
    assert [str(path.relative_to(tmp_path)) for path in found] == ['b.JPG', 'c/d.jpeg']


def test_names():
    assert split_of(['a', 'Validation', 'train']) == ('val', ('a', 'train')) and split_of(['x']) == ('', ('x',))
    assert [category_of(name, {'car': '', 'Kite': 'bird'}) for name in (' UAV', 'DRONE', 'plane', 'car', 'Kite', 'X')] \
        == ['drone', 'drone', 'airplane', '', 'bird', 'x']
    assert category_of('UAV', {'uav': 'mav'}) == 'mav'
    assert category_order(['bird', 'drone', 'bird', 'kite']) == ['drone', 'bird', 'kite']
