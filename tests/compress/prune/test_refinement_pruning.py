"""A tiny matcher from its checkpoint to a slimmed one, and the retraining beside the one it was made from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor

from perception_kd.compress.prune.job import prune_checkpoint
from perception_kd.datasets.stereo.pfm import write_pfm
from perception_kd.distill import Distiller
from perception_kd.distill.taps import TapRecorder
from perception_kd.engine.build import load_config
from perception_kd.export.student import load_student
from perception_kd.registry import MODELS
from tests.models.stereo.tiny import DEFAULTS, batch_of, tiny_matcher, wall

WIDTHS = {**DEFAULTS['refiner']['widths'], 'hidden': 8, 'stem1': 8}
BASE = Path(__file__).parents[3] / 'configs' / '_base_' / 'compress' / 'refinement_pruning.py'
CONFIG = """_base_ = [{base!r}]
default_scope = 'perception_kd'
data_root = 'nowhere'
randomness = dict(seed=3)
student = {student!r}
model = '${{student}}'
prune = dict(batches=1, min_keep=4, ratio=0.4)
pipeline = [dict(type='LoadStereoPair'), dict(type='LoadDisparity'), dict(type='PackStereoInputs')]
train_dataloader = dict(
    batch_size=2, num_workers=1, sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='StereoDataset', data_root='${{data_root}}', layout='middlebury', split='train',
                 pipeline='${{pipeline}}'))
"""


@pytest.fixture(scope='module')
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Config, two pairs and the checkpoint of a random matcher, as of a distiller that held it."""
    root = tmp_path_factory.mktemp('world')
    for number, disparity in enumerate((4, 8)):
        folder = root / 'train' / str(number)
        folder.mkdir(parents=True)
        for name, picture in zip(('im0', 'im1'), wall(disparity, seed=number)):
            cv2.imwrite(str(folder / f'{name}.png'), picture.permute(1, 2, 0).numpy())
        write_pfm(folder / 'disp0GT.pfm', torch.full((64, 96), float(disparity)).numpy())
        cv2.imwrite(str(folder / 'mask0nocc.png'), torch.full((64, 96), 255, dtype=torch.uint8).numpy())
    matcher = tiny_matcher(refiner={**DEFAULTS['refiner'], 'widths': WIDTHS})
    torch.save({f'student.{name}': value for name, value in matcher.state_dict().items()}, root / 'distilled.pth')
    student = {**DEFAULTS, 'refiner': {**DEFAULTS['refiner'], 'widths': WIDTHS}, 'iterations': 5, 'train_iterations': 3}
    (root / 'config.py').write_text(CONFIG.format(base=str(BASE), student=student))
    return root


def pruned(world: Path, out: Path, **options: Any) -> dict[str, Any]:
    return prune_checkpoint(world / 'config.py', world / 'distilled.pth', out,
                            options={'data_root': str(world), **options})


