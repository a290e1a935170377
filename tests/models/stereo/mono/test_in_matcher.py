"""The prior inside the matcher of `small_teacher_mono.py`: read when training begins, then left alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from perception_kd.engine.build import load_config
from perception_kd.models.stereo.mono import SmallMonoNet
from perception_kd.registry import MODELS
from perception_kd.structures.stereo_sample import StereoDataSample

CONFIG = Path(__file__).parents[4] / 'configs/stereo/small_teacher_mono.py'


def test_a_step_of_the_small_teacher(tmp_path: Path) -> None:
    torch.manual_seed(0)
    path = tmp_path / 'mono.pth'
    cfg = load_config(CONFIG, {'mono_checkpoint': str(path), 'max_disp': 32, 'model.train_iterations': 1})
    matcher = MODELS.build(cfg.model)
    with pytest.raises(FileNotFoundError, match=r'mono\.pth does not exist'):
        matcher.prior.init_weights()
    trained: SmallMonoNet = MODELS.build(cfg.mono_net)
    torch.save(dict(state_dict={f'net.{name}': value for name, value in trained.state_dict().items()}), path)
    matcher.init_weights()
    before = {name: value.clone() for name, value in matcher.state_dict().items()}
    assert torch.equal(before['prior.net.tap_conv.weight'], trained.tap_conv.weight)

    matcher.train()
    sample = StereoDataSample(metainfo=dict(left_path='left.png'))
    sample.gt_disp, sample.gt_valid = torch.full((64, 96), 7.0), torch.ones(64, 96, dtype=torch.bool)
    picture = torch.randint(0, 255, (3, 64, 96), dtype=torch.uint8)
    data = matcher.data_preprocessor(dict(inputs=dict(left=[picture], right=[picture]), data_samples=[sample]), True)
    optimiser = torch.optim.AdamW(matcher.parameters(), lr=1e-2, weight_decay=0.1)
    sum(matcher(**data, mode='loss').values()).backward()
    optimiser.step()
    changed = {name for name, value in matcher.state_dict().items() if not torch.equal(value, before[name])}
    assert not any(name.startswith('prior.') for name in changed)
    assert any(name.startswith('feature.conv4') for name in changed), 'which reads the prior'
