"""Pairs: checked before the first step, in the graph at weight 0, in float32."""

from dataclasses import replace

import pytest
import torch

from perception_kd.distill import DistillBatch, Distiller
from perception_kd.distill.accounting import PREFIX, NonFiniteLoss, loss_shares
from perception_kd.distill.losses import MSE, SP, CenterHeadResponse
from perception_kd.distill.masks import build_mask
from perception_kd.distill.nested import tensors_of
from perception_kd.distill.pair import Pair
from perception_kd.distill.pair_builder import build_pairs
from perception_kd.distill.schedules import Progress
from perception_kd.distill.through import Through
from perception_kd.structures import TapSpec
from tests.distill.toys import GRID, ToyStudent, feature_pair, toy_batch, toy_teacher

BEV = TapSpec('bev', 'bev', 2, 'a map', grid=GRID)
TEACHER = replace(BEV, name='lidar.bev_s8')


def batch_of(student: torch.Tensor, teacher: torch.Tensor) -> DistillBatch:
    samples = toy_batch(*range(len(student)))['data_samples'] if isinstance(student, torch.Tensor) else []
    return DistillBatch(inputs={}, data_samples=samples, student_taps=dict(bev=student),
                        teacher_taps={'lidar.bev_s8': teacher})


def distiller(pair: dict, name: str = 'one') -> Distiller:
    torch.manual_seed(0)
    return Distiller(student=ToyStudent(dropout=0.0), teachers=dict(lidar=toy_teacher()), pairs={name: pair})


@pytest.mark.parametrize(('pair', 'message'), [
    (feature_pair(student='nose'), "pair 'one': there is no student tap 'nose'; available: bev, head"),
    (feature_pair(teacher='lidar.nose'),
     "pair 'one': there is no teacher tap 'lidar.nose'; available: lidar.bev_s8, lidar.bev_s16, lidar.head"),
    (feature_pair(teacher='bev_s8'), "pair 'one': there is no teacher tap 'bev_s8'"),
    (feature_pair(mask=dict(type='ActiveCells', occupancy_tap='occupancy')), "no student tap 'occupancy'"),
    (feature_pair(mask=dict(type='ActivationMap', tap='lidar.nose')), "no teacher tap 'lidar.nose'"),
    (feature_pair(colour='red'), "pair 'one': unknown keys colour"),
    ('red', "pair 'one' is a dictionary with student, teacher and loss, or None; got 'red'"),
    (feature_pair(connector=dict(type='Glue')), "unknown connector 'Glue'; there are: .*Conv1x1"),
    (feature_pair(mask=dict(type='Veil')), "unknown mask 'Veil'; there are: .*IntensityMap"),
    (feature_pair(loss=dict(type='Grief')), "unknown loss 'Grief'; there are: .*MSE"),
    (feature_pair(weight=True), 'number or a schedule'),
    (feature_pair(teacher='lidar.bev_s16'),
     r'student tap bev \(bev, 4 channels, 8x8 at 0.8 m\), after the connector .*teacher tap lidar.bev_s16 '
     r"\(bev, 6 channels, 4x4 at 1.6 m\) do not fit: their grids differ; add dict\(type='BEVResample'\)"),
    (feature_pair(connector=None), 'bev.*4 channels.*lidar.bev_s8.*6 channels.*their channels differ'),
    (feature_pair(teacher='lidar.head', connector=None), 'their kinds differ'),
    (dict(student='head', teacher='lidar.head'), 'MSE compares taps of kind bev, image'),
])
def test_a_wrong_pair_is_one_clear_line_before_the_first_step(pair, message):
    with pytest.raises(ValueError, match=message) as caught:
        distiller(pair)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('name', ['loss_match', 'li.dar', 'my pair'])
def test_a_pairs_name_must_not_confuse_the_sum_of_losses(name):
    with pytest.raises(ValueError, match="plain word without 'loss'"):
        distiller(feature_pair(), name)


def test_a_pair_that_is_none_is_left_out():
    pairs = dict(one=feature_pair(), other=None)
    model = Distiller(student=ToyStudent(), teachers=dict(lidar=toy_teacher()), pairs=pairs)
    assert list(model.pairs) == ['one']


def test_taps_of_different_strides_do_not_fit():
    fine = TapSpec('f', 'image', 4, 'a map', stride=8)
    with pytest.raises(ValueError, match='their strides differ'):
        build_pairs(dict(one=dict(student='f', teacher='t.f')), dict(f=fine), {'t.f': replace(fine, stride=16)})