@pytest.fixture(scope='module')
def slimmed(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp('slimmed') / 'out'
    pruned(world, out)
    return out


def built(config: Path, **options: Any) -> Distiller:
    cfg = load_config(config, options)
    init_default_scope('perception_kd')
    model = MODELS.build(cfg.model)
    model.load_state_dict({f'student.{name}': value for name, value in torch.load(
        cfg.load_from, weights_only=True)['state_dict'].items()})
    return model.train()


def test_what_is_written(world: Path, slimmed: Path) -> None:
    record = json.loads((slimmed / 'pruned.json').read_text())
    before, after = record['widths_before'], record['widths']
    assert before == {name: width for name, width in WIDTHS.items() if not name.startswith('head_expand')}
    assert 1 - sum(after.values()) / sum(before.values()) == pytest.approx(0.4, abs=2 / 180)
    assert all(after[name] == len(record['kept'][name]) for name in before) and after['motion'] % 4 in (0, 3)
    assert {len(values) for values in record['importance'].values()} == set(before.values())
    assert record['difference'] < 1e-4 and record['ratio'] == 0.4
    cfg = load_config(slimmed / 'pruned.py', dict(data_root='elsewhere'))
    assert cfg.train_dataloader.dataset.data_root == 'elsewhere', 'references are still followed'
    student = load_student(cfg, slimmed / 'pruned.pth')  # strictly
    assert sum(weight.numel() for weight in student.parameters()) == record['parameters']['after']
    assert record['parameters']['after'] < record['parameters']['before']
    other = Config(dict(model=dict(DEFAULTS, refiner={**DEFAULTS['refiner'], 'widths': str(slimmed / 'pruned.json')})))
    load_student(other, slimmed / 'pruned.pth')


def test_retraining_compares_the_channels_that_stayed(slimmed: Path) -> None:
    model, batch = built(slimmed / 'retrain.py'), batch_of(4, 8)
    record = json.loads((slimmed / 'pruned.json').read_text())
    with TapRecorder(wanted=['hidden_s4', 'motion', 'disparity'],
                     calls=dict(hidden_s4='all', motion='all', disparity='all')) as recorder:
        losses = model(**model.data_preprocessor(batch, True), mode='loss')
    taps = recorder.collect()
    whole, ours = taps['motion'][:3], taps['motion'][3:]  # the teacher runs first
    kept = record['kept']['motion']
    expected = sum((mine - his[:, kept]).square().sum(dim=1).mean() for his, mine in zip(whole, ours, strict=True)) / 3
    torch.testing.assert_close(losses['loss_distill.motion'], 0.1 * expected)
    assert losses['loss_distill.hidden_s4'] > 0
    truth = torch.tensor([4.0, 8.0])[:, None, None].expand(2, 64, 96)
    valid = torch.stack([sample.gt_valid for sample in batch['data_samples']])
    errors = [float((step[:, 0] - truth).abs()[valid].mean()) for step in taps['disparity'][1:]]
    assert float(losses['loss_disparity'].detach()) == pytest.approx(
        0.81 * errors[0] + 0.9 * errors[1] + errors[2], rel=1e-4)
    assert float(losses['loss_initial'].detach()) == 0


def test_rest_is_frozen(slimmed: Path) -> None:
    model = built(slimmed / 'retrain.py')
    loss, _ = model.parse_losses(model(**model.data_preprocessor(batch_of(4, 8), True), mode='loss'))
    loss.backward()
    student = model.student
    for part in (student.feature, student.cost_volume, student.cost_filter):
        assert not any(weight.requires_grad for weight in part.parameters())
        assert not any(module.training for module in part.modules())
    for part in (student.refiner, student.context, student.upsampler):
        assert all(weight.grad is not None for weight in part.parameters())


def test_teacher_as_target_needs_no_truth(world: Path, tmp_path: Path) -> None:
    pruned(world, tmp_path, prune_target='${prune_targets.teacher}')
    model, batch = built(tmp_path / 'retrain.py'), batch_of(4, 8)
    for sample in batch['data_samples']:
        del sample.gt_disp, sample.gt_valid
    with TapRecorder(wanted=['disparity'], calls=dict(disparity='all')) as recorder:
        losses = model(**model.data_preprocessor(batch, True), mode='loss')
    teacher, *steps = recorder.collect()['disparity']
    assert set(losses) == {'loss_distill.disparity', 'loss_distill.hidden_s4', 'loss_distill.motion'}
    expected: Tensor = sum(0.9 ** (2 - place) * (step - teacher).abs().mean() for place, step in enumerate(steps))
    assert len(steps) == 3
    torch.testing.assert_close(losses['loss_distill.disparity'], expected)


@pytest.mark.parametrize(('options', 'words'), [
    ({'prune': None}, 'has no prune'), ({'prune.ratio': 0.95}, 'cannot be removed'),
    ({'prune.ratio': -1}, r'ratio lies in \[0, 1\)'), ({'prune.batches': 0}, 'batches is a whole number'),
    ({'student.refiner.widths.hidden': 12}, 'checkpoint .*distilled.pth'), ({'prune.rounded': 4}, 'rounded'),
])
def test_bad_input(world: Path, tmp_path: Path, options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        pruned(world, tmp_path / 'out', **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(('options', 'words'), [
    ({'model.student.frozen': ['features']}, r'frozen: StereoMatcher has no features; it has .*feature, cost_'),
    ({'model.teachers.unpruned.adapter.kept.state': [1]}, 'StereoMatcher has no tap state')])
def test_bad_retraining(slimmed: Path, options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        built(slimmed / 'retrain.py', **options)
