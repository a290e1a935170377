"""What a pair's maps show is what its loss sees; a model that is looked at stays as it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from perception_kd.distill import Distiller
from perception_kd.distill.accounting import PREFIX
from perception_kd.visualization.maps.observe import LIDAR_RETURN, observe, own_statistics, run_teachers, strength
from tests.distill.toys import ToyStudent, feature_pair, response_pair, toy_batch, toy_teacher

PAIRS = dict(
    features=feature_pair(mask=dict(type='IntensityMap'), target_scale=dict(type='GaussianMask'),
                          loss=dict(type='MSE', normalise='rms')),
    relations=feature_pair(connector=None, loss=dict(type='SP', instances='boxes')),
    response=response_pair())


def distiller(pairs: dict, dropout: float = 0.0) -> Distiller:
    torch.manual_seed(0)
    return Distiller(student=ToyStudent(dropout=dropout), teachers=dict(lidar=toy_teacher()), pairs=pairs)


def test_the_loss_shown_is_that_of_a_training_step():
    model = distiller(PAIRS)
    seen = observe(model, toy_batch(2))
    with torch.no_grad():
        losses = model.train()(**toy_batch(2), mode='loss')
    for name, view in seen.pairs.items():
        assert view.loss == pytest.approx(float(losses[PREFIX + name]), rel=1e-5), name


def test_maps_of_features_by_hand():
    model, batch = distiller(PAIRS), toy_batch(2)
    view = observe(model, batch).pairs['features']
    pair, teacher = model.pairs['features'], run_teachers(model, batch)['lidar.bev_s8'][0].numpy().astype(np.float64)
    image = batch['inputs']['img'][0][None]
    with torch.no_grad():
        bev = torch.relu(nn.functional.batch_norm(model.student.stem.conv(image), None, None, training=True))
        ours = pair.connector(bev)[0].double().numpy()
    theirs = teacher / np.sqrt((teacher ** 2).mean()) * view.scale
    assert np.allclose(view.teacher, np.sqrt((theirs ** 2).mean(0)), atol=1e-5)
    assert np.allclose(view.student, np.sqrt((ours ** 2).mean(0)), atol=1e-4)
    assert np.allclose(view.distance, np.sqrt(((ours - theirs) ** 2).mean(0)) * view.mask, atol=1e-4)
    assert 0 < view.mask.max() <= 1 and view.scale.max() == 1


def test_maps_of_relations_and_of_heads():
    model = distiller(PAIRS)
    seen = observe(model, toy_batch(2)).pairs
    assert seen['relations'].distance is None, 'four channels against six'
    for values in (seen['relations'].student, seen['relations'].teacher):
        assert np.isclose(np.sqrt((values ** 2).mean()), 1, atol=1e-5), 'a loss that is blind to scale'
    assert seen['response'].student.min() > 0 and seen['response'].student.max() < 1
    heat = torch.tensor([[-1.0, 2.0], [0.5, 0.0]])[None, :, None]
    likeliest = torch.sigmoid(torch.tensor([0.5, 2.0]))
    assert torch.equal(strength([dict(heatmap=heat)])[0, 0, 0], likeliest)


def test_a_model_stays_as_it_is():
    model = distiller(PAIRS, dropout=0.5).train()
    model.student.stem.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modes = {name: module.training for name, module in model.named_modules()}
    first, again = observe(model, toy_batch(1)), observe(model, toy_batch(1))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert modes == {name: module.training for name, module in model.named_modules()}
    assert model.student.stem.norm.momentum == 0.1
    assert all(np.array_equal(first.student[name], again.student[name]) for name in first.student)


def test_batch_norms_take_the_statistics_of_the_sample_and_vectors_do_not():
    maps, rows = nn.BatchNorm2d(2), nn.BatchNorm1d(2)
    model = nn.ModuleList([maps, rows, nn.Dropout(0.9)])
    value = 5 + 3 * torch.randn(1, 2, 8, 8)
    with own_statistics(model), torch.no_grad():
        assert abs(float(maps(value).mean())) < 1e-5
        assert torch.allclose(rows(torch.ones(1, 2)), torch.ones(1, 2), atol=1e-4)
        assert torch.equal(model[2](value), value)
    assert maps.num_batches_tracked == 0 and not maps.running_mean.any()


def test_pairs_without_maps_are_named_and_bare_students_have_their_own():
    model = distiller(dict(one=response_pair()))
    model.pairs['one'].needs_boxes = True
    batch = toy_batch(1)
    batch['data_samples'][0].set_metainfo(dict(annotated=False))
    assert observe(model, batch).left_out == {'one': 'it needs true boxes, and the sample is not annotated'}
    seen = observe(ToyStudent(), toy_batch(1))
    assert not seen.pairs and list(seen.student) == [LIDAR_RETURN, 'bev', 'head']
    with pytest.raises(ValueError, match='ToyHead declares no taps'):
        observe(model.student.head, toy_batch(1))
