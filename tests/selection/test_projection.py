"""Inner products survive the projection: on average exactly, with the variance of dense random signs."""

import pytest
import torch

from perception_kd.selection import SignProjection

X = torch.tensor([3.0, -1.0, 0.5, 2.0, 0.0, 1.0], dtype=torch.float64)
Y = torch.tensor([1.0, 2.0, -1.0, 0.5, 4.0, -1.0], dtype=torch.float64)


def parts(value: torch.Tensor) -> list:
    return [value[:4].reshape(2, 2), value[4:]]


def test_inner_products_are_unbiased_with_the_variance_that_is_said():
    dimension, draws = 4, 4000
    found = torch.empty(draws, dtype=torch.float64)
    for seed in range(draws):
        project = SignProjection(sizes=[4, 2], dimension=dimension, seed=seed)
        found[seed] = project(parts(X)) @ project(parts(Y))
    true = X @ Y
    variance = (X @ X * (Y @ Y) + true**2 - 2 * (X**2 * Y**2).sum()) / dimension
    assert abs(found.mean() - true) < 4 * (variance / draws).sqrt()
    assert found.var() == pytest.approx(float(variance), rel=0.1)


def test_it_is_one_fixed_linear_map():
    project, again, other = (SignProjection(sizes=[4, 2], dimension=5, seed=seed) for seed in (3, 3, 4))
    matrix = torch.stack([project(parts(row)) for row in torch.eye(6, dtype=torch.float64)])
    assert torch.allclose(project(parts(X)), X @ matrix) and torch.equal(project(parts(X)), again(parts(X)))
    assert not torch.equal(project(parts(X)), other(parts(X)))
    assert matrix.abs().sum(dim=1).tolist() == [1.0] * 6, 'a sign at one place for each coordinate'


def test_none_is_zeros():
    project = SignProjection(sizes=[4, 2], dimension=5)
    assert torch.equal(project([None, X[4:]]), project([torch.zeros(4), X[4:]]))


def test_other_sizes_are_refused():
    with pytest.raises(ValueError, match=r'tensors of \[4, 2\] coordinates, got \[4\]'):
        SignProjection(sizes=[4, 2], dimension=5)([X[:4]])
    with pytest.raises(ValueError, match='at least one dimension'):
        SignProjection(sizes=[4], dimension=0)
