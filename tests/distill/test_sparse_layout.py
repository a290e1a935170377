"""Checkpoints in either layout of sparse convolutions."""

import logging
from collections import OrderedDict
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.runner.checkpoint import _load_checkpoint_to_model
from torch import Tensor, nn

from perception_kd.distill import FrozenTeacher
from perception_kd.distill.sparse_layout import HISTORIC, SPCONV2, model_layout, sparse_convolutions
from perception_kd.distill.weights import load_strictly
from perception_kd.engine.hooks.weight_check import WeightCheckHook
from tests.compat import lite_only
from tests.models.det3d.worlds import TASKS, build, collate, sample, voxel_cfg

pytestmark = lite_only
ADAPTER = dict(type='CenterPointAdapter')
CLASSES = TASKS[0]


@pytest.fixture(scope='module')
def source() -> nn.Module:
    return build(voxel_cfg(), seed=1).eval()


def weights_in(layout: str, model: nn.Module) -> dict[str, Tensor]:
    state = OrderedDict(model.state_dict())
    if layout != model_layout(model):
        for name in sparse_convolutions(model):
            state[name] = state[name].movedim(-1, 0) if layout == SPCONV2 else state[name].movedim(0, -1)
    return state


def heat(model: nn.Module) -> Tensor:
    frozen = FrozenTeacher(model=model, adapter=ADAPTER, allow_random=True)
    return frozen.run(collate(sample(seed=3))['inputs'], [], ['head'])['head'][0]['heatmap']


@pytest.mark.parametrize('layout', [HISTORIC, SPCONV2])
def test_either_layout_gives_the_same_teacher(tmp_path, source, layout) -> None:
    meta = dict(CLASSES=CLASSES, epoch=np.int64(20), env_info='mmdet3d 1.0.0rc4')
    state = {f'module.{name}': value for name, value in weights_in(layout, source).items()}
    torch.save(dict(meta=meta, state_dict=state), tmp_path / 'public.pth')
    teacher = FrozenTeacher(model=build(voxel_cfg()), adapter=ADAPTER, checkpoint=tmp_path / 'public.pth')
    torch.testing.assert_close(heat(teacher.model), heat(source), rtol=0, atol=0)
    own = layout == model_layout(source)
    convolutions = sorted(sparse_convolutions(source))
    assert len(convolutions) == 10 and list(teacher.report.converted) == ([] if own else convolutions)
    assert len(teacher.report.loaded) == len(state) and not teacher.report.problems
    assert own or '10 converted from another layout' in str(teacher.report)


@pytest.mark.parametrize('layout', [HISTORIC, SPCONV2])
def test_testing_and_fine_tuning_understand_both(source, layout) -> None:
    model = build(voxel_cfg())
    runner = SimpleNamespace(_load_from='public.pth', work_dir='', model=model, logger=logging.getLogger('quiet'))
    checkpoint = dict(meta=dict(CLASSES=CLASSES), state_dict=weights_in(layout, source))
    WeightCheckHook(strict=True).after_load_checkpoint(runner, checkpoint)
    _load_checkpoint_to_model(model, checkpoint, strict=True)
    torch.testing.assert_close(heat(model), heat(source), rtol=0, atol=0)
    checkpoint['meta']['CLASSES'] = CLASSES[::-1]
    with pytest.raises(ValueError, match=r'public\.pth: the checkpoint was trained on the classes barrier'):
        WeightCheckHook(strict=True).after_load_checkpoint(runner, checkpoint)
    WeightCheckHook(strict=False).after_load_checkpoint(runner, checkpoint)  # fine-tuning may mean other classes


def test_a_mixture_or_a_doubtful_layout_is_refused(source) -> None:
    mixed = weights_in(SPCONV2, source)
    name = next(iter(sparse_convolutions(source)))
    mixed[name] = weights_in(HISTORIC, source)[name]
    with pytest.raises(ValueError, match='public: some sparse convolutions have the layout historic'):
        load_strictly(source, mixed, who='public')
    from mmcv.ops import SubMConv3d

    with pytest.raises(ValueError, match=r'cannot be told: every shape fits .* \(first of them: weight\)'):
        load_strictly(SubMConv3d(3, 3, 3), SubMConv3d(3, 3, 3).state_dict(), who='public')


def test_a_shape_that_fits_no_layout_is_a_problem(source) -> None:
    state = weights_in(HISTORIC, source)
    name = list(sparse_convolutions(source))[3]
    state[name] = torch.zeros(2, 3, 3, *state[name].shape[3:])
    with pytest.raises(ValueError, match='1 misshapen'):
        load_strictly(source, state, who='public')
