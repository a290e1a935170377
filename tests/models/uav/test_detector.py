"""The detector as a whole: taps, modes, original pixels, wrong input."""

from __future__ import annotations

import copy

import perception_kd.compat  # noqa: F401  # isort: skip
import pytest
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import HorizontalBoxes
from mmengine.structures import InstanceData
from torch.fx.experimental.proxy_tensor import make_fx

from perception_kd.distill import Distiller, FrozenTeacher
from perception_kd.distill.checks import check_value
from perception_kd.distill.taps import TapRecorder
from perception_kd.models.uav.postprocess import BoxSettings, choose_boxes, to_original
from tests.models.uav.tiny import NECK, detector, pictures, sample

VARIANTS = {'cbi': {}, 'everywhere': dict(neck=NECK), 'weighted': dict(fusion='weighted_add'),
            'p2': dict(p2=True, neck=('n2',)), 'dfl': dict(dfl=True, classes=2),
            'plain': dict(backbone=(), fusion='pan')}


@pytest.mark.parametrize('name', VARIANTS)
def test_taps_are_as_declared(name):
    model = detector(**VARIANTS[name]).eval()
    with TapRecorder() as recorder:
        outputs = model(pictures(), mode='tensor')
    found, specs = recorder.collect(), model.tap_specs()
    assert found.keys() == specs.keys()
    for key, spec in specs.items():
        check_value('student', spec, found[key])
        if spec.kind == 'image':
            assert found[key].shape[-2:] == (96 // spec.stride, 128 // spec.stride), key
        if 'attention' in key:
            assert found[key].min() > 0 and found[key].max() < 1
    assert all(torch.equal(ours[part], theirs[part]) for ours, theirs in zip(found['head'], outputs) for part in ours)
    assert {'backbone_p5', 'neck_n3', 'head'} <= specs.keys() and ('neck_n2' in specs) == (name == 'p2')
    assert ('attention_n3' in specs) == (name == 'everywhere') and ('attention_bb4' in specs) == (name != 'plain')


def test_functions_are_the_head():
    model = detector(classes=2).eval()
    with TapRecorder() as recorder:
        outputs = model.raw(pictures())
    taps, functions = recorder.collect(), model.functions()
    maps = [taps[name] for name in ('neck_n3', 'neck_n4', 'neck_n5')]
    for made in (functions['head'](maps), [functions[f'head_n{level}'](x)[0] for level, x in zip((3, 4, 5), maps)]):
        assert all(torch.equal(ours[key], theirs[key]) for ours, theirs in zip(made, outputs) for key in theirs)


@pytest.mark.parametrize('dfl', [False, True])
def test_every_weight_is_trained_and_the_boxes_come_as_tensors_or_as_boxes(dfl):
    model = detector(dfl=dfl, classes=2, neck=NECK)
    samples = [sample([[10, 12, 30, 40], [60, 40, 100, 90]], [0, 1]), sample()]
    losses = model(pictures(), samples, mode='loss')
    sum(losses.values()).backward()
    assert all(torch.isfinite(value) for value in losses.values())
    assert not [name for name, weight in model.named_parameters() if weight.grad is None]
    wrapped = copy.deepcopy(samples)
    wrapped[0].gt_instances.bboxes = HorizontalBoxes(samples[0].gt_instances.bboxes)
    again = detector(dfl=dfl, classes=2, neck=NECK)(pictures(), wrapped, mode='loss')
    assert all(torch.equal(again[name], value) for name, value in losses.items())


@pytest.mark.parametrize('dfl', [False, True])
def test_a_batch_without_boxes_moves_no_box(dfl):
    model = detector(dfl=dfl, classes=2)
    losses = model(pictures(), [sample(), sample()], mode='loss')
    sum(losses.values()).backward()
    assert all(torch.isfinite(value) for value in losses.values()) and losses['loss_box'] == 0
    head = model.head
    boxes = [branch[-1].weight.grad for branch in head.edges] if dfl else [
        conv.weight.grad.view(3, 7, -1)[:, :4] for conv in head.convs]
    assert not any(gradient.any() for gradient in boxes)
    assert all(torch.isfinite(weight.grad).all() for weight in model.parameters())


def test_samples_that_nobody_annotated_do_not_count():
    model = detector().eval()
    inputs, known = pictures(3), sample([[10, 12, 30, 40]])
    unknown = sample(annotated=False)
    mixed = model(inputs, [unknown, known, unknown], mode='loss')
    alone = model(inputs[1:2], [known], mode='loss')
    assert all(torch.allclose(mixed[name], value, rtol=1e-4) for name, value in alone.items())
    nothing = model(inputs, [unknown] * 3, mode='loss')
    assert all(value == 0 and value.requires_grad for value in nothing.values())


def fixed(model, box: list[float], score: float):
    """Make the head find one box, and nothing else."""
    def levels(maps):
        found = []
        for x in maps:
            b, _, h, w = x.shape
            found.append(dict(classes=x.new_zeros(b, 3, 1, h, w), objectness=x.new_full((b, 3, h, w), -20.0),
                              boxes=x.new_zeros(b, 3, 4, h, w)))
        found[0]['objectness'][:, 0, 0, 0] = torch.logit(torch.tensor(score))
        found[0]['boxes'][:, 0, :, 0, 0] = torch.tensor(box)
        return found

    model.head.forward = levels
    return model


def test_boxes_are_in_original_pixels():
    model = fixed(detector().eval(), [20.0, 10, 60, 130], 0.5)
    scaled = sample(ori_shape=(48, 80), scale_factor=(2.0, 2.0))
    padded = sample(ori_shape=(96, 128), pad_param=[4.0, 0.0, 10.0, 0.0])
    first, second = model(pictures(), [scaled, padded], mode='predict')
    assert first.pred_instances.bboxes.tolist() == [[10, 5, 30, 48]]  # cut at the lower border
    assert second.pred_instances.bboxes.tolist() == [[10, 6, 50, 96]]
    assert first.pred_instances.scores.tolist() == pytest.approx([0.5])
    assert first.pred_instances.labels.dtype == torch.long
    raw, _ = model.predict(pictures(), [scaled, padded], rescale=False)
    assert raw.pred_instances.bboxes.tolist() == [[20, 10, 60, 130]]


def test_boxes_outside_of_the_picture_are_dropped_and_settings_count():
    found = InstanceData(bboxes=torch.tensor([[-9.0, 0, -1, 5], [3.0, 3, 9, 9]]), scores=torch.tensor([0.9, 0.8]),
                         labels=torch.tensor([0, 0]))
    assert to_original(found, dict(ori_shape=(20, 20))).scores.tolist() == pytest.approx([0.8])
    weak = fixed(detector(test_cfg=dict(score_thr=0.25)).eval(), [20.0, 10, 60, 90], 0.2)
    assert len(weak(pictures(1), [sample()], mode='predict')[0].pred_instances) == 0
    with pytest.raises(ValueError, match=r'score_thr and nms_iou lie in \[0, 1\]'):
        detector(test_cfg=dict(score_thr=25))


def test_choosing_boxes():
    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10], [30, 30, 40, 40], [0, 0, 9, 10], [float('nan'), 0, 5, 5]])
    scores = torch.tensor([[0.9, 0.1], [0.8, 0.7], [0.3, 0.0], [float('nan'), 0.2], [0.99, 0.99]])
    found = choose_boxes(boxes, scores, BoxSettings(score_thr=0.15, nms_iou=0.5, max_per_img=3))
    assert found.scores.tolist() == pytest.approx([0.9, 0.7, 0.3]) and found.labels.tolist() == [0, 1, 0]
    assert found.bboxes[1].tolist() == [1, 0, 11, 10]
    every = choose_boxes(boxes, scores, BoxSettings(score_thr=0.0, nms_iou=1.0))
    assert len(every) == 6 and (every.scores.diff() <= 0).all()
    assert len(choose_boxes(boxes, scores, BoxSettings(nms_pre=1))) == 1
    assert len(choose_boxes(boxes[:0], scores[:0], BoxSettings())) == 0


