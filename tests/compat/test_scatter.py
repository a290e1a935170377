"""Dynamic scatter and focal losses: brute force and numerical gradients."""

import pytest
import torch
from torch.nn import functional

import perception_kd.compat  # noqa: F401
from tests.compat import lite_only

pytestmark = lite_only


def cloud(dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    coors = torch.randint(-1, 3, (40, 3), generator=generator, dtype=torch.int)
    return torch.randn(40, 4, generator=generator, dtype=dtype), coors


@pytest.mark.parametrize('reduction', ['sum', 'mean', 'max'])
def test_scatter_equals_brute_force_and_its_gradient_is_right(reduction: str) -> None:
    from mmcv.ops import dynamic_scatter

    feats, coors = cloud()
    members = {}
    for index, cell in enumerate(coors.tolist()):
        if min(cell) >= 0:
            members.setdefault(tuple(cell), []).append(index)
    reduced, cells = dynamic_scatter(feats, coors, reduction)
    assert [tuple(cell) for cell in cells.tolist()] == sorted(members)
    reduce = {'sum': lambda rows: rows.sum(0), 'mean': lambda rows: rows.mean(0), 'max': lambda rows: rows.amax(0)}
    torch.testing.assert_close(reduced, torch.stack([reduce[reduction](feats[members[m]]) for m in sorted(members)]))
    assert torch.autograd.gradcheck(lambda f: dynamic_scatter(f, coors, reduction)[0], feats.requires_grad_())


def test_map_and_counts_name_the_points_of_a_cell() -> None:
    from mmcv._ext import dynamic_point_to_voxel_forward

    coors = torch.tensor([[0, 2, 1], [0, -1, 0], [5, 0, 0], [0, 2, 1]], dtype=torch.int)
    reduced, cells, row, count = dynamic_point_to_voxel_forward(torch.ones(4, 2), coors, 'sum')
    assert cells.tolist() == [[0, 2, 1], [5, 0, 0]] and cells.dtype == torch.int
    assert row.tolist() == [0, -1, 1, 0] and count.tolist() == [2, 1]
    assert row.dtype == count.dtype == torch.int and reduced.tolist() == [[2, 2], [1, 1]]


def test_coordinates_too_large_for_one_number_are_compared_as_rows() -> None:
    from mmcv.ops import dynamic_scatter

    big = 2**31 - 1
    coors = torch.tensor([[big, big, 0], [0, 0, big], [big, big, 0]], dtype=torch.int)
    reduced, cells = dynamic_scatter(torch.tensor([[1.0], [2], [4]]), coors, 'sum')
    assert cells.tolist() == [[0, 0, big], [big, big, 0]] and reduced.tolist() == [[2], [5]]


def test_the_first_of_equal_maxima_takes_the_gradient() -> None:
    from mmcv.ops import dynamic_scatter

    feats = torch.tensor([[1.0, 5], [3, 5], [3, 2], [9, 9]], requires_grad=True)
    coors = torch.tensor([[0, 0, 0]] * 3 + [[0, 0, -1]], dtype=torch.int)
    dynamic_scatter(feats, coors, 'max')[0].backward(torch.tensor([[10.0, 20]]))
    assert feats.grad.tolist() == [[0, 20], [10, 0], [0, 0], [0, 0]]


@pytest.mark.parametrize('reduction', ['sum', 'mean', 'max'])
def test_scatter_of_no_point_and_of_no_cell(reduction: str) -> None:
    from mmcv.ops import dynamic_scatter

    reduced, cells = dynamic_scatter(torch.zeros(0, 4), torch.zeros(0, 3, dtype=torch.int), reduction)
    assert reduced.shape == (0, 4) and cells.shape == (0, 3)
    feats = torch.ones(3, 4, requires_grad=True)
    reduced, cells = dynamic_scatter(feats, torch.full((3, 3), -1, dtype=torch.int), reduction)
    assert reduced.shape == (0, 4) and cells.shape == (0, 3)
    reduced.sum().backward()
    assert not feats.grad.any()


def test_an_unknown_reduction_is_named() -> None:
    from mmcv.ops import dynamic_scatter

    with pytest.raises(ValueError, match="one of sum, mean, max, got 'median'"):
        dynamic_scatter(*cloud(), 'median')


def test_module_keeps_samples_apart() -> None:
    from mmcv.ops import DynamicScatter

    feats, coors = cloud(torch.float32)
    batch = torch.cat([(torch.arange(40, dtype=torch.int) // 20)[:, None], coors], 1)
    reduced, cells = DynamicScatter([1, 1, 1], [0, 0, 0, 3, 3, 3], True)(feats, batch)
    for sample in (0, 1):
        alone, of_alone = DynamicScatter([1, 1, 1], [0, 0, 0, 3, 3, 3], True)(
            feats[sample * 20 : sample * 20 + 20], coors[sample * 20 : sample * 20 + 20])
        torch.testing.assert_close(reduced[cells[:, 0] == sample], alone)
        assert torch.equal(cells[cells[:, 0] == sample][:, 1:], of_alone)


def brute_sigmoid(logits, target, gamma, alpha, weight):
    """Through binary cross-entropy, class by class."""
    rows = []
    for row, label in zip(logits, target.tolist()):
        truth = torch.zeros_like(row)
        if 0 <= label < len(row):
            truth[label] = 1
        p = torch.where(truth == 1, row.sigmoid(), 1 - row.sigmoid())
        balance = torch.where(truth == 1, alpha, 1 - alpha)
        cost = functional.binary_cross_entropy_with_logits(row, truth, reduction='none')
        factor = weight[label] if weight is not None and label < len(row) else 1.0
        rows.append(balance * (1 - p) ** gamma * cost * factor)
    return torch.stack(rows)


@pytest.mark.parametrize('gamma', [2.0, 0.5])
@pytest.mark.parametrize('weighted', [False, True])
@pytest.mark.parametrize('reduction', ['none', 'mean', 'sum'])
def test_sigmoid_focal_loss(gamma: float, weighted: bool, reduction: str) -> None:
    from mmcv.ops import sigmoid_focal_loss

    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(9, 3, generator=generator, dtype=torch.float64) * 3
    target = torch.arange(9) % 4  # 3 is background
    weight = torch.rand(3, generator=generator, dtype=torch.float64) if weighted else None
    want = brute_sigmoid(logits, target, gamma, 0.3, weight)
    want = {'none': want, 'sum': want.sum(), 'mean': want.sum() / 9}[reduction]
    torch.testing.assert_close(sigmoid_focal_loss(logits, target, gamma, 0.3, weight, reduction), want)
    assert torch.autograd.gradcheck(lambda x: sigmoid_focal_loss(x, target, gamma, 0.3, weight, reduction),
                                    logits.requires_grad_())


def test_sigmoid_focal_loss_of_large_logits_and_of_no_row() -> None:
    from mmcv.ops import sigmoid_focal_loss

    logits = torch.tensor([[30.0, -30.0], [90, -90]], requires_grad=True)
    loss = sigmoid_focal_loss(logits, torch.tensor([1, 1]), 2.0, 0.25, None, 'none')
    want = torch.tensor([[0.75 * 30, 0.25 * 30], [0.75 * 90, 0.25 * 90]])
    torch.testing.assert_close(loss, want)
    loss.sum().backward()
    torch.testing.assert_close(logits.grad, torch.tensor([[0.75, -0.25], [0.75, -0.25]]))
    assert sigmoid_focal_loss(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long), 2.0, 0.25, None, 'sum') == 0


@pytest.mark.parametrize('weighted', [False, True])
def test_softmax_focal_loss(weighted: bool) -> None:
    from mmcv.ops import softmax_focal_loss

    generator = torch.Generator().manual_seed(2)
    logits = torch.randn(8, 4, generator=generator, dtype=torch.float64) * 2
    target = torch.arange(8) % 4
    weight = torch.rand(4, generator=generator, dtype=torch.float64) if weighted else None

    def brute(x: torch.Tensor) -> torch.Tensor:
        log_p = x.log_softmax(1).gather(1, target[:, None])[:, 0]
        return (-0.3 * (1 - log_p.exp()) ** 2 * log_p * (1 if weight is None else weight[target])).sum()

    reference = logits.clone().requires_grad_()
    brute(reference).backward()
    logits.requires_grad_()
    loss = softmax_focal_loss(logits, target, 2.0, 0.3, weight, 'sum')
    loss.backward()
    torch.testing.assert_close(loss, brute(reference))
    torch.testing.assert_close(logits.grad, reference.grad)
