"""Adapter tables: how the taps of foreign detectors are found and how deep they must run."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import perception_kd.compat  # noqa: F401  # isort: skip
from mmdet3d.models.detectors import MVXTwoStageDetector
from mmdet3d.structures import Det3DDataSample
from mmengine.structures import InstanceData
from torch import Tensor, nn

from perception_kd.distill.taps import capture_modules
from perception_kd.models.det3d.known_l1 import KnownL1Loss
from perception_kd.registry import TEACHER_ADAPTERS
from perception_kd.structures import BEVGrid, TapSpec

HeadMaps = list[dict[str, Tensor]]


@TEACHER_ADAPTERS.register_module()
class CenterPointAdapter:
    """Taps of mmdet3d's CenterPoint, or any point branch of its shape (SECOND, SECONDFPN, CenterHead).

    BEV taps are named by their cell size, not by the layer: ``bev_s8`` is the backbone output with 0.8 m
    cells. Channels and grids are read from the built modules.

    Args:
        model: The detector.

    Raises:
        ValueError: the detector has no such parts.
    """

    def __init__(self, model: MVXTwoStageDetector) -> None:
        parts = ('pts_voxel_encoder', 'pts_middle_encoder', 'pts_backbone', 'pts_neck', 'pts_bbox_head')
        missing = [part for part in parts if not isinstance(getattr(model, part, None), nn.Module)]
        if missing or not hasattr(model.pts_backbone, 'blocks') or not hasattr(model.pts_neck, 'deblocks'):
            raise ValueError(f'CenterPointAdapter needs a detector with {", ".join(parts)} (SECOND and '
                             f'SECONDFPN); {type(model).__name__} lacks {missing or "their blocks"}')
        self.model = model
        self._specs = self._declare()
        self._stages = [name for name in self._specs if name.startswith('bev_')]

    def tap_specs(self) -> dict[str, TapSpec]:
        """Taps by name: ``encoder_bev``, ``bev_s<decimetres>`` per backbone stage, ``neck_bev``, ``head``."""
        return dict(self._specs)

    def module_paths(self) -> dict[str, str]:
        """Tap -> path of the module whose output it is, with the place in a list behind it."""
        paths = {'encoder_bev': 'pts_middle_encoder', 'neck_bev': 'pts_neck[0]', 'head': 'pts_bbox_head'}
        paths.update({name: f'pts_backbone.blocks.{index}' for index, name in enumerate(self._stages)})
        return {name: paths[name] for name in self._specs}

    def functions(self) -> dict[str, Callable]:
        """What the frozen parts can do for others.

        - ``head``: neck map -> head maps; ``neck_head``: list of all stage maps -> head maps;
        - ``loss``: head maps, data samples -> the head's own losses against their annotations;
        - ``decode``: head maps, data samples (for their metainfo) -> ``InstanceData`` of each;
        - ``predict``: inputs as the loader gives them, data samples -> the same from the sensors.
        """
        return {'head': self._head, 'neck_head': lambda stages: self._head(self.model.pts_neck(stages)[0]),
                'loss': self._loss, 'decode': self._decode, 'predict': self._predict}

    def run(self, inputs: dict, data_samples: list[Det3DDataSample] | None,
            taps: Iterable[str]) -> dict[str, Tensor | HeadMaps]:
        """Run as deep as the deepest tap and no deeper.

        Args:
            inputs: As the loader gives them: ``points`` (and ``radar``), one item a sample.
            data_samples: Their annotations; not looked at.
            taps: Names out of ``tap_specs``.

        Raises:
            ValueError: an unknown tap.
        """
        wanted = set(taps)
        unknown = sorted(wanted - set(self._specs))
        if unknown:
            raise ValueError(f'CenterPoint has no tap {unknown}; it has {list(self._specs)}')
        data = {'inputs': inputs, 'data_samples': data_samples}
        batch = self.model.data_preprocessor(data, False)['inputs']
        paths = {name: path for name, path in self.module_paths().items() if name in wanted}
        with capture_modules(self.model, paths, calls=dict.fromkeys(wanted, 'first'), stop=True) as recorder:
            self._forward(batch['voxels'], len(batch['points']))
        found = recorder.collect()
        return {name: _heads(value) if name == 'head' else value for name, value in found.items()}

    def _forward(self, voxels: dict[str, Tensor], batch: int) -> None:
        # Not extract_pts_feat: it takes the batch size from the last voxel, which an empty cloud does not have.
        model = self.model
        features = model.pts_voxel_encoder(voxels['voxels'], voxels['num_points'], voxels['coors'], None, None)
        dense = model.pts_middle_encoder(features, voxels['coors'], batch)
        model.pts_bbox_head(model.pts_neck(model.pts_backbone(dense)))

    def _head(self, neck: Tensor) -> HeadMaps:
        return _heads(self.model.pts_bbox_head([neck]))

    def _loss(self, maps: HeadMaps, data_samples: list[Det3DDataSample]) -> dict[str, Tensor]:
        head, truth = self.model.pts_bbox_head, [sample.gt_instances_3d for sample in data_samples]
        if not isinstance(head.loss_bbox, KnownL1Loss):  # mmdet3d's, where 0 * NaN is NaN
            truth = [_known_velocities(one) for one in truth]
        # On copies: mmdet3d turns logits into probabilities in place.
        return head.loss_by_feat([[{**task, 'heatmap': task['heatmap'].clone()}] for task in maps], truth)

    def _decode(self, maps: HeadMaps, data_samples: list[Det3DDataSample]) -> list[InstanceData]:
        metas = [sample.metainfo for sample in data_samples]
        return self.model.pts_bbox_head.predict_by_feat([[task] for task in maps], metas)

    def _predict(self, inputs: dict, data_samples: list[Det3DDataSample]) -> list[InstanceData]:
        return self._decode(self.run(inputs, data_samples, {'head'})['head'], data_samples)

    def _declare(self) -> dict[str, TapSpec]:
        model = self.model
        head_grid = _head_grid(model)
        specs, first = [], None
        for block, deblock in zip(model.pts_backbone.blocks, model.pts_neck.deblocks):
            grid = _rescaled(head_grid, _up_factor(deblock[0]))
            first = first or _rescaled(grid, 1 / _first(block, nn.Conv2d).stride[0])
            name = f'bev_{grid.tap_suffix}'
            if any(spec.name == name for spec in specs):
                name = f'{name}_{len(specs)}'  # two stages of one stride
            specs.append(TapSpec(name, 'bev', _width(block), 'backbone stage', grid=grid))
        specs.insert(0, TapSpec('encoder_bev', 'bev', _first(model.pts_backbone, nn.Conv2d).in_channels,
                                'dense map that the backbone reads', grid=first))
        specs.append(TapSpec('neck_bev', 'bev', sum(map(_width, model.pts_neck.deblocks)),
                             'neck output, the head reads it', grid=head_grid))
        specs.append(TapSpec('head', 'head', sum(model.pts_bbox_head.num_classes),
                             'raw head outputs per task', grid=head_grid))
        return {spec.name: spec for spec in specs}


def _heads(outputs: Iterable[list[dict[str, Tensor]]]) -> HeadMaps:
    return [task[0] for task in outputs]  # CenterHead wraps each task's maps in a list of one


def _known_velocities(truth: InstanceData) -> InstanceData:
    """A copy whose unknown (NaN) velocities are 0, as mmdet3d's own loader makes them."""
    boxes = truth.bboxes_3d.clone()
    boxes.tensor[:, 7:] = boxes.tensor[:, 7:].nan_to_num(0.0)
    return InstanceData(bboxes_3d=boxes, labels_3d=truth.labels_3d)


