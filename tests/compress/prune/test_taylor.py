"""First-order importance against values computed by hand, through iterations too; the model stays as it was."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from perception_kd.compress.prune.groups import ChannelGroup, Slot, made_by, read_by
from perception_kd.compress.prune.taylor import collect_gradients, taylor_importance


class Pair(BaseModel):
    """``loss = sum(second(first(x)))``; dropout and statistics must not act."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.drop = nn.Linear(2, 2), nn.Linear(2, 1), nn.Dropout(0.9)
        self.norm = nn.BatchNorm1d(2)
        with torch.no_grad():
            self.first.weight.copy_(torch.tensor([[1.0, 2.0], [-1.0, 0.5]]))
            self.first.bias.copy_(torch.tensor([0.5, 0.0]))
            self.second.weight.copy_(torch.tensor([[3.0, -2.0]]))
        self.second.bias.requires_grad_(False)

    def forward(self, inputs: Tensor, mode: str = 'tensor') -> dict[str, Tensor]:
        self.norm(inputs)
        return dict(loss_sum=self.second(self.drop(self.first(inputs))).sum())


GROUP = [ChannelGroup('hidden', 2, (Slot('first.weight', 0), Slot('first.bias', 0)), (Slot('second.weight', 1),))]


def test_by_hand() -> None:
    """dL/dW1 = w2_c x, dL/db1 = w2_c, dL/dw2 = (W1 x + b1)_c; two batches, x = (2, 1) and (0, 1)."""
    model = Pair().train()
    batches = [dict(inputs=torch.tensor([[2.0, 1.0]])), dict(inputs=torch.tensor([[0.0, 1.0]]))]
    gradients = collect_gradients(model, batches, GROUP)
    torch.testing.assert_close(gradients['first.weight'], torch.tensor([[3.0, 3.0], [-2.0, -2.0]]))  # mean x is (1, 1)
    torch.testing.assert_close(gradients['first.bias'], torch.tensor([3.0, -2.0]))
    torch.testing.assert_close(gradients['second.weight'], torch.tensor([[3.5, -0.5]]))
    raw = taylor_importance(model.state_dict(), gradients, GROUP, normalise=False)['hidden']
    # Members of channel 0: |1*3| + |2*3| = 9, |0.5*3| = 1.5, |3*3.5| = 10.5; of channel 1: 2 + 1 = 3, 0, 1.
    torch.testing.assert_close(raw, torch.tensor([21 / 3, 4 / 3]))
    relative = taylor_importance(model.state_dict(), gradients, GROUP)['hidden']
    torch.testing.assert_close(relative, raw / raw.mean())


def test_model_stays_as_it_was() -> None:
    model = Pair().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    collect_gradients(model, [dict(inputs=torch.ones(3, 2))], GROUP)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training and model.norm.training
    assert all(weight.grad is None for weight in model.parameters())
    assert [name for name, weight in model.named_parameters() if not weight.requires_grad] == ['second.bias']


class Recurrent(BaseModel):
    """``loss = a w^3``: what a weight does in every step adds up."""

    def __init__(self) -> None:
        super().__init__()
        self.start, self.step = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
        nn.init.constant_(self.start.weight, 2.0)
        nn.init.constant_(self.step.weight, 0.5)

    def forward(self, inputs: Tensor, mode: str = 'tensor') -> dict[str, Tensor]:
        state = self.start(inputs)
        for _ in range(3):
            state = self.step(state)
        return dict(loss_end=state.sum())


def test_gradient_passes_through_all_iterations() -> None:
    """L = 0.25: the first layer's member is L; the step's, along its inputs and along its outputs, 3 L each."""
    model = Recurrent()
    groups = [ChannelGroup('state', 1, made_by(model, 'start', 'step'), read_by(model, 'step'))]
    gradients = collect_gradients(model, [dict(inputs=torch.ones(1, 1))], groups)
    importance = taylor_importance(model.state_dict(), gradients, groups, normalise=False)
    torch.testing.assert_close(importance['state'], torch.tensor([0.25 * (1 + 3 + 3) / 3]))


class Broken(Recurrent):
    def forward(self, inputs: Tensor, mode: str = 'tensor') -> dict[str, Any]:
        return dict(loss_end=self.start(inputs).sum() / 0)


@pytest.mark.parametrize(('model', 'count', 'words'), [(Recurrent, 0, 'no batch'), (Broken, 1, 'batch 0 is inf')])
def test_bad_input(model: type, count: int, words: str) -> None:
    groups = [ChannelGroup('state', 1, (Slot('start.weight', 0),), ())]
    with pytest.raises(ValueError, match=words):
        collect_gradients(model(), [dict(inputs=torch.ones(1, 1))] * count, groups)
