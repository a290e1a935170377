"""Many candidates of one block against one forward pass of the teacher."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from torch import Tensor, nn

from perception_kd.compress import BlockDistillModel
from perception_kd.compress.search.block_training import load_candidate, training_config
from perception_kd.distill.teacher import FrozenTeacher
from perception_kd.registry import MODELS
from tests.compress.toy_search import CHANNELS, ToySearchSpace

SPECS = dict(one=dict(width=3, depth=2), two=dict(width=5, depth=3), three=dict(width=2, depth=1))


def net() -> nn.Module:
    torch.manual_seed(0)
    return MODELS.build(dict(type='ToySearchNet', blocks={name: dict(width=6, depth=2) for name in 'ab'}))


def model_of(block: str = 'b', **specs: dict) -> BlockDistillModel:
    torch.manual_seed(1)
    return BlockDistillModel(teacher=FrozenTeacher(model=net(), allow_random=True), space=ToySearchSpace(), block=block,
                             candidates=specs or SPECS).train()


def batches(count: int) -> list[dict]:
    draw = torch.Generator().manual_seed(2)
    return [dict(inputs=[torch.randn(CHANNELS, 6, 6, generator=draw) for _ in range(3)]) for _ in range(count)]


def test_losses_and_gradients_are_those_by_hand() -> None:
    model, (batch,) = model_of(), batches(1)
    losses = model(**batch)
    sum(losses.values()).backward()
    teacher = net().eval()
    with torch.no_grad():
        given = teacher.blocks['a'](torch.stack(batch['inputs']))
        taught = teacher.blocks['b'](given)
    assert list(losses) == [f'loss_{name}' for name in SPECS]
    for name, twin in ((name, model_of().candidates[name]) for name in SPECS):
        loss = (twin(given) - taught).square().mean()
        loss.backward()
        torch.testing.assert_close(losses[f'loss_{name}'], loss)
        for own, other in zip(model.candidates[name].parameters(), twin.parameters(), strict=True):
            torch.testing.assert_close(own.grad, other.grad)


def test_the_teacher_stays_as_it_is_and_outside() -> None:
    model = model_of().half().float().train()
    before = {name: value.clone() for name, value in model.teacher.model.state_dict().items()}
    optimiser = torch.optim.SGD(model.parameters(), 0.1)
    for batch in batches(2):
        sum(model(**batch).values()).backward()
        optimiser.step()
    teacher = model.teacher.model
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())
    assert not teacher.training and all(weight.grad is None for weight in teacher.parameters())
    assert {name.split('.')[0] for name in model.state_dict()} == {'candidates'}


def trained(model: BlockDistillModel) -> dict[str, Tensor]:
    optimiser = torch.optim.AdamW(model.parameters(), 0.01)
    for batch in batches(4):
        optimiser.zero_grad()
        sum(model(**batch).values()).backward()
        optimiser.step()
    return model.state_dict()


def test_a_candidate_trains_as_if_it_were_alone() -> None:
    together, alone = trained(model_of()), trained(model_of(two=SPECS['two']))
    assert alone and all(torch.equal(value, together[name]) for name, value in alone.items())


def test_one_forward_pass_that_ends_behind_the_block_teaches_all() -> None:
    model, calls = model_of('a'), []
    for name, block in model.teacher.model.blocks.items():
        block.register_forward_hook(lambda *_, name=name: calls.append(name))
    for batch in batches(3):
        model(**batch)
    assert calls == ['a', 'b', 'a', 'a']  # the first pass runs to its end: the block might be called again


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(ValueError, match="ToySearchSpace has no block 'c'; it has a, b"):
        model_of('c')
    with pytest.raises(ValueError, match='block a: no candidate to train'):
        BlockDistillModel(teacher=FrozenTeacher(model=net(), allow_random=True), space=ToySearchSpace(), block='a',
                          candidates={})
    model, (batch,) = model_of(), batches(1)
    with pytest.raises(ValueError, match="mode 'predict' has no meaning"):
        model(**batch, mode='predict')
    model.candidates['two'] = nn.MaxPool2d(2)
    with pytest.raises(ValueError, match=r'candidate two of block b writes \[\(3, 4, 3, 3\)\], the teacher'):
        model(**batch)


def test_losses_are_in_full_precision_under_autocast() -> None:
    model, (batch,) = model_of(), batches(1)
    wanted = model(**batch)
    with torch.autocast('cpu', torch.bfloat16):
        losses = model_of()(**batch)
        assert model.candidates['one'](torch.stack(batch['inputs'])).dtype == torch.bfloat16
    for name, loss in losses.items():
        assert loss.dtype == torch.float32
        torch.testing.assert_close(loss, wanted[name], rtol=0.05, atol=0.0)


def test_gradients_of_candidates_are_not_clipped_together() -> None:
    cfg = Config(dict(
        model=dict(type='ToySearchNet'), search=dict(space=dict(type='ToySearchSpace'), iterations=200),
        optim_wrapper=dict(clip_grad=dict(max_norm=1.0)), default_hooks=dict(), val_dataloader=dict(batch_size=1)))
    made = training_config(cfg, checkpoint='t.pth', block='a', candidates=SPECS)
    assert made.model.teacher == dict(model=dict(type='ToySearchNet'), checkpoint='t.pth')
    assert made.model.candidates == SPECS and made.train_cfg == dict(by_epoch=False, max_iters=200)
    assert made.optim_wrapper.clip_grad is None and made.val_dataloader is None
    assert [(one.type, one.begin, one.end) for one in made.param_scheduler] == [
        ('LinearLR', 0, 10), ('CosineAnnealingLR', 10, 200)]
    assert cfg.model.type == 'ToySearchNet' and cfg.optim_wrapper.clip_grad.max_norm == 1.0
    cfg.optim_wrapper.clip_grad = dict(type='value', clip_value=0.01)
    assert training_config(cfg, checkpoint='t.pth', block='a', candidates=SPECS).optim_wrapper.clip_grad.type == 'value'


def test_a_candidate_is_read_back(tmp_path: Path) -> None:
    model, space = model_of(), ToySearchSpace()
    torch.save(dict(state_dict=model.state_dict()), path := tmp_path / 'iter_1.pth')
    read = load_candidate(path, space=space, block='b', spec=SPECS['two'], name='two', teacher=net())
    kept = model.candidates['two'].state_dict()
    assert not read.training and all(torch.equal(value, kept[name]) for name, value in read.state_dict().items())
    with pytest.raises(ValueError, match=r'candidate two of block b from .*: the checkpoint does not fit'):
        load_candidate(path, space=space, block='b', spec=SPECS['one'], name='two', teacher=net())
    with pytest.raises(ValueError, match=r"no weights whose names begin with 'candidates\.four\.'"):
        load_candidate(path, space=space, block='b', spec=SPECS['one'], name='four', teacher=net())
