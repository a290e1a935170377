"""Random batches of the shape that a config asks for, without any data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import perception_kd.compat  # noqa: F401  # isort: skip
import numpy as np
import torch
from mmdet3d.structures import Box3DMode, Det3DDataSample, LiDARInstance3DBoxes
from mmengine.config import Config
from mmengine.structures import InstanceData
from torch import Tensor

from perception_kd.datasets.nuscenes.poses import frame_motion

CAMERAS = 6  # where a config takes all that the data has
SPEED, INTERVAL = 5.0, 0.5  # of the vehicle, m/s, and s between key frames
FRAME_KEYS = ('img', 'cam2lidar', 'cam2img', 'img_aug_matrix', 'radar')


@dataclass(frozen=True)
class BatchShape:
    """What decides the shapes of a batch.

    Args:
        keys: Inputs to make, as ``PackInputs`` names them; past frames follow from ``past_frames``.
        image: ``(H, W)`` pixels.
        cameras: On a ring, all at the LiDAR.
        past_frames: How many key frames back further frames lie, newest first.
        point_cloud_range: ``[x_min, y_min, z_min, x_max, y_max, z_max]`` m, which points and boxes fill.
        classes: Number of classes.
        depth_stride: Pixels per cell of the depth target.
        radar_points, lidar_points, boxes: Per sample.
    """

    keys: tuple[str, ...]
    image: tuple[int, int] = (256, 704)
    cameras: int = CAMERAS
    past_frames: tuple[int, ...] = ()
    point_cloud_range: tuple[float, ...] = (-51.2, -51.2, -5.0, 51.2, 51.2, 3.0)
    classes: int = 10
    depth_stride: int = 8
    radar_points: int = 1000
    lidar_points: int = 35000
    boxes: int = 30

    @classmethod
    def of(cls, cfg: Config, *, training: bool = False) -> BatchShape:
        """Read from the pipeline of the training or test loader.

        Raises:
            ValueError: The config has no such loader, or its pipeline does not end in ``PackInputs``.
        """
        loader = cfg.get('train_dataloader' if training else 'test_dataloader')
        if loader is None:
            raise ValueError(f'config {cfg.filename} has no {"train" if training else "test"}_dataloader, from which '
                             'the shapes of a batch are read')
        dataset = loader['dataset']
        pipeline = {step['type']: step for step in dataset.get('pipeline', ())}
        if 'PackInputs' not in pipeline:
            raise ValueError(f'config {cfg.filename}: its pipeline does not end in PackInputs')
        sweeps = 1 + pipeline.get('LoadLidarSweeps', {}).get('sweeps_num', 0)
        cameras = dataset.get('cameras')
        return cls(
            keys=tuple(key for key in pipeline['PackInputs']['keys'] if key != 'past'),
            image=tuple(pipeline.get('ImageAug', {}).get('final_size', cls.image)),
            cameras=CAMERAS if cameras is None else len(cameras),
            past_frames=tuple(sorted(dataset.get('past_frames') or ())),
            point_cloud_range=tuple(_first(cfg, 'point_cloud_range') or cls.point_cloud_range),
            classes=sum(map(len, _first(cfg, 'tasks') or [['']] * cls.classes)),
            depth_stride=pipeline.get('LidarDepthTarget', {}).get('stride', cls.depth_stride),
            lidar_points=cls.lidar_points * sweeps)


def _first(cfg: Config, name: str) -> Any:
    """The first setting of this name in the model, wherever it stands."""
    queue: list[Any] = [cfg.model]
    while queue:
        node = queue.pop(0)
        if isinstance(node, Mapping):
            if node.get(name) is not None:
                return node[name]
            queue += node.values()
    return None


def make_batch(shape: BatchShape, *, batch: int = 1, seed: int = 0, time: int = 0) -> dict[str, Any]:
    """A collated batch as the loader gives it.

    Args:
        shape: See there.
        batch: Samples.
        seed: Of everything random.
        time: Key frames since the beginning of the drive; poses and timestamps follow it.
    """
    generator = torch.Generator().manual_seed(seed)
    inputs: dict[str, list] = {key: [] for key in shape.keys}
    samples, drives = [], []
    for place in range(batch):
        for key, value in _inputs(shape, shape.keys, generator).items():
            inputs[key].append(value)
        samples.append(_data_sample(shape, generator, time, place))
        drives.append([_past(shape, back, generator) for back in shape.past_frames])
    if shape.past_frames:
        inputs['past'] = [{key: [frame[key] for frame in frames] for key in frames[0]} for frames in zip(*drives)]
    return dict(inputs=inputs, data_samples=samples)


def drive(shape: BatchShape, frames: int, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Batches of one sample, key frame after key frame of one scene, without past frames."""
    alone = BatchShape(**{**vars(shape), 'past_frames': ()})
    for time in range(frames):
        yield make_batch(alone, seed=seed + time, time=time)


