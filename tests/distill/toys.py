"""A student and teachers of a few hundred weights, with the habits of the real ones."""

from __future__ import annotations

import torch
from mmengine.model import BaseDataPreprocessor, BaseModel, BaseModule
from mmengine.structures import BaseDataElement, InstanceData
from torch import nn

from perception_kd.distill.taps import tap
from perception_kd.structures import BEVGrid, TapSpec

GRID = BEVGrid(-3.2, -3.2, 3.2, 3.2, 0.8)  # 8 x 8 cells


class Stack(BaseDataPreprocessor):
    """Collates ``inputs['img']`` and counts its calls."""

    def forward(self, data: dict, training: bool = False) -> dict:
        data = self.cast_data(data)
        return {**data, 'inputs': torch.stack(data['inputs']['img'])}


class ToyHead(nn.Module):
    """One task of two classes, in mmdet3d's nesting."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heatmap = nn.Conv2d(channels, 2, 1)
        self.reg = nn.Conv2d(channels, 2, 1)

    def forward(self, value: torch.Tensor) -> list:
        return [[dict(heatmap=self.heatmap(value), reg=self.reg(value))]]


class Stem(BaseModule):
    """Convolution, optional norm, optional dropout; initialised through mmengine."""

    def __init__(self, channels: int, norm: bool, dropout: float) -> None:
        super().__init__(init_cfg=dict(type='Kaiming', layer='Conv2d'))
        self.conv = nn.Conv2d(3, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels) if norm else nn.Identity()
        self.dropout = nn.Dropout(dropout)

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        return self.dropout(torch.relu(self.norm(self.conv(value))))


class ToyStudent(BaseModel):
    """Image-like map -> BEV tap -> head, whose loss works on the head's outputs in place, as CenterHead's does."""

    def __init__(self, *, channels: int = 4, norm: bool = True, dropout: float = 0.2, declared: int | None = None,
                 frozen_stem: bool = False) -> None:
        super().__init__(data_preprocessor=Stack())
        self.stem, self.head = Stem(channels, norm, dropout), ToyHead(channels)
        self.declared = declared or channels
        self.stem.requires_grad_(not frozen_stem)

    def tap_specs(self) -> dict[str, TapSpec]:
        return {'bev': TapSpec('bev', 'bev', self.declared, 'stem output', grid=GRID),
                'head': TapSpec('head', 'head', 2, 'raw outputs', grid=GRID)}

    def forward(self, inputs: torch.Tensor, data_samples: list | None = None, mode: str = 'tensor'):
        outputs = tap('head', self.head(tap('bev', self.stem(inputs))))
        if mode == 'tensor':
            return outputs
        if mode == 'predict':
            return [output.amax() for output in outputs[0][0]['heatmap']]
        heat = outputs[0][0]['heatmap'].sigmoid_()
        return dict(loss_heat=(heat - 0.1).square().mean(), mean_heat=heat.mean().detach(),
                    loss_reg=[outputs[0][0]['reg'].abs().mean()])


class ToyTeacher(nn.Module):
    """Two stages with batch norm and dropout, and a head."""

    def __init__(self, channels: int = 6) -> None:
        super().__init__()
        self.data_preprocessor = Stack()
        self.first = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU(),
                                   nn.Dropout(0.5))
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, stride=2, padding=1),
                                    nn.BatchNorm2d(channels), nn.ReLU())
        self.head = ToyHead(channels)
        self.deepest = 0


class ToyAdapter:
    """Adapter of :class:`ToyTeacher`; notes how deep it ran."""

    def __init__(self, model: ToyTeacher) -> None:
        self.model = model

    def tap_specs(self) -> dict[str, TapSpec]:
        channels = self.model.first[0].out_channels
        return {'bev_s8': TapSpec('bev_s8', 'bev', channels, 'first stage', grid=GRID),
                'bev_s16': TapSpec('bev_s16', 'bev', channels, 'second stage', grid=GRID.coarser(2)),
                'head': TapSpec('head', 'head', 2, 'raw outputs', grid=GRID)}

    def functions(self) -> dict:
        return {'head': self.model.head}

    def run(self, inputs: dict, data_samples: list, taps: set[str]) -> dict:
        model, found = self.model, {}
        images = model.data_preprocessor(dict(inputs=inputs, data_samples=data_samples))['inputs']
        found['bev_s8'] = model.first(images)
        model.deepest = 1
        if 'bev_s16' in taps:
            found['bev_s16'] = model.second(found['bev_s8'])
            model.deepest = 2
        if 'head' in taps:
            found['head'] = model.head(found['bev_s8'])
            model.deepest = 3
        return found


def toy_sample(index: int, boxes: int = 2) -> tuple[dict, BaseDataElement]:
    """One sample: a random map, points with intensity, radar points, boxes, all by ``index``."""
    draw = torch.Generator().manual_seed(index)
    rand = lambda *shape: torch.rand(*shape, generator=draw)  # noqa: E731
    points = torch.cat([rand(30, 3) * 6.4 - 3.2, rand(30, 1) * 255, rand(30, 1)], dim=1)
    inputs = dict(img=rand(3, 8, 8), points=points, radar=rand(5, 7) * 6.4 - 3.2)
    sample = BaseDataElement(metainfo=dict(token=f'token{index}'))
    box = torch.cat([rand(boxes, 3) * 6 - 3, rand(boxes, 3) * 2 + 0.5, rand(boxes, 3)], dim=1)
    sample.gt_instances_3d = InstanceData(bboxes_3d=box, labels_3d=torch.arange(boxes) % 2)
    return inputs, sample


def toy_batch(*indices: int) -> dict:
    """What ``pseudo_collate`` makes of samples."""
    inputs, samples = zip(*(toy_sample(index, boxes=index % 4) for index in indices))
    return dict(inputs={key: [one[key] for one in inputs] for key in inputs[0]}, data_samples=list(samples))


def toy_teacher(**kwargs) -> dict:
    """Config of a frozen toy teacher with the weights of seed 7."""
    state = torch.get_rng_state()
    torch.manual_seed(7)
    model = ToyTeacher()
    torch.set_rng_state(state)
    return dict(model=model, adapter=ToyAdapter(model), allow_random=True, **kwargs)


def feature_pair(**changes) -> dict:
    """A pair between the two BEV maps."""
    return {**dict(student='bev', teacher='lidar.bev_s8', connector=dict(type='Conv1x1'), loss=dict(type='MSE')),
            **changes}


def response_pair(**changes) -> dict:
    """A pair between the two heads."""
    loss = dict(type='CenterHeadResponse', branches=dict(reg=1.0))
    return {**dict(student='head', teacher='lidar.head', loss=loss), **changes}
