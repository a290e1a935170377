"""Movies are read back: frames, rate, pictures; and half of one never shows."""

import cv2
import numpy as np
import pytest
from PIL import Image

from perception_kd.visualization.movie import check_movie, open_movie, shared_palette
from perception_kd.visualization.palette import NUSCENES

KINDS = ['.mp4', '.gif', '']


def pictures(count=4, height=61, width=81):
    """A bright square that wanders over a soft background; odd sizes, which MP4 has to make even."""
    noise = np.random.default_rng(0).integers(60, 160, (height, width, 3)).astype(np.uint8)
    background = cv2.GaussianBlur(noise, (0, 0), 9)
    frames = []
    for index in range(count):
        frame = background.copy()
        frame[20:40, 10 + 12 * index : 30 + 12 * index] = (230, 40, 20)
        frames.append(frame)
    return frames


def read_back(path):
    """Frames (H, W, 3), RGB, and the rate (None for a folder)."""
    if path.is_dir():
        return [cv2.imread(str(one))[..., ::-1] for one in sorted(path.iterdir())], None
    if path.suffix == '.gif':
        with Image.open(path) as gif:
            frames = []
            for index in range(gif.n_frames):
                gif.seek(index)
                frames.append(np.asarray(gif.convert('RGB')))
            return frames, 1000 / gif.info['duration']
    video, frames = cv2.VideoCapture(str(path)), []
    while (got := video.read())[0]:
        frames.append(got[1][..., ::-1])
    return frames, video.get(cv2.CAP_PROP_FPS)


@pytest.mark.parametrize('kind', KINDS)
def test_frames_come_back_in_their_order(tmp_path, kind):
    path, frames = tmp_path / 'deep' / f'movie{kind}', pictures()
    with open_movie(path, fps=4) as movie:
        for frame in frames:
            movie.add(frame)
    found, rate = read_back(path)
    assert len(found) == 4 and rate in (4, None)
    assert found[0].shape == ((60, 80, 3) if kind == '.mp4' else (61, 81, 3))
    for one, other in zip(found, frames):
        difference = np.abs(one.astype(int) - other[: one.shape[0], : one.shape[1]])
        assert difference.mean() < {'.mp4': 6, '.gif': 2, '': 0.001}[kind]
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('error', [KeyboardInterrupt, ValueError])
def test_an_interrupted_movie_leaves_the_old_one_alone(tmp_path, kind, error):
    path = tmp_path / f'movie{kind}'
    if kind:
        path.write_bytes(b'the old one')
    with pytest.raises(error), open_movie(path, fps=4) as movie:
        movie.add(pictures(1)[0])
        raise error
    assert [one.name for one in tmp_path.iterdir()] == ([path.name] if kind else [])
    assert not kind or path.read_bytes() == b'the old one'


@pytest.mark.parametrize('kind', KINDS)
def test_frames_of_another_size_are_refused(tmp_path, kind):
    with pytest.raises(ValueError, match='frame 2 is 81 x 71 pixels, the first is 81 x 61' if kind != '.mp4' else
                       'frame 2 is 80 x 70 pixels'), open_movie(tmp_path / f'movie{kind}', fps=4) as movie:
        movie.add(pictures(1)[0])
        movie.add(pictures(1, height=71)[0])
    assert not list(tmp_path.iterdir())


def test_a_codec_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(cv2.VideoWriter, 'fourcc', lambda *letters: cv2.VideoWriter_fourcc(*'zzzz'))
    with pytest.raises(ValueError, match=r'cannot write MP4.*write a \.gif or a folder'), open_movie(
            tmp_path / 'a.mp4', fps=4) as movie:
        movie.add(pictures(1)[0])
    assert not list(tmp_path.iterdir())


def test_frames_that_the_encoder_lost_are_noticed(tmp_path, monkeypatch):
    frames = pictures()
    with pytest.raises(OSError, match='only 3 of 4 frames'), open_movie(tmp_path / 'a.mp4', fps=4) as movie:
        for frame in frames[:-1]:
            movie.add(frame)
        movie.count += 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(('name', 'fps', 'error', 'words'), [
    ('a.avi', 4, ValueError, r'a\.avi: a video is an \.mp4, a \.gif, or a folder'),
    ('a.mp4', 0, ValueError, 'fps must lie in 0.1 to 60, got 0'),
    ('a.mp4', float('nan'), ValueError, 'fps'),
    ('taken.mp4', 4, IsADirectoryError, r'taken\.mp4 is a folder'),
    ('full', 4, FileExistsError, 'full exists and is not an empty folder'),
])
def test_what_cannot_be_written_is_said_first(tmp_path, name, fps, error, words):
    (tmp_path / 'taken.mp4').mkdir()
    (tmp_path / 'full').mkdir()
    (tmp_path / 'full' / 'thesis.txt').touch()
    with pytest.raises(error, match=words):
        check_movie(tmp_path / name, fps)
    assert check_movie(tmp_path / 'new') == tmp_path / 'new'


def test_the_palette_keeps_the_colours_of_thin_lines():
    """Thin lines of every class colour over a picture of ten thousand greys and browns."""
    rng = np.random.default_rng(1)
    base = rng.integers(30, 220, (300, 400, 1)) + rng.integers(-12, 12, (300, 400, 3))
    picture = np.clip(base, 0, 255).astype(np.uint8)
    for index, colour in enumerate(NUSCENES.classes.values()):
        picture[20 + 20 * index, 50:350] = np.round(np.array(colour) * 255)
    colours = np.round(np.array(list(NUSCENES.classes.values())) * 255)

    def worst(palette):
        shown = np.asarray(Image.fromarray(picture).quantize(palette=palette, dither=Image.Dither.NONE).convert('RGB'))
        return np.abs(shown[20:220:20, 60] - colours).max()

    assert worst(shared_palette([picture])) < 30
    assert worst(Image.fromarray(picture).quantize(256)) > 60, 'median cut over all pixels loses them'
