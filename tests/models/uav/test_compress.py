"""Pruning a detector by tracing it: the slimmed one computes what the masked one does, and teaches and learns still."""

from __future__ import annotations

import pytest
import torch

from perception_kd.compress.prune.traced import TracedPruning, tap_channels
from perception_kd.models.slimmed import slim, widths_of
from tests.models.uav.tiny import detector, pictures, sample

pytest.importorskip('torch_pruning')


def batch() -> dict:
    return dict(inputs=pictures(2, 64, 64), data_samples=[sample([[10, 12, 30, 40]]), sample([[5, 5, 20, 18]])])


@pytest.mark.parametrize('fusion', ['concat_skip', 'weighted_add'])
def test_backbone_and_neck_are_slimmed(fusion):
    model = detector(fusion=fusion).eval()
    pruning = TracedPruning(parts=[['backbone', 'neck']], ratio=0.3, round_to=4, min_keep=4, importance='magnitude')
    traced, removed, difference = pruning.slim(model, batch(), [])
    before, after = (sum(weight.numel() for weight in one.parameters()) for one in (model, traced.model))
    assert difference < 1e-4 and removed and after < 0.85 * before
    widths = widths_of(traced.model, model, tap_channels(traced.model, model, batch()))
    again = slim(detector(fusion=fusion), widths).eval()
    again.load_state_dict(traced.model.state_dict(), strict=True)
    with torch.no_grad():
        for ours, theirs in zip(again.raw(pictures()), traced.model.raw(pictures())):
            assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    kept = [f'neck_n{level}' for level in (3, 4, 5)]
    assert all(again.tap_specs()[name].channels == model.tap_specs()[name].channels for name in kept)
