"""Recurrent refinement: sizes and counts of the papers, a twin of one step, gradients, bad input."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from perception_kd.models.stereo.context_net import ContextMaps
from perception_kd.models.stereo.refine import RELEASED_WIDTHS, UNPRUNED_WIDTHS, SelectiveRefiner
from perception_kd.registry import MODELS

TINY = dict(motion_volume1=8, motion_volume2=6, motion_disparity1=4, motion_disparity2=3, motion=5, context=7, hidden=6,
            gru_input=9, gru_joint=10, head=8, head_expand1=12, head_expand2=16, mask1=5, mask2=4)
COARSE = dict(gru8_input=9, gru8_joint=11, gru16_input=8, gru16_joint=7)


def count(module: nn.Module) -> int:
    return sum(part.numel() for part in module.parameters())


def context(levels: int, hidden: int = 6, width: int = 7, size: tuple[int, int] = (8, 16)) -> ContextMaps:
    torch.manual_seed(levels)
    sizes = [[side >> level for side in size] for level in range(levels)]
    return ContextMaps([torch.randn(2, hidden, *side).tanh() for side in sizes],
                       [torch.rand(2, width, *side) for side in sizes], [torch.rand(2, 1, *side) for side in sizes])


def refine(refiner: SelectiveRefiner, maps: ContextMaps, iterations: int = 3, **kwargs) -> list[tuple[Tensor, Tensor]]:
    torch.manual_seed(7)
    volume, left, right = torch.randn(2, 2, 8, 8, 16), torch.randn(2, 4, 8, 16), torch.randn(2, 4, 8, 16)
    disparity = 7 * torch.rand(2, 1, 8, 16)
    return list(refiner(refiner.lookup(volume, left, right), maps, disparity, iterations, **kwargs))


def test_counts_are_those_of_the_papers():
    with torch.device('meta'):
        teacher = SelectiveRefiner(volume_channels=28, levels=3, kernels=dict(motion=3))
        student = SelectiveRefiner(volume_channels=28)
        released = SelectiveRefiner(volume_channels=28, widths='released')
    assert teacher.lookup_channels == student.lookup_channels == 522
    assert count(teacher) == 16_348_640  # 16.35 M of FoundationStereo's update block
    assert count(student) == 4_715_232   # 4.72 M of Fast-FoundationStereo's before pruning
    assert count(released) == 791_757  # summed by hand from the table of widths


def test_released_widths_are_those_that_pruning_left():
    assert sum(UNPRUNED_WIDTHS.values()) == 3071
    assert sum(RELEASED_WIDTHS.values()) == 1208
    assert list(RELEASED_WIDTHS) == list(UNPRUNED_WIDTHS)
    assert len(UNPRUNED_WIDTHS) == 18
    assert all(width % 4 == 0 for width in RELEASED_WIDTHS.values())


def twin_gru(cell: nn.Module, hidden: Tensor, attention: Tensor, *inputs: Tensor) -> Tensor:
    """Selective ConvGRU after Selective-Stereo's formulae."""
    x = cell.conv0(torch.cat(inputs, 1)).relu()
    hx = cell.conv1(torch.cat([x, hidden], 1)).relu()
    states = []
    for gru in (cell.small, cell.large):
        z, r = gru.convz(hx).sigmoid(), gru.convr(hx).sigmoid()
        q = gru.convq(torch.cat([r * hidden, x], 1)).tanh()
        states.append((1 - z) * hidden + z * q)
    return attention * states[0] + (1 - attention) * states[1]