def test_training_and_testing_differ_in_batch_statistics_only():
    model = detector(neck=NECK).eval()
    with torch.no_grad():
        tested = model.raw(pictures())
        model.train()
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eval()
        trained = model.raw(pictures())
    for ours, theirs in zip(trained, tested):
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert {type(module).__name__ for module in model.modules() if list(module.buffers(recurse=False))} == {
        'BatchNorm2d', 'AnchorYOLOHead', 'DetDataPreprocessor'}


def test_state_dict_round_trip():
    first, second = detector(seed=1).eval(), detector(seed=2).eval()
    assert 'head.anchor_sizes' not in first.state_dict()
    second.load_state_dict(first.state_dict(), strict=True)
    for ours, theirs in zip(first.raw(pictures()), second.raw(pictures())):
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)


@pytest.mark.parametrize('dfl', [False, True])
def test_raw_has_no_control_flow_that_depends_on_data(dfl):
    model = detector(dfl=dfl, neck=NECK).eval()
    with torch.no_grad():
        graph = make_fx(lambda x: model.raw(x), tracing_mode='fake', _allow_non_fake_inputs=True)(pictures(1))
        other = pictures(1, seed=9)
        for ours, theirs in zip(graph(other), model.raw(other)):
            assert all(torch.allclose(ours[key], theirs[key], atol=1e-4) for key in theirs)


