"""Students and teachers that read lists of pictures; connectors that pairs share; what losses note."""

from __future__ import annotations

import copy

import pytest
import torch
from mmengine.model import BaseDataPreprocessor, BaseModel
from torch import nn

import perception_kd.compat  # noqa: F401
from perception_kd.distill import Distiller
from perception_kd.distill.connectors import LinearMap, build_connector
from perception_kd.distill.taps import tap
from perception_kd.structures import TapSpec
from perception_kd.structures.annotated import emptied
from tests.distill.pictures import picture_batch


class Pile(BaseDataPreprocessor):
    """Pictures as one tensor in [0, 1]."""

    def forward(self, data: dict, training: bool = False) -> dict:
        data = self.cast_data(data)
        return {**data, 'inputs': torch.stack(data['inputs']).float() / 255}


class Eyes(BaseModel):
    """Pictures -> a map of stride 8 and a vector."""

    def __init__(self, *, channels: int) -> None:
        super().__init__(data_preprocessor=Pile())
        self.conv, self.channels = nn.Conv2d(3, channels, 8, stride=8), channels

    def tap_specs(self) -> dict[str, TapSpec]:
        return {'neck': TapSpec('neck', 'image', self.channels, 'map', stride=8, call='first'),
                'channel': TapSpec('channel', 'vector', self.channels, 'means', call='first')}

    def forward(self, inputs: torch.Tensor, data_samples: list | None = None, mode: str = 'tensor'):
        found = tap('neck', self.conv(inputs))
        vector = tap('channel', found.mean((2, 3)))
        return dict(loss=vector.square().mean()) if mode == 'loss' else vector


HINT = dict(student='neck', teacher='uav.neck', connector=dict(type='Conv1x1'), loss=dict(type='MSE'))
ADVERSARY = dict(student='neck', teacher='uav.neck', connector=dict(type='ConnectorOf', pair='hint'),
                 loss=dict(type='Adversarial', hidden=(4,), game='non_saturating'))


def distiller(**pairs) -> Distiller:
    torch.manual_seed(0)
    return Distiller(student=Eyes(channels=4), teachers=dict(uav=dict(model=Eyes(channels=6), allow_random=True)),
                     pairs=pairs).train()


def batch() -> dict:
    made = picture_batch((1, 0, 3))
    torch.manual_seed(1)
    return dict(inputs=[torch.randint(0, 256, (3, 64, 64), dtype=torch.uint8) for _ in range(3)],
                data_samples=made.data_samples)


def losses_of(model: Distiller, data: dict | None = None) -> dict:
    return model(**model.data_preprocessor(data or batch(), True), mode='loss')


def test_pictures_in_a_list_reach_student_and_teacher():
    model = distiller(hint=dict(HINT, mask=dict(type='ImageBoxes')))
    found = losses_of(model)
    pair, data = model.pairs.hint, Pile()(batch())['inputs']
    with torch.no_grad():
        gap = (pair.connector(model.student.conv(data)) - model.teachers['uav'].model.conv(data)).square().mean(1)
    seen = pair.mask(picture_batch((1, 0, 3)))[:, 0]
    torch.testing.assert_close(found['loss_distill.hint'].detach(), (gap * seen).sum() / seen.sum())


def test_samples_that_nobody_annotated_are_left_out():
    data = batch()
    data['data_samples'][2].set_metainfo(dict(annotated=False))
    model = distiller(hint=dict(HINT, mask=dict(type='ImageBoxes')))
    whole = losses_of(model, data)['loss_distill.hint']
    assert model.skipped == dict(hint=1)
    alone = {key: value[:2] for key, value in data.items()}
    torch.testing.assert_close(losses_of(model, alone)['loss_distill.hint'], whole)
    assert len(emptied(data['data_samples'][2]).gt_instances.bboxes) == 0


def test_two_pairs_share_a_connector_whose_weights_exist_once():
    model = distiller(hint=HINT, adversary=ADVERSARY)
    names = [name for name, _ in model.named_parameters() if 'connector' in name]
    assert names == ['pairs.hint.connector.conv.weight', 'pairs.hint.connector.conv.bias']
    found = losses_of(model)
    weight = model.pairs.hint.connector.conv.weight
    apart = [torch.autograd.grad(found[f'loss_distill.{name}'], weight, retain_graph=True)[0]
             for name in ('hint', 'adversary')]
    assert all(grad.abs().max() > 0 for grad in apart)
    twin = copy.deepcopy(model)
    with torch.no_grad():
        twin.pairs.hint.connector.conv.weight.mul_(2)
    moved, kept = (losses_of(one)['loss_distill.adversary'] for one in (twin, model))
    assert float(moved) != float(kept) == float(found['loss_distill.adversary'])
    assert 0 <= float(model.noted['accuracy.adversary']) <= 1


def test_a_shared_connector_needs_its_owner_or_another():
    with pytest.raises(ValueError, match="pair 'adversary': ConnectorOf: no pair 'hint' that reads 'neck' stands"):
        distiller(adversary=ADVERSARY)
    alone = distiller(adversary=dict(ADVERSARY, connector=dict(ADVERSARY['connector'], otherwise='Conv1x1')))
    assert losses_of(alone)['loss_distill.adversary'].isfinite()
    with pytest.raises(ValueError, match='ConnectorOf takes pair=NAME and otherwise=CONNECTOR, got type'):
        distiller(hint=HINT, adversary=dict(ADVERSARY, connector=dict(type='ConnectorOf')))


def test_vectors_are_taken_to_the_teachers_channels():
    model = distiller(channel=dict(student='channel', teacher='uav.channel', connector='LinearMap',
                                   loss=dict(type='MSE', normalise='l2', channel='sum'), weight=0.5))
    found = losses_of(model)['loss_distill.channel']
    data = Pile()(batch())['inputs']
    ours = model.pairs.channel.connector.linear(model.student.conv(data).mean((2, 3)))
    theirs = model.teachers['uav'].model.conv(data).mean((2, 3))
    torch.testing.assert_close(found, (1 - torch.cosine_similarity(ours, theirs)).mean())
    assert isinstance(build_connector('LinearMap', *2 * [Eyes(channels=4).tap_specs()['channel']]), LinearMap)
    with pytest.raises(ValueError, match='LinearMap needs two vectors with declared channels'):
        build_connector('LinearMap', *2 * [Eyes(channels=4).tap_specs()['neck']])
