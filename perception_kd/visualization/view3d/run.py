"""From paths and choices to a 3D picture or film on disk; what ``tools/visualize.py view3d`` calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import track

from perception_kd.files import write_bytes
from perception_kd.visualization.boxes import Boxes
from perception_kd.visualization.frame import Frame
from perception_kd.visualization.movie import check_movie, open_movie, png_bytes
from perception_kd.visualization.options import PictureOptions
from perception_kd.visualization.scene import common_view
from perception_kd.visualization.sheet import check_png
from perception_kd.visualization.sources import InfoFile, ResultFile, Scene
from perception_kd.visualization.video import caption, recorded_rate
from perception_kd.visualization.view import View
from perception_kd.visualization.view3d.build import SceneBuilder
from perception_kd.visualization.view3d.figure import FigureMaker, Picture
from perception_kd.visualization.view3d.open3d_renderer import require_display, show_window
from perception_kd.visualization.view3d.renderers import Renderer, open_renderer
from perception_kd.visualization.view3d.stage import Stage
from perception_kd.visualization.view3d.viewpoint import Viewpoint, orbit, viewpoint

ORBIT_FRAMES = 96
ORBIT_RATE = 20.0


@dataclass(frozen=True)
class View3DFacts:
    """What was written.

    Args:
        frames: How many pictures.
        size: Width and height in pixels.
        renderer: Which drew the last.
        fps: Frames per second; None for a picture.
    """

    frames: int
    size: tuple[int, int]
    renderer: str
    fps: float | None = None


class _Studio:
    """Everything that stays the same from picture to picture."""

    def __init__(self, stage: Stage, options: PictureOptions, view: View, results: ResultFile | None) -> None:
        self.stage, self.view, self.results = stage, view, results
        self.builder = SceneBuilder(view, options, stage.colours, stage.photos)
        self.maker = FigureMaker(stage.size, options, stage.colours, self.builder.reach, stage.bare)

    def renderer(self):
        """Opens the renderer."""
        return open_renderer(self.stage.renderer, size=self.maker.scene_size, fineness=self.stage.fineness)

    def camera(self) -> Viewpoint:
        """The fixed camera."""
        width, height = self.maker.scene_size
        return viewpoint(self.stage.camera, self.view, width / height)

    def predictions(self, frame: Frame) -> Boxes | None:
        """Of the result file, if there is one."""
        return self.results.boxes(frame.token, frame.lidar2global) if self.results else None

    def orbit(self, renderer: Renderer, frame: Frame, count: int) -> Iterator[Picture]:
        """Round one sample."""
        predictions = self.predictions(frame)
        scene = self.builder.scene(frame, predictions)
        for camera in orbit(self.view, count):
            yield self.maker.figure(renderer.draw(scene, camera), camera, frame, predictions, steady=True)

    def drive(self, renderer: Renderer, source: InfoFile, scene: Scene) -> Iterator[Picture]:
        """Through all key frames of a scene."""
        for number, index in enumerate(scene.samples, 1):
            yield self.still(renderer, frame := source.frame(index), caption(frame, scene, number), steady=True)

    def still(self, renderer: Renderer, frame: Frame, note: str | None = None, *, steady: bool = False) -> Picture:
        """One sample from the fixed camera."""
        predictions, camera = self.predictions(frame), self.camera()
        picture = renderer.draw(self.builder.scene(frame, predictions), camera)
        return self.maker.figure(picture, camera, frame, predictions, note=note, steady=steady)


def save_view3d(
    *,
    infos: Path,
    root: Path,
    out: Path,
    sample: str | int = 0,
    scene: str | int | None = None,
    results: Path | None = None,
    options: PictureOptions | None = None,
    stage: Stage | None = None,
    frames: int = ORBIT_FRAMES,
    fps: float | None = None,
    quiet: bool = False,
) -> View3DFacts:
    """Draw a sample as a picture, a sample as an orbit film, or the key frames of a scene as a film.

    Args:
        infos, root: Info file and data root.
        out: ``.png`` for a picture; ``.mp4``, ``.gif`` or a folder of PNGs (no suffix) for a film.
        sample: Token or position of the sample.
        scene: Name, token or position of a scene: the film shows its key frames from the stage's camera.
        results: Predictions in nuScenes' submission format.
        options: Choices. A view of None fits the boxes.
        stage: Camera, colours, size and renderer.
        frames: Of an orbit film.
        fps: Frames per second; None: 20 for an orbit, else as fast as it was recorded.
        quiet: No progress bar.

    Raises:
        FileNotFoundError, ValueError, OSError: what is wrong with which file, in one line.
        RendererError: Open3D was asked for by name and cannot draw.
    """
    options, stage = options or PictureOptions(), stage or Stage()
    is_film = Path(out).suffix.lower() != '.png'
    if scene is not None and not is_film:
        raise ValueError(f'{out}: a scene gives a film; name an .mp4, a .gif or a folder, or give a sample instead')
    if is_film:
        check_movie(out, fps)
    source = InfoFile(infos, root)
    found = ResultFile(results) if results else None
    chosen = source.scene(scene) if scene is not None else None
    shown = [source.frame(index, lidar=chosen is None) for index in (chosen.samples if chosen else [sample])]
    view = options.view or common_view(shown, options)
    studio = _Studio(stage, replace(options, view=view), view, found)
    with studio.renderer() as renderer:
        if not is_film:
            _write_png(out, studio.still(renderer, shown[0]))
            return View3DFacts(1, stage.size, renderer.name)
        if chosen:
            pictures, count = studio.drive(renderer, source, chosen), len(chosen.samples)
            rate = fps or recorded_rate(source, chosen)
        else:
            pictures, count, rate = studio.orbit(renderer, shown[0], frames), frames, fps or ORBIT_RATE
        with open_movie(out, fps=rate) as movie:
            for picture in track(pictures, 'frames', count, console=Console(stderr=True), disable=quiet):
                movie.add(picture)
        return View3DFacts(count, stage.size, renderer.name, rate)


def show_view3d(
    *,
    infos: Path,
    root: Path,
    sample: str | int = 0,
    results: Path | None = None,
    options: PictureOptions | None = None,
    stage: Stage | None = None,
) -> None:
    """Open a window with a sample, to turn and to walk through; returns when it is closed.

    Raises:
        FileNotFoundError, ValueError: as ``save_view3d``.
        RendererError: there is no display, or Open3D cannot open a window on it.
    """
    require_display()
    options, stage = options or PictureOptions(), stage or Stage()
    frame = InfoFile(infos, root).frame(sample)
    view = options.view or common_view([frame], options)
    studio = _Studio(stage, replace(options, view=view), view, ResultFile(results) if results else None)
    scene = studio.builder.scene(frame, studio.predictions(frame))
    show_window(scene, studio.camera(), size=stage.size, title=' '.join(filter(None, (frame.scene, frame.token))))


def _write_png(path: Path, picture: Picture) -> None:
    write_bytes(check_png(path), png_bytes(picture))
