"""The camera-radar student and the LiDAR-camera teacher of its shape: detectors that know nothing of distillation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import perception_kd.compat  # noqa: F401  # isort: skip
import torch
from mmdet3d.models.detectors import Base3DDetector
from mmdet3d.structures import Det3DDataSample
from torch import Tensor, nn

from perception_kd.distill.taps import tap
from perception_kd.models.det3d.frames import Frame, Lifted, key_frame, past_frames
from perception_kd.models.det3d.radar_branch import RadarMaps
from perception_kd.models.det3d.radar_strength import radar_strength
from perception_kd.models.det3d.streaming import StreamingMemory
from perception_kd.registry import MODELS
from perception_kd.stages import stage
from perception_kd.structures import BEVGrid, TapSpec

ABOUT = {'camera': 'image features lifted to BEV', 'radar': 'features of the radar branch on the BEV grid',
         'lidar': 'features of the LiDAR branch on the BEV grid'}


@MODELS.register_module()
class CameraRadarDetector(Base3DDetector):
    """Cameras lifted to BEV, radar, intensity-guided fusion, past key frames, trunk, CenterHead.

    Every part is optional on the input side: without ``view_transform`` it is a radar detector, without
    ``radar_encoder`` a camera detector; with a ``lidar_encoder`` a LiDAR-camera (or LiDAR-radar) teacher on the
    student's grid. Radar comes as BEV pillars (``RadarPillarEncoder``) or in the cameras' frustum
    (``RadarFrustumEncoder`` with ``RadarAssistedTransform``). Range, cell and widths are written once and handed on.

    The key frame goes first and carries the gradient; past frames follow without one, each pooled into the key
    frame's grid. In training they update the running statistics of batch norms, as CRN's do.

    Args:
        point_cloud_range: ``[x_min, y_min, z_min, x_max, y_max, z_max]`` m, LiDAR frame; need not be centred.
        cell: BEV cell in metres.
        image_backbone, image_neck: Configs; the neck gives one map.
        view_transform: Config of ``LiftSplatTransform`` or ``RadarAssistedTransform``.
        radar_encoder: Config of ``RadarPillarEncoder`` or ``RadarFrustumEncoder``.
        lidar_encoder: Config of ``LidarPillarEncoder``. LiDAR sweeps are its past, so it takes no ``temporal``.
        fuser: Config of ``IntensityGuidedFuser``.
        temporal: Config of ``TemporalFuser``; None: the key frame alone.
        streaming: Which frames back are merged in ``predict``, taken from memory and not from the batch; the same
            numbers as the data set's ``past_frames``.
        trunk: Config of ``BEVTrunk`` or ``ResNetBEVTrunk``.
        head: Config of ``BEVCenterHead``.
        depth_loss: Config of ``DepthLoss``; used where the batch has depth targets.
        channels_last: Keep convolution weights channels last; a fifth faster on a CPU.
        data_preprocessor, init_cfg: As in mmengine.
    """

    def __init__(self, *, point_cloud_range: Sequence[float], cell: float, fuser: dict, trunk: dict,
                 head: dict, image_backbone: dict | None = None, image_neck: dict | None = None,
                 view_transform: dict | None = None, radar_encoder: dict | None = None,
                 lidar_encoder: dict | None = None, temporal: dict | None = None,
                 streaming: Sequence[int] | None = None, depth_loss: dict | None = None,
                 channels_last: bool = False, data_preprocessor: dict | None = None,
                 init_cfg: dict | None = None) -> None:
        preprocessor = dict(type='perception_kd.CameraRadarPreprocessor', points=lidar_encoder is not None)
        super().__init__(data_preprocessor=data_preprocessor or preprocessor, init_cfg=init_cfg)
        if view_transform is None and radar_encoder is None and lidar_encoder is None:
            raise ValueError('CameraRadarDetector needs view_transform, radar_encoder or both, or lidar_encoder')
        if lidar_encoder is not None and temporal is not None:
            raise ValueError('lidar_encoder sees the key frame and its sweeps alone; leave temporal out')
        if view_transform is not None and (image_backbone is None or image_neck is None):
            raise ValueError('view_transform needs image_backbone and image_neck')
        self.grid = BEVGrid.from_range(point_cloud_range, cell)
        place = dict(point_cloud_range=point_cloud_range, cell=cell)
        widths, extras = {}, {}
        self._perspective_radar = False
        if view_transform is not None:
            self.image_backbone = MODELS.build(image_backbone)
            self.image_neck = MODELS.build(image_neck)
            self.view_transform = MODELS.build({**view_transform, **place})
            widths['camera'], extras['camera'] = self.view_transform.out_channels, 1
        if radar_encoder is not None:
            self._perspective_radar = getattr(MODELS.get(radar_encoder['type']), 'perspective', False)
            if self._perspective_radar and view_transform is None:
                raise ValueError(f'{radar_encoder["type"]} works in the camera frustum and needs view_transform')
            frustum = {name: (view_transform or {}).get(name) for name in ('depth_bound', 'stride')}
            self.radar_encoder = MODELS.build({**radar_encoder, **(frustum if self._perspective_radar else place)})
            source = self.view_transform.radar_channels if self._perspective_radar else self.radar_encoder.out_channels
            widths['radar'], extras['radar'] = source, 2
        if lidar_encoder is not None:
            self.lidar_encoder = MODELS.build({**lidar_encoder, **place})
            widths['lidar'], extras['lidar'] = self.lidar_encoder.out_channels, 2
        self.modalities = tuple(widths)
        self.fuser = MODELS.build(
            {**fuser, 'in_channels': widths, 'extras': extras, 'bev_shape': self.grid.shape})
        self.temporal = MODELS.build({**temporal, 'in_channels': self.fuser.out_channels}) if temporal else None
        self._merged_channels = self.temporal.out_channels if temporal else self.fuser.out_channels
        self.memory = _memory(streaming, self.temporal)
        self.trunk = MODELS.build({**trunk, 'cell': cell, 'in_channels': self._merged_channels})
        self.head = MODELS.build({**head, **place, 'in_channels': self.trunk.out_channels})
        self.depth_loss = MODELS.build(depth_loss) if depth_loss else None
        self._widths = widths
        if channels_last:
            self.to(memory_format=torch.channels_last)

    def tap_specs(self) -> dict[str, TapSpec]:
        """The taps by name; each fires once per forward pass, so a pass may end at the last one wanted."""
        fused = {'fused_bev': (self.fuser.out_channels, 'fuser output of the key frame'),
                 'merged_bev': (self._merged_channels, 'all frames merged, the trunk reads it'),
                 'trunk_bev': (self.trunk.out_channels, 'what the head reads')}
        widths = {f'{name}_bev': (width, ABOUT[name]) for name, width in self._widths.items()}
        widths |= {f'{name}_gated': (width, f'{name} map as it is merged') for name, width in self._widths.items()}
        if 'camera' in self._widths:
            widths['camera_occupancy'] = (1, 'depth probability that falls into a cell, not negative')
        if 'radar' in self._widths:
            widths['radar_occupancy'] = (1, 'where a cell holds radar points, in [0, 1]')
        if self.fuser.gated_maps:
            widths |= {f'{name}_intensity': (1, f'gate of the {name} map') for name in self._widths}
        specs = [TapSpec(name, 'bev', width, text, grid=self.grid)
                 for name, (width, text) in {**widths, **fused}.items()]
        if 'camera' in self._widths:
            view = self.view_transform
            specs.insert(0, TapSpec('depth_logits', 'image', view.bins.count, 'depth bins of every feature pixel',
                                    stride=view.stride))
        specs += self.trunk.tap_specs(self.grid)
        specs.append(TapSpec('head', 'head', sum(self.head.num_classes), 'raw head outputs per task', grid=self.grid))
        return {spec.name: replace(spec, call='first') for spec in specs}

    def extract_feat(self, batch_inputs: dict, metas: list[dict] | None = None) -> tuple[Tensor, Tensor | None]:
        """Trunk output ``(B, C, ny, nx)`` and depth logits ``(B*N, D, H, W)`` of the key frame (None without cameras).

        Args:
            batch_inputs: As the preprocessor gives them.
            metas: Metainfo of the samples, where memories take the place of past frames.
        """
        frame = key_frame(batch_inputs)
        seen = self._perceive(frame)
        depth = None if seen is None else tap('depth_logits', seen.depth_logits)
        merged = fused = tap('fused_bev', self._fuse(seen, frame))
        if self.temporal is not None:
            with torch.no_grad():
                past = [self._fuse(*moment) for moment in self._past(seen, frame, metas)]
            with stage('temporal'):
                merged = self.temporal([fused, *past])
        merged = tap('merged_bev', merged)
        with stage('trunk'):
            trunk = self.trunk(merged)
        return tap('trunk_bev', trunk), depth

    def _past(self, seen: Any, frame: Frame, metas: list[dict] | None) -> list[tuple[Any, Frame]]:
        """What was seen in past frames, and these frames: from memory, or from the batch."""
        if self.memory is not None and metas is not None:
            self.memory.add(seen, frame, metas[0])
            return self.memory.recall()
        return [(self._perceive(past), past) for past in past_frames(frame.inputs)]

    def _perceive(self, frame: Frame) -> Any:
        """A frame in the cameras' perspective, independent of its place in the BEV map; None without cameras."""
        if 'camera' not in self.modalities:
            return None
        with stage('image'):
            image = self._image_features(frame.inputs)
        radar = None
        if self._perspective_radar:
            _needed(frame.inputs, 'radar')
            with stage('radar'):
                radar = self.radar_encoder(frame)
        with stage('view'):
            return self.view_transform.perceive(image, frame, radar)

    def _fuse(self, seen: Any, frame: Frame) -> Tensor:
        """One frame's modalities on the BEV grid, fused: ``(B, C, ny, nx)``."""
        features, physical, lifted = {}, {}, None
        if seen is not None:
            with stage('view'):
                lifted = self.view_transform.splat(seen, frame)
            features['camera'], physical['camera'] = tap('camera_bev', lifted.camera), lifted.confidence
            tap('camera_occupancy', lifted.reached)
        if 'radar' in self.modalities:
            with stage('radar'):
                radar = self._radar_maps(lifted, frame)
            features['radar'] = tap('radar_bev', radar.bev)
            physical['radar'] = torch.cat([tap('radar_occupancy', radar.occupancy), radar.intensity], dim=1)
        if 'lidar' in self.modalities:
            with stage('lidar'):
                lidar, physical['lidar'] = self.lidar_encoder(_needed(frame.inputs, 'points'))
            features['lidar'] = tap('lidar_bev', lidar)
        with stage('fusion'):
            return self.fuser(features, physical)

    def _radar_maps(self, lifted: Lifted | None, frame: Frame) -> RadarMaps:
        _needed(frame.inputs, 'radar')
        clouds = frame.radar_bev()
        if not self._perspective_radar:
            return self.radar_encoder(clouds)
        strength = radar_strength(clouds, self.grid, self.radar_encoder.rcs_range)
        return RadarMaps(lifted.radar, lifted.occupancy, strength)

    def _image_features(self, batch_inputs: dict) -> Tensor:
        images = _needed(batch_inputs, 'img')
        maps = self.image_neck(self.image_backbone(images.flatten(0, 1)))
        return maps if isinstance(maps, Tensor) else maps[0]  # mmdet3d's necks give a list of one

    def _outputs(self, trunk: Tensor) -> tuple[list[dict], ...]:
        with stage('head'):
            outputs = self.head([trunk])
        tap('head', [task[0] for task in outputs])
        return outputs

    def train(self, mode: bool = True) -> CameraRadarDetector:
        """As any module's; training forgets the drive that was streamed."""
        if mode and self.memory is not None:
            self.memory.clear()
        return super().train(mode)

    def loss(self, batch_inputs: dict, data_samples: list[Det3DDataSample],
             **kwargs: object) -> dict[str, Tensor]:
        """CenterHead's losses per task, and ``loss_depth`` if the batch has depth targets.

        The former are those of the annotated samples, the latter of all.
        """
        trunk, logits = self.extract_feat(batch_inputs)
        losses = self.head.loss_of_annotated(self._outputs(trunk), data_samples)
        if self.depth_loss is not None and logits is not None and 'depth_target' in batch_inputs:
            losses['loss_depth'] = self.depth_loss(
                logits, batch_inputs['depth_target'], self.view_transform.bins)
        return losses

    def predict(self, batch_inputs: dict, data_samples: list[Det3DDataSample],
                **kwargs: object) -> list[Det3DDataSample]:
        """Fills ``pred_instances_3d`` (LiDAR frame, nine numbers a box). Needs no LiDAR but for a ``lidar_encoder``."""
        metas = [sample.metainfo for sample in data_samples]
        trunk, _ = self.extract_feat(batch_inputs, metas)
        outputs = self._outputs(trunk)
        with stage('decode'):
            results = self.head.predict_by_feat(outputs, metas)
        return self.add_pred_to_datasample(data_samples, results)

    def _forward(self, batch_inputs: dict, data_samples: list[Det3DDataSample] | None = None,
                 **kwargs: object) -> list[dict[str, Tensor]]:
        """The head's raw outputs, one dict of maps a task."""
        trunk, _ = self.extract_feat(batch_inputs)
        return [task[0] for task in self._outputs(trunk)]


def _needed(batch_inputs: dict, key: str) -> Tensor | list[Tensor]:
    if key not in batch_inputs:
        raise ValueError(f"the detector's config asks for '{key}', the batch has only {sorted(batch_inputs)}")
    return batch_inputs[key]


def _memory(streaming: Sequence[int] | None, temporal: nn.Module | None) -> StreamingMemory | None:
    if streaming is None:
        return None
    memory = StreamingMemory(past_frames=streaming)
    frames = 1 if temporal is None else temporal.frames
    if frames != len(memory.past_frames) + 1:
        raise ValueError(f'streaming={memory.past_frames} names {len(memory.past_frames)} past frames, the student '
                         f'merges {frames - 1}')
    return memory
