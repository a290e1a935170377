"""A 3D teacher at work on key frames: what a worker of the queue does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config

from perception_kd.datasets.nuscenes.info_writer import unpack
from perception_kd.datasets.nuscenes.stamp import make_stamp
from perception_kd.evaluation.nuscenes_metric import rows_of_sample
from perception_kd.inference.dataset import build_dataset
from perception_kd.inference.predictor import load_predictor
from perception_kd.inference.samples import Samples
from perception_kd.pseudo_labels.boxes.returns import boxes_in_lidar, count_returns
from perception_kd.structures.classes import NUSCENES_CLASSES

_DIGITS = 4  # 0.1 mm


@dataclass(frozen=True)
class MakeFrameTeacher:
    """Makes the work of a worker, see ``queue.run``.

    Args:
        cfg: Config of the teacher.
        checkpoint: Its weights, or an ONNX file.
        source: The info file, for messages.
        root: Data root.
        floor: Least score of the boxes that are noted.
        device: ``cpu`` or ``cuda``.
    """

    cfg: Config
    checkpoint: Path
    source: Path
    root: Path
    floor: float
    device: str = 'cpu'

    def __call__(self) -> FrameTeacher:
        """Load the teacher."""
        return FrameTeacher(self)


class FrameTeacher:
    """``teacher(token, infos)`` -> boxes of a key frame, best first, as a row of the journal.

    A row holds ``boxes`` ((N, 9), see ``boxes_in_lidar``), ``scores``, ``labels`` (places in ``NUSCENES_CLASSES``),
    and how many LiDAR and radar returns of the key frame lie inside: ``lidar`` and ``radar``.

    Args:
        make: The settings.
    """

    def __init__(self, make: MakeFrameTeacher) -> None:
        self.make, self.predictor = make, load_predictor(make.cfg, make.checkpoint, make.device)

    def __call__(self, token: str, infos: Sequence[bytes]) -> dict[str, Any]:
        """Predict a key frame.

        Args:
            token: Its sample token.
            infos: Packed infos (``info_writer.pack``): of those frames before it that the teacher may read, then its
                own.

        Raises:
            FileNotFoundError, ValueError: a sensor file is missing or damaged, or the model gives NaN.
        """
        frames = [unpack(info) for info in infos]
        info, root = frames[-1], self.make.root
        dataset = build_dataset(self.make.cfg, Samples(
            source=self.make.source, root=root, infos=frames, chosen=[len(frames) - 1], scenes={},
            stamp=make_stamp(version='', split='')))
        found = self.predictor(dataset[0])
        rows = rows_of_sample(found.to_dict(), token=token, classes=dataset.metainfo['classes'],
                              lidar2ego=info['lidar_points']['lidar2ego'], ego2global=info['ego2global'])
        rows = [row for row in rows if row['detection_score'] >= self.make.floor]
        boxes = boxes_in_lidar(rows, info)
        lidar, radar = count_returns(info, root, boxes)
        return dict(boxes=np.round(boxes, _DIGITS).tolist(),
                    scores=[round(row['detection_score'], _DIGITS) for row in rows],
                    labels=[NUSCENES_CLASSES.index(row['detection_name']) for row in rows],
                    lidar=lidar.tolist(), radar=radar.tolist())
