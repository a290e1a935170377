"""Tables of what was found, written while it is found, and there only when they are whole."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from numpy.typing import NDArray

from perception_kd.files import atomic_path
from perception_kd.inference.uav.frames import Frame
from perception_kd.inference.uav.predictor import Found

BOXES, TABLE, FRAMES = 'results.json', 'boxes.csv', 'frames.json'
COLUMNS = ('source', 'frame', 'time', 'track', 'class', 'x', 'y', 'w', 'h', 'score')


class ResultFiles:
    """``results.json`` (COCO results), ``boxes.csv`` and ``frames.json`` (what the image ids of the first one mean).

    A context: the files appear when it is left without an error.

    Args:
        out: Folder.
        classes: Names in label order.
        sources: Names of all sources; each is a video of ``frames.json``.
        categories: Category ids by class name; None: label + 1.
        kinds: Which of ``json`` and ``csv`` to write.
    """

    def __init__(self, out: Path, classes: Sequence[str], sources: Sequence[str], *,
                 categories: Mapping[str, int] | None = None, kinds: Sequence[str] = ('json', 'csv')) -> None:
        self.out, self.classes, self.sources, self.kinds = out, tuple(classes), list(sources), tuple(kinds)
        self.categories = [(categories or {}).get(name, place) for place, name in enumerate(classes, 1)]
        self.boxes = self.frames = 0

    def __enter__(self) -> ResultFiles:
        with ExitStack() as stack:
            self._results = self._images = self._table = None
            if 'json' in self.kinds:
                self._results = _List(self._file(stack, BOXES), '[', ']')
                self._images = _List(self._file(stack, FRAMES), self._head(), ']}')
            if 'csv' in self.kinds:
                self._table = csv.writer(self._file(stack, TABLE), lineterminator='\n')
                self._table.writerow(COLUMNS)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
                 ) -> None:
        try:
            if kind is None:
                for part in filter(None, (self._results, self._images)):
                    part.finish()
        except BaseException as late:  # a full disk: the files must not appear
            self._stack.__exit__(type(late), late, late.__traceback__)
            raise
        self._stack.__exit__(kind, error, trace)

    def add(self, source: str, frame: Frame, found: Found, tracks: NDArray) -> None:
        """Write a frame, with the ids of tracks; -1 is none."""
        self.frames += 1
        self.boxes += len(found.boxes)
        number = self.frames if frame.image_id is None else frame.image_id
        if self._images is not None:
            height, width = frame.image.shape[:2]
            self._images.add(dict(id=number, file_name=frame.name, width=width, height=height,
                                  video_id=self.sources.index(source) + 1, frame_id=frame.index)
                             | (dict() if frame.time is None else dict(time=round(frame.time, 4))))
        for box, score, label, track in zip(found.boxes.tolist(), found.scores.tolist(), found.labels.tolist(),
                                            tracks.tolist()):
            place = [round(value, 2) for value in (box[0], box[1], box[2] - box[0], box[3] - box[1])]
            if self._results is not None:
                self._results.add(dict(image_id=number, category_id=self.categories[label], bbox=place,
                                       score=round(score, 5)) | (dict(track_id=track) if track >= 0 else {}))
            if self._table is not None:
                time = '' if frame.time is None else f'{frame.time:.3f}'
                self._table.writerow([source, frame.index, time, track if track >= 0 else '', self.classes[label],
                                      *place, round(score, 5)])

    def _head(self) -> str:
        """Of ``frames.json``, up to its images."""
        head: dict[str, Any] = dict(
            videos=[dict(id=place, name=name) for place, name in enumerate(self.sources, 1)],
            categories=[dict(id=number, name=name) for number, name in zip(self.categories, self.classes)],
            annotations=[])
        return json.dumps(head)[:-1] + ', "images": ['

    def _file(self, stack: ExitStack, name: str) -> TextIO:
        temporary = stack.enter_context(atomic_path(self.out / name))
        return stack.enter_context(temporary.open('w', newline='', encoding='utf-8'))


class _List:
    """A JSON list that grows, a row a line."""

    def __init__(self, file: TextIO, head: str, tail: str) -> None:
        self.file, self.tail, self.count = file, tail, 0
        file.write(head)

    def add(self, row: Mapping[str, Any]) -> None:
        self.file.write((',\n' if self.count else '\n') + json.dumps(row))
        self.count += 1

    def finish(self) -> None:
        self.file.write(f'\n{self.tail}\n')
        self.file.flush()
