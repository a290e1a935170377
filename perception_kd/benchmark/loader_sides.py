"""The steps that our training pipeline and mmdet3d's transforms have in common, as two sides that do the same."""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  isort: skip

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmdet3d.datasets import NuScenesDataset
from mmdet3d.datasets import transforms as theirs
from mmdet3d.datasets.transforms.transforms_3d import RandomCrop3D
from mmengine.config import Config
from torch.utils.data import Dataset

from perception_kd.datasets.nuscenes.infos import LIDAR_CHANNEL
from perception_kd.registry import DATASETS, TRANSFORMS
from perception_kd.stages import stage

RECORD = 'record'  # what a data set gives to the pipeline
CLOSE = 1.0  # m; points nearer to the sensor than this in x and in y are left out (fixed in mmdet3d)
TURN_DEG, SCALE = 10.0, 1.02  # of the world; fixed, so that both sides do the same
KEYS = ('img', 'cam2lidar', 'cam2img', 'img_aug_matrix', 'lidar_aug_matrix', 'points')
NEEDED = ('LoadMultiViewImages', 'LoadLidarSweeps', 'LoadBoxes3D', 'ImageAug', 'FilterObjects', 'FilterPoints')


class LoaderSide(Dataset):
    """A data set, and the transforms of each named step; every step is a stage for whoever measures.

    Args:
        dataset: Without a pipeline of its own.
        steps: In their order.
    """

    def __init__(self, dataset: Any, steps: Mapping[str, Sequence[Callable[[dict], dict]]]) -> None:
        self.dataset, self.steps = dataset, dict(steps)

    def __len__(self) -> int:
        return len(self.dataset)

    def walk(self, index: int) -> Iterator[tuple[str, dict[str, Any]]]:
        """Name and result of each step; the result of one is the next one's to change."""
        with stage(RECORD):
            sample = self.dataset[index]
        yield RECORD, sample
        for name, transforms in self.steps.items():
            with stage(name):
                for transform in transforms:
                    sample = transform(sample)
            yield name, sample

    def __getitem__(self, index: int) -> dict[str, Any]:
        *_, (_, sample) = self.walk(index)
        return sample


@dataclass(frozen=True)
class Common:
    """What both sides are to do.

    Attributes:
        cfg: Config of the training data set.
        steps: Configs of its transforms by type.
        size: (W, H) of the pictures as stored.
        cameras: Their channels.
        classes: Names in label order.
    """

    cfg: dict[str, Any]
    steps: dict[str, dict[str, Any]]
    size: tuple[int, int]
    cameras: tuple[str, ...]
    classes: tuple[str, ...]

    @classmethod
    def of(cls, cfg: Config) -> Common:
        """Read from a config and the first sample of its training data.

        Raises:
            ValueError: the training data is of another kind, or cameras differ in size.
            FileNotFoundError: it is not there.
        """
        dataset = cfg.train_dataloader.dataset
        steps = {step['type']: dict(step) for step in dataset.get('pipeline', ())}
        missing = [name for name in NEEDED if name not in steps]
        if dataset.get('type') != 'NuScenesRadarDataset' or missing:
            lacks = f'lacks {", ".join(missing)}' if missing else f'is of {dataset.get("type")}'
            raise ValueError(f'{cfg.filename}: its training data {lacks}; this compares pipelines of cameras and LiDAR '
                             'on a NuScenesRadarDataset, such as that of configs/demo/sim_student.py')
        cfg = {key: value for key, value in dataset.items() if key not in ('cameras', 'past_frames', 'labelled')}
        built = DATASETS.build({**cfg, 'pipeline': []})
        if '://' in built.sensor_root:
            raise ValueError(f'{built.sensor_root}: this times what is read from a disk, not from a storage')
        images = built[0]['images']
        sizes = {(image['width'], image['height']) for image in images.values()}
        if len(sizes) > 1:
            raise ValueError(f'{built.ann_file}: cameras differ in size ({sorted(sizes)}), which mmdet3d pads')
        return cls(cfg, steps, sizes.pop(), tuple(images), tuple(built.metainfo['classes']))

    @property
    def final_size(self) -> tuple[int, int]:
        """(H, W) of the pictures at the end."""
        return tuple(self.steps['ImageAug']['final_size'])

    @property
    def resized(self) -> tuple[int, int]:
        """(W, H) that just cover ``final_size``, as ``ImageAug`` chooses."""
        scale = max(new / old for new, old in zip(self.final_size, self.size[::-1]))
        return round(self.size[0] * scale), round(self.size[1] * scale)


