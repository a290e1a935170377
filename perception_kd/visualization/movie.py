"""Moving pictures as MP4, GIF or a folder of PNGs; needs neither ffmpeg nor a display."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from perception_kd.files import atomic_path

Picture = NDArray[np.uint8]
FPS_LIMITS = (0.1, 60.0)
_CODEC = 'vp09'  # VP9, which every browser plays; the older mp4v no browser does, and H.264 no OpenCV wheel writes
_PALETTE_PIXELS = 1_000_000


class Movie(Protocol):
    """Takes pictures (H, W, 3), RGB, all of one size."""

    def add(self, picture: Picture) -> None:
        """Append a frame."""

    def finish(self) -> None:
        """Write what is left."""

    def discard(self) -> None:
        """Give up; nothing may remain open."""


def png_bytes(picture: Picture) -> bytes:
    """The content of a PNG file of a picture (H, W, 3), RGB."""
    return cv2.imencode('.png', cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes()


@contextmanager
def open_movie(path: str | Path, *, fps: float) -> Iterator[Movie]:
    """A movie that appears under its name when it is whole; after an error or Ctrl-C nothing is left of it.

    Args:
        path: ``.mp4``, ``.gif``, or a name without suffix for a folder of ``frame_0001.png`` and so on.
        fps: Frames per second.

    Raises:
        ValueError, FileExistsError, IsADirectoryError: see ``check_movie``; frames of different sizes; a codec
            that this OpenCV lacks.
    """
    path = check_movie(path, fps)
    with atomic_path(path) as temporary:
        movie: Movie = _KINDS[path.suffix.lower()](temporary, fps)
        try:
            yield movie
            movie.finish()
        except BaseException:
            movie.discard()
            raise


def check_movie(path: str | Path, fps: float | None = None) -> Path:
    """The path, if a movie can be written there; drawing is slow, so this is asked first.

    Raises:
        ValueError: another suffix, or a rate outside of 0.1 to 60.
        FileExistsError: a folder of pictures that is not empty.
        IsADirectoryError: a folder where a file should go.
    """
    path = Path(path)
    if fps is not None and not FPS_LIMITS[0] <= fps <= FPS_LIMITS[1]:
        raise ValueError(f'fps must lie in {FPS_LIMITS[0]:g} to {FPS_LIMITS[1]:g}, got {fps:g}')
    if path.suffix.lower() not in _KINDS:
        raise ValueError(f'{path}: a video is an .mp4, a .gif, or a folder of PNGs (a name without suffix)')
    if path.suffix and path.is_dir():
        raise IsADirectoryError(f'{path} is a folder; give the name of a file, or of a folder without suffix')
    if not path.suffix and path.exists() and (path.is_file() or any(path.iterdir())):
        raise FileExistsError(f'{path} exists and is not an empty folder; choose another, or remove it first')
    return path


class _Mp4:
    """VP9 in an MP4 file through OpenCV, whose wheels bring the encoder."""

    def __init__(self, path: Path, fps: float) -> None:
        self.path, self.fps, self.count = path, fps, 0
        self.size: tuple[int, int] | None = None
        self.writer = cv2.VideoWriter()

    def add(self, picture: Picture) -> None:
        """Encode a frame, less the last row or column of an odd size."""
        height, width = (size // 2 * 2 for size in picture.shape[:2])  # the codec halves the colour planes
        if self.size is None:
            self.size = (width, height)
            if not self.writer.open(str(self.path), cv2.VideoWriter.fourcc(*_CODEC), self.fps, self.size):
                raise ValueError(f'{self.path.parent}: this OpenCV cannot write MP4 (codec {_CODEC}) there; write a '
                                 '.gif or a folder of PNGs, or install opencv-python-headless from its wheel')
        _check_size(self.size, (width, height), self.count)
        self.writer.write(cv2.cvtColor(picture[:height, :width], cv2.COLOR_RGB2BGR))
        self.count += 1

    def finish(self) -> None:
        """Close the file, and see that it holds all frames."""
        self.writer.release()
        written = cv2.VideoCapture(str(self.path))
        count = int(written.get(cv2.CAP_PROP_FRAME_COUNT))
        written.release()
        if count != self.count:  # the encoder reports no errors of its own
            raise OSError(f'{self.path.parent}: only {count} of {self.count} frames were written; is the disk full?')

    def discard(self) -> None:
        """Close the file."""
        self.writer.release()


class _Gif:
    """One palette for all frames: colours of their own would flicker."""

    def __init__(self, path: Path, fps: float) -> None:
        self.path, self.duration = path, round(1000 / fps)
        self.pictures: list[Picture] = []

    def add(self, picture: Picture) -> None:
        """Keep a frame: the palette is made from all."""
        if self.pictures:
            _check_size(self.pictures[0].shape[1::-1], picture.shape[1::-1], len(self.pictures))
        self.pictures.append(np.ascontiguousarray(picture))

    def finish(self) -> None:
        """Write all frames."""
        if not self.pictures:
            raise ValueError(f'{self.path.parent}: a GIF without frames cannot be written')
        palette = shared_palette(self.pictures)
        frames = [Image.fromarray(one).quantize(palette=palette, dither=Image.Dither.NONE) for one in self.pictures]
        frames[0].save(self.path, save_all=True, append_images=frames[1:], duration=self.duration, loop=0)

    def discard(self) -> None:
        """Forget the frames; nothing was written yet."""
        self.pictures.clear()


class _Folder:
    """Numbered PNGs."""

    def __init__(self, path: Path, fps: float) -> None:
        self.path, self.count = path, 0
        path.mkdir()

    def add(self, picture: Picture) -> None:
        """Write a frame as the next PNG."""
        self.count += 1
        if self.count == 1:
            self.size = picture.shape[1::-1]
        _check_size(self.size, picture.shape[1::-1], self.count - 1)
        name = self.path / f'frame_{self.count:04d}.png'
        if not cv2.imwrite(str(name), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)):
            raise OSError(f'{self.path.parent}: cannot write {name.name}; is the disk full?')

    def finish(self) -> None:
        """Every frame is written already."""

    def discard(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.path)


_KINDS: dict[str, type[Movie]] = {'.mp4': _Mp4, '.gif': _Gif, '': _Folder}


def _check_size(first: tuple[int, ...], size: tuple[int, ...], number: int) -> None:
    if first != size:
        raise ValueError(
            f'frame {number + 1} is {size[0]} x {size[1]} pixels, the first is {first[0]} x {first[1]}: '
            'the samples of a video must have the same cameras'
        )


def shared_palette(pictures: Sequence[Picture]) -> Image.Image:
    """256 colours that serve all pictures: median cut and k-means over the colours that occur.

    A colour counts by the square root of its pixels: otherwise grey streets and white paper take nearly all, and
    the thin lines that carry the meaning are left with what is near.
    """
    step = max(1, int(np.ceil((sum(one.size for one in pictures) / 3 / _PALETTE_PIXELS) ** 0.5)))
    pixels = np.concatenate([one[::step, ::step].reshape(-1, 3) for one in pictures])
    cells = (pixels >> 3).astype(np.int64) @ (1 << 10, 1 << 5, 1)
    _, inverse, counts = np.unique(cells, return_inverse=True, return_counts=True)
    means = np.stack([np.bincount(inverse, channel) / counts for channel in pixels.T], axis=1)
    weighted = np.repeat(means.round().astype(np.uint8), np.sqrt(counts).round().astype(int), axis=0)
    return Image.fromarray(weighted[None]).quantize(256, method=Image.Quantize.MEDIANCUT, kmeans=3)
