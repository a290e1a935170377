"""Recording what fires, and nothing else."""

import pytest
import torch
from torch import nn

from perception_kd.distill.taps import TapRecorder, capture_modules, tap


def fire(*values, name='x'):
    for value in values:
        tap(name, torch.tensor(float(value)))


def test_a_tap_is_an_identity_without_a_recorder():
    value = torch.randn(2)
    assert tap('x', value) is value


@pytest.mark.parametrize(('call', 'expected'), [('last', 3.0), ('first', 1.0), (0, 1.0), (1, 2.0)])
def test_the_declared_call_counts(call, expected):
    with TapRecorder(wanted=['x'], calls=dict(x=call)) as recorder:
        fire(1, 2, 3)
    assert recorder.collect() == {'x': torch.tensor(expected)}
    assert recorder._kept == {}


def test_all_calls_come_as_a_list():
    with TapRecorder(calls=dict(x='all')) as recorder:
        fire(1, 2, 3)
    assert [float(value) for value in recorder.collect()['x']] == [1, 2, 3]


@pytest.mark.parametrize(('fired', 'call', 'message'), [
    (0, 'last', "tap 'x' fired 0 times in this forward pass, call 'last' was asked for"),
    (2, 5, "tap 'x' fired 2 times in this forward pass, call '5'")])
def test_a_tap_that_did_not_fire_is_an_error(fired, call, message):
    with TapRecorder(wanted=['x'], calls=dict(x=call)) as recorder:
        fire(*range(fired))
    with pytest.raises(ValueError, match=message):
        recorder.collect()


def test_only_wanted_taps_are_kept_and_nested_recorders_see_the_same():
    with TapRecorder() as outer, TapRecorder(wanted=['x']) as inner:
        fire(1)
        fire(2, name='y')
    assert set(inner.collect()) == {'x'}
    assert set(outer.collect()) == {'x', 'y'}


def test_a_recorder_stops_recording_when_its_block_raises():
    with pytest.raises(RuntimeError), TapRecorder() as recorder:
        raise RuntimeError
    fire(1)
    assert recorder.collect() == {}


def test_a_tensor_changed_in_place_after_its_tap_is_an_error():
    with TapRecorder() as recorder:
        tap('x', torch.ones(2)).add_(1)
    with pytest.raises(ValueError, match="tap 'x' was changed in place"):
        recorder.collect()


def test_a_head_keeps_its_logits_although_its_loss_works_in_place():
    logits = torch.randn(1, 2, 3, 3, requires_grad=True)
    outputs = [[dict(heatmap=logits * 1)]]
    with TapRecorder() as recorder:
        tap('head', outputs)
        outputs[0][0]['heatmap'] = outputs[0][0]['heatmap'].sigmoid_().clamp(0.1, 0.9)
    kept = recorder.collect()['head'][0][0]['heatmap']
    torch.testing.assert_close(kept, logits)
    kept.sum().backward()
    torch.testing.assert_close(logits.grad, torch.ones_like(logits))


class Tower(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(2, 2)
        self.twin = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
        self.runs = 0

    def forward(self, value):
        value = self.twin[1](self.twin[0](self.stem(value)))
        self.runs += 1
        return dict(out=[value, value * 2])


def hook_count(model):
    return sum(len(module._forward_hooks) for module in model.modules())


def test_modules_are_captured_by_path_and_selector_and_hooks_are_removed():
    model, value = Tower(), torch.randn(1, 2)
    with capture_modules(model, {'stem': 'stem', 'mid': 'twin.0', 'twice': '[out][1]'}) as recorder:
        output = model(value)
        assert hook_count(model) == 3
    taps = recorder.collect()
    torch.testing.assert_close(taps['stem'], model.stem(value))
    torch.testing.assert_close(taps['mid'], model.twin[0](model.stem(value)))
    assert taps['twice'] is output['out'][1]
    assert hook_count(model) == 0


def test_hooks_are_removed_when_the_forward_pass_fails():
    model = Tower()
    with pytest.raises(RuntimeError), capture_modules(model, {'stem': 'stem'}):
        model(torch.randn(1, 3))
    assert hook_count(model) == 0


def test_a_forward_pass_can_be_left_at_the_last_tap_wanted():
    model = Tower()
    with capture_modules(model, {'mid': 'twin.0'}, calls=dict(mid='first'), stop=True) as recorder:
        model(torch.randn(1, 2))
    assert recorder.collect()['mid'].shape == (1, 2)
    assert model.runs == 0 and hook_count(model) == 0


def test_stopping_needs_to_know_what_is_wanted():
    with pytest.raises(ValueError, match='stop=True'):
        TapRecorder(stop=True)


def test_an_unknown_path_names_the_children_at_that_place():
    with pytest.raises(ValueError, match=r"tap 'x': Tower has no sub-module 'trunk'.*it has: stem, twin"), \
            capture_modules(Tower(), dict(x='trunk.0')):
        pass
    with pytest.raises(ValueError, match=r"cannot read the module path 'a\[0'"), \
            capture_modules(Tower(), dict(x='a[0')):
        pass


def test_a_checkpointed_activation_is_recorded_in_the_forward_pass_only():
    from torch.utils.checkpoint import checkpoint

    layer, value = nn.Linear(2, 2), torch.randn(1, 2)
    fired = []

    def segment(value):
        fired.append(1)
        return tap('x', layer(value)) * 2
    with TapRecorder(calls=dict(x='all')) as recorder:
        out = checkpoint(segment, value, use_reentrant=False)
    kept = recorder.collect()['x']
    (out.sum() + kept[0].sum()).backward()
    assert len(kept) == 1 and len(fired) == 2
    torch.testing.assert_close(layer.bias.grad, torch.full((2,), 3.0))