def twin_step(refiner: SelectiveRefiner, samples: Tensor, maps: ContextMaps, disparity: Tensor) -> tuple:
    """One step of three levels, written out after FoundationStereo's description."""
    motion, head, mask = refiner.motion, refiner.disp_head, refiner.mask
    c = motion.convc2(motion.convc1(samples).relu()).relu()
    d = motion.convd2(motion.convd1(disparity).relu()).relu()
    motion = torch.cat([motion.fuse(torch.cat([c, d], 1)).relu(), disparity], 1)
    h4, h8, h16 = maps.hidden
    pooled = [functional.avg_pool2d(part, 3, 2, 1) for part in (h4, h8)]
    h16 = twin_gru(refiner.grus[2], h16, maps.attention[2], maps.context[2], pooled[1])
    up = functional.interpolate(h16, h8.shape[-2:], mode='bilinear', align_corners=True)
    h8 = twin_gru(refiner.grus[1], h8, maps.attention[1], maps.context[1], pooled[0], up)
    up = functional.interpolate(h8, h4.shape[-2:], mode='bilinear', align_corners=True)
    h4 = twin_gru(refiner.grus[0], h4, maps.attention[0], maps.context[0], motion, up)
    x = head.conv0(h4).relu()
    for block in head.blocks:
        inner = block.mlp.fc2(functional.gelu(block.mlp.fc1(block.conv_dw(x).permute(0, 2, 3, 1))))
        x = x + (block.gamma * inner).permute(0, 3, 1, 2)
    features = mask.conv1(mask.conv0(h4).relu()).relu() / 4
    return [h4, h8, h16], disparity + head.out(x), features


