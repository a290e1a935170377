"""Task vectors and coefficients: an expert alone comes back bit for bit; what does not fit is named."""

import pytest
import torch

from perception_kd.merging import Coefficients, TaskVectors


def state(seed: int, **changes) -> dict:
    draw = torch.Generator().manual_seed(seed)
    rand = lambda *shape: torch.randn(*shape, generator=draw)  # noqa: E731
    return {'a.weight': rand(3, 2) * 1e3, 'a.bias': rand(3) * 1e-4, 'n.running_var': rand(3).abs(),
            'n.num_batches_tracked': torch.tensor(seed), 'half': rand(2).half(), 'alone': rand(()),
            'faded': rand(8) * (1e-25 if seed else 1), **changes}


def vectors() -> TaskVectors:
    return TaskVectors(base=state(0), experts={'day': state(1), 'night': state(2)})


def fixed(found: TaskVectors, *values: float) -> dict:
    return {name: torch.tensor(values) for name in found.floating}


@pytest.mark.parametrize(('values', 'seed'), [((1.0, 0.0), 1), ((0.0, 1.0), 2)])
def test_one_expert_alone_comes_back_bit_for_bit(values, seed):
    found = vectors()
    merged, expert = found.merge(fixed(found, *values)), state(seed)
    assert list(merged) == list(expert)
    for name, value in expert.items():
        assert torch.equal(merged[name], value) and merged[name].dtype == value.dtype


def test_without_coefficients_it_is_the_base():
    found = vectors()
    merged, base = found.merge(fixed(found, 0.0, 0.0)), state(0)
    assert all(torch.equal(merged[name], base[name]) for name in found.floating)


def test_sums_are_those_by_hand_and_reach_the_coefficients():
    found = vectors()
    coefficients = Coefficients(experts=2, names=found.floating, start=0.3)
    assert coefficients.layers == ('a', 'n', '') and coefficients.value.shape == (2, 3)
    combined, base, day, night = found.combine(coefficients()), *(state(seed) for seed in range(3))
    for name in found.floating:
        wanted = base[name] + 0.3 * (day[name].float() - base[name]) + 0.3 * (night[name].float() - base[name])
        assert torch.allclose(combined[name], wanted.float(), rtol=1e-4, atol=1e-6), name
    (combined['a.weight'].sum() + combined['a.bias'].sum()).backward()
    wanted = (day['a.weight'] - base['a.weight']).sum() + (day['a.bias'] - base['a.bias']).sum()
    assert torch.allclose(coefficients.value.grad[0], torch.tensor([float(wanted), 0, 0]))


def test_task_wise_and_record():
    coefficients = Coefficients(experts=2, names=['a.weight', 'b.weight'], layer_wise=False, start=0.5)
    assert coefficients.record(['day', 'night']) == {'day': {'all': 0.5}, 'night': {'all': 0.5}}


def test_a_variance_never_becomes_negative():
    base, expert = ({'n.running_var': torch.tensor([value])} for value in (1.0, 0.1))
    found = TaskVectors(base=base, experts={'one': expert})
    assert found.merge({'n.running_var': torch.tensor([2.0])})['n.running_var'].item() == 0


def test_whole_numbers_come_from_the_expert_that_counts_most():
    found = vectors()
    assert found.merge(fixed(found, 0.2, 0.3))['n.num_batches_tracked'] == 2


def test_a_model_may_change_after_its_vectors_were_taken():
    base = state(0)
    found = TaskVectors(base=base, experts={'day': state(1)})
    base['a.weight'].zero_()
    assert torch.equal(found.merge(fixed(found, 0.0))['a.weight'], state(0)['a.weight'])


def test_sizes_tell_strangers_from_fine_tuned():
    near = {name: value * 1.01 if value.is_floating_point() else value for name, value in state(0).items()}
    found = TaskVectors(base=state(0), experts={'near': near, 'stranger': state(5)})
    sizes = found.sizes(['a.weight', 'a.bias', 'alone'])
    assert sizes['near'] == pytest.approx(0.01, rel=1e-3) and sizes['stranger'] > 1
    cosines = found.cosines(['a.weight', 'alone'])
    assert cosines[0][0] == pytest.approx(1) and cosines[0][1] == pytest.approx(cosines[1][0])


@pytest.mark.parametrize(('expert', 'said'), [
    ({name: value for name, value in state(1).items() if name != 'a.bias'}, "'a.bias' is missing in it"),
    (state(1, extra=torch.zeros(1)), "'extra' is not in the base"),
    (state(1, **{'a.bias': torch.zeros(4)}), r"'a.bias' is \(4,\) in it and \(3,\) in the base"),
    (state(1, **{'a.bias': torch.zeros(3, dtype=torch.long)}), "'a.bias' is torch.int64 in it"),
])
def test_the_first_difference_is_named(expert, said):
    with pytest.raises(ValueError, match=f"expert 'odd' was not fine-tuned from the base: {said}"):
        TaskVectors(base=state(0), experts={'odd': expert})


def test_no_expert():
    with pytest.raises(ValueError, match='at least one expert'):
        TaskVectors(base=state(0), experts={})