def test_grids_are_joined_by_resampling_and_cells_outside_do_not_count():
    model = distiller(feature_pair(teacher='lidar.bev_s16',
                                   connector=[dict(type='BEVResample'), dict(type='Conv1x1')]))
    assert torch.isfinite(model(**toy_batch(1, 2), mode='loss')[PREFIX + 'one'])
    shifted = replace(TEACHER, grid=replace(GRID, x_min=0.0, x_max=6.4))
    pair = build_pairs(dict(one=dict(student='bev', teacher='t', connector=dict(type='BEVResample'))),
                       dict(bev=BEV), dict(t=shifted))['one']
    batch = batch_of(torch.zeros(1, 2, 8, 8, requires_grad=True), None)
    batch = replace(batch, teacher_taps=dict(t=torch.ones(1, 2, 8, 8)))
    mask, _ = pair.weights(batch)
    assert mask[..., :4].all() and not mask[..., 4:].any()
    assert float(pair(batch, Progress()).raw) == 1.0


def test_a_pair_is_its_weight_times_its_loss():
    student, teacher = torch.randn(2, 2, 8, 8, requires_grad=True), torch.randn(2, 2, 8, 8)
    pair = Pair(name='one', student=BEV, teacher=TEACHER, loss=MSE(), weight=0.5)
    value = pair(batch_of(student, teacher), Progress())
    expected = (student - teacher).square().mean()
    torch.testing.assert_close(value.raw, expected.detach())
    torch.testing.assert_close(value.loss, 0.5 * expected)
    assert value.weight == 0.5


@pytest.mark.parametrize('normalise', ['rms', 'l2', 'channel_std', None])
def test_what_is_compared_is_what_the_loss_sees(normalise):
    cfg = feature_pair(connector=dict(type='Conv1x1'), loss=dict(type='MSE', normalise=normalise),
                       mask=dict(type='ActiveCells'), target_scale=dict(type='IntensityMap'))
    pair = build_pairs(dict(one=cfg), dict(bev=BEV), {'lidar.bev_s8': TEACHER})['one']
    batch = replace(batch_of(torch.randn(2, 2, 8, 8), torch.randn(2, 2, 8, 8)), inputs=toy_batch(0, 1)['inputs'])
    one, = pair.compared(batch)
    assert torch.equal(one.student, pair.connector(batch.student_taps['bev'])) and not one.teacher.requires_grad
    assert torch.equal(one.mask, pair.mask(batch.on(GRID)))
    assert torch.equal(one.scale, pair.target_scale(batch.on(GRID)))
    ours, theirs = pair.loss.sides(one.student, one.teacher, weight=one.mask, scale=one.scale)
    places = (ours - theirs).square().mean(dim=1, keepdim=True)
    expected = (places * one.mask).sum() / one.mask.sum()
    torch.testing.assert_close(pair.eval()(batch, Progress()).raw, expected.detach())


@pytest.mark.parametrize('broken', [0.0, float('inf'), float('nan')])
def test_weight_zero_keeps_every_parameter_in_the_graph_and_adds_nothing(broken):
    cfg = feature_pair(connector=dict(type='DistillAdaptor'), weight=0.0)
    pair = build_pairs(dict(one=cfg), dict(bev=BEV), {'lidar.bev_s8': TEACHER})['one'].train()
    student, teacher = torch.randn(2, 2, 8, 8, requires_grad=True), torch.randn(2, 2, 8, 8)
    student.data[0, 0, 0, 0] = teacher[0, 0, 1, 1] = broken
    value = pair(batch_of(student, teacher), Progress())
    value.loss.backward()
    assert float(value.loss) == 0.0
    assert not student.grad.any() and student.grad.isfinite().all()
    assert all(weight.grad is not None and not weight.grad.any() for weight in pair.parameters())
    assert pair.connector.reduce[1].num_batches_tracked == 1


def test_a_tap_without_gradient_is_refused_in_training():
    pair = Pair(name='one', student=BEV, teacher=TEACHER, loss=MSE()).train()
    batch = batch_of(torch.zeros(1, 2, 8, 8), torch.ones(1, 2, 8, 8))
    with pytest.raises(ValueError, match="pair 'one': student tap 'bev' carries no gradient"):
        pair(batch, Progress())
    assert float(pair.eval()(batch, Progress()).raw) == 1.0


