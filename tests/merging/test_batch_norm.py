"""Statistics estimated anew are those of all data, and nothing else of the model changes."""

import torch
from torch import nn

from perception_kd.merging import TaskVectors, reestimate
from perception_kd.merging.batch_norm import Moments, batch_statistics, moved_norms
from tests.distill.toys import ToyStudent, toy_batch


def student() -> ToyStudent:
    torch.manual_seed(0)
    return ToyStudent()


def test_they_are_the_statistics_of_all_batches_together():
    model = student().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    batches = [toy_batch(1, 2, 3), toy_batch(4), toy_batch(5, 6)]
    assert reestimate(model, {'stem.norm': model.stem.norm}, batches) == 3
    with torch.no_grad():
        seen = model.stem.conv(torch.cat([torch.stack(batch['inputs']['img']) for batch in batches])).double()
    values = seen.movedim(1, 0).flatten(1)
    assert torch.allclose(model.stem.norm.running_mean, values.mean(dim=1).float(), atol=1e-6)
    assert torch.allclose(model.stem.norm.running_var, values.var(dim=1).float(), rtol=1e-5)
    changed = [name for name, value in model.state_dict().items() if not torch.equal(value, before[name])]
    assert changed == ['stem.norm.running_mean', 'stem.norm.running_var']
    assert model.training and model.stem.norm.training and model.stem.norm.track_running_stats
    assert not model.stem.norm._forward_pre_hooks


def test_one_value_or_none_leaves_them():
    norm, moments = nn.BatchNorm1d(2), Moments()
    moments.add(torch.zeros(0, 2)), moments.add(torch.ones(1, 2))
    moments.write(norm)
    assert norm.running_mean.tolist() == [0, 0] and norm.running_var.tolist() == [1, 1]


def test_norms_that_stood_still_in_fine_tuning_are_left_alone():
    base, expert = student(), student()
    with torch.no_grad():
        expert.stem.conv.weight.add_(1.0)
    still = TaskVectors(base=base.state_dict(), experts={'one': expert.state_dict()})
    assert moved_norms(base, still) == {}
    expert.stem.norm.running_var.mul_(2)
    moved = TaskVectors(base=base.state_dict(), experts={'one': expert.state_dict()})
    assert list(moved_norms(base, moved)) == ['stem.norm']


def test_inside_batch_statistics_nothing_is_updated():
    norm, rows = nn.BatchNorm1d(2).eval(), torch.randn(5, 2)
    with batch_statistics([norm]):
        out = norm(rows)
    assert torch.allclose(out.mean(dim=0), torch.zeros(2), atol=1e-6)
    assert norm.running_mean.tolist() == [0, 0] and norm.num_batches_tracked == 0 and not norm.training
