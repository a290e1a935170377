"""Mixed precision: bfloat16 and scaled float16 on the CPU, and on CUDA where there is one."""

from pathlib import Path

import pytest
import torch
from torch import nn

from perception_kd.engine.amp import PortableAmpOptimWrapper
from perception_kd.registry import OPTIM_WRAPPERS
from tests.engine.tiny_run import assert_same, build


def wrapper(model: nn.Module, **settings) -> PortableAmpOptimWrapper:
    return PortableAmpOptimWrapper(optimizer=torch.optim.SGD(model.parameters(), lr=0.1), **settings)


def test_registered() -> None:
    assert OPTIM_WRAPPERS.get('PortableAmpOptimWrapper') is PortableAmpOptimWrapper


def test_forward_runs_in_bfloat16_and_weights_stay_float() -> None:
    model = nn.Linear(4, 2)
    amp = wrapper(model, clip_grad=dict(max_norm=1.0))
    with amp.optim_context(model):
        out = model(torch.ones(3, 4))
    assert out.dtype == torch.bfloat16
    before = model.weight.detach().clone()
    amp.update_params(out.float().square().sum())
    assert model.weight.dtype == torch.float32 and not torch.equal(before, model.weight)
    assert model.weight.grad is None or not model.weight.grad.abs().any()


def test_gradients_equal_autocast_by_hand_and_accumulate() -> None:
    torch.manual_seed(0)
    model, twin = nn.Linear(4, 2), nn.Linear(4, 2)
    twin.load_state_dict(model.state_dict())
    data = torch.rand(2, 3, 4)
    amp = wrapper(model, accumulative_counts=2)
    amp.initialize_count_status(model, 0, 2)
    for batch in data:
        with amp.optim_context(model):
            loss = model(batch).float().square().mean()
        amp.update_params(loss)
    for batch in data:
        with torch.autocast('cpu', dtype=torch.bfloat16):
            loss = twin(batch).float().square().mean()
        (loss / 2).backward()
    expected = twin.weight - 0.1 * twin.weight.grad
    torch.testing.assert_close(model.weight, expected)


@pytest.mark.parametrize(('settings', 'message'), [
    (dict(dtype='int8'), "must be 'auto', 'bfloat16' or 'float16', got 'int8'"),
    (dict(loss_scale='static'), "loss_scale must be 'dynamic', a number or a dict, got 'static'"),
])
def test_bad_settings(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        wrapper(nn.Linear(1, 1), **settings)


def test_state_from_a_run_without_amp_loads() -> None:
    model = nn.Linear(2, 2)
    plain = torch.optim.SGD(model.parameters(), lr=0.5)
    amp = wrapper(model)
    amp.load_state_dict(plain.state_dict())
    assert amp.get_lr()['lr'] == [0.5]
    amp.load_state_dict(amp.state_dict())


def test_resume_is_exact(tmp_path: Path) -> None:
    def run(folder: str, **settings):
        runner = build(tmp_path / folder, epochs=3, **settings)
        runner.optim_wrapper['type'] = 'PortableAmpOptimWrapper'
        runner.train()
        return runner

    whole = run('a')
    assert isinstance(whole.optim_wrapper, PortableAmpOptimWrapper)
    assert_same(whole, run('b', resume=True, load_from=str(tmp_path / 'a/epoch_1.pth')))


DEVICES = ['cpu', pytest.param('cuda', marks=pytest.mark.skipif(not torch.cuda.is_available(), reason='needs CUDA'))]


@pytest.mark.parametrize('device', DEVICES)
def test_float16_scales_and_leaves_out_infinite_gradients(device: str) -> None:
    model = nn.Linear(4, 2).to(device)
    amp = wrapper(model, dtype='float16', loss_scale=dict(init_scale=4.0), clip_grad=dict(max_norm=1.0))
    with amp.optim_context(model):
        out = model(torch.ones(3, 4, device=device))
    assert out.dtype == torch.float16
    before = model.weight.detach().clone()
    amp.update_params(out.float().sum() * float('inf'))
    assert torch.equal(before, model.weight) and amp.loss_scaler.get_scale() == 2.0
    amp.load_state_dict(amp.state_dict())
    assert amp.loss_scaler.get_scale() == 2.0
    with amp.optim_context(model):
        out = model(torch.ones(3, 4, device=device))
    amp.update_params(out.float().sum())
    assert not torch.equal(before, model.weight), 'a finite step is taken'
    moved = torch.linalg.vector_norm((model.weight - before).detach())
    assert moved <= 0.1 + 1e-6, 'the norm is clipped after the scale is taken away'
