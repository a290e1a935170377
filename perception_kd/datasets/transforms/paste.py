"""Objects of other key frames, pasted into a LiDAR cloud."""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  isort: skip

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.logging import print_log

from perception_kd.datasets.box_tests import meeting, points_of_boxes
from perception_kd.datasets.nuscenes.gt_objects import GTObjects
from perception_kd.datasets.nuscenes.labelled import Labelled
from perception_kd.registry import TRANSFORMS
from perception_kd.structures.classes import NUSCENES_CLASSES, flat_classes

PASTED = 'pasted_objects'
"""Key of a sample that says how many objects were pasted: whoever packs it must not show cameras or radar."""


@TRANSFORMS.register_module()
class PasteObjects(BaseTransform):
    """Paste true objects of other key frames with their points (SECOND, Yan et al., Sensors 2018: GT sampling).

    As mmdet3d's ``ObjectSample``: rare classes are filled up to a number of objects, each at its own place in the LiDAR
    frame; one that would meet a box is not pasted; points of the scene inside of a pasted box go away. Objects are
    drawn anew for each sample, with NumPy's global generator. Belongs after ``LoadBoxes3D`` and before ``ToBEVFrame``
    and every augmentation. Cameras and radars do not see pasted objects, so a sample that has any is refused.

    Args:
        database: Index file of a packed database (``tools/create_data.py gt-database``), of the training split.
        classes: Names in label order, or the lists of names of a head's tasks, as the data set has them.
        counts: Class -> up to how many objects a sample then has of it.
        min_points: Objects with fewer points are not pasted.
        sweeps_num: Sweeps that the pipeline loads; a database of another number is refused: its objects would be
            denser or thinner than their surroundings. None: do not look.
        labelled: As the data set has it: objects of key frames that it hides are not pasted.

    Raises:
        ValueError: a class that there is not; at the first sample, a database that does not fit, has no object to
            paste, or is damaged, or a sample with pictures or radar.
        FileNotFoundError: at the first sample, no such database.
    """

    def __init__(self, *, database: str, classes: Sequence[Any], counts: Mapping[str, int], min_points: int = 5,
                 sweeps_num: int | None = None, labelled: dict[str, Any] | Labelled | None = None) -> None:
        self.names = flat_classes(classes)
        unknown = [name for name in counts if name not in self.names]
        if unknown:
            raise ValueError(f'PasteObjects: counts of {", ".join(unknown)}, which are none of {", ".join(self.names)}')
        self.database, self.counts, self.min_points = database, dict(counts), min_points
        self.sweeps_num, self.labelled = sweeps_num, Labelled.build(labelled)
        self._objects: GTObjects | None = None
        self._pools: dict[str, np.ndarray] = {}

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Adds to ``points`` (P, 5), ``gt_bboxes_3d``, ``gt_labels_3d`` and ``gt_num_lidar_pts``, if annotated."""
        seen = [key for key in ('img', 'radar', 'past') if key in results]
        if seen:
            raise ValueError(f'PasteObjects: the sample has {", ".join(seen)}, which do not see pasted objects; it is '
                             'for pipelines of LiDAR alone')
        results[PASTED] = 0
        if not results.get('annotated', True):
            return results
        if self._objects is None:
            self._load()
        boxes, labels = results['gt_bboxes_3d'], results['gt_labels_3d']
        chosen = self._choose(boxes.tensor.numpy(), labels)
        if not len(chosen):
            return results
        pasted = chosen['box'].astype(np.float32)
        clouds = [self._objects.points(one) for one in chosen]
        for cloud, box in zip(clouds, pasted):
            cloud[:, :3] += box[:3]
        free = np.ones(len(results['points']), bool)
        free[np.concatenate(points_of_boxes(results['points'], pasted))] = False
        results['points'] = np.concatenate([*clouds, results['points'][free]])
        results['gt_bboxes_3d'] = boxes.new_box(np.concatenate([boxes.tensor.numpy(), pasted]))
        new = [self.names.index(NUSCENES_CLASSES[label]) for label in chosen['label']]
        results['gt_labels_3d'] = np.concatenate([labels, np.array(new, labels.dtype)])
        results['gt_num_lidar_pts'] = np.concatenate([results['gt_num_lidar_pts'], chosen['points']])
        results[PASTED] = len(chosen)
        return results

    def _choose(self, boxes: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Objects to paste among boxes (M, 9) of labels (M)."""
        chosen = []
        for name, pool in self._pools.items():
            lacking = self.counts[name] - np.count_nonzero(labels == self.names.index(name))
            if lacking > 0:
                drawn = self._objects.objects[pool[np.random.randint(len(pool), size=lacking)]]
                chosen.append(drawn[free_ones(boxes, drawn['box'])])
                boxes = np.concatenate([boxes, chosen[-1]['box']])
        return np.concatenate(chosen) if chosen else self._objects.objects[:0]

    def _load(self) -> None:
        """Read the database, and sort its objects into pools."""
        found = GTObjects.load(Path(self.database))
        if self.sweeps_num not in (None, found.stamp['sweeps']):
            raise ValueError(f'{self.database} was made with --gt-sweeps {found.stamp["sweeps"]}, and the pipeline '
                             f'loads {self.sweeps_num} sweeps; make it again with --gt-sweeps {self.sweeps_num}')
        good = found.objects['points'] >= self.min_points
        if self.labelled is not None:
            frames = [{'token': token, 'scene_token': scene} for token, scene in found.frames]
            good &= np.array(self.labelled.annotated(frames), bool)[found.objects['frame']]
        pools = {name: np.flatnonzero(good & (found.objects['label'] == NUSCENES_CLASSES.index(name)))
                 for name in self.counts}
        self._pools = {name: pool for name, pool in pools.items() if len(pool)}
        if not self._pools:
            raise ValueError(f'{self.database}: no object to paste: none of {", ".join(self.counts)} has '
                             f'{self.min_points} points or more')
        print_log(f'{self.database}: to paste: ' + ', '.join(f'{name} {len(pool)}' for name, pool in pools.items()),
                  logger='current')
        self._objects = found


def free_ones(boxes: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """(N) whether drawn boxes may stay among boxes that are there, seen from above.

    In their order, one goes that meets any other that is still there (as in mmdet3d, also one drawn after it).

    Args:
        boxes: (M, 7+).
        drawn: (N, 7+).
    """
    hits = meeting(drawn, np.concatenate([boxes[:, :7], drawn[:, :7]]))
    own = len(boxes) + np.arange(len(drawn))
    hits[np.arange(len(drawn)), own] = False
    stays = np.ones(len(drawn), bool)
    for place in range(len(drawn)):
        if hits[place].any():
            stays[place] = False
            hits[:, own[place]] = False
    return stays
