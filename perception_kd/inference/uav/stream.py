"""A webcam or a network stream as a source of frames: always the newest one, and found again when it is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2

from perception_kd.inference.uav.frames import Frame, Picture, Seen, Stop
from perception_kd.inference.uav.video import quiet

_TIMEOUT = 10_000  # ms for opening, and for each frame
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 30.0  # seconds before another attempt; each waits twice as long as the last one
_LOOK = 0.2  # seconds between two looks at whether to stop
_USUAL_RATE, _FASTEST = 25.0, 240.0


class StreamSource:
    """The newest frame each time one is asked for; a thread reads, and what nobody took is counted as dropped.

    Args:
        address: Number of a webcam, or an address such as ``rtsp://...``.
        every: Give each k-th frame only.
        attempts: Failures in a row, with waits of 1, 2, 4 ... up to 30 s between them, after which a lost stream is
            given up.
        rate: Frames per second that a film of it will have; None: the stream's own.
        open_capture: Opens an address as ``cv2.VideoCapture`` does.
        first_wait: Seconds before the second attempt.

    Raises:
        ValueError: it cannot be opened.
    """

    live = moving = True
    total, files = None, ()

    def __init__(self, address: str | int, *, every: int = 1, attempts: int = 8, rate: float | None = None,
                 open_capture: Callable[[str | int], Any] | None = None, first_wait: float = _FIRST_WAIT) -> None:
        self.address, self.every, self.attempts = address, every, attempts
        self.name, self.seen = stream_name(address), Seen()
        self._open, self._first_wait = open_capture or open_stream, first_wait
        self._capture = self._open(address)
        if not self._capture.isOpened():
            self._capture.release()
            raise ValueError(_refusal(address))
        own = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate: float | None = rate or (own if 0 < own <= _FASTEST else _USUAL_RATE)
        self._news, self._ending = threading.Condition(), threading.Event()
        self._newest: tuple[Picture, int, float] | None = None
        self._over = False

    def frames(self, stop: Stop) -> Iterator[Frame]:
        """See ``Source``."""
        reader = threading.Thread(target=self._read, name=f'reader of {self.name}', daemon=True)
        reader.start()
        try:
            while not stop():
                with self._news:
                    self._news.wait_for(lambda: self._newest is not None or self._over, timeout=_LOOK)
                    taken, self._newest, over = self._newest, None, self._over
                if taken is not None:
                    image, index, moment = taken
                    self.seen.frames += 1
                    yield Frame(image, index, moment, f'{self.name} frame {index}')
                elif over:
                    return
        finally:
            self._ending.set()
            reader.join(timeout=_TIMEOUT / 1000)

    def _read(self) -> None:
        """Keep the newest frame, until the end; runs in a thread of its own."""
        index, begin, failures = -1, time.monotonic(), 0
        try:
            while not self._ending.is_set():
                read, image = self._capture.read()
                if read:
                    index += 1
                    self.seen.reconnects += bool(failures)
                    failures = 0
                    if index % self.every == 0:
                        self._offer(image, index, time.monotonic() - begin)
                    continue
                self._capture.release()
                failures += 1
                if failures > self.attempts:
                    self.seen.notes.append(f'{self.name}: lost after {index + 1} frames, given up after '
                                           f'{self.attempts} attempts to find it again')
                    return
                self._ending.wait(min(self._first_wait * 2 ** (failures - 1), _LONGEST_WAIT))
                self._capture = self._open(self.address)
        except Exception as error:  # a thread's error is told by the notes, and its stream ends
            self.seen.notes.append(f'{self.name}: {error}')
        finally:
            with suppress(Exception):
                self._capture.release()
            with self._news:
                self._over = True
                self._news.notify_all()

    def _offer(self, image: Picture, index: int, moment: float) -> None:
        with self._news:
            self.seen.dropped += self._newest is not None
            self._newest = (image, index, moment)
            self._news.notify_all()


def open_stream(address: str | int) -> cv2.VideoCapture:
    """A capture; that of a network stream does not wait forever."""
    with quiet():
        if isinstance(address, int):
            return cv2.VideoCapture(address)
        return cv2.VideoCapture(address, cv2.CAP_FFMPEG, [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _TIMEOUT,
                                                          cv2.CAP_PROP_READ_TIMEOUT_MSEC, _TIMEOUT])


def stream_name(address: str | int) -> str:
    """For people and files: without user, password and query."""
    if isinstance(address, int):
        return f'camera_{address}'
    parts = urlsplit(address)
    return '_'.join(filter(None, ((parts.hostname or parts.scheme), *parts.path.split('/'))))


def _refusal(address: str | int) -> str:
    if isinstance(address, str):
        return (f'{stream_name(address)}: this stream cannot be opened; see that its address, user and password are '
                'right')
    there = sorted(path.name for path in Path('/dev').glob('video*'))
    known = f'there are {", ".join(there)} in /dev' if there else 'there is no camera: /dev has no video device'
    return f'camera {address} cannot be opened; {known}'
