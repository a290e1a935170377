"""Annotated pictures and films of what was found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_kd.files import write_bytes
from perception_kd.inference.uav.frames import Frame, Picture, Source
from perception_kd.inference.uav.predictor import Found
from perception_kd.visualization.boxes2d import colour_of, draw_boxes, draw_inset
from perception_kd.visualization.movie import FPS_LIMITS, Movie, open_movie

PICTURES, FILMS = 'pictures', 'videos'
_QUALITY = 92
_LONGEST_GAP = 1.0  # seconds of a film in which its picture stands still, at most


def annotate(image: Picture, found: Found, tracks: NDArray, classes: Sequence[str], zoom: int = 0) -> Picture:
    """A copy of a frame with boxes, RGB.

    Args:
        image: ``(H, W, 3)`` BGR.
        found: What is in it.
        tracks: ``(N,)`` ids, -1 for none.
        classes: Names in label order.
        zoom: How many times larger a close-up of the strongest box is; 0: none.
    """
    picture = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    colours = [colour_of(track if track >= 0 else label) for track, label in zip(tracks, found.labels)]
    labels = [classes[label] + (f' #{track}' if track >= 0 else '') for track, label in zip(tracks, found.labels)]
    drawn = draw_boxes(picture, found.boxes, labels, found.scores.tolist(), colours)
    if zoom and len(found.boxes):
        drawn = draw_inset(drawn, picture, found.boxes[0], factor=zoom, colour=colours[0], others=found.boxes)
    return drawn


class Annotated:
    """Writes annotated frames: a picture each, or a film a source.

    A context: films appear when it is left without an error.

    Args:
        out: Folder for ``pictures/`` and ``videos/``.
        kinds: Which of ``pictures`` and ``video`` to write.
        rate: Frames per second of films of live streams; None: that of the stream.
        every: Frames of the source for one of the film.
    """

    def __init__(self, out: Path, kinds: Sequence[str], *, rate: float | None = None, every: int = 1) -> None:
        self.out, self.kinds, self.rate, self.every = out, tuple(kinds), rate, every
        self.written: list[Path] = []
        self._stack, self._names = ExitStack(), set()

    def __enter__(self) -> Annotated:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.__exit__(*error)

    def wants(self, source: Source) -> bool:
        """Whether frames of a source are written."""
        return ('video' if source.moving else 'pictures') in self.kinds

    def begin(self, source: Source) -> None:
        """The next frames are of this source; the film of the one before is finished."""
        self._stack.close()
        self._film, self._source = None, source

    def add(self, frame: Frame, drawn: Picture) -> None:
        """Write an annotated frame, RGB."""
        if self._source.moving:
            if self._film is None:
                self._film = self._open(self._source)
            self._film.add(drawn, frame.time or 0.0)
            return
        path = self.out / PICTURES / f'{self._name(Path(frame.name).stem)}.jpg'
        content = cv2.imencode('.jpg', cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
        write_bytes(path, content.tobytes())
        self.written.append(path)

    def _open(self, source: Source) -> PacedFilm:
        rate = float(np.clip((self.rate or source.rate or 25.0) / self.every, *FPS_LIMITS))
        path = self.out / FILMS / f'{source.name}.mp4'
        film = PacedFilm(self._stack.enter_context(open_movie(path, fps=rate)), rate)
        self.written.append(path)
        return film

    def _name(self, stem: str) -> str:
        """One that no picture of this run has."""
        name, number = stem, 2
        while name in self._names:
            name, number = f'{stem}_{number}', number + 1
        self._names.add(name)
        return name


class PacedFilm:
    """A film that runs as fast as time did: a picture stands until the next one, those that come too soon are left out.

    Args:
        film: Takes pictures.
        rate: Its frames per second.
    """

    def __init__(self, film: Movie, rate: float) -> None:
        self.film, self.rate, self.count = film, rate, 0
        self._size: tuple[int, int] | None = None
        self._begin: float | None = None

    def add(self, picture: Picture, time: float) -> None:
        """A picture of ``time`` s; one of another size than the first one is brought to that size."""
        if self._begin is None or self._size is None:
            self._begin, self._size = time, picture.shape[1::-1]
        if picture.shape[1::-1] != self._size:
            picture = cv2.resize(picture, self._size, interpolation=cv2.INTER_AREA)
        due = math.floor((time - self._begin) * self.rate + 0.5) + 1 - self.count
        limit = max(1, round(_LONGEST_GAP * self.rate))
        if due > limit:  # a stream was away: the film goes on after a moment
            self._begin += (due - limit) / self.rate
            due = limit
        for _ in range(due):
            self.film.add(picture)
        self.count += max(due, 0)
