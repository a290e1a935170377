"""GRACE against a slow reference with explicit matrices, what it does not depend on, and a case with a known winner."""

import numpy as np
import pytest
import torch

from perception_kd.selection import grace
from perception_kd.selection.job import SelectionSettings
from perception_kd.selection.ranking import format_rows, rank
from perception_kd.selection.score import bootstrap, consistency


def gradients(samples: int = 12, views: int = 3, dimension: int = 5, seed: int = 0, noise: float = 1.0) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    common = torch.randn(dimension, generator=draw, dtype=torch.float64)
    return common + noise * torch.randn(samples, views, dimension, generator=draw, dtype=torch.float64)


def slow(values: np.ndarray, splits: int, smoothing: float, seed: int) -> float:
    """Sums over explicit d x d matrices, one rank-one term after another."""
    samples, views, dimension = values.shape
    order = torch.randperm(samples, generator=torch.Generator().manual_seed(seed)).tolist()
    scores = []
    for part in range(splits):
        held_out = [sample for place, sample in enumerate(order) if place % splits == part]
        reference, test = np.zeros((dimension, dimension)), np.zeros((dimension, dimension))
        for sample in range(samples):
            for row in values[sample]:
                if sample in held_out:
                    test += np.outer(row, row) / (len(held_out) * views)
                else:
                    unit = row / np.sqrt((row**2).sum())
                    reference += np.outer(unit, unit) / ((samples - len(held_out)) * views)
        # Smoothing the spectrum moves every eigenvalue towards their mean, which is trace / d.
        smooth = (1 - smoothing) * reference + smoothing * np.trace(reference) / dimension * np.eye(dimension)
        scores.append(np.trace(np.linalg.inv(smooth) @ test))
    return float(np.mean(scores))


@pytest.mark.parametrize(('shape', 'splits'), [((12, 3, 5), 4), ((11, 2, 5), 3), ((4, 1, 9), 4)])
def test_it_is_the_formula(shape, splits):
    values = gradients(*shape)
    found = grace(values, splits=splits, smoothing=1e-3, seed=7)
    assert found.score == pytest.approx(slow(values.numpy(), splits, 1e-3, 7), rel=1e-8)
    assert float(found.parts.mean()) == pytest.approx(found.score)
    unit = values / values.norm(dim=-1, keepdim=True)
    assert found.directions == pytest.approx(slow(unit.numpy(), splits, 1e-3, 7), rel=1e-8)
    assert found.norm == pytest.approx(float(values.norm(dim=-1).mean()))


def test_rotations_change_nothing_and_a_factor_its_square():
    values = gradients()
    rotation = torch.linalg.qr(torch.randn(5, 5, dtype=torch.float64)).Q
    base, turned, larger = (grace(one, splits=4) for one in (values, values @ rotation, 3 * values))
    assert turned.score == pytest.approx(base.score) and turned.directions == pytest.approx(base.directions)
    assert larger.score == pytest.approx(9 * base.score) and larger.directions == pytest.approx(base.directions)
    assert grace(values[:, [2, 0, 1]], splits=4).score == pytest.approx(base.score), 'the order of views'


def test_gradients_that_agree_score_lower():
    steady, noisy = gradients(40, noise=0.1), gradients(40, noise=2.0)
    assert grace(steady).score < grace(noisy).score and grace(steady).directions < grace(noisy).directions
    assert grace(steady).consistency > 0.9 > 0.5 > grace(noisy).consistency


def test_consistency_leaves_views_of_one_sample_out():
    values = gradients(4, 2)
    unit = (values / values.norm(dim=-1, keepdim=True)).numpy()
    pairs = [one @ other for a in range(4) for b in range(4) if a != b for one in unit[a] for other in unit[b]]
    assert consistency(values) == pytest.approx(float(np.mean(pairs)))


def test_bootstrap_draws_the_same_samples_for_all():
    parts = torch.rand(2, 30, dtype=torch.float64)
    draws = bootstrap(torch.stack([*parts, parts[0] + 1]), draws=500)
    assert draws.shape == (500, 3) and torch.allclose(draws[:, 2], draws[:, 0] + 1)
    assert draws[:, 0].std() == pytest.approx(float(parts[0].std() / 30**0.5), rel=0.15)


def test_the_table_says_what_is_noise():
    steady = gradients(40, noise=0.1)
    rows = rank({'noisy': gradients(40, noise=2.0), 'steady': steady, 'twin': steady * 1.0001}, {'noisy': 0.25},
                splits=5)
    assert [row['name'] for row in rows] == ['steady', 'twin', 'noisy']
    assert [row['verdict'] for row in rows] == ['first', 'worse', 'worse'], 'a factor on every sample is no noise'
    shuffled = rank({'a': steady, 'b': steady[torch.arange(40) - 1]}, {}, splits=5)
    assert [row['verdict'] for row in shuffled] == ['first', 'within noise']
    assert all(row['low'] < row['score'] < row['high'] for row in rows)
    table = format_rows(rows)
    assert '0.25' in table and 'worse' in table and table.count('\n') == 4


@pytest.mark.parametrize(('values', 'splits', 'said'), [
    (gradients(3), 4, '4 splits of 3 samples'), (gradients(3), 1, '1 splits'),
    (gradients(3) * float('nan'), 2, 'not finite'), (gradients(3) * 0, 2, 'all gradients are 0'),
])
def test_bad_input(values, splits, said):
    with pytest.raises(ValueError, match=said):
        grace(values, splits=splits)


def test_settings_that_make_no_sense():
    for wrong, said in ((dict(dimension=0), 'dimension must be at least 1'), (dict(views=0), 'views must be at least'),
                        (dict(samples=5, splits=6), '6 splits need as many samples')):
        with pytest.raises(ValueError, match=said):
            SelectionSettings(**wrong)