def test_everything_is_compared_in_float32_under_autocast():
    cfg = feature_pair(connector=dict(type='Conv1x1'))
    pair = build_pairs(dict(one=cfg), dict(bev=BEV), {'lidar.bev_s8': TEACHER})['one']
    student = torch.randn(1, 2, 8, 8, requires_grad=True)
    batch = batch_of(student, torch.randn(1, 2, 8, 8).bfloat16())
    plain = pair(batch, Progress()).loss
    with torch.autocast('cpu', dtype=torch.bfloat16):
        inside = pair(batch, Progress()).loss
    assert inside.dtype == torch.float32 and torch.equal(plain, inside)


def test_taps_that_fire_several_times_are_compared_one_by_one():
    many = replace(BEV, call='all')
    ours = [torch.full((1, 2, 8, 8), float(value), requires_grad=True) for value in (1, 2, 3)]
    theirs = [torch.zeros(1, 2, 8, 8)] * 3
    batch = DistillBatch(inputs={}, data_samples=toy_batch(1)['data_samples'], student_taps=dict(bev=ours),
                         teacher_taps={'lidar.bev_s8': theirs})
    pair = Pair(name='one', student=many, teacher=replace(TEACHER, call='all'), loss=MSE())
    torch.testing.assert_close(pair(batch, Progress()).raw, torch.tensor(14 / 3))
    pair = Pair(name='one', student=many, teacher=TEACHER, loss=MSE())
    single = replace(batch, teacher_taps={'lidar.bev_s8': theirs[0]})
    torch.testing.assert_close(pair(single, Progress()).raw, torch.tensor(14 / 3))
    pair = Pair(name='one', student=many, teacher=replace(TEACHER, call='all'), loss=MSE())
    with pytest.raises(ValueError, match=r"'bev' fired 3 times, teacher tap 'lidar\.bev_s8' 2 times"):
        pair(replace(batch, teacher_taps={'lidar.bev_s8': theirs[:2]}), Progress())


CROSS = dict(student='bev', connector=dict(type='Conv1x1'), through=dict(tap='lidar.bev_s8', function='lidar.head'),
             teacher='lidar.head', loss=dict(type='CenterHeadResponse', branches=dict(reg=1.0)))


def test_a_value_passes_the_rest_of_the_teacher_before_it_is_compared():
    model = distiller(CROSS)
    teacher = model.teachers['lidar'].model
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    model.train()
    model.forward(**toy_batch(0, 1), mode='loss')[f'{PREFIX}one'].backward()
    assert model.student.stem.conv.weight.grad.abs().sum() > 0
    assert model.pairs['one'].connector.conv.weight.grad.abs().sum() > 0
    assert all(weight.grad is None for weight in teacher.parameters())
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())
    assert 'lidar.bev_s8 -> lidar.head' in model.describe()


def test_a_function_reads_the_channels_of_its_tap_whatever_the_loss_compares():
    wide = Through(tap=replace(TEACHER, channels=6), function='lidar.neck')
    with pytest.raises(ValueError, match='their channels differ'):
        Pair(name='one', student=BEV, teacher=TEACHER, loss=SP(), through=wide)


def test_what_a_teacher_of_half_precision_makes_of_a_value_is_compared_in_float32():
    seen = []

    class Noting(CenterHeadResponse):
        def forward(self, student, teacher, **kwargs):
            seen.extend(part.dtype for part in tensors_of([student, teacher]))
            return super().forward(student, teacher, **kwargs)

    pair = {**CROSS, 'loss': Noting(branches=dict(reg=1.0))}
    model = Distiller(student=ToyStudent(), teachers=dict(lidar=toy_teacher(dtype='bfloat16')), pairs=dict(one=pair))
    model(**toy_batch(0, 1), mode='loss')[f'{PREFIX}one'].backward()
    assert set(seen) == {torch.float32} and model.student.stem.conv.weight.grad.any()


@pytest.mark.parametrize(('change', 'message'), [
    (dict(through=dict(tap='lidar.nose', function='lidar.head')), "through: there is no teacher tap 'lidar.nose'"),
    (dict(through='lidar.head'), 'through is dict'),
    (dict(through=dict(tap='lidar.bev_s8', function='lidar.nose')),
     r"pair 'one': through: no teacher declares a function 'lidar\.nose'; declared: lidar\.head"),
    (dict(connector=None), 'their channels differ'),
    (dict(loss=dict(type='MSE')), 'MSE compares taps of kind'),
])
def test_a_wrong_way_through_is_one_line(change, message):
    with pytest.raises(ValueError, match=message):
        distiller({**CROSS, **change})


