"""mmdet3d's CenterHead with targets drawn at once and non-maximum suppression class by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import perception_kd.compat  # noqa: F401  # isort: skip
import torch
from mmdet3d.models.dense_heads import CenterHead
from mmdet3d.structures import Det3DDataSample
from mmengine.structures import InstanceData
from torch import Tensor, nn

from perception_kd.distill.nested import take_rows
from perception_kd.models.det3d.center_targets import center_targets
from perception_kd.models.det3d.known_l1 import KnownL1Loss  # noqa: F401  registers it
from perception_kd.models.det3d.shared_focal import SharedFocalLoss  # noqa: F401  registers it
from perception_kd.models.det3d.suppression import Suppression
from perception_kd.registry import MODELS
from perception_kd.structures import BEVGrid, annotated_rows
from perception_kd.structures.annotated import no_boxes

MAX_BOXES = 500  # the devkit refuses results with more boxes in a sample
PRIOR_BIAS = -2.19  # heat map probability 0.1 at the start
BRANCHES = {'reg': 2, 'height': 1, 'dim': 3, 'rot': 2, 'vel': 2}


@MODELS.register_module()
class BEVCenterHead(CenterHead):
    """A CenterHead (Yin et al., CVPR 2021) that derives mmdet3d's nested settings from a grid.

    Weights, losses and outputs are mmdet3d's. Four things differ: samples that are not annotated do not count in
    ``loss``; the targets are computed for all boxes at once; an unknown (NaN) velocity is not trained; and
    suppression knows the class, so that a single task may hold cars and pedestrians (mmdet3d suppresses across the
    classes of a task; ``suppression`` can too).

    Args:
        point_cloud_range: ``[x_min, y_min, z_min, x_max, y_max, z_max]`` m.
        cell: Output cell in metres.
        in_channels: Of the BEV map.
        tasks: Class names per task, together in label order.
        shared_channels, head_channels: Widths.
        norm_cfg: mmcv's normalisation config.
        nms: ``circle`` drops a weaker box by its distance, ``rotate`` by its overlap.
        radius: Metres of the circle per class name, over ``suppression.DEFAULT_RADIUS`` (1 m for other names).
        suppression: Further settings of ``Suppression``: ``square_radius``, ``overlap``, ``across_classes``.
        max_num: Boxes considered per sample and task.
        max_keep: Boxes returned per sample and task; at most ``MAX_BOXES`` per sample in all.
        score_threshold: Weaker boxes are dropped.
        peak_window: Only cells that are the maximum of this odd window are considered; 1 = all cells.
        overlap, min_radius: Of the target Gaussians.
        max_objs: Boxes per sample and task that are trained on.
        code_weights: Of the ten regression values.
        box_weight: Of the L1 loss.
    """

    def __init__(self, *, point_cloud_range: Sequence[float], cell: float, in_channels: int,
                 tasks: Sequence[Sequence[str]], shared_channels: int = 64, head_channels: int = 64,
                 norm_cfg: dict | None = None, nms: Literal['circle', 'rotate'] = 'circle',
                 radius: dict[str, float] | None = None, suppression: dict | None = None, max_num: int = 200,
                 max_keep: int = 100, score_threshold: float = 0.05, peak_window: int = 3,
                 overlap: float = 0.1, min_radius: int = 2, max_objs: int = 200,
                 code_weights: Sequence[float] = (1.0,) * 8 + (0.2, 0.2), box_weight: float = 0.25,
                 train_cfg: dict | None = None, test_cfg: dict | None = None) -> None:
        self.grid = BEVGrid.from_range(point_cloud_range, cell)
        norm_cfg = dict(norm_cfg or dict(type='BN2d'))
        point_cloud_range = list(map(float, point_cloud_range))
        train = dict(grid_size=[self.grid.nx, self.grid.ny, 1], voxel_size=[cell, cell], out_size_factor=1,
                     point_cloud_range=point_cloud_range, max_objs=max_objs, dense_reg=1,
                     gaussian_overlap=overlap, min_radius=min_radius, code_weights=list(code_weights))
        super().__init__(
            in_channels=in_channels, tasks=[dict(class_names=list(names)) for names in tasks],
            common_heads={name: (width, 2) for name, width in BRANCHES.items()},
            separate_head=dict(type='mmdet3d.SeparateHead', init_bias=PRIOR_BIAS, final_kernel=3,
                               head_conv=head_channels, norm_cfg=norm_cfg),
            share_conv_channel=shared_channels, norm_cfg=norm_cfg,
            loss_cls=dict(type='perception_kd.SharedFocalLoss', reduction='mean'),
            loss_bbox=dict(type='perception_kd.KnownL1Loss', reduction='mean', loss_weight=box_weight),
            bbox_coder=dict(
                type='mmdet3d.CenterPointBBoxCoder', pc_range=point_cloud_range[:2], max_num=max_num,
                out_size_factor=1, voxel_size=[cell, cell], score_threshold=score_threshold,
                post_center_range=_widened(point_cloud_range), code_size=9),
            train_cfg={**train, **(train_cfg or {})}, test_cfg=dict(test_cfg or {}))
        self.suppression = Suppression(tasks=tasks, nms=nms, radius=radius, **(suppression or {}))
        self.max_keep, self.peak_window = max_keep, peak_window
        self._limits = self.bbox_coder.post_center_range

        self._init_outputs()

    def init_weights(self) -> None:
        """mmdet3d never reaches the initialisation of its task heads (a plain ModuleList hides them)."""
        super().init_weights()
        self._init_outputs()

    def _init_outputs(self) -> None:
        for task in self.task_heads:
            for name in task.heads:
                nn.init.normal_(getattr(task, name)[-1].weight, std=0.01)
                nn.init.constant_(getattr(task, name)[-1].bias, PRIOR_BIAS if name == 'heatmap' else 0.0)

    def get_targets_single(self, gt_instances_3d: InstanceData) -> tuple[list[Tensor], ...]:
        """Per task: heat maps, encoded boxes, flat cells, masks (see ``CenterTargets``)."""
        boxes, labels = gt_instances_3d.bboxes_3d, gt_instances_3d.labels_3d
        flat = torch.cat([boxes.gravity_center, boxes.tensor[:, 3:]], dim=1).to(labels.device)
        targets, first = [], 0
        for classes in self.num_classes:
            targets.append(center_targets(
                flat, labels - first, grid=self.grid, classes=classes, max_objs=self.train_cfg['max_objs'],
                overlap=self.train_cfg['gaussian_overlap'], min_radius=self.train_cfg['min_radius'],
                norm_bbox=self.norm_bbox))
            first += classes
        return tuple(map(list, zip(*targets)))

    def loss(self, pts_feats: list[Tensor], batch_data_samples: list[Det3DDataSample], *args: object,
             **kwargs: object) -> dict[str, Tensor]:
        """As mmdet3d's, over the annotated samples: see :meth:`loss_of_annotated`."""
        return self.loss_of_annotated(self(pts_feats), batch_data_samples)

    def loss_of_annotated(self, outputs: Sequence[list[dict]],
                          data_samples: Sequence[Det3DDataSample]) -> dict[str, Tensor]:
        """The losses of the annotated samples, as if the batch were these alone; zeros with gradient if it has none.

        Args:
            outputs: The head's, for all samples.
            data_samples: Their annotations, where they have any.
        """
        rows, size = annotated_rows(data_samples), len(data_samples)
        if rows:
            kept = outputs if len(rows) == size else take_rows(outputs, rows, size)
            return self.loss_by_feat(kept, [data_samples[row].gt_instances_3d for row in rows])
        # An empty truth counts nothing, but makes the sums over processes in which the others wait.
        first = take_rows(outputs, [0], size)
        losses = self.loss_by_feat(first, [no_boxes(data_samples[0], first[0][0]['heatmap'].device)])
        return {name: 0 * loss for name, loss in losses.items()}

    def loss_by_feat(self, preds_dicts: Sequence[list[dict]], batch_gt_instances_3d: list[InstanceData],
                     *args: object, **kwargs: object) -> dict[str, Tensor]:
        """mmdet3d's losses in float32, on a copy: its sigmoid works in place, and taps hold the outputs."""
        copies = [[{key: value.float().clone() if key == 'heatmap' else value.float()
                    for key, value in level.items()} for level in task] for task in preds_dicts]
        device = copies[0][0]['heatmap'].device
        with torch.autocast(device_type=device.type, enabled=False):
            return super().loss_by_feat(copies, batch_gt_instances_3d, *args, **kwargs)

    @torch.no_grad()
    def predict_by_feat(self, preds_dicts: Sequence[list[dict]], batch_input_metas: list[dict],
                        *args: object, **kwargs: object) -> list[InstanceData]:
        """Boxes of every sample, strongest first; ``labels_3d`` count through all tasks."""
        tasks = [self._decode(task[0], index) for index, task in enumerate(preds_dicts)]
        results = []
        for sample, meta in enumerate(batch_input_metas):
            boxes, scores, labels = (torch.cat([task[sample][key] for task in tasks])
                                     for key in ('bboxes', 'scores', 'labels'))
            order = scores.argsort(descending=True, stable=True)[:MAX_BOXES]
            boxes = boxes[order]
            boxes[:, 2] -= boxes[:, 5] * 0.5  # centre of gravity -> bottom
            results.append(InstanceData(
                bboxes_3d=meta['box_type_3d'](boxes, box_dim=boxes.shape[-1]),
                scores_3d=scores[order], labels_3d=labels[order].long()))
        return results

    def _decode(self, maps: dict[str, Tensor], task: int) -> list[dict[str, Tensor]]:
        maps = {key: value.float() for key, value in maps.items()}
        heat = keep_peaks(maps['heatmap'].sigmoid(), self.peak_window)
        self.bbox_coder.post_center_range = self._limits  # decode() puts a tensor there and warns next time
        decoded = self.bbox_coder.decode(
            heat, maps['rot'][:, :1], maps['rot'][:, 1:], maps['height'],
            maps['dim'].exp() if self.norm_bbox else maps['dim'], maps['vel'], reg=maps['reg'], task_id=task)
        for sample in decoded:
            kept = self.suppression(sample['bboxes'], sample['scores'], sample['labels'].long(), task)[:self.max_keep]
            for key in ('bboxes', 'scores', 'labels'):
                sample[key] = sample[key][kept]
            sample['labels'] = sample['labels'] + sum(self.num_classes[:task])
        return decoded


def keep_peaks(heat: Tensor, window: int) -> Tensor:
    """Zero every cell of ``(B, C, ny, nx)`` that is not the maximum of its ``window x window`` cells."""
    if window <= 1:
        return heat
    return heat * (torch.nn.functional.max_pool2d(heat, window, 1, window // 2) == heat)


def _widened(point_cloud_range: list[float], margin: float = 10.0) -> list[float]:
    return [low - margin for low in point_cloud_range[:3]] + [high + margin for high in point_cloud_range[3:]]