def test_a_wrong_input_is_one_line():
    model = detector(classes=2)
    with pytest.raises(ValueError, match=r'both sides of the network input are multiples of 32, got 100x96'):
        model.raw(pictures(1, 96, 100))
    with pytest.raises(ValueError, match=r'reads pictures \(B, 3, H, W\), got \(1, 1, 64, 64\)'):
        model.raw(torch.zeros(1, 1, 64, 64))
    with pytest.raises(ValueError, match=r'frame.jpg: a true box is .*nan.*; correct the annotations'):
        model(pictures(1), [sample([[1, 2, float('nan'), 9]])], mode='loss')
    with pytest.raises(ValueError, match=r'frame.jpg: a true label is 2, the head knows 0 to 1'):
        model(pictures(1), [sample([[1, 2, 8, 9]], [2])], mode='loss')
    with pytest.raises(ValueError, match="mode 'losses': loss, predict or tensor"):
        model(pictures(1), mode='losses')
    with pytest.raises(ValueError, match='out of bb2, bb3, bb4, bb5; got n3'):
        detector(backbone=('n3',))
    with pytest.raises(ValueError, match='fusion of the neck is one of pan, concat_skip, weighted_add'):
        detector(fusion='bifpn')
    with pytest.raises(ValueError, match=r'neck reads 3 maps, the backbone gives 4: set its levels=\[3, 4, 5\]'):
        made = detector(p2=True)
        type(made.neck)(in_channels=made.backbone.out_channels, width=0.25, depth=0.33)


def test_boxes_outside_and_without_area_are_left_out():
    model = detector().eval()
    kept = model(pictures(1), [sample([[10, 12, 30, 40]])], mode='loss')
    more = sample([[10, 12, 30, 40], [5, 5, 5, 9], [200, 10, 260, 40], [-50, 3, -10, 20], [40, 30, 20, 60]])
    assert all(torch.equal(value, kept[name]) for name, value in model(pictures(1), [more], mode='loss').items())
    big = model(pictures(1), [sample([[-40, -30, 170, 120]])], mode='loss')
    assert all(torch.isfinite(value) for value in big.values())


def test_the_preprocessor_of_mmdet_pads_and_scales():
    model = detector().eval()
    picture = torch.full((3, 70, 100), 255, dtype=torch.uint8)
    data = model.data_preprocessor(dict(inputs=[picture], data_samples=[DetDataSample(
        metainfo=dict(img_id=1, img_shape=(70, 100), ori_shape=(70, 100)))]), False)
    assert data['inputs'].shape == (1, 3, 96, 128)
    assert data['inputs'][0, 0, 0, 0] == 1 and data['inputs'][0, 0, -1, -1] == 0
    assert len(model(**data, mode='predict')) == 1


def test_teaches_and_learns():
    """A teacher's taps and head function reach pairs of a distiller as they are declared."""
    torch.manual_seed(0)
    teacher = FrozenTeacher(model=detector(seed=4, neck=NECK), allow_random=True, name='uav')
    pairs = dict(
        feature=dict(student='neck_n3', teacher='uav.neck_n3', loss=dict(type='MSE')),
        attention=dict(student='attention_bb3', teacher='uav.attention_bb3', loss=dict(type='MSE')),
        channels=dict(student='channel_attention_bb5', teacher='uav.channel_attention_bb5', loss=dict(type='MSE')))
    model = Distiller(student=detector(seed=5, neck=NECK), teachers=dict(uav=teacher), pairs=pairs)
    raw = [torch.randint(0, 255, (3, 96, 128), dtype=torch.uint8) for _ in range(2)]
    losses = model(raw, [sample([[10, 12, 30, 40]], batch_input_shape=(96, 128)), sample()], mode='loss')
    assert {f'loss_distill.{name}' for name in pairs} < losses.keys()
    sum(losses.values()).backward()
    assert set(teacher.functions()) == {'predict', 'head', 'head_n3', 'head_n4', 'head_n5'}
    values = teacher.run(raw, [sample(), sample()], ['head', 'attention_n5'])
    assert not values['head'][0]['boxes'].requires_grad and values['attention_n5'].shape == (2, 1, 3, 4)
    assert len(teacher.functions()['predict'](raw, [sample(), sample()])) == 2
