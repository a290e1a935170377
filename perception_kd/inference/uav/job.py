"""From a predictor and sources to tables, pictures and films; what ``tools/infer.py`` calls."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.benchmark.stage_clock import StageClock
from perception_kd.files import check_folder_target, naming_full_disk, write_json
from perception_kd.inference.rates import show_progress
from perception_kd.inference.uav.drawing import FILMS, PICTURES, Annotated, annotate
from perception_kd.inference.uav.ending import Ending, ending
from perception_kd.inference.uav.frames import Frame, Picture, Source
from perception_kd.inference.uav.inputs import Inputs
from perception_kd.inference.uav.predictor import Found, UAVPredictor
from perception_kd.inference.uav.results import BOXES, FRAMES, TABLE, ResultFiles
from perception_kd.inference.uav.timing import DRAW, READ, TRACK, WAIT, WRITE, FrameTimes
from perception_kd.inference.uav.window import Window
from perception_kd.stages import stage

REPORT, TIMING = 'report.json', 'timing.json'
FORMATS = ('json', 'csv', 'pictures', 'video')
NO_TRACK = -1
NewTracker = Callable[[], Any]
"""Makes an object with ``update(boxes, scores, labels) -> ids``."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is written and shown.

    Args:
        kinds: Of ``FORMATS``.
        zoom: How many times larger a close-up is; 0: none.
        show: Whether to open a window.
        rate: Frames per second, see ``Annotated``.
        every: Each k-th frame is looked at.
        max_frames: Frames of a source that are looked at, at most.

    Raises:
        ValueError: an unknown kind, or a number out of range.
    """

    kinds: tuple[str, ...] = FORMATS
    zoom: int = 0
    show: bool = False
    rate: float | None = None
    every: int = 1
    max_frames: int | None = None

    def __post_init__(self) -> None:
        unknown = [kind for kind in self.kinds if kind not in FORMATS]
        if unknown or not self.kinds:
            raise ValueError(f'--format takes some of {",".join(FORMATS)} for drone detection, got '
                             f'{",".join(self.kinds)!r}')
        if self.zoom < 0 or self.zoom == 1 or self.zoom > 32:
            raise ValueError(f'--zoom is 2 to 32, or 0 for none, got {self.zoom}')
        if self.max_frames is not None and self.max_frames < 1:
            raise ValueError(f'--max-frames is 1 or more, got {self.max_frames}')


@dataclass
class UAVReport:
    """What was made.

    Attributes:
        times: Of frames.
        frames, boxes: How many.
        tracks: Different tracks, over all sources.
        sources: One entry a source: name, frames, broken, dropped, reconnects, notes.
        files: Everything that was written.
        wall: Seconds from the first frame on.
        status: 0, or that of the signal which ended it.
    """

    times: FrameTimes = field(default_factory=FrameTimes)
    frames: int = 0
    boxes: int = 0
    tracks: int = 0
    sources: list[dict[str, Any]] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    wall: float = 0.0
    status: int = 0


def infer_uav(predictor: UAVPredictor, inputs: Inputs, out: str | Path, *, wanted: Wanted | None = None,
              new_tracker: NewTracker | None = None, tracker_sees: bool = False, device: str = 'cpu',
              about: Mapping[str, Any] | None = None, echo: Callable[[str], None] = print) -> UAVReport:
    """Look for drones in all frames of all sources.

    Args:
        predictor: Finds them.
        inputs: Where frames come from.
        out: Folder for tables, ``pictures/``, ``videos/``, ``report.json`` and ``timing.json``.
        wanted: What to write.
        new_tracker: Makes a tracker for a source; None: no tracks.
        tracker_sees: Whether trackers take the frame as ``image``.
        device: Where the predictor runs.
        about: What else ``report.json`` is to tell.
        echo: Where warnings go.

    Raises:
        FileNotFoundError, ValueError: what is wrong with which file; nothing is written then. A frame or picture that
            cannot be read is an error only where none can be.
    """
    out, wanted = Path(out), wanted or Wanted()
    check_folder_target(out)
    _spare_inputs(out, inputs.sources)
    report, sources = UAVReport(), inputs.sources
    with naming_full_disk(out), ExitStack() as stack:
        asked = stack.enter_context(ending())
        window = stack.enter_context(closing(Window())) if wanted.show else None
        files = stack.enter_context(ResultFiles(out, predictor.classes, [source.name for source in sources],
                                                categories=inputs.categories, kinds=wanted.kinds))
        drawn = stack.enter_context(Annotated(out, wanted.kinds, rate=wanted.rate, every=wanted.every))
        run = _Run(predictor, files, drawn, window, wanted, asked, report, StageClock(device), tracker_sees)
        begin = time.monotonic()
        for source in sources:
            if not asked():
                run.source(source, new_tracker() if new_tracker else None)
                for note in source.seen.notes:
                    echo(f'warning: {note}')
        report.wall = time.monotonic() - begin
        if not report.frames and not asked():
            notes = [note for source in sources for note in source.seen.notes]
            raise ValueError(notes[0] if notes else 'there are no frames in what was given')
    report.boxes, report.status = files.boxes, asked.status
    report.sources = [dict(name=source.name, **asdict(source.seen)) for source in sources]
    report.files = [*(out / name for name in (BOXES, FRAMES) if 'json' in wanted.kinds),
                    *([out / TABLE] if 'csv' in wanted.kinds else []), *drawn.written]
    write_json(out / TIMING, report.times.to_json())
    write_json(out / REPORT, dict(
        **(about or {}), frames=report.frames, boxes=report.boxes, tracks=report.tracks, seconds=round(report.wall, 3),
        interrupted=bool(report.status), sources=report.sources,
        files=[str(path.relative_to(out)) for path in report.files]))
    return report


@dataclass
class _Run:
    """Parts of a run that every frame passes."""

    predictor: UAVPredictor
    files: ResultFiles
    drawn: Annotated
    window: Window | None
    wanted: Wanted
    asked: Ending
    report: UAVReport
    clock: StageClock
    tracker_sees: bool

    def source(self, source: Source, tracker: Any) -> None:
        """All frames of a source."""
        self.drawn.begin(source)
        ids: set[int] = set()
        frames = source.frames(self.asked)
        total = min(filter(None, (source.total, self.wanted.max_frames)), default=None)
        with closing(frames):
            for _ in show_progress(_counting(self.asked, self.wanted.max_frames), source.name, total):
                if not self._frame(source, frames, tracker, ids):
                    break
        self.report.tracks += len(ids)

    def _frame(self, source: Source, frames: Iterator[Frame], tracker: Any, ids: set[int]) -> bool:
        """Look at the next frame; whether there was one."""
        done: list[tuple[NDArray, Picture | None] | None] = []
        seconds = self.clock.measure(lambda: done.append(self._looked(source, frames, tracker)))
        if done[0] is None:
            return False
        tracks, picture = done[0]
        ids.update(track for track in tracks.tolist() if track != NO_TRACK)
        self.report.frames += 1
        latency = self.report.times.add(seconds)
        if self.window is not None and picture is not None:
            self.asked.closed |= self.window.show(picture, latency)
        return True

    def _looked(self, source: Source, frames: Iterator[Frame], tracker: Any) -> tuple[NDArray, Picture | None] | None:
        """Ids of tracks and the annotated picture of the next frame; None after the last one."""
        with stage(WAIT if source.live else READ):
            frame = next(frames, None)
        if frame is None:
            return None
        found = self.predictor(frame.image)
        with stage(TRACK):
            found, tracks = self._tracked(tracker, found, frame.image)
        picture, wants = None, self.drawn.wants(source)
        if wants or self.window is not None:
            with stage(DRAW):
                picture = annotate(frame.image, found, tracks, self.predictor.classes, self.wanted.zoom)
        with stage(WRITE):
            if not self.report.frames:  # only now it is sure that there is something new
                _remove_earlier(self.files.out)
            self.files.add(source.name, frame, found, tracks)
            if wants and picture is not None:
                self.drawn.add(frame, picture)
        return tracks, picture

    def _tracked(self, tracker: Any, found: Found, image: Picture) -> tuple[Found, NDArray]:
        """Boxes that are strong enough or belong to a track, and the ids of their tracks."""
        tracks = np.full(len(found.boxes), NO_TRACK)
        if tracker is not None:
            tracks = np.asarray(tracker.update(*found, **(dict(image=image) if self.tracker_sees else {})), int)
        kept = self.predictor.strong(found) | (tracks != NO_TRACK)
        return found.at(kept), tracks[kept]


def _counting(asked: Ending, most: int | None) -> Iterator[int]:
    """0, 1, 2 ... below ``most``, until the end is asked for."""
    number = 0
    while not asked() and (most is None or number < most):
        yield number
        number += 1


def _spare_inputs(out: Path, sources: Sequence[Source]) -> None:
    """See that nothing that is read lies where results go: it would be replaced."""
    for folder in (out / PICTURES, out / FILMS):
        for path in (path for source in sources for path in source.files):
            if folder.resolve() in path.resolve().parents:
                raise ValueError(f'{path} is an input, and results go to {folder}; give another --out')


def _remove_earlier(out: Path) -> None:
    """Remove what an earlier run left, so that all in the folder is of one run."""
    with suppress(FileNotFoundError, ValueError, KeyError, TypeError):
        earlier: Sequence[str] = json.loads((out / REPORT).read_text())['files']
        for path in (out / str(name) for name in earlier):
            if out.resolve() in path.resolve().parents:
                path.unlink(missing_ok=True)
    (out / TIMING).unlink(missing_ok=True)
