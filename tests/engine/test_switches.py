"""Flags of the training tool: what they make of a config, and where they are refused."""

import pytest
import torch
from mmengine.config import Config

from perception_kd.engine.switches import apply_amp, apply_auto_scale_lr, apply_resume, apply_sync_bn
from tests.engine.tiny_run import build


def config(**more) -> Config:
    return Config(dict(optim_wrapper=dict(type='OptimWrapper'), **more), cfg_text='-', filename='my.py')


@pytest.mark.parametrize(('kind', 'dtype'), [('auto', None), ('bf16', 'bfloat16'), ('fp16', 'float16')])
def test_amp_chooses_the_dtype(kind, dtype):
    cfg = config()
    apply_amp(cfg, kind)
    assert cfg.optim_wrapper.type == 'PortableAmpOptimWrapper' and cfg.optim_wrapper.get('dtype') == dtype


def test_auto_leaves_the_dtype_of_the_config():
    cfg = config()
    cfg.optim_wrapper.dtype = 'bfloat16'
    apply_amp(cfg)
    assert cfg.optim_wrapper.dtype == 'bfloat16'


def test_amp_keeps_the_steps_sharpness_aware():
    cfg = config()
    cfg.optim_wrapper.type = 'SAMOptimWrapper'
    for _ in range(2):
        apply_amp(cfg, 'bf16')
        assert cfg.optim_wrapper.type == 'SAMAmpOptimWrapper' and cfg.optim_wrapper.dtype == 'bfloat16'


def test_amp_is_refused_for_other_wrappers_and_dtypes():
    cfg = config()
    with pytest.raises(ValueError, match="one of auto, bf16, fp16, got 'fp8'"):
        apply_amp(cfg, 'fp8')
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    with pytest.raises(ValueError, match='the config has AmpOptimWrapper'):
        apply_amp(cfg)


def test_resume(tmp_path):
    cfg = config()
    apply_resume(cfg, 'auto')
    assert cfg.resume is True and cfg.load_from is None
    with pytest.raises(FileNotFoundError, match=r'gone\.pth does not exist'):
        apply_resume(cfg, str(tmp_path / 'gone.pth'))


def test_weights_to_begin_with_give_way_to_a_checkpoint_only(tmp_path):
    """A training that goes on by itself begins with ``load_from``, and goes on from its own checkpoints."""
    build(tmp_path / 'first', epochs=1).train()
    cfg = config(load_from=str(tmp_path / 'first/epoch_1.pth'), work_dir=str(tmp_path / 'second'))
    apply_resume(cfg, 'auto')
    second = build(tmp_path / 'second', epochs=1, load_from=cfg.load_from, resume=cfg.resume)
    ready, second._hooks = second._hooks, []  # the average would be made in training only
    second.load_or_resume()
    given = torch.load(cfg.load_from, weights_only=True)['state_dict']
    assert second.iter == 0
    assert all(torch.equal(value, given[name]) for name, value in second.model.state_dict().items())
    second._hooks = ready
    second.train()
    apply_resume(cfg, 'auto')
    assert cfg.resume is True and cfg.load_from is None


def test_learning_rate_follows_the_batch(tmp_path):
    """Batches of 4 in tiny_run, and a learning rate meant for 16."""
    runner = build(tmp_path, epochs=1, auto_scale_lr=dict(enable=True, base_batch_size=16))
    runner.train()
    assert runner.optim_wrapper.optimizer.param_groups[0]['initial_lr'] == pytest.approx(0.01 * 4 / 16)
    cfg = config(auto_scale_lr=dict(enable=False, base_batch_size=16))
    apply_auto_scale_lr(cfg)
    assert cfg.auto_scale_lr.enable is True
    with pytest.raises(ValueError, match=r'my\.py has no auto_scale_lr=dict\(base_batch_size'):
        apply_auto_scale_lr(config())


def test_sync_bn(monkeypatch):
    monkeypatch.setattr('torch.cuda.is_available', lambda: True)
    cfg = config(launcher='pytorch', sync_bn='torch')
    apply_sync_bn(cfg, None)
    assert cfg.sync_bn == 'torch'
    apply_sync_bn(cfg, 'none')
    assert cfg.sync_bn is None
    apply_sync_bn(cfg, 'mmcv')
    assert cfg.sync_bn == 'mmcv'
    with pytest.raises(ValueError, match="one of none, torch, mmcv, got 'apex'"):
        apply_sync_bn(cfg, 'apex')
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    with pytest.raises(ValueError, match='--sync_bn torch works on GPUs only'):
        apply_sync_bn(config(launcher='pytorch'), 'torch')
    apply_sync_bn(config(launcher='none'), 'torch')  # mmengine turns it back into plain batch norm
