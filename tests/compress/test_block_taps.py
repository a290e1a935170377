"""A block inside of a model: its call, what it writes, and another in its place."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from perception_kd.compress.search.block_taps import BlockCall, module_at, record_call, swapped


class Adding(nn.Module):
    """Passes a state on with one more tensor, as blocks of a cost filter do."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, state: dict[str, Tensor], *, beside: list[Tensor]) -> dict:
        """The state with ``new`` and, nested, ``more``."""
        return {**state, 'new': state['old'] + self.value, 'more': [(beside[0] * self.value,), state['old']]}


class Twice(nn.Module):
    """Calls one block once or twice, then another."""

    def __init__(self, times: int = 1) -> None:
        super().__init__()
        self.first, self.rest, self.times, self.ends = Adding(1.0), nn.Sequential(nn.Identity(), nn.ReLU()), times, 0

    def forward(self, x: Tensor) -> Tensor:
        """A sum."""
        for _ in range(self.times):
            state = self.first(dict(old=x), beside=[2 * x])
        self.ends += 1
        return self.rest(state['new'] + state['more'][0][0])


X = torch.tensor([1.0, -5.0])


def test_what_a_block_hands_on_is_not_what_it_writes() -> None:
    model = Twice()
    call = record_call(model, 'first', lambda: model(X))
    assert call.args[0]['old'] is X and call.kwargs['beside'][0].tolist() == [2.0, -10.0]
    assert [tensor.tolist() for tensor in call.written] == [[2.0, -4.0], [2.0, -10.0]]
    assert [tensor.tolist() for tensor in call.repeat(Adding(3.0))] == [[4.0, -2.0], [6.0, -30.0]]
    assert BlockCall((X,), X).written == []


def test_a_forward_pass_is_left_behind_the_block() -> None:
    model = Twice()
    assert record_call(model, 'first', lambda: model(X), stop=True).written[0].tolist() == [2.0, -4.0]
    assert model.ends == 0 and not model.first._forward_hooks
    record_call(model, 'first', lambda: model(X))
    assert model.ends == 1 and not model.first._forward_hooks


def test_a_block_is_called_once() -> None:
    model = Twice(times=2)
    with pytest.raises(ValueError, match='block first of Twice is called 2 times'):
        record_call(model, 'first', lambda: model(X))
    with pytest.raises(ValueError, match=r'block rest\.1 of Twice is called 0 times'):
        record_call(model, 'rest.1', lambda: None)


def test_another_module_stands_in_the_place_for_a_while() -> None:
    model, other = Twice(), nn.Threshold(0.0, 7.0)
    own, names = model.rest[1], [name for name, _ in model.named_modules()]
    before = model(X)
    with swapped(model, 'rest.1', other), swapped(model, 'first', Adding(2.0)):
        assert model(X).tolist() == [3.0 + 4.0, 7.0]
        assert [name for name, _ in model.named_modules()] == names
    with pytest.raises(RuntimeError, match='within'), swapped(model, 'rest.1', other):
        raise RuntimeError('within')
    assert model.rest[1] is own and torch.equal(model(X), before)


def test_a_wrong_path_names_what_there_is() -> None:
    assert module_at(Twice(), 'rest.0').__class__ is nn.Identity
    with pytest.raises(ValueError, match=r'Twice has no module rest\.up8: Sequential has 0, 1'):
        module_at(Twice(), 'rest.up8')
