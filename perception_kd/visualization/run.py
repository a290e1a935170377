"""From paths and choices to a picture on disk; what ``tools/visualize.py`` calls."""

from __future__ import annotations

from pathlib import Path

from perception_kd.visualization.compare import draw_compare
from perception_kd.visualization.options import PictureOptions
from perception_kd.visualization.scene import draw_scene
from perception_kd.visualization.sheet import check_png, check_resolution
from perception_kd.visualization.sources import InfoFile, ResultFile

Size = tuple[int, int]


def save_scene(
    *,
    infos: Path,
    root: Path,
    sample: str | int,
    out: Path,
    results: Path | None = None,
    options: PictureOptions | None = None,
    dpi: float = 100,
    max_width: int | None = None,
) -> Size:
    """Draw ``scene`` of one sample into ``out``.

    Args:
        infos, root, sample: Info file, data root, token or position of the sample.
        out: PNG to write.
        results: Predictions in nuScenes' submission format.
        options: Choices.
        dpi, max_width: See ``Sheet.save``.

    Returns:
        Width and height in pixels.

    Raises:
        FileNotFoundError, ValueError: what is wrong with which file, in one line.
    """
    check_png(out)
    check_resolution(dpi, max_width)
    options = options or PictureOptions()
    frame = InfoFile(infos, root).frame(sample, lidar=options.needs_lidar)
    predictions = ResultFile(results).boxes(frame.token, frame.lidar2global) if results else None
    return draw_scene(frame, predictions, options).save(out, dpi=dpi, max_width=max_width)


def save_compare(
    *,
    infos: Path,
    root: Path,
    sample: str | int,
    out: Path,
    models: dict[str, Path],
    cameras: str = 'front',
    options: PictureOptions | None = None,
    dpi: float = 100,
    max_width: int | None = None,
) -> Size:
    """Draw ``compare`` of one sample into ``out``; ``models`` maps titles to result files."""
    check_png(out)
    check_resolution(dpi, max_width)
    options = options or PictureOptions()
    frame = InfoFile(infos, root).frame(sample, lidar=options.needs_lidar)
    boxes = {title: ResultFile(path).boxes(frame.token, frame.lidar2global) for title, path in models.items()}
    return draw_compare(frame, boxes, options, cameras=cameras).save(out, dpi=dpi, max_width=max_width)