def our_side(common: Common, *, decode_scale: int = 1) -> LoaderSide:
    """Ours; ``decode_scale`` above 1 lets the JPEG decoder shrink, which changes the pictures."""
    limits = dict(point_cloud_range=common.steps['FilterPoints']['point_cloud_range'])
    images = {**common.steps['LoadMultiViewImages'], 'decode_scale': decode_scale}
    return _built(common.cfg, {
        'pictures': [images],
        'points': [{**common.steps['LoadLidarSweeps'], 'remove_close': CLOSE}],
        'boxes': [dict(type='LoadBoxes3D')],
        'resize, crop': [dict(type='ImageAug', final_size=common.final_size)],
        'turn, scale': [dict(type='BEVAug', states=[dict(rot_deg=TURN_DEG, scale=SCALE)])],
        'range': [dict(type='FilterObjects', **limits), dict(type='FilterPoints', **limits)],
        'pack': [dict(type='PackInputs', keys=KEYS)]})


def whole_side(cfg: Config) -> LoaderSide:
    """The whole training pipeline of a config as it is, random draws and other sensors included."""
    dataset = cfg.train_dataloader.dataset
    return _built(dataset, {step['type']: [step] for step in dataset['pipeline']})


def _built(dataset: Mapping[str, Any], steps: Mapping[str, Sequence[Any]]) -> LoaderSide:
    transforms = {name: [TRANSFORMS.build(dict(one)) for one in configs] for name, configs in steps.items()}
    return LoaderSide(DATASETS.build({**dataset, 'pipeline': []}), transforms)


def their_side(common: Common) -> LoaderSide:
    """mmdet3d's data set and transforms, set to do what :func:`our_side` does."""
    limits, turn = list(common.steps['FilterPoints']['point_cloud_range']), math.radians(TURN_DEG)
    shrinks = common.resized[0] < common.size[0]
    resize = theirs.Resize3D(scale=common.resized, keep_ratio=False, interpolation='area' if shrinks else 'bilinear')
    crop = RandomCrop3D(common.final_size[::-1], rel_offset_h=(1.0, 1.0), rel_offset_w=(0.5, 0.5))
    return LoaderSide(_their_dataset(common), {
        'pictures': [theirs.LoadMultiViewImageFromFiles(color_type='color', num_views=len(common.cameras))],
        'points': [theirs.LoadPointsFromFile('LIDAR', load_dim=5, use_dim=5),
                   theirs.LoadPointsFromMultiSweeps(  # test_mode: the newest sweeps, not any
                       common.steps['LoadLidarSweeps'].get('sweeps_num', 9), use_dim=list(range(5)),
                       remove_close=True, test_mode=True)],
        'boxes': [theirs.LoadAnnotations3D()],
        'resize, crop': [theirs.MultiViewWrapper([resize, crop])],
        'turn, scale': [theirs.GlobalRotScaleTrans([turn, turn], [SCALE, SCALE])],
        'range': [theirs.ObjectRangeFilter(limits), theirs.ObjectNameFilter(common.classes),
                  theirs.PointsRangeFilter(limits)],
        'pack': [theirs.Pack3DDetInputs(('img', 'points', 'gt_bboxes_3d', 'gt_labels_3d'))]})


def _their_dataset(common: Common) -> NuScenesDataset:
    ours = DATASETS.build({**common.cfg, 'pipeline': [], 'lazy_init': True})
    prefix = {'pts': f'samples/{LIDAR_CHANNEL}', 'sweeps': f'sweeps/{LIDAR_CHANNEL}',
              **{camera: f'samples/{camera}' for camera in common.cameras}}
    return NuScenesDataset(
        data_root=str(Path(ours.sensor_root).absolute()), ann_file=str(ours.ann_file), data_prefix=prefix,
        modality=dict(use_camera=True, use_lidar=True), metainfo=dict(classes=common.classes), use_valid_flag=True,
        filter_empty_gt=False)
