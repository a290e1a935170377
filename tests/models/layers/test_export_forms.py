"""Export forms give what the fast operators give; small matrices what LAPACK gives."""

import pytest
import torch

from perception_kd.models.layers import BEVPoolPattern, bev_pool
from perception_kd.models.layers.export_forms import ScatterPattern, export_forms, exporting
from perception_kd.models.layers.matrices import affine_inverse, inverse3, small_product


@pytest.mark.parametrize('reduction', ['mean', 'sum'])
def test_scatter_pools_as_the_sparse_product(reduction):
    g = torch.Generator().manual_seed(0)
    cell = torch.randint(0, 12, (2, 3, 4, 5, 6), generator=g)
    inside = torch.rand(cell.shape, generator=g) < 0.7
    depth, features = torch.rand(6, 6, 4, 5, generator=g), torch.randn(6, 7, 4, 5, generator=g)
    expected = bev_pool(depth, features, BEVPoolPattern.build(cell, inside, 12), reduction=reduction)
    with export_forms():
        assert exporting()
        pattern = BEVPoolPattern.build(cell, inside, 12)
        assert isinstance(pattern, ScatterPattern)
        found = bev_pool(depth, features, pattern, reduction=reduction)
    assert not exporting()
    torch.testing.assert_close(found, expected)
    with export_forms():
        nothing = BEVPoolPattern.build(cell, torch.zeros_like(inside), 12)
        assert not bev_pool(depth, features, nothing, reduction=reduction).any()


def test_small_matrices_against_lapack():
    g = torch.Generator().manual_seed(1)
    a, b = torch.randn(2, 5, 3, 3, generator=g), torch.randn(5, 3, 4, generator=g)
    torch.testing.assert_close(small_product(a, b), a @ b)
    torch.testing.assert_close(inverse3(a), torch.linalg.inv(a), rtol=1e-4, atol=1e-4)
    affine = torch.eye(4).repeat(5, 1, 1)
    affine[:, :3] = torch.randn(5, 3, 4, generator=g)
    torch.testing.assert_close(affine_inverse(affine), torch.linalg.inv(affine), rtol=1e-4, atol=1e-4)
    assert torch.equal(affine_inverse(torch.eye(4)), torch.eye(4))


@pytest.mark.parametrize('bad', [0.0, float('nan'), float('inf')])
def test_what_has_no_inverse_gives_nan(bad):
    matrix = torch.eye(3)
    matrix[1, 1] = bad
    assert torch.isnan(inverse3(matrix)).all()
