"""A 2D detector at work on pictures: what a worker of the queue does."""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  # isort: skip

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import init_default_scope

from perception_kd.datasets.pictures import glance_at_jpeg
from perception_kd.distill.checkpoint_origin import origin_of
from perception_kd.engine.build import naming_config, require
from perception_kd.engine.foreign_checkpoint import read_without_code
from perception_kd.export.student import load_student
from perception_kd.files import require_file, require_folder
from perception_kd.inference.devices import check_device
from perception_kd.registry import DATASETS

SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')
_DIGITS = 3  # thousandths of a pixel


def list_pictures(source: str | Path) -> tuple[Path, dict[str, Path]]:
    """Pictures to label.

    Args:
        source: A folder, with all folders in it; a text file with a path a line, which may be relative to its folder;
            or one picture.

    Returns:
        The folder that names are relative to, and name -> file: in order of the names, or of the lines.

    Raises:
        FileNotFoundError, ValueError: no such source, no picture in it, or one that is listed and not there.
    """
    source = Path(source)
    if source.is_dir():
        root, paths = source, sorted(path for path in source.rglob('*') if path.suffix.lower() in SUFFIXES)
    elif source.suffix.lower() in SUFFIXES:
        root, paths = source.parent, [require_file(source, 'picture')]
    else:
        root = source.parent
        try:
            lines = require_file(source, 'list of pictures').read_text().splitlines()
        except UnicodeDecodeError:
            raise ValueError(f'{source}: neither a folder, nor a picture, nor a text file with a path a line') from None
        paths = [require_file(root / line.strip(), f'{source}: picture') for line in lines if line.strip()]
    named = {path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path): path for path in paths}
    if not named:
        raise ValueError(f'{source}: no picture there ({", ".join(SUFFIXES)})')
    return require_folder(root), named


def detector_classes(cfg: Config, checkpoint: str | Path) -> list[str]:
    """Class names of a detector in label order: of its checkpoint, else of its test data set.

    Raises:
        FileNotFoundError, ValueError: no such checkpoint, or neither says.
    """
    dataset = cfg.test_dataloader.dataset
    init_default_scope(cfg.get('default_scope', 'perception_kd'))
    kind = DATASETS.get(dataset.type) if 'type' in dataset else None
    own = {key.lower(): value for key, value in (dataset.get('metainfo') or {}).items()}
    known = {key.lower(): value for key, value in getattr(kind, 'METAINFO', {}).items()}
    classes = origin_of(read_without_code(checkpoint)).classes or own.get('classes') or known.get('classes')
    if not classes:
        raise ValueError(f'neither checkpoint {checkpoint} nor config {cfg.filename} names the classes: set '
                         'test_dataloader.dataset.metainfo.classes')
    return [classes] if isinstance(classes, str) else list(classes)


@dataclass(frozen=True)
class MakeDetector:
    """Makes the work of a worker, see ``queue.run``.

    Args:
        cfg: Config of any detector whose ``predict`` gives ``pred_instances`` with ``bboxes`` (N, 4: left, top, right,
            bottom in pixels of the file), ``scores`` and ``labels``: mmdet's, or one of this package.
        checkpoint: Its weights.
        floor: Least score of the boxes that are noted.
        device: ``cpu`` or ``cuda``.
    """

    cfg: Config
    checkpoint: Path
    floor: float
    device: str = 'cpu'

    def __call__(self) -> Detector:
        """Load the detector."""
        return Detector(self)


class Detector:
    """``detector(name, file)`` -> boxes of a picture, best first, as a row of the journal.

    A row holds ``width`` and ``height`` of the picture, ``boxes`` (left, top, width, height in pixels, cut off at the
    picture's sides), ``scores`` and ``labels`` (from 0).

    Args:
        make: The settings.

    Raises:
        ValueError: no such device, weights that do not fit, no pipeline.
    """

    def __init__(self, make: MakeDetector) -> None:
        check_device(make.device)
        require(make.cfg, 'model', 'test_dataloader')
        self.floor, self.model = make.floor, load_student(make.cfg, make.checkpoint).to(make.device)
        steps = [step for step in make.cfg.test_dataloader.dataset.get('pipeline', ())
                 if not step['type'].rpartition('.')[2].startswith('LoadAnnotations')]
        with naming_config(make.cfg):
            self.pipeline = Compose(steps)

    @torch.no_grad()
    def __call__(self, name: str, file: Path) -> dict[str, Any]:
        """Predict a picture.

        Raises:
            FileNotFoundError, ValueError: the picture is missing or damaged, or the model gives NaN.
        """
        glance_at_jpeg(file)  # of a cut-off one OpenCV makes a grey one, and says nothing
        try:
            sample = self.pipeline(dict(img_path=str(file), img_id=0))
        except (AssertionError, AttributeError, TypeError) as error:  # what loaders make of what is no picture
            raise ValueError(f'{file}: cannot be read as a picture ({error})') from error
        (packed,) = self.model.test_step(pseudo_collate([sample]))
        height, width = packed.metainfo['ori_shape'][:2]
        return picture_row(packed.pred_instances, height, width, self.floor)


def picture_row(found: Any, height: int, width: int, floor: float) -> Mapping[str, Any]:
    """Row of the journal, see :class:`Detector`.

    Args:
        found: ``pred_instances``.
        height, width: Of the picture's file.
        floor: Least score.

    Raises:
        ValueError: a box or score that is not finite.
    """
    boxes, scores, labels = (np.asarray(getattr(value, 'tensor', value).detach().cpu(), np.float64) for value in (
        found.bboxes, found.scores, found.labels))
    if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
        raise ValueError('the detector gives NaN or infinity: has its training diverged?')
    order = np.argsort(-scores, kind='stable')
    order = order[scores[order] >= floor]
    corners = np.clip(boxes[order].reshape(-1, 2, 2), 0, (width, height))
    inside = np.round(np.concatenate([corners[:, 0], corners[:, 1] - corners[:, 0]], axis=1), _DIGITS)
    return dict(width=int(width), height=int(height), boxes=inside.tolist(),
                scores=np.round(scores[order], _DIGITS + 1).tolist(), labels=labels[order].astype(int).tolist())
