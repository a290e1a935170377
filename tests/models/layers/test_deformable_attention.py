"""Deformable sampling against its twin; the attention against a written-out softmax and hand-made cases."""

import pytest
import torch

from perception_kd.models.layers import DeformableCrossAttention, deformable_sample, deformable_sample_reference
from perception_kd.models.layers.deformable_attention import grid_sample
from perception_kd.models.layers.deformable_bags import bag_sample


def _case(sizes=((3, 5), (4, 2)), *, batch=2, queries=6, heads=2, dim=3, points=3, dtype=torch.float64):
    g = torch.Generator().manual_seed(0)
    values = [torch.randn(batch, heads * dim, *size, generator=g, dtype=dtype) for size in sizes]
    places = torch.rand(batch, queries, heads, len(sizes), points, 2, generator=g, dtype=dtype) * 1.6 - 0.3
    weights = torch.randn(batch, queries, heads, len(sizes), points, generator=g, dtype=dtype)
    return values, places, weights


@pytest.mark.parametrize('sizes', [((3, 5), (4, 2)), ((1, 1),), ((6, 4), (6, 4), (2, 7))])
@pytest.mark.parametrize('sample', [deformable_sample, grid_sample, bag_sample])
def test_sampling_equals_the_twin_in_values_and_gradients(sizes, sample):
    values, places, weights = _case(sizes)
    leaves = [*values, places, weights]
    for leaf in leaves:
        leaf.requires_grad_()
    fast, slow = sample(values, places, weights), deformable_sample_reference(values, places, weights)
    assert fast.shape == (2, 6, 6)
    torch.testing.assert_close(fast, slow)
    probe = torch.randn(fast.shape, dtype=fast.dtype)
    for mine, other in zip(torch.autograd.grad((fast * probe).sum(), leaves),
                           torch.autograd.grad((slow * probe).sum(), leaves)):
        torch.testing.assert_close(mine, other)
        assert mine.any()


def test_a_place_at_a_cell_centre_reads_that_cell_and_outside_there_is_nothing():
    value = torch.arange(12.0).view(1, 1, 3, 4)
    places = torch.tensor([[2.5 / 4, 1.5 / 3], [1.0, 1.0], [1.5, 0.5]]).view(1, 3, 1, 1, 1, 2)
    found = deformable_sample([value], places, torch.ones(1, 3, 1, 1, 1)).flatten()
    assert found.tolist() == pytest.approx([6.0, 11 / 4, 0.0])  # at the corner a quarter of the last cell is left


def test_far_outside_and_nowhere():
    """A place that is no number spoils its own query alone."""
    values, places, weights = _case(((4, 5),))
    places[0, 0], places[0, 1], places[0, 2, 0, 0, 0] = 1e30, -float('inf'), float('nan')
    weights[0, 1] = 0.0
    found = deformable_sample(values, places, weights)
    assert torch.equal(found[0, 0], torch.zeros(6, dtype=found.dtype))
    assert found[0, 2, :3].isnan().all() and found[0, 2, 3:].isfinite().all() and found[0, 3:].isfinite().all()
    assert torch.equal(found[1], deformable_sample([value[1:] for value in values], places[1:], weights[1:])[0])


def test_sampling_stays_in_full_precision_under_autocast():
    values, places, weights = _case(((40, 50),), dtype=torch.float32)
    with torch.autocast('cpu', torch.bfloat16):
        found = deformable_sample(values, places, weights)
        half = deformable_sample([value.bfloat16() for value in values], places, weights)
    assert found.dtype == half.dtype == torch.float32
    assert torch.equal(found, deformable_sample(values, places, weights))


def _attention(**changes):
    torch.manual_seed(0)
    return DeformableCrossAttention(**{**dict(channels=8, map_channels=[5, 3], heads=2, points=3), **changes})


def test_attention_shares_one_softmax_between_all_maps():
    attention = _attention()
    for layer in (attention.offsets, attention.weights):
        torch.nn.init.normal_(layer.weight)
    query, places = torch.randn(2, 7, 8), torch.rand(7, 2)
    maps = [torch.randn(2, 5, 4, 6), torch.randn(2, 3, 3, 3)]
    offsets = attention.offsets(query).view(2, 7, 2, 2, 3, 2) / torch.tensor([[6.0, 4.0], [3.0, 3.0]])[:, None]
    weights = attention.weights(query).view(2, 7, 2, 6).exp()
    weights = (weights / weights.sum(-1, keepdim=True)).view(2, 7, 2, 2, 3)
    values = [torch.einsum('oc,bchw->bohw', layer.weight[:, :, 0, 0], m) + layer.bias[:, None, None]
              for layer, m in zip(attention.values, maps)]
    wanted = deformable_sample_reference(values, places[:, None, None, None] + offsets, weights)
    torch.testing.assert_close(attention(query, places, maps), wanted, atol=1e-5, rtol=1e-5)


def test_attention_starts_by_looking_around_with_equal_weights():
    attention, query = _attention(heads=4), torch.randn(1, 1, 8)
    assert attention.weights(query).softmax(-1).unique().numel() == 1
    steps = attention.offsets(query).view(4, 2, 3, 2)
    assert torch.equal(steps[:, 0], steps[:, 1])
    wanted = torch.tensor([[1.0, 0], [0, 1], [-1, 0], [0, -1]])
    torch.testing.assert_close(steps[:, 0, 2], 3 * wanted, atol=1e-5, rtol=0)


def test_heads_have_to_divide_the_channels():
    with pytest.raises(ValueError, match='3 heads do not divide 8 channels'):
        _attention(heads=3)