def test_the_part_that_a_mask_covers_is_kept():
    pair = Pair(name='one', student=BEV, teacher=TEACHER, loss=MSE(), mask=build_mask('GaussianMask'))
    batch = batch_of(torch.zeros(1, 2, 8, 8, requires_grad=True), torch.ones(1, 2, 8, 8))
    value = pair(batch, Progress())
    assert pair.needs_boxes
    assert value.coverage == pytest.approx(float(pair.weights(batch)[0].mean()))
    assert Pair(name='one', student=BEV, teacher=TEACHER, loss=MSE())(batch, Progress()).coverage is None


def test_shapes_that_only_differ_at_run_time_name_both():
    loose = replace(BEV, channels=None)
    pair = Pair(name='one', student=loose, teacher=replace(TEACHER, channels=None), loss=MSE())
    batch = batch_of(torch.zeros(1, 3, 8, 8, requires_grad=True), torch.zeros(1, 2, 8, 8))
    with pytest.raises(ValueError, match=r"'bev' after the connector is \(1, 3, 8, 8\), teacher tap .*\(1, 2, 8, 8\)"):
        pair(batch, Progress())


class Broken(ToyStudent):
    """Its stem gives a NaN in one sample of the batch."""

    def forward(self, inputs, data_samples=None, mode='tensor'):
        poison = torch.zeros(len(inputs), 1, 1, 1)
        poison[-1] = float('nan')
        handle = self.stem.register_forward_hook(lambda module, args, output: output + poison)
        try:
            return super().forward(inputs, data_samples, mode)
        finally:
            handle.remove()


def test_a_nan_names_pair_tap_and_sample():
    model = Distiller(student=Broken(), teachers=dict(lidar=toy_teacher()), pairs=dict(one=feature_pair()))
    with pytest.raises(NonFiniteLoss, match=r"loss_distill.one.*Pair 'one': student tap 'bev' .* sample token2\.$"):
        model(**toy_batch(1, 2), mode='loss')
    model.check_finite = False
    assert torch.isnan(model(**toy_batch(1, 2), mode='loss')[PREFIX + 'one'])


def test_a_nan_of_the_teacher_and_of_the_student_loss_are_told_apart():
    model = distiller(feature_pair())
    model.teachers['lidar'].model.first[0].bias.data[:] = float('inf')
    with pytest.raises(NonFiniteLoss, match=r"teacher tap 'lidar.bev_s8' is not finite in sample token1, token2"):
        model(**toy_batch(1, 2), mode='loss')
    model = distiller(feature_pair())
    model.student.head.reg.bias.data[:] = float('nan')
    with pytest.raises(NonFiniteLoss, match=r'not finite: loss_reg\. Samples of the batch: token1, token2'):
        model(**toy_batch(1, 2), mode='loss')
    model = distiller(feature_pair())
    model.pairs['one'].connector.conv.bias.data[:] = float('nan')
    with pytest.raises(NonFiniteLoss, match=r"both taps \('bev', 'lidar.bev_s8'\) are finite"):
        model(**toy_batch(1, 2), mode='loss')


def test_shares_add_up_to_one():
    shares = loss_shares({'loss': 10.0, 'loss_cls': 3.0, 'task0.loss_bbox': 1.0, 'mean_heat': 99.0,
                          PREFIX + 'a': 4.0, PREFIX + 'b': -2.0})
    assert shares == dict(a=0.4, b=0.2, task=0.4)
    assert loss_shares({PREFIX + 'a': 0.0}) == dict(a=0.0, task=0.0)


@pytest.mark.parametrize(('decay', 'expected'), [(None, (4 + 9 + 1) / 3), (0.5, 0.25 * 4 + 0.5 * 9 + 1), (1.0, 14.0)])
def test_firings_are_averaged_or_added_up_with_decay(decay, expected):
    several = replace(BEV, call='all')
    pair = Pair(name='one', student=several, teacher=replace(TEACHER, call='all'), loss=MSE(), decay=decay)
    firings = [torch.full((1, 2, 8, 8), value, requires_grad=True) for value in (2.0, 3.0, 1.0)]
    batch = replace(batch_of(torch.zeros(1, 2, 8, 8), [torch.zeros(1, 2, 8, 8)]), student_taps=dict(bev=firings))
    assert float(pair(batch, Progress(0)).loss.detach()) == pytest.approx(expected)
    with pytest.raises(ValueError, match=r'decay lies in \(0, 1\], got 2'):
        Pair(name='one', student=several, teacher=TEACHER, loss=MSE(), decay=2)
