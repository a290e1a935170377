"""Frames out of videos: the right ones, again only where something is missing, and pictures brought over."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from perception_kd.datasets.uav import frames as module
from perception_kd.datasets.uav.convert import Conversion, convert_uav
from perception_kd.datasets.uav.frames import MARK, decode_frames, extract_frames, frame_path
from perception_kd.datasets.uav.pictures import look_at_picture, picture_size
from tests.datasets.uav.worlds import write_picture, write_text, write_video, yolo_line

SHADES = [0, 50, 100, 150, 200]


@pytest.fixture
def video(tmp_path):
    return write_video(tmp_path / 'v.mp4', SHADES)


def shade(path) -> float:
    return float(cv2.imread(str(path)).mean())


def test_frames_are_those_of_their_numbers(video, tmp_path):
    assert extract_frames(video, [4, 1, 9, 1], tmp_path / 'f') == [1, 4]
    assert {path.name for path in (tmp_path / 'f').iterdir()} == {MARK, '000001.jpg', '000004.jpg'}
    assert shade(frame_path(tmp_path / 'f', 1)) == pytest.approx(50, abs=4)
    assert shade(frame_path(tmp_path / 'f', 4)) == pytest.approx(200, abs=4)


def test_only_missing_frames_are_decoded(video, tmp_path, monkeypatch):
    decoded = []
    monkeypatch.setattr(module, 'decode_frames', lambda path, numbers: decoded.append(set(numbers)) or decode_frames(
        path, numbers))
    extract_frames(video, range(5), tmp_path / 'f')
    stamps = {path.name: path.stat().st_mtime_ns for path in (tmp_path / 'f').iterdir()}
    frame_path(tmp_path / 'f', 2).unlink()
    assert extract_frames(video, range(5), tmp_path / 'f') == [0, 1, 2, 3, 4]
    assert extract_frames(video, range(5), tmp_path / 'f') == [0, 1, 2, 3, 4]
    assert decoded == [set(range(5)), {2}]
    changed = {path.name for path in (tmp_path / 'f').iterdir() if path.stat().st_mtime_ns != stamps[path.name]}
    assert changed == {'000002.jpg'}


def test_another_quality_or_video_makes_them_anew(video, tmp_path):
    extract_frames(video, range(5), tmp_path / 'f', quality=95)
    fine = frame_path(tmp_path / 'f', 0).read_bytes()
    assert extract_frames(video, [0], tmp_path / 'f', quality=10) == [0]
    assert frame_path(tmp_path / 'f', 0).read_bytes() != fine and not frame_path(tmp_path / 'f', 3).exists()
    write_video(video, [255, 200])
    extract_frames(video, [0], tmp_path / 'f', quality=10)
    assert shade(frame_path(tmp_path / 'f', 0)) > 245
    (tmp_path / 'f' / MARK).write_text('{')
    assert extract_frames(video, [1], tmp_path / 'f', quality=10) == [1]
    assert not frame_path(tmp_path / 'f', 0).exists()


@pytest.mark.parametrize('content', [b'', b'no video', b'\0\0\0\x20ftypisom' + b'\0' * 200])
def test_no_video_is_told(tmp_path, content):
    (tmp_path / 'bad.mp4').write_bytes(content)
    with pytest.raises(ValueError, match=r'bad.mp4: OpenCV opens no video'):
        extract_frames(tmp_path / 'bad.mp4', [0], tmp_path / 'f')


def test_an_interrupted_conversion_goes_on(tmp_path, monkeypatch):
    for name in 'abc':
        write_video(tmp_path / 'set' / f'{name}.mp4', SHADES)
        write_text(tmp_path / 'set' / f'{name}.txt', *(f'{number} 0' for number in range(5)))
    job, out = Conversion(), tmp_path / 'out'
    real, calls = module.write_bytes, []

    def dies(path, content):
        calls.append(path)
        if len(calls) > 7:
            raise KeyboardInterrupt
        real(path, content)

    monkeypatch.setattr(module, 'write_bytes', dies)
    with pytest.raises(KeyboardInterrupt):
        convert_uav('drone-vs-bird', tmp_path / 'set', out, job)
    assert not (out / 'annotations').exists() and not list(out.rglob('*.partial*'))
    monkeypatch.setattr(module, 'write_bytes', lambda path, content: (calls.append(path), real(path, content)))
    convert_uav('drone-vs-bird', tmp_path / 'set', out, job)
    assert len(calls) == 8 + 15 - 7 and len(list(out.rglob('*.jpg'))) == 15
    with pytest.raises(FileExistsError, match='--force replaces it'):
        convert_uav('drone-vs-bird', tmp_path / 'set', out, job)


def test_pictures_are_linked_copied_or_turned(tmp_path):
    root = tmp_path / 'set'
    write_text(root / 'classes.txt', 'drone')
    names = ('a.jpg', 'b.jpg', 'c.png')
    paths = [write_picture(root / 'images' / name, 30 * place) for place, name in enumerate(names)]
    note = Image.Exif()
    note[0x0112] = 6  # turned by a quarter
    Image.open(paths[1]).save(paths[1], exif=note)
    for name in 'abc':
        write_text(root / 'labels' / f'{name}.txt', yolo_line(0, 16, 12, 32, 24))
    write_picture(root / 'images/d.jpg', 3).write_bytes(paths[0].read_bytes()[:-9])
    assert look_at_picture(paths[1]) == ((48, 64), True) and picture_size(paths[0]) == (64, 48)
    for symlink in (False, True):
        out = tmp_path / f'out{symlink}'
        done = convert_uav('yolo', root, out, Conversion(shares=(1, 0, 0), symlink=symlink))
        assert done.tally.counts == {'pictures written anew, turned as their EXIF note says': 1,
                                     'pictures left out: not readable': 1,
                                     'pictures without a label file, taken as background': 1}
        target = out / 'images/train/a.jpg'
        assert target.is_symlink() == symlink and target.samefile(paths[0])
        assert look_at_picture(out / 'images/train/b.jpg') == ((48, 64), False)
        convert_uav('yolo', root, out, Conversion(shares=(1, 0, 0), symlink=not symlink, force=True))
        assert target.is_symlink() != symlink and target.read_bytes() == paths[0].read_bytes()


def test_a_copy_is_made_where_a_link_cannot_be(tmp_path, monkeypatch):
    root = tmp_path / 'set'
    write_text(root / 'classes.txt', 'drone')
    path = write_picture(root / 'images/a.jpg', 3)
    monkeypatch.setattr('os.link', lambda *names: (_ for _ in ()).throw(OSError(18, 'another file system')))
    for shade_now in (3, 90):
        write_picture(path, shade_now)
        convert_uav('yolo', root, tmp_path / 'out', Conversion(shares=(1, 0, 0), force=True))
        target = tmp_path / 'out/images/train/a.jpg'
        assert target.read_bytes() == path.read_bytes() and not target.samefile(path)
    np.testing.assert_array_equal(cv2.imread(str(target)), cv2.imread(str(path)))
