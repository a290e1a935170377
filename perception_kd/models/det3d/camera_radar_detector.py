"""The camera-radar student: a plain detector that knows nothing of distillation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import perception_kd.compat  # noqa: F401  # isort: skip
import torch
from mmdet3d.models.detectors import Base3DDetector
from mmdet3d.structures import Det3DDataSample
from torch import Tensor

from perception_kd.distill.taps import tap
from perception_kd.registry import MODELS
from perception_kd.structures import BEVGrid, TapSpec


@MODELS.register_module()
class CameraRadarDetector(Base3DDetector):
    """Cameras lifted to BEV, radar pillars, intensity-guided fusion, trunk, CenterHead.

    Every part is optional on the input side: without ``view_transform`` it is a radar detector, without
    ``radar_encoder`` a camera detector. The range, the cell and the widths between the parts are written once
    and handed on.

    Args:
        point_cloud_range: ``[x_min, y_min, z_min, x_max, y_max, z_max]`` m, LiDAR frame; need not be centred.
        cell: BEV cell in metres.
        image_backbone, image_neck: Configs; the neck gives one map.
        view_transform: Config of ``LiftSplatTransform``.
        radar_encoder: Config of ``RadarPillarEncoder``.
        fuser: Config of ``IntensityGuidedFuser``.
        trunk: Config of ``BEVTrunk``.
        head: Config of ``BEVCenterHead``.
        depth_loss: Config of ``DepthLoss``; used where the batch has depth targets.
        channels_last: Keep convolution weights channels last; a fifth faster on a CPU.
        data_preprocessor, init_cfg: As in mmengine.
    """

    def __init__(self, *, point_cloud_range: Sequence[float], cell: float, fuser: dict, trunk: dict,
                 head: dict, image_backbone: dict | None = None, image_neck: dict | None = None,
                 view_transform: dict | None = None, radar_encoder: dict | None = None,
                 depth_loss: dict | None = None, channels_last: bool = False,
                 data_preprocessor: dict | None = None, init_cfg: dict | None = None) -> None:
        preprocessor = data_preprocessor or dict(type='perception_kd.CameraRadarPreprocessor')
        super().__init__(data_preprocessor=preprocessor, init_cfg=init_cfg)
        if view_transform is None and radar_encoder is None:
            raise ValueError('CameraRadarDetector needs view_transform, radar_encoder or both')
        if view_transform is not None and (image_backbone is None or image_neck is None):
            raise ValueError('view_transform needs image_backbone and image_neck')
        self.grid = BEVGrid.from_range(point_cloud_range, cell)
        place = dict(point_cloud_range=point_cloud_range, cell=cell)
        widths, extras = {}, {}
        if view_transform is not None:
            self.image_backbone = MODELS.build(image_backbone)
            self.image_neck = MODELS.build(image_neck)
            self.view_transform = MODELS.build({**view_transform, **place})
            widths['camera'], extras['camera'] = self.view_transform.out_channels, 1
        if radar_encoder is not None:
            self.radar_encoder = MODELS.build({**radar_encoder, **place})
            widths['radar'], extras['radar'] = self.radar_encoder.out_channels, 2
        self.modalities = tuple(widths)
        self.fuser = MODELS.build({**fuser, 'in_channels': widths, 'extras': extras})
        self.trunk = MODELS.build({**trunk, 'in_channels': self.fuser.out_channels})
        self.head = MODELS.build({**head, **place, 'in_channels': self.trunk.out_channels})
        self.depth_loss = MODELS.build(depth_loss) if depth_loss else None
        self._widths = widths
        if channels_last:
            self.to(memory_format=torch.channels_last)

    def tap_specs(self) -> dict[str, TapSpec]:
        """The student's taps by name; each fires once per forward pass, so a pass may end at the last one wanted."""
        about = {'camera': 'image features lifted to BEV', 'radar': 'radar pillars after the radar branch'}
        specs = [TapSpec(f'{name}_bev', 'bev', width, about[name], grid=self.grid)
                 for name, width in self._widths.items()]
        if 'radar' in self._widths:
            specs.append(TapSpec('radar_occupancy', 'bev', 1, '1 where a cell holds a point', grid=self.grid))
        if self.fuser.mode == 'gated_conv':
            specs += [TapSpec(f'{name}_intensity', 'bev', 1, f'gate of the {name} map', grid=self.grid)
                      for name in self._widths]
        specs += [
            TapSpec('fused_bev', 'bev', self.fuser.out_channels, 'fuser output', grid=self.grid),
            TapSpec('trunk_bev', 'bev', self.trunk.out_channels, 'what the head reads', grid=self.grid),
            TapSpec('head', 'head', sum(self.head.num_classes), 'raw head outputs per task', grid=self.grid)]
        return {spec.name: replace(spec, call='first') for spec in specs}

    def extract_feat(self, batch_inputs: dict) -> tuple[Tensor, Tensor | None]:
        """Trunk output ``(B, C, ny, nx)`` and depth logits ``(B*N, D, H, W)`` (None without cameras)."""
        features, physical, logits = {}, {}, None
        if 'camera' in self.modalities:
            lifted = self.view_transform(self._image_features(batch_inputs), batch_inputs)
            features['camera'], physical['camera'] = tap('camera_bev', lifted.bev), lifted.confidence
            logits = lifted.depth_logits
        if 'radar' in self.modalities:
            radar = self.radar_encoder(_needed(batch_inputs, 'radar'))
            features['radar'] = tap('radar_bev', radar.bev)
            physical['radar'] = torch.cat([tap('radar_occupancy', radar.occupancy), radar.intensity], dim=1)
        fused = tap('fused_bev', self.fuser(features, physical))
        return tap('trunk_bev', self.trunk(fused)), logits

    def _image_features(self, batch_inputs: dict) -> Tensor:
        images = _needed(batch_inputs, 'img')
        return self.image_neck(self.image_backbone(images.flatten(0, 1)))

    def _outputs(self, trunk: Tensor) -> tuple[list[dict], ...]:
        outputs = self.head([trunk])
        tap('head', [task[0] for task in outputs])
        return outputs

    def loss(self, batch_inputs: dict, data_samples: list[Det3DDataSample],
             **kwargs: object) -> dict[str, Tensor]:
        """CenterHead's losses per task, and ``loss_depth`` if the batch has depth targets."""
        trunk, logits = self.extract_feat(batch_inputs)
        truth = [sample.gt_instances_3d for sample in data_samples]
        losses = self.head.loss_by_feat(self._outputs(trunk), truth)
        if self.depth_loss is not None and logits is not None and 'depth_target' in batch_inputs:
            losses['loss_depth'] = self.depth_loss(
                logits, batch_inputs['depth_target'], self.view_transform.bins)
        return losses

    def predict(self, batch_inputs: dict, data_samples: list[Det3DDataSample],
                **kwargs: object) -> list[Det3DDataSample]:
        """Fills ``pred_instances_3d`` (LiDAR frame, nine numbers a box). Needs no LiDAR."""
        trunk, _ = self.extract_feat(batch_inputs)
        metas = [sample.metainfo for sample in data_samples]
        results = self.head.predict_by_feat(self._outputs(trunk), metas)
        return self.add_pred_to_datasample(data_samples, results)

    def _forward(self, batch_inputs: dict, data_samples: list[Det3DDataSample] | None = None,
                 **kwargs: object) -> list[dict[str, Tensor]]:
        """The head's raw outputs, one dict of maps a task."""
        trunk, _ = self.extract_feat(batch_inputs)
        return [task[0] for task in self._outputs(trunk)]


def _needed(batch_inputs: dict, key: str) -> Tensor | list[Tensor]:
    if key not in batch_inputs:
        raise ValueError(f"the student's config asks for '{key}', the batch has only {sorted(batch_inputs)}")
    return batch_inputs[key]
