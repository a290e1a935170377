"""Pictures with drones as one data set: COCO-video files, or a bare YOLO folder."""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  isort: skip
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmdet.datasets import CocoDataset
from mmengine.logging import print_log

from perception_kd.datasets.corrupt import CorruptTolerantDataset
from perception_kd.datasets.uav.boxes import LEAST_TARGET
from perception_kd.datasets.uav.live import Labelled, coco_pictures, yolo_pictures
from perception_kd.datasets.uav.names import DRONE, split_of
from perception_kd.registry import DATASETS

LAYOUTS = ('coco', 'yolo')
_COLOURS = ((220, 20, 60), (0, 130, 200), (60, 180, 75), (245, 130, 48), (145, 30, 180), (128, 128, 128))


@DATASETS.register_module()
class UAVDataset(CorruptTolerantDataset, CocoDataset):
    """Detection samples as mmdet has them, also with ``video_id`` and ``frame_id`` where a picture is of a video.

    Labels are places in ``classes``, whatever the order in the file. Boxes of other categories (birds, aircraft) are
    left out, their pictures stay: they are what a drone must not be taken for. ``ignore_flag`` is set for crowds and
    for boxes less than 1 px wide or high.

    Args:
        data_root: A converted set (``tools/convert.py uav-...``), or a YOLO folder.
        ann_file: Of a converted set, below the root. For a YOLO folder its name tells the split, if ``split`` does not.
        data_prefix: As mmdet's; ``file_name`` is below ``img``.
        classes: Categories to detect, in the order of their labels.
        layout: ``coco`` or ``yolo`` (``images``, ``labels``, ``data.yaml`` or ``classes.txt``).
        split: Of a YOLO folder: ``train``, ``val`` or ``test``; a folder without splits has only one for all, ``all``.
        filter_cfg: As mmdet's: ``filter_empty_gt=True`` leaves out pictures without a box of ``classes``.
        **kwargs: ``max_corrupt`` (:class:`CorruptTolerantDataset`), and mmdet's (``pipeline``, ``indices``, ...).

    Raises:
        FileNotFoundError: no such root, file or split.
        ValueError: unknown layout or class, a damaged file, no picture (left), or pseudo-labels in ``test_mode``.
    """

    METAINFO = {'classes': (DRONE,), 'palette': [_COLOURS[0]]}

    def __init__(self, *, data_root: str, ann_file: str = 'annotations/train.json',
                 data_prefix: Mapping[str, str] | None = None, classes: Sequence[str] = (DRONE,), layout: str = 'coco',
                 split: str = '', filter_cfg: Mapping[str, Any] | None = None,
                 metainfo: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        if layout not in LAYOUTS:
            raise ValueError(f'unknown layout {layout!r} of a UAV data set; there are {", ".join(LAYOUTS)}')
        self.layout, self.split = layout, split or split_of([Path(ann_file).stem])[0]
        names = tuple([classes] if isinstance(classes, str) else classes)
        metainfo = {'classes': names, 'palette': [_COLOURS[place % len(_COLOURS)] for place in range(len(names))],
                    **(metainfo or {})}
        super().__init__(data_root=str(data_root), ann_file=ann_file, data_prefix=dict(data_prefix or {'img': ''}),
                         filter_cfg=dict(filter_cfg or {'filter_empty_gt': False}), metainfo=metainfo, **kwargs)

    def load_data_list(self) -> list[dict[str, Any]]:
        """Samples in the order of the file."""
        if self.layout == 'yolo':
            found = yolo_pictures(Path(self.data_root), self.split)
        else:
            found = coco_pictures(Path(self.ann_file), Path(self.data_prefix['img'] or '.'), truth=self.test_mode)
        self._check_classes(found)
        for line in found.tally_lines:
            print_log(f'{self.data_root}: {line}', logger='current')
        self.cat_ids = [found.categories[name] for name in self.metainfo['classes']]
        self.cat2label = {number: label for label, number in enumerate(self.cat_ids)}
        return [self.parse_data_info(row) for row in found.rows]

    def parse_data_info(self, raw_data_info: dict[str, Any]) -> dict[str, Any]:
        """A row of :class:`Labelled` as a sample."""
        boxes = raw_data_info.pop('boxes')
        instances = []
        for box in boxes:
            if box['category_id'] in self.cat2label:
                left, top, width, height = box['xywh']
                small = min(width, height) < LEAST_TARGET
                number = {} if box['instance_id'] is None else {'instance_id': box['instance_id']}
                instances.append(dict(bbox=[left, top, left + width, top + height],
                                      bbox_label=self.cat2label[box['category_id']],
                                      ignore_flag=int(box['iscrowd'] or small), **number))
        return {**raw_data_info, 'seg_map_path': None, 'instances': instances}

    def filter_data(self) -> list[dict[str, Any]]:
        """As mmdet's ``filter_empty_gt`` and ``min_size`` have it."""
        if self.test_mode or not self.filter_cfg:
            return self.data_list
        least = self.filter_cfg.get('min_size', 0)
        kept = [row for row in self.data_list if min(row['width'], row['height']) >= least and (
            row['instances'] or not self.filter_cfg.get('filter_empty_gt', False))]
        if not kept:
            raise ValueError(f'{self.data_root}: filter_cfg {dict(self.filter_cfg)} leaves no picture of '
                             f'{len(self.data_list)}')
        return kept

    def _check_classes(self, found: Labelled) -> None:
        unknown = [name for name in self.metainfo['classes'] if name not in found.categories]
        if unknown:
            raise ValueError(f'{found.where}: no category {", ".join(unknown)} in it; there are '
                             f'{", ".join(found.categories) or "none"}')
