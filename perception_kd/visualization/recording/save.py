"""From paths and choices to a recording on disk; what ``tools/visualize.py record`` calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import track

from perception_kd.visualization.options import PictureOptions
from perception_kd.visualization.recording.recorder import Recording
from perception_kd.visualization.sources import InfoFile, ResultFile

if TYPE_CHECKING:
    from perception_kd.visualization.maps.collect import MapCollector


@dataclass(frozen=True)
class RecordingFacts:
    """What was written.

    Args:
        scene: Name of the scene.
        frames: How many.
        megabytes: Size of the file (10^6 bytes).
    """

    scene: str
    frames: int
    megabytes: float


def save_recording(*, infos: Path, root: Path, scene: str | int, out: Path, results: Path | None = None,
                   options: PictureOptions | None = None, model: Sequence[Path] | None = None,
                   cfg_options: Mapping[str, Any] | None = None, quiet: bool = False) -> RecordingFacts:
    """Record the key frames of a scene into ``out``, which appears when it is whole.

    Args:
        infos, root, scene: Info file, data root, name, token or position of the scene.
        out: ``.rrd`` file.
        results: Predictions in nuScenes' submission format.
        options: Choices.
        model: Config and checkpoint whose maps are recorded, too; None: no maps.
        cfg_options: Overrides of that config.
        quiet: No progress bar.

    Raises:
        ImportError: rerun-sdk is missing.
        FileNotFoundError, ValueError, OSError: what is wrong with which file, in one line.
    """
    options = options or PictureOptions()
    with Recording(out, options=options) as recording:
        source, found = InfoFile(infos, root), ResultFile(results) if results else None
        chosen = source.scene(scene)
        collector = _collector(model, {**(cfg_options or {}), 'data_root': str(root)}, infos) if model else None
        for index in track(chosen.samples, 'frames', console=Console(stderr=True), disable=quiet):
            frame = source.frame(index, lidar=options.lidar != 'none')
            boxes = found.boxes(frame.token, frame.lidar2global) if found else None
            recording.frame(frame, boxes, *(_maps(collector, frame.token) if collector else ()))
    return RecordingFacts(chosen.name, recording.frames, Path(out).stat().st_size / 1e6)


def _collector(model: Sequence[Path], options: Mapping[str, Any], infos: Path) -> MapCollector:
    """Of the samples of an info file, whichever split it is."""
    from perception_kd.engine.build import load_config, require
    from perception_kd.visualization.maps.collect import MapCollector

    cfg = load_config(model[0], dict(options))
    require(cfg, 'val_dataloader')
    cfg.val_dataloader.dataset.ann_file = str(Path(infos).absolute())
    return MapCollector(cfg, model[1])


def _maps(collector: MapCollector, token: str) -> tuple[list, Any]:
    """Maps of the trained model, and the frame that they lie in."""
    found = collector.sample(token)
    return [one for one in found.maps if not one.name.endswith(('/before', '/change'))], found.grid2ego
