"""A video of a scene: the picture ``scene`` of each key frame, with one view, one layout, one scale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from perception_kd.visualization.frame import Frame
from perception_kd.visualization.movie import Picture, check_movie, open_movie
from perception_kd.visualization.options import PictureOptions
from perception_kd.visualization.scene import common_view, draw_scene
from perception_kd.visualization.sheet import check_resolution
from perception_kd.visualization.sources import InfoFile, ResultFile, Scene

DEFAULT_WIDTH = 1280
"""Pixels; wide enough to read the keys, small enough to send."""
_FIGURE_SPACE = '\u2007'


@dataclass(frozen=True)
class VideoFacts:
    """What was written.

    Args:
        scene: Name of the scene.
        frames: How many.
        fps: Frames per second.
        size: Width and height in pixels.
    """

    scene: str
    frames: int
    fps: float
    size: tuple[int, int]


def save_video(
    *,
    infos: Path,
    root: Path,
    scene: str | int,
    out: Path,
    results: Path | None = None,
    options: PictureOptions | None = None,
    fps: float | None = None,
    dpi: float = 100,
    max_width: int | None = DEFAULT_WIDTH,
    quiet: bool = False,
) -> VideoFacts:
    """Draw the key frames of a scene into ``out``, which appears when it is whole.

    Args:
        infos, root, scene: Info file, data root, name, token or position of the scene.
        out: ``.mp4``, ``.gif`` or a folder of PNGs, see ``open_movie``.
        results: Predictions in nuScenes' submission format.
        options: Choices. A view of None fits all boxes of the scene.
        fps: Frames per second; None: as fast as it was recorded.
        dpi, max_width: See ``Sheet.save``.
        quiet: No progress bar.

    Raises:
        FileNotFoundError, ValueError, OSError: what is wrong with which file, in one line.
    """
    check_movie(out, fps)
    check_resolution(dpi, max_width)
    source = InfoFile(infos, root)
    found = ResultFile(results) if results else None
    chosen = source.scene(scene)
    options = options or PictureOptions()
    if options.view is None:
        frames = (source.frame(index, lidar=False) for index in chosen.samples)
        options = replace(options, view=common_view(frames, options))
    fps = fps or recorded_rate(source, chosen)
    with open_movie(out, fps=fps) as movie:
        pictures = draw_frames(source, chosen, found, options, dpi=dpi, max_width=max_width)
        console = Console(stderr=True)
        for picture in track(pictures, 'frames', len(chosen.samples), console=console, disable=quiet):
            movie.add(picture)
    return VideoFacts(chosen.name, len(chosen.samples), fps, picture.shape[1::-1])


def draw_frames(
    source: InfoFile,
    scene: Scene,
    results: ResultFile | None,
    options: PictureOptions,
    *,
    dpi: float,
    max_width: int | None,
) -> Iterator[Picture]:
    """Pictures (H, W, 3) of a scene's key frames, in the order of time; ``options`` must have a view."""
    for number, index in enumerate(scene.samples, 1):
        frame = source.frame(index, lidar=options.lidar != 'none')
        predictions = results.boxes(frame.token, frame.lidar2global) if results else None
        note = caption(frame, scene, number)
        yield draw_scene(frame, predictions, options, note=note, steady=True).pixels(dpi=dpi, max_width=max_width)


def caption(frame: Frame, scene: Scene, number: int) -> str:
    """``frame  3 of 40``, time and description; what changes keeps its width."""
    count = len(scene.samples)
    digits = f'{number:{_FIGURE_SPACE}>{len(str(count))}}'
    return '   ·   '.join(filter(None, (f'frame {digits} of {count}', frame.time_text, scene.description)))


def recorded_rate(source: InfoFile, scene: Scene) -> float:
    """Key frames per second in the recording, the median; 2, as nuScenes has, for a single frame."""
    times = [float(source.data_list[index]['timestamp']) for index in scene.samples]
    gap = float(np.median(np.diff(times))) if len(times) > 1 else 0.5
    return float(np.clip(round(1 / max(gap, 1e-3), 2), 0.1, 60.0))