def _head_grid(model: MVXTwoStageDetector) -> BEVGrid:
    """The grid of a CenterHead's output, from its own settings and the voxel layer's range."""
    head, voxels = model.pts_bbox_head, getattr(model.data_preprocessor, 'voxel_layer', None)
    if isinstance(getattr(head, 'grid', None), BEVGrid):
        return head.grid
    if voxels is None:
        raise ValueError("CenterPointAdapter: the teacher's data_preprocessor has no voxel layer, so the "
                         'range of its maps is unknown')
    cell = voxels.voxel_size[0] * head.bbox_coder.out_size_factor
    return BEVGrid.from_range(voxels.point_cloud_range, cell)


def _rescaled(grid: BEVGrid, factor: float) -> BEVGrid:
    return BEVGrid(grid.x_min, grid.y_min, grid.x_max, grid.y_max, round(grid.cell * factor, 6))


def _up_factor(layer: nn.Module) -> float:
    """How many of the neck's cells one cell of this layer's input covers along a side."""
    return float(layer.stride[0]) if isinstance(layer, nn.ConvTranspose2d) else 1 / layer.stride[0]


def _first(module: nn.Module, kind: type) -> nn.Module:
    return next(part for part in module.modules() if isinstance(part, kind))


def _width(block: nn.Module) -> int:
    convs = [part for part in block.modules() if isinstance(part, (nn.Conv2d, nn.ConvTranspose2d))]
    return convs[-1].out_channels