def ring_of_cameras(cameras: int) -> Tensor:
    """``(N, 4, 4)`` camera -> LiDAR of level cameras 1 m from the LiDAR's axis that look outwards."""
    matrices = torch.zeros(cameras, 4, 4)
    for index in range(cameras):
        c, s = math.cos(2 * math.pi * index / cameras), math.sin(2 * math.pi * index / cameras)
        matrices[index] = torch.tensor([[c, 0, -s, -s], [s, 0, c, c], [0, -1, 0, 0], [0, 0, 0, 1]])
    return matrices


def _inputs(shape: BatchShape, keys: Sequence[str], generator: torch.Generator) -> dict[str, Tensor]:
    height, width = shape.image
    focal = 2 * 0.8 * width  # of pictures that were halved
    makers = dict(
        img=lambda: torch.randint(0, 256, (shape.cameras, 3, height, width), dtype=torch.uint8, generator=generator),
        cam2lidar=lambda: ring_of_cameras(shape.cameras),
        cam2img=lambda: _repeated([[focal, 0, width], [0, focal, height], [0, 0, 1]], shape.cameras),
        img_aug_matrix=lambda: _repeated([[0.5, 0, 0], [0, 0.5, 0], [0, 0, 1]], shape.cameras),
        lidar_aug_matrix=lambda: torch.eye(4),
        radar=lambda: _points(shape, shape.radar_points, 4, generator),
        points=lambda: _points(shape, shape.lidar_points, 2, generator).clamp_(max=255),
        depth_target=lambda: 60 * torch.rand(
            shape.cameras, height // shape.depth_stride, width // shape.depth_stride, generator=generator))
    unknown = [key for key in keys if key not in makers]
    if unknown:
        raise ValueError(f'no random input can be made for {unknown}; known are {", ".join(makers)}')
    return {key: makers[key]() for key in keys}


def _repeated(matrix: list[list[float]], times: int) -> Tensor:
    return torch.tensor(matrix, dtype=torch.float32).repeat(times, 1, 1)


def _points(shape: BatchShape, number: int, extra: int, generator: torch.Generator) -> Tensor:
    """``(number, 3 + extra)``: places all over the range, then numbers of about unit scale."""
    low, high = (torch.tensor(side, dtype=torch.float32) for side in (shape.point_cloud_range[:3],
                                                                     shape.point_cloud_range[3:]))
    place = low + torch.rand(number, 3, generator=generator) * (high - low)
    return torch.cat([place, torch.randn(number, extra, generator=generator)], dim=1)


def _past(shape: BatchShape, back: int, generator: torch.Generator) -> dict[str, Tensor]:
    keys = [key for key in FRAME_KEYS if key in shape.keys]
    motion = frame_motion(_pose(0), _pose(back))
    return {**_inputs(shape, keys, generator), 'to_key': torch.as_tensor(motion, dtype=torch.float32)}


def _pose(time: float) -> np.ndarray:
    """``(4, 4)`` LiDAR -> world of a vehicle that drives a bend."""
    turn = 0.05 * time
    pose = np.eye(4)
    pose[:2, :2] = [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]
    pose[1, 3] = SPEED * INTERVAL * time
    return pose


def _data_sample(shape: BatchShape, generator: torch.Generator, time: int, place: int) -> Det3DDataSample:
    boxes = _points(shape, shape.boxes, 6, generator)
    boxes[:, 3:6] = 1 + boxes[:, 3:6].abs()
    sample = Det3DDataSample()
    sample.set_metainfo(dict(
        box_type_3d=LiDARInstance3DBoxes, box_mode_3d=Box3DMode.LIDAR, token=f'random-{time}-{place}',
        stamp=dict(version='random', split='random'), sample_idx=time,
        scene_token='random', timestamp=INTERVAL * time, ego2global=_pose(time), lidar2ego=np.eye(4)))
    sample.gt_instances_3d = InstanceData(
        bboxes_3d=LiDARInstance3DBoxes(boxes, box_dim=9),
        labels_3d=torch.randint(0, shape.classes, (shape.boxes,), generator=generator))
    return sample
