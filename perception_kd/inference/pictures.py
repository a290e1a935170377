"""Pictures, a film and a recording of what was predicted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.files import remove_left_overs, write_bytes
from perception_kd.inference.samples import Samples
from perception_kd.visualization.boxes import Boxes, boxes_of_results
from perception_kd.visualization.frame import Frame, read_frame
from perception_kd.visualization.movie import Movie, Picture, open_movie, png_bytes
from perception_kd.visualization.options import PictureOptions
from perception_kd.visualization.scene import common_view, draw_scene
from perception_kd.visualization.sheet import check_resolution
from perception_kd.visualization.video import DEFAULT_WIDTH
from perception_kd.visualization.view import View

FOLDER, FILM, RECORDING = 'pictures', 'film', 'recording.rrd'
FILMS = ('mp4', 'gif', 'none')
_USUAL_RATE = 2.0  # frames per second where the samples have no times


@dataclass(frozen=True)
class Shown:
    """What is made for people to look at.

    Args:
        pictures: Whether to draw a picture of each sample.
        film: Of ``FILMS``: form of the film of several samples.
        record: Whether to write a recording for the Rerun viewer.
        options: Look.
        dpi, max_width: See ``Sheet.save``; without a width, films are 1280 pixels wide.

    Raises:
        ImportError: a recording is wanted, and rerun-sdk is not installed.
        ValueError: no such film, or an impossible resolution.
    """

    pictures: bool = True
    film: str = 'mp4'
    record: bool = False
    options: PictureOptions = field(default_factory=PictureOptions)
    dpi: float = 100
    max_width: int | None = None

    def __post_init__(self) -> None:
        if self.film not in FILMS:
            raise ValueError(f'a film is one of {", ".join(FILMS)}, got {self.film!r}')
        check_resolution(self.dpi, self.max_width)
        if self.record:
            from perception_kd.visualization.recording.recorder import import_rerun

            import_rerun()

    def of_model(self, classes: Sequence[str]) -> Shown:
        """The same for the classes that a model knows.

        Raises:
            ValueError: none of the chosen classes is among them.
        """
        known = tuple(name for name in self.options.classes if name in classes)
        if not known:
            raise ValueError(f'none of {", ".join(self.options.classes)} is detected by this model; it detects '
                             f'{", ".join(classes)}')
        return replace(self, options=replace(self.options, classes=known))


def show(samples: Samples, results: Mapping[str, list[dict]], out: Path, shown: Shown) -> Iterator[list[Path]]:
    """Draw, film and record the samples one after another; after each, the files that are finished.

    Args:
        samples: What was predicted.
        results: Token -> rows of the result file.
        out: Folder.
        shown: What to make.
    """
    many = len(samples.chosen) > 1
    options = replace(shown.options, view=shown.options.view or _view(samples, results, shown.options))
    width, digits = shown.max_width or (DEFAULT_WIDTH if many else None), len(str(len(samples.chosen)))
    with ExitStack() as stack:
        film = _open_film(stack, samples, out, shown) if many and shown.pictures else None
        recording = stack.enter_context(_recording(out, options)) if shown.record else None
        for number, info in enumerate(samples.frames):
            frame, boxes = read_sample(samples, info, results, options.needs_lidar)
            made = []
            if shown.pictures:
                picture = draw_scene(frame, boxes, options, note=_note(samples, frame), steady=many).pixels(
                    dpi=shown.dpi, max_width=width)
                made.append(_save(picture, out / FOLDER / f'{number:0{digits}d}_{frame.token}.png'))
                if film is not None:
                    film.add(picture)
            if recording is not None:
                recording.frame(frame, boxes)
            yield made


def remove_pictures(out: Path) -> None:
    """Remove what :func:`show` made in a folder, or left there when it was killed."""
    for path in (*(out / FOLDER).glob('[0-9]*_*.png'), *(out / f'{FILM}.{kind}' for kind in FILMS), out / RECORDING):
        path.unlink(missing_ok=True)
        remove_left_overs(path)


def film_file(out: Path, shown: Shown) -> Path | None:
    """Where the film goes; None where none is wanted."""
    return None if shown.film == 'none' else out / f'{FILM}.{shown.film}'


def _open_film(stack: ExitStack, samples: Samples, out: Path, shown: Shown) -> Movie | None:
    path = film_file(out, shown)
    return None if path is None else stack.enter_context(open_movie(path, fps=_rate(samples)))


def _recording(out: Path, options: PictureOptions) -> Any:
    from perception_kd.visualization.recording import Recording

    return Recording(out / RECORDING, options=options)


def read_sample(samples: Samples, info: Mapping[str, Any], results: Mapping[str, list[dict]], lidar: bool
                ) -> tuple[Frame, Boxes]:
    """A sample's sensors, and what was predicted in its LiDAR frame."""
    frame = read_frame(info, samples.root, classes=tuple(samples.stamp['categories']),
                       scene=samples.scenes.get(info['scene_token'], ''), lidar=lidar)
    return frame, boxes_of_results(results[frame.token], samples.world(info) @ frame.lidar2ego)


def _view(samples: Samples, results: Mapping[str, list[dict]], options: PictureOptions) -> View:
    """One view of all samples: it fits the truth where there is one, else the predictions that are shown."""
    frames = []
    for info in samples.frames:
        frame, boxes = read_sample(samples, info, results, lidar=False)
        frames.append(frame if len(frame.truth) else replace(frame, truth=options.predictions(boxes)))
    return common_view(frames, options)


def _rate(samples: Samples) -> float:
    """Samples per second as they were recorded, the median."""
    steps = np.diff([float(info['timestamp']) for info in samples.frames])
    steps = steps[steps > 0]
    return float(np.clip(round(1 / np.median(steps), 2), 0.5, 30)) if len(steps) else _USUAL_RATE


def _note(samples: Samples, frame: Frame) -> str | None:
    """What the title says after the scene's name; None: sample and time."""
    return None if samples.timed else f'sample {frame.token}'


def _save(picture: Picture, path: Path) -> Path:
    write_bytes(path, png_bytes(picture))
    return path