def test_two_steps_of_three_levels_are_those_written_out():
    refiner = SelectiveRefiner(volume_channels=2, levels=3, widths=TINY | COARSE, kernels=dict(motion=3), radius=2,
                               layer_scale=0.5)
    maps = context(3)
    torch.manual_seed(7)
    volume, left, right = torch.randn(2, 2, 8, 8, 16), torch.randn(2, 4, 8, 16), torch.randn(2, 4, 8, 16)
    disparity = 7 * torch.rand(2, 1, 8, 16)
    lookup = refiner.lookup(volume, left, right)
    steps = refine(refiner, maps, 2)
    for ours, features in steps:
        hidden, disparity, expected = twin_step(refiner, lookup(disparity), maps, disparity)
        maps = ContextMaps(hidden, maps.context, maps.attention)
        torch.testing.assert_close(ours, disparity, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(features, expected, atol=1e-5, rtol=1e-5)


def test_attention_chooses_the_kernel():
    refiner = SelectiveRefiner(volume_channels=2, widths=TINY)
    cell, maps = refiner.grus[0], context(1)
    motion = torch.rand(2, 6, 8, 16)
    hidden, together = maps.hidden[0], torch.cat([maps.context[0], motion], 1)
    x = cell.conv0(together).relu()
    joint = cell.conv1(torch.cat([x, hidden], 1)).relu()
    for share, gru in ((1., cell.small), (0., cell.large)):
        torch.testing.assert_close(cell(hidden, torch.full((2, 1, 8, 16), share), together), gru(hidden, x, joint))


def test_a_step_has_no_gradient_through_earlier_disparities():
    refiner = SelectiveRefiner(volume_channels=2, widths=TINY)
    maps = context(1)
    maps.hidden[0].requires_grad_()
    steps = refine(refiner, maps)
    bias = refiner.disp_head.out.bias
    for disparity, _ in steps:  # the bias is added once a step: through its own step alone the gradient is 1 a pixel
        assert torch.autograd.grad(disparity.sum(), bias, retain_graph=True)[0].item() == disparity.numel()
    assert torch.autograd.grad(steps[-1][0].sum(), maps.hidden[0])[0].abs().sum() > 0  # the state carries it


def test_every_weight_learns():
    refiner = SelectiveRefiner(volume_channels=2, levels=3, widths=TINY | COARSE, layer_scale=0.1)
    disparity, features = refine(refiner, context(3))[-1]
    (disparity.square().mean() + features.mean()).backward()
    assert [name for name, part in refiner.named_parameters() if not part.grad.abs().sum() > 0] == []


def test_it_learns_to_climb_to_the_peak_of_the_volume():
    """Volumes peak at the true disparity; from 1 px beside it on average, every step gets nearer."""
    torch.manual_seed(0)
    refiner = SelectiveRefiner(
        volume_channels=2, head_blocks=0, radius=3,
        widths=dict(motion_volume1=16, motion_volume2=16, motion_disparity1=8, motion_disparity2=8, motion=15,
                    context=4, hidden=16, gru_input=16, gru_joint=16, head=16, mask1=4, mask2=4))

    def errors(count: int) -> list[Tensor]:
        truth = (3 + 8 * torch.rand(count, 1, 1, 1)).expand(-1, 1, 8, 24)
        away = torch.arange(16).view(1, 1, 16, 1, 1) - truth[:, :, None]
        volume, features = torch.cat([(-away ** 2 / 4).exp(), (-away ** 2 / 16).exp()], 1), torch.randn(count, 4, 8, 24)
        maps = ContextMaps(*([torch.full((count, width, 8, 24), fill)] for width, fill in ((16, 0.), (4, 0.), (1, .5))))
        begin = truth + 4 * torch.rand(count, 1, 8, 24) - 2
        steps = refiner(refiner.lookup(volume, features, features), maps, begin, 3)
        return [(disparity - truth).abs().mean() for disparity in (begin, *(step for step, _ in steps))]

    optimizer = torch.optim.Adam(refiner.parameters(), 5e-3)
    for _ in range(40):
        optimizer.zero_grad()
        sum(errors(2)[1:]).backward()
        optimizer.step()
    with torch.no_grad():
        begin, *steps = errors(8)
    assert begin > steps[0] > steps[1] > steps[2]
    assert steps[2] < begin / 5


def test_skipped_steps_are_run():
    refiner = SelectiveRefiner(volume_channels=2, widths=TINY)
    whole, rest = refine(refiner, context(1), 4), refine(refiner, context(1), 4, skip=3)
    assert (len(whole), len(rest)) == (4, 1)
    assert all(torch.equal(*pair) for pair in zip(whole[-1], rest[0]))


def test_lower_precision_keeps_the_disparity_in_full():
    refiner = SelectiveRefiner(volume_channels=2, widths=TINY)
    with torch.no_grad():
        exact = refine(refiner, context(1))[-1][0]
        with torch.autocast('cpu', dtype=torch.bfloat16):
            disparity, _ = refine(refiner, context(1))[-1]
    assert disparity.dtype == torch.float32
    torch.testing.assert_close(disparity, exact, atol=0.1, rtol=0)


def test_maps_stay_channels_last():
    """One map of another layout, and every later step copies between the two."""
    refiner, layouts = SelectiveRefiner(volume_channels=2, levels=3, widths=TINY | COARSE), []
    for module in refiner.modules():
        if isinstance(module, nn.Conv2d) and module is not refiner.motion.convc1:
            module.register_forward_pre_hook(lambda _, args: layouts.append(args[0].stride(1)))
    refine(refiner, context(3))
    assert len(layouts) > 100
    assert set(layouts) == {1}


def test_built_from_a_config():
    refiner = MODELS.build(dict(type='SelectiveRefiner', volume_channels=2, widths=TINY, head_blocks=0, lookup_levels=1,
                                radius=3, kernels=dict(gru_input=1, gru_joint=1)))
    assert refiner.lookup_channels == 21
    assert [tuple(part.shape) for part in refine(refiner, context(1), 1)[0]] == [(2, 1, 8, 16), (2, 4, 8, 16)]


@pytest.mark.parametrize(('wrong', 'says'), [
    (dict(levels=2), 'levels is 1 or 3'), (dict(head_blocks=3), 'head_blocks'), (dict(widths='small'), 'unpruned'),
    (dict(widths=dict(hiden=4)), 'no hiden'), (dict(widths=dict(hidden=0)), 'positive'),
    (dict(widths=dict(gru8_input=4)), 'no gru8_input'), (dict(kernels=dict(large=4)), 'odd'),
    (dict(kernels=dict(big=3)), 'no big')])
def test_bad_arguments_are_refused(wrong, says):
    with pytest.raises(ValueError, match=says), torch.device('meta'):
        SelectiveRefiner(volume_channels=2, **wrong)


@pytest.mark.parametrize(('maps', 'kwargs', 'says'), [
    (context(3), {}, 'context of 3 levels for a refiner of 1'), (context(1, hidden=5), {}, 'hidden maps of 5 channels'),
    (context(1, width=8), {}, 'context maps of 8 channels'), (context(1), dict(iterations=0), 'at least one'),
    (context(1), dict(skip=3), 'at least one')])
def test_what_does_not_fit_is_refused(maps, kwargs, says):
    with pytest.raises(ValueError, match=says):
        refine(SelectiveRefiner(volume_channels=2, widths=TINY), maps, **kwargs)
