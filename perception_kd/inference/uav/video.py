"""A video file as a source of frames."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2

from perception_kd.files import require_file
from perception_kd.inference.uav.frames import Frame, Seen, Stop

SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.m4v', '.webm', '.mpg', '.mpeg', '.ts', '.m2ts', '.wmv', '.flv', '.mjpg',
            '.ogv', '.3gp')
os.environ.setdefault('OPENCV_FFMPEG_LOGLEVEL', '-8')  # quiet: what FFmpeg says of each broken frame, we count
_SILENT = 0  # of OpenCV's log levels
_USUAL_RATE = 25.0
_FASTEST = 1000.0  # frames per second; more is a header's nonsense
_UNKNOWN_TAIL = 30  # failures in a row that end a video which does not tell its length


@contextmanager
def quiet() -> Iterator[None]:
    """Let OpenCV say nothing of its own while something is opened: one line is said by the one who opens it."""
    level = cv2.getLogLevel()
    cv2.setLogLevel(_SILENT)
    try:
        yield
    finally:
        cv2.setLogLevel(level)


class VideoSource:
    """The frames of a file in order, none left out but by ``every``.

    A frame that cannot be decoded is counted and named, and reading goes on after it: each failure of OpenCV stands
    for one frame, so numbers and times stay right. Frames missing at the end are told apart.

    Args:
        path: File, or an address of one.
        name: For people and files.
        every: Look at each k-th frame only; the others are not decoded further than needed.
        rate: Frames per second, in place of the file's own.

    Raises:
        FileNotFoundError, ValueError: no such file, or OpenCV cannot open it.
    """

    live, moving = False, True

    def __init__(self, path: str | Path, *, name: str, every: int = 1, rate: float | None = None) -> None:
        self.path, self.name, self.every, self.seen = path, name, every, Seen()
        self.files = [require_file(path, 'video')] if isinstance(path, Path) else []
        capture = self._open()
        length, own = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), capture.get(cv2.CAP_PROP_FPS)
        capture.release()
        self._own_times = rate is None
        self.rate: float | None = rate or (own if 0 < own <= _FASTEST else _USUAL_RATE)
        self.length = length if length > 0 else None
        self.total = self.length and -(-self.length // every)

    def frames(self, stop: Stop) -> Iterator[Frame]:
        """See ``Source``."""
        capture, failed = self._open(), []
        try:
            for index in range(self.length or 2**62):
                if stop():
                    return
                if capture.grab():
                    self._note_broken(failed)
                    wanted = index % self.every == 0
                    read, image = capture.retrieve() if wanted else (False, None)
                    if read:
                        self.seen.frames += 1
                        yield Frame(image, index, self._time(capture, index), f'{self.name} frame {index}')
                    elif wanted:
                        failed = [index]
                    continue
                failed.append(index)
                if self.length is None and len(failed) >= _UNKNOWN_TAIL:
                    break
            if failed and self.length:
                self.seen.notes.append(f'{self.path}: ends after {failed[0]} frames, its header says {self.length}')
            if not self.seen.frames:
                self.seen.notes.append(f'{self.path}: no frame of it can be decoded')
        finally:
            capture.release()

    def _open(self) -> cv2.VideoCapture:
        with quiet():
            capture = cv2.VideoCapture(str(self.path), cv2.CAP_FFMPEG)
        if not capture.isOpened():
            raise ValueError(f'{self.path}: OpenCV cannot open this video; it may be cut off, or of a codec that its '
                             'FFmpeg lacks: convert it, for example to H.264 in MP4')
        return capture

    def _note_broken(self, failed: list[int]) -> None:
        """Frames that could not be decoded, now that one after them could."""
        if failed:
            self.seen.broken += failed
            many = f'frames {failed[0]} to {failed[-1]}' if len(failed) > 1 else f'frame {failed[0]}'
            self.seen.notes.append(f'{self.path}: {many} cannot be decoded')
            failed.clear()

    def _time(self, capture: cv2.VideoCapture, index: int) -> float:
        """Seconds: of the file, which knows better where the rate changes, or by number."""
        own = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000 if self._own_times else 0.0
        return own if own > 0 else index / float(self.rate or _USUAL_RATE)
