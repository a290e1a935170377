"""The coefficients that are learnt are the ones that are known to be best; the ascent is the one of the paper."""

import copy

import pytest
import torch
from torch import nn

from perception_kd.merging import SAMerging
from perception_kd.merging.divergence import HeadDivergence, part_of
from perception_kd.merging.samerging import sam_gradient
from tests.distill.toys import ToyStudent, toy_sample


def test_the_gradient_is_that_of_the_worst_place_nearby():
    """Against finite differences of a loss with curvature, in float64."""
    matrix = torch.tensor([[3.0, 1.0], [1.0, 0.5]], dtype=torch.float64)
    point = nn.Parameter(torch.tensor([[1.0], [-2.0]], dtype=torch.float64))

    def loss_at(place: torch.Tensor) -> torch.Tensor:
        return (place.T @ matrix @ place).squeeze() + place.pow(3).sum()

    def differences(place: torch.Tensor) -> torch.Tensor:
        steps = 1e-6 * torch.eye(2, dtype=torch.float64)[:, :, None]
        return torch.stack([(loss_at(place + step) - loss_at(place - step)) / 2e-6 for step in steps])[:, None]

    start, rho = point.detach().clone(), 0.07
    value, gradient = sam_gradient(lambda: loss_at(point), point, rho)
    direction = differences(start)
    worst = start + rho * direction / direction.norm()
    assert value == pytest.approx(float(loss_at(start))) and torch.equal(point, start)
    assert torch.allclose(gradient, differences(worst), atol=1e-6)
    around = [loss_at(start + rho * torch.stack([angle.cos(), angle.sin()])[:, None])
              for angle in torch.arange(0, 6.28, 0.1)]
    assert loss_at(worst) >= max(around) - 0.02 * abs(float(loss_at(start)))
    assert torch.allclose(sam_gradient(lambda: loss_at(point), point, 0.0)[1], direction, atol=1e-6)


def test_a_flat_place_stays():
    point = nn.Parameter(torch.ones(2))
    assert sam_gradient(lambda: (point * 0).sum(), point, 0.05)[1].tolist() == [0, 0]


def linear_experts(count: int) -> tuple[ToyStudent, dict[str, ToyStudent]]:
    """Experts that differ in the head, in whose weights the outputs are linear."""
    torch.manual_seed(0)
    base, experts = ToyStudent(norm=False, dropout=0.0), {}
    for number in range(count):
        expert = copy.deepcopy(base)
        with torch.no_grad():
            for weight in expert.head.parameters():
                weight.add_(0.5 * torch.randn_like(weight))
        experts[f'expert{number}'] = expert
    return base, experts


def samples(*indices: int) -> list[dict]:
    return [dict(inputs=inputs, data_samples=sample) for inputs, sample in map(toy_sample, indices)]


def squares(merged, expert) -> torch.Tensor:
    """A divergence that is quadratic in the outputs."""
    return sum((ours[name] - theirs[name]).square().mean()
               for ours, theirs in zip(part_of(merged, 0, 99), part_of(expert, 0, 99)) for name in theirs)


def test_one_expert_is_found_again():
    base, experts = linear_experts(1)
    merging = SAMerging(model=base, experts=experts, layer_wise=True, learning_rate=0.05, rho=0.0)
    losses = [merging.step({'expert0': samples(1, 2)}) for _ in range(120)]
    found = merging.coefficients.record(['expert0'])['expert0']
    assert losses[-1] < 0.02 * losses[0]
    assert found['head.heatmap'] == pytest.approx(1, abs=0.03) and found['head.reg'] == pytest.approx(1, abs=0.03)
    assert found['stem.conv'] == pytest.approx(0.3), 'what does not differ has no gradient'


def test_two_experts_meet_at_the_least_squares_solution():
    """Outputs linear in lambda and a quadratic divergence: the best coefficients solve a 2 x 2 system."""
    base, experts = linear_experts(2)
    merging = SAMerging(model=base, experts=experts, layer_wise=False, learning_rate=0.05, rho=0.0, divergence=squares)
    batches = {'expert0': samples(1, 2), 'expert1': samples(3, 4)}
    for _ in range(200):
        merging.step(batches)
    normal, right = torch.zeros(2, 2), torch.zeros(2)
    for batch, (_, expert) in zip(batches.values(), experts.items()):
        with torch.no_grad():
            start = merging._outputs(base, batch)[0][0]
            ends = [merging._outputs(other, batch)[0][0] for other in experts.values()]
            wanted = merging._outputs(expert, batch)[0][0]
        for name in ('heatmap', 'reg'):  # their means have the same number of elements
            columns = torch.stack([(end[name] - start[name]).flatten() for end in ends], dim=1)
            normal += columns.T @ columns
            right += columns.T @ (wanted[name] - start[name]).flatten()
    assert torch.allclose(merging.coefficients.value.flatten().detach(), torch.linalg.solve(normal, right), atol=5e-3)


def test_experts_and_base_are_left_as_they_were_and_state_goes_on():
    base, experts = linear_experts(2)
    before = {name: value.clone() for model in (base, *experts.values()) for name, value in model.state_dict().items()}
    batches = {'expert0': samples(1), 'expert1': samples(2)}
    whole = SAMerging(model=base, experts=experts, start=0.5)
    for _ in range(4):
        whole.step(batches)
    first = SAMerging(model=base, experts=experts, start=0.5)
    first.step(batches), first.step(batches)
    second = SAMerging(model=base, experts=experts, start=0.5)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    second.step(batches), second.step(batches)
    assert torch.equal(whole.coefficients.value, second.coefficients.value)
    after = {name: value for model in (base, *experts.values()) for name, value in model.state_dict().items()}
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(weight.grad is None for weight in base.parameters())


def head(heat: float, reg: float, cells: int = 2) -> list:
    return [[dict(heatmap=torch.full((1, 1, cells, 1), heat), reg=torch.full((1, 2, cells, 1), reg))]]


def test_the_divergence_by_hand():
    sure = torch.tensor(2.0).sigmoid()  # above the threshold in both cells
    p, q = torch.tensor(1.0).sigmoid(), torch.tensor(0.25).sigmoid()  # logits 2 and 0.5 at temperature 2
    kl = p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()
    wanted = (2 * kl + 0.25 * 2 * 2 * 3.0 * sure) / (2 * sure)
    assert torch.allclose(HeadDivergence()(head(0.5, 4.0), head(2.0, 1.0)), wanted)
    assert HeadDivergence()(head(2.0, 1.0), head(2.0, 1.0)) == 0
    assert HeadDivergence(box_weight=0)(head(2.0, 9.0), head(2.0, 1.0)) == 0
    unsure = head(-5.0, 1.0)
    assert HeadDivergence()(head(-5.0, 9.0), unsure) == 0, 'boxes count where the expert is sure'


def test_a_temperature_of_nothing():
    with pytest.raises(ValueError, match='above 0, got 0'):
        HeadDivergence(temperature=0.0)
