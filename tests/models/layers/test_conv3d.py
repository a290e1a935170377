"""The quick 3D convolution beside torch's own."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from perception_kd.benchmark.flops import count_flops
from perception_kd.models.layers.conv3d import Conv3d


@pytest.mark.parametrize('settings', [
    dict(kernel_size=3, padding=1), dict(kernel_size=(1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)),
    dict(kernel_size=4, stride=4, groups=4, bias=False), dict(kernel_size=3, dilation=2, padding='same'),
    dict(kernel_size=3, padding=1, padding_mode='replicate')])
@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last_3d])
def test_values_and_gradients_are_those_of_torch(settings: dict, layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    ours, theirs = Conv3d(4, 8, **settings), nn.Conv3d(4, 8, **settings)
    theirs.load_state_dict(ours.state_dict())
    volume = torch.randn(2, 4, 8, 8, 8).contiguous(memory_format=layout).requires_grad_()
    values = [layer(volume) for layer in (ours, theirs)]
    torch.testing.assert_close(*values)
    weight = torch.randn_like(values[0])
    gradients = [torch.autograd.grad((value * weight).sum(), [volume, *layer.parameters()])
                 for value, layer in zip(values, (ours, theirs))]
    torch.testing.assert_close(*gradients)


def test_other_types_work_as_in_torch() -> None:
    layer = Conv3d(2, 3, 3, padding=1)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert layer(torch.randn(1, 2, 4, 4, 4)).dtype == torch.bfloat16
    assert layer.double()(torch.randn(1, 2, 4, 4, 4, dtype=torch.float64)).dtype == torch.float64
    assert layer(torch.randn(2, 4, 4, 4, dtype=torch.float64)).shape == (3, 4, 4, 4)


def test_its_operations_are_counted() -> None:
    layer, volume = Conv3d(4, 6, 3, stride=2, padding=1, groups=2), torch.randn(1, 4, 8, 8, 8)
    with FlopCounterMode(display=False) as counter:
        nn.functional.conv3d(volume, layer.weight, layer.bias, 2, 1, groups=2)
    assert count_flops(lambda: layer(volume))['total'] == 2 * 6 * 4 ** 3 * 2 * 27 == counter.get_total_flops()


@pytest.mark.parametrize('kernel', [(5, 1, 1), (9, 1, 1), (1, 3, 9)])
def test_a_kernel_longer_than_the_volume_in_low_precision(kernel: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    ours = Conv3d(16, 16, kernel, padding=[size // 2 for size in kernel], bias=False)
    theirs = nn.Conv3d(16, 16, kernel, padding=ours.padding, bias=False).double()
    volume, weight = torch.randn(2, 16, 4, 10, 6).bfloat16().float(), torch.randn(2, 16, 4, 10, 6).bfloat16().float()
    ours.weight.data = ours.weight.data.bfloat16().float()
    theirs.load_state_dict(ours.state_dict())
    for layer, dtype in ((ours, torch.float32), (theirs, torch.float64)):
        x = volume.to(dtype).requires_grad_()
        with torch.autocast('cpu', dtype=torch.bfloat16, enabled=layer is ours):
            value = layer(x)
        layer.found = [value.detach(), *torch.autograd.grad((value * weight.to(dtype)).sum(), [x, layer.weight])]
    for mine, exact in zip(ours.found, theirs.found):
        torch.testing.assert_close(mine.double(), exact, atol=0.02 * float(exact.abs().max()), rtol=0.0)
