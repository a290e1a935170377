"""Designs of a BEV trunk's stages, and their training against the trunk of a camera-radar student."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from perception_kd.compress import BlockDistillModel
from perception_kd.compress.search.block_taps import swapped
from perception_kd.distill.teacher import FrozenTeacher
from perception_kd.models.det3d.trunk_space import BEVTrunkSpace
from perception_kd.models.layers.plane_layers import plane_layers
from tests.models.det3d.worlds import NORM, build, collate, sample, student_cfg

DEEP = student_cfg(trunk=dict(type='BEVTrunk', channels=[16, 24], blocks=[1, 2], up_channels=8, norm_cfg=NORM))
SPACE = BEVTrunkSpace(stages=[1, 0])


@pytest.fixture(scope='module')
def teacher() -> torch.nn.Module:
    """A camera-radar student."""
    return build(DEEP).eval()


def drawn(block: str, teacher: torch.nn.Module, count: int) -> list[dict]:
    """Designs as they come out of JSON."""
    rng = np.random.default_rng(0)
    return [json.loads(json.dumps(SPACE.draw(block, rng, teacher))) for _ in range(count)]


def test_every_design_keeps_shapes_and_is_no_deeper(teacher) -> None:
    for block, maps, most, width in (('stage0', torch.randn(1, 20, 8, 8), 2, 16),
                                     ('stage1', torch.randn(1, 16, 8, 8), 4, 24)):
        stage = teacher.trunk.stages[int(block[-1])]
        specs = drawn(block, teacher, 80)
        depths = {sum(2 if layer['type'] == 'residual' else 1 for layer in spec['layers']) for spec in specs}
        assert depths == set(range(1, most + 1))
        assert {layer['channels'] for spec in specs for layer in spec['layers']} == {width // 2, width}
        assert {layer['type'] for spec in specs for layer in spec['layers']} == {'conv', 'separable', 'residual'}
        for spec in specs[:10]:
            assert SPACE.build(block, spec, teacher).eval()(maps).shape == stage(maps).shape


def test_the_config_of_the_student_builds_what_was_swapped_in(teacher) -> None:
    (spec,) = drawn('stage1', teacher, 1)
    torch.manual_seed(3)
    block = SPACE.build('stage1', spec, teacher).eval()
    student = build(SPACE.apply(DEEP, dict(stage1=spec))).eval()
    weights = {key: value for key, value in teacher.state_dict().items() if not key.startswith('trunk.stages.1.')}
    student.load_state_dict(weights | {f'trunk.stages.1.{key}': value for key, value in block.state_dict().items()})
    maps = torch.randn(1, 20, 8, 8)
    with swapped(teacher, SPACE.path('stage1'), block):
        assert torch.equal(student.trunk(maps), teacher.trunk(maps))
    again = SPACE.apply(SPACE.apply(DEEP, dict(stage1=spec)), dict(stage0=spec))
    assert again['trunk']['designs'] == [spec['layers'], spec['layers']] and 'designs' not in DEEP['trunk']


def test_candidates_learn_the_stage_of_a_camera_radar_student(teacher) -> None:
    space, batch = SPACE, collate(sample(seed=0), sample(seed=1))
    model = BlockDistillModel(teacher=FrozenTeacher(model=teacher, allow_random=True), space=space, block='stage1',
                              candidates={str(place): spec for place, spec in enumerate(drawn('stage1', teacher, 2))})
    data = model.data_preprocessor(batch, True)
    optimiser = torch.optim.AdamW(model.train().parameters(), 0.02)
    first = last = None
    for _ in range(8):
        losses = model(**data, mode='loss')
        optimiser.zero_grad()
        sum(losses.values()).backward()
        optimiser.step()
        last = {name: float(loss.detach()) for name, loss in losses.items()}
        first = first or last
    assert list(last) == ['loss_0', 'loss_1'] and all(last[name] < 0.8 * first[name] for name in last), (first, last)


def test_separable_layers_are_a_convolution_of_each_channel_and_one_over_channels() -> None:
    chain = plane_layers(in_channels=4, layers=[dict(type='separable', channels=6, kernel=5)], stride=2, norm_cfg=NORM)
    x = torch.randn(2, 4, 10, 10)
    deep, wide = (part.conv.weight for part in chain[0])
    each = torch.cat([torch.nn.functional.conv2d(x[:, [c]], deep[[c]], stride=2, padding=2) for c in range(4)], 1)
    for part in chain[0]:
        part.bn.eval()
    scale = (1 + chain[0][0].bn.eps) ** -0.5
    wanted = torch.einsum('oc,bchw->bohw', wide[:, :, 0, 0], (each * scale).relu()) * scale
    torch.testing.assert_close(chain(x), wanted.relu())


def test_what_does_not_fit_is_told(teacher) -> None:
    with pytest.raises(ValueError, match='stages of a BEV trunk to search are numbers from 0'):
        BEVTrunkSpace(stages=[])
    with pytest.raises(ValueError, match=r'kernel is a list of one choice or more, got \[\]'):
        BEVTrunkSpace(stages=[0], layers=dict(conv=dict(kernel=[])))
    with pytest.raises(ValueError, match=r'block stage2: .* CameraRadarDetector has no BEVTrunk with a stage 2'):
        BEVTrunkSpace(stages=[2]).draw('stage2', np.random.default_rng(0), teacher)
    with pytest.raises(ValueError, match='stage 0 of the trunk ends in 16 channels, its design in 12'):
        SPACE.build('stage0', dict(layers=[dict(type='conv', channels=12)]), teacher)
    for layer, message in ((dict(type='pool', channels=3), 'type is one of conv, separable, residual'),
                           (dict(type='residual', channels=16, kernel=3), "unexpected keyword argument 'kernel'")):
        with pytest.raises(ValueError, match=message):
            plane_layers(in_channels=2, layers=[layer], norm_cfg=NORM)
