"""The trunks: sizes, taps, and CRN's against the modules that it is made of."""

import pytest
import torch

from perception_kd.distill.taps import TapRecorder
from perception_kd.registry import MODELS
from perception_kd.structures import BEVGrid
from tests.models.det3d.worlds import NORM, build

GRID = BEVGrid.from_range([0.0, -12.8, -5.0, 12.8, 12.8, 3.0], 0.8)
TRUNKS = {
    'ResNetBEVTrunk': (dict(base_channels=8, up_channels=4), 16, {16: 8, 32: 16, 64: 32}),
    'BEVTrunk': (dict(channels=[8, 12], blocks=[1, 1], up_channels=4), 8, {8: 8, 16: 12}),
}


def _trunk(kind, **changes):
    return build({**dict(type=kind, in_channels=6, cell=0.8, norm_cfg=NORM), **TRUNKS[kind][0], **changes}).eval()


@pytest.mark.parametrize('kind', TRUNKS)
def test_stages_are_taps_as_declared(kind):
    trunk, (_, out_channels, stages) = _trunk(kind), TRUNKS[kind]
    with TapRecorder() as recorder:
        found = trunk(torch.randn(2, 6, *GRID.shape))
    taps, specs = recorder.collect(), {spec.name: spec for spec in trunk.tap_specs(GRID)}
    assert found.shape == (2, out_channels, *GRID.shape) and trunk.out_channels == out_channels
    assert {name: spec.channels for name, spec in specs.items()} == {f'trunk_s{cell}': c for cell, c in stages.items()}
    assert {name: tuple(value.shape) for name, value in taps.items()} == {
        name: (2, spec.channels, *spec.grid.shape) for name, spec in specs.items()}
    assert all(spec.name == f'trunk_{spec.grid.tap_suffix}' for spec in specs.values())


@pytest.mark.parametrize('kind', TRUNKS)
def test_without_a_cell_there_are_no_taps(kind):
    trunk = _trunk(kind, cell=None)
    with TapRecorder() as recorder:
        trunk(torch.randn(1, 6, *GRID.shape))
    assert not trunk.tap_specs(GRID) and not recorder.collect()


def test_resnet_trunk_is_mmdets_resnet_without_pooling_and_a_second_fpn():
    trunk, x = _trunk('ResNetBEVTrunk'), torch.randn(1, 6, *GRID.shape)
    for module in trunk.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean)
    resnet = MODELS.build(dict(
        type='mmdet.ResNet', depth=18, in_channels=6, base_channels=8, num_stages=3, strides=(1, 2, 2),
        dilations=(1, 1, 1), out_indices=(0, 1, 2), norm_cfg=NORM))
    resnet.eval()  # gives None
    resnet.load_state_dict(trunk.resnet.state_dict())
    resnet.maxpool = torch.nn.Identity()
    neck = MODELS.build(dict(type='mmdet3d.SECONDFPN', in_channels=[6, 8, 16, 32], upsample_strides=[1, 2, 4, 8],
                             out_channels=[4] * 4, norm_cfg=NORM)).eval()
    neck.load_state_dict(trunk.neck.state_dict())
    torch.testing.assert_close(trunk(x), neck([x, *resnet(x)])[0])
    trunk.train()(torch.randn(2, 6, 16, 16)).square().sum().backward()
    assert all(weight.grad.abs().sum() > 0 for weight in trunk.parameters())


def test_trunk_and_head_at_the_size_of_crn():
    """22.8 M are published for both together."""
    tasks = [['car'], ['truck', 'construction_vehicle'], ['bus', 'trailer'], ['barrier'], ['motorcycle', 'bicycle'],
             ['pedestrian', 'traffic_cone']]
    with torch.device('meta'):
        trunk = MODELS.build(dict(type='ResNetBEVTrunk', in_channels=128, cell=0.8))
        head = MODELS.build(dict(
            type='BEVCenterHead', point_cloud_range=[-51.2, -51.2, -5.0, 51.2, 51.2, 3.0], cell=0.8,
            in_channels=trunk.out_channels, tasks=tasks))
    assert trunk.stage_shapes == ((2, 160), (4, 320), (8, 640)) and trunk.out_channels == 256
    count = sum(weight.numel() for part in (trunk, head) for weight in part.parameters())
    assert count / 1e6 == pytest.approx(22.8, abs=0.05)


def test_a_map_that_cannot_be_halved_three_times():
    with pytest.raises(ValueError, match='32x20 cells cannot be divided by 8'):
        _trunk('ResNetBEVTrunk')(torch.randn(1, 6, 32, 20))
