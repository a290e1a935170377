"""A video of a scene: ``scene`` or ``compare`` of each key frame, with one view, one layout, one scale."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from perception_kd.visualization.compare import check_comparison, common_compare_view, draw_compare
from perception_kd.visualization.frame import Frame
from perception_kd.visualization.layout import FIGURE_SPACE
from perception_kd.visualization.movie import Picture, check_movie, open_movie
from perception_kd.visualization.options import PictureOptions
from perception_kd.visualization.scene import common_view, draw_scene
from perception_kd.visualization.sheet import Sheet, check_resolution
from perception_kd.visualization.sources import InfoFile, ResultFile, Scene
from perception_kd.visualization.view import View

DEFAULT_WIDTH = 1280
"""Pixels; wide enough to read the keys, small enough to send."""

Painter = Callable[[Frame, str], Sheet]
"""Draws a frame under a caption."""


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
    models: Mapping[str, Path] | None = None,
    cameras: str = 'front',
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
        results: Predictions in nuScenes' submission format, drawn as ``draw_scene`` does.
        models: Titles and predictions of several models, drawn as ``draw_compare`` does; in place of ``results``.
        cameras: Of the comparison.
        options: Choices. A view of None fits all boxes of the scene.
        fps: Frames per second; None: as fast as it was recorded.
        dpi, max_width: See ``Sheet.save``.
        quiet: No progress bar.

    Raises:
        FileNotFoundError, ValueError, OSError: what is wrong with which file, in one line.
    """
    if models and results:
        raise ValueError('give the results of one model, or those of models to compare, not both')
    if models:
        check_comparison(models, cameras)
    check_movie(out, fps)
    check_resolution(dpi, max_width)
    source = InfoFile(infos, root)
    chosen = source.scene(scene)
    options = options or PictureOptions()
    if models:
        paint = comparing(source, chosen, models, options, cameras)
    else:
        paint = showing(source, chosen, results, options)
    fps = fps or recorded_rate(source, chosen)
    with open_movie(out, fps=fps) as movie:
        pictures = draw_frames(source, chosen, paint, lidar=options.needs_lidar, dpi=dpi, max_width=max_width)
        console = Console(stderr=True)
        for picture in track(pictures, 'frames', len(chosen.samples), console=console, disable=quiet):
            movie.add(picture)
    return VideoFacts(chosen.name, len(chosen.samples), fps, picture.shape[1::-1])


def showing(source: InfoFile, scene: Scene, results: Path | None, options: PictureOptions) -> Painter:
    """Draws the picture ``scene``, with one view for all frames."""
    options, found = _fixed(source, scene, options, common_view), ResultFile(results) if results else None

    def paint(frame: Frame, note: str) -> Sheet:
        """One frame."""
        predictions = found.boxes(frame.token, frame.lidar2global) if found else None
        return draw_scene(frame, predictions, options, note=note, steady=True)

    return paint


def comparing(
    source: InfoFile, scene: Scene, models: Mapping[str, Path], options: PictureOptions, cameras: str = 'front'
) -> Painter:
    """Draws the picture ``compare``, with one view for all frames."""
    options = _fixed(source, scene, options, common_compare_view)
    found = {title: ResultFile(path) for title, path in models.items()}

    def paint(frame: Frame, note: str) -> Sheet:
        """One frame."""
        boxes = {title: file.boxes(frame.token, frame.lidar2global) for title, file in found.items()}
        return draw_compare(frame, boxes, options, cameras=cameras, note=note, steady=True)

    return paint


def _fixed(source: InfoFile, scene: Scene, options: PictureOptions, fit: Callable[..., View]) -> PictureOptions:
    """Options with a view that ``fit`` finds for all frames, unless they have one."""
    if options.view:
        return options
    return replace(options, view=fit((source.frame(index, lidar=False) for index in scene.samples), options))


def draw_frames(
    source: InfoFile, scene: Scene, paint: Painter, *, lidar: bool = True, dpi: float, max_width: int | None
) -> Iterator[Picture]:
    """Pictures (H, W, 3) of a scene's key frames, in the order of time; ``lidar``: whether points are needed."""
    for number, index in enumerate(scene.samples, 1):
        frame = source.frame(index, lidar=lidar)
        yield paint(frame, caption(frame, scene, number)).pixels(dpi=dpi, max_width=max_width)


def caption(frame: Frame, scene: Scene, number: int) -> str:
    """``frame  3 of 40``, time and description; what changes keeps its width."""
    count = len(scene.samples)
    digits = f'{number:{FIGURE_SPACE}>{len(str(count))}}'
    return '   ·   '.join(filter(None, (f'frame {digits} of {count}', frame.time_text, scene.description)))


def recorded_rate(source: InfoFile, scene: Scene) -> float:
    """Key frames per second in the recording, the median; 2, as nuScenes has, for a single frame."""
    times = [float(source.data_list[index]['timestamp']) for index in scene.samples]
    gap = float(np.median(np.diff(times))) if len(times) > 1 else 0.5
    return float(np.clip(round(1 / max(gap, 1e-3), 2), 0.1, 60.0))
