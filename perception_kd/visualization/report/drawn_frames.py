"""Pictures of single frames for the page: truth, teacher and students side by side, as JPEG."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image

from perception_kd.visualization.boxes import Boxes
from perception_kd.visualization.compare import draw_compare
from perception_kd.visualization.frame import Frame
from perception_kd.visualization.movie import Picture as Pixels
from perception_kd.visualization.options import PictureOptions
from perception_kd.visualization.outcome import counted
from perception_kd.visualization.report.runs import DataPlace, Run
from perception_kd.visualization.sources import InfoFile, ResultFile
from perception_kd.visualization.view import View, fit_view, widest

WIDTH, QUALITY = 1400, 82


class FrameDrawer:
    """Draws frames of one split as several runs see them.

    Args:
        place: With info file and root.
        runs: With result files, from left to right.
        score: Predictions below it are left out.

    Raises:
        FileNotFoundError, ValueError: an info file or result file is missing or broken.
    """

    def __init__(self, *, place: DataPlace, runs: Sequence[Run], score: float) -> None:
        self.source = InfoFile(place.infos, place.root)
        self.results = {run.title: ResultFile(run.results) for run in runs}
        self.score = score

    def draw(self, tokens: Sequence[str]) -> list[bytes]:
        """A JPEG of each sample. All show the same part of the ground, with every box that counts in any, so that their
        numbers are those of whole frames.

        Raises:
            FileNotFoundError, ValueError: a sensor's file is missing or broken, or a result file lacks a sample.
        """
        view = widest([self._view(self.source.frame(token, lidar=False)) for token in tokens])
        options = PictureOptions(score=self.score, view=view, width=450 * (len(self.results) + 1))
        return [self._draw(self.source.frame(token), options) for token in tokens]

    def _draw(self, frame: Frame, options: PictureOptions) -> bytes:
        return jpeg(draw_compare(frame, self._boxes(frame), options).pixels(dpi=150, max_width=WIDTH))

    def _boxes(self, frame: Frame) -> dict[str, Boxes]:
        return {title: file.boxes(frame.token, frame.lidar2global) for title, file in self.results.items()}

    def _view(self, frame: Frame) -> View:
        shown = [frame.truth, *(boxes.at_least(self.score) for boxes in self._boxes(frame).values())]
        return widest([fit_view(frame, one.take(counted(one, frame))) for one in shown])


def jpeg(pixels: Pixels) -> bytes:
    """(H, W, 3) as a JPEG file, small for the page, sharp enough for lines and letters."""
    file = BytesIO()
    Image.fromarray(pixels).save(file, 'JPEG', quality=QUALITY, optimize=True, subsampling=0)
    return file.getvalue()


def page_picture(path: Path, width: int = WIDTH, most: int = 150_000) -> tuple[bytes, str]:
    """A picture file for the page: as it is where it is small, else at most ``width`` pixels wide as JPEG.

    Returns:
        The bytes, and ``png`` or ``jpeg``.

    Raises:
        ValueError: the file holds no picture that can be read.
    """
    data = path.read_bytes()
    try:
        with Image.open(BytesIO(data)) as picture:
            kind = str(picture.format).lower()
            if len(data) <= most and kind in ('png', 'jpeg') and picture.width <= width:
                return data, kind
            picture = picture.convert('RGBA')
            paper = Image.new('RGBA', picture.size, 'white')
            flat = Image.alpha_composite(paper, picture).convert('RGB')
    except (OSError, ValueError, SyntaxError) as error:
        raise ValueError(f'{path} is damaged: no picture can be read from it ({error}); make it again') from None
    flat.thumbnail((width, 10 * width), Image.Resampling.LANCZOS)
    file = BytesIO()
    flat.save(file, 'JPEG', quality=QUALITY, optimize=True, subsampling=0)
    return file.getvalue(), 'jpeg'
