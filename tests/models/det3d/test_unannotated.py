"""Detection losses count annotated samples alone, those of depth all of them."""

from __future__ import annotations

import pytest
import torch

from perception_kd.models.det3d.label_encoder import LabelEncoderAdapter
from tests.models.det3d.worlds import RANGE, TASKS, build, collate, sample, student_cfg, teacher_cfg


def evaluated(cfg: dict, samples: list[dict]) -> tuple[dict, dict]:
    """Losses and gradients of one batch; batch norms in eval mode, or statistics would tell of the other samples."""
    model = build(cfg, seed=1).eval()
    data = model.data_preprocessor(collate(*(sample(**one) for one in samples)), True)
    losses = model(**data, mode='loss')
    sum(losses.values()).backward()
    return losses, {name: weight.grad for name, weight in model.named_parameters()}


@pytest.mark.parametrize('cfg', [student_cfg(depth_loss=None), teacher_cfg()], ids=['student', 'teacher'])
def test_losses_are_those_of_the_annotated_samples_alone(cfg: dict) -> None:
    mixed = [dict(seed=1, annotated=False), dict(seed=2), dict(seed=3, boxes=2), dict(seed=4, annotated=False)]
    found, gradients = evaluated(cfg, mixed)
    wanted, expected = evaluated(cfg, [one for one in mixed if 'annotated' not in one])
    assert found.keys() == wanted.keys()
    for name in wanted:
        torch.testing.assert_close(found[name], wanted[name], msg=name)
    for name, gradient in expected.items():
        if gradient is not None:
            torch.testing.assert_close(gradients[name], gradient, rtol=1e-3, atol=1e-6, msg=name)
    whole, _ = evaluated(cfg, [dict(seed=seed) for seed in (1, 2, 3, 4)])
    assert any(abs(whole[name] - wanted[name]) > 1e-3 for name in wanted)


@pytest.mark.parametrize('cfg', [student_cfg(depth_loss=None), teacher_cfg()], ids=['student', 'teacher'])
def test_without_annotations_zeros_stay_in_the_graph(cfg: dict) -> None:
    losses, gradients = evaluated(cfg, [dict(seed=1, annotated=False)])
    assert losses and all(loss == 0 and loss.requires_grad for loss in losses.values())
    reached = [name for name, gradient in gradients.items() if gradient is not None]
    assert any('head' in name for name in reached) and any('backbone' in name for name in reached)
    assert not any(gradients[name].any() for name in reached)


def test_depth_is_learnt_from_every_sample() -> None:
    hidden, _ = evaluated(student_cfg(), [dict(seed=1, annotated=False), dict(seed=2, annotated=False)])
    known, _ = evaluated(student_cfg(), [dict(seed=1), dict(seed=2)])
    assert hidden['loss_depth'] == known['loss_depth'] > 0


def test_the_label_encoder_teaches_with_annotations_only() -> None:
    encoder = build(dict(type='LabelEncoder', point_cloud_range=RANGE, tasks=TASKS, stage_cells=[1.6, 3.2],
                         stage_channels=[6, 8], width=8)).eval()
    adapter = LabelEncoderAdapter(encoder)
    assert all(spec.needs_boxes for spec in adapter.tap_specs().values())
    samples = [sample(seed=1)[1], sample(seed=2, annotated=False)[1], sample(seed=3, boxes=0)[1]]
    maps = adapter.run({}, samples, ['bev_s16'])['bev_s16']
    assert torch.equal(maps[1], maps[2]) and not torch.equal(maps[0], maps[2])


def test_the_label_encoder_refuses_to_learn_from_frames_without() -> None:
    encoder = dict(type='LabelEncoder', point_cloud_range=RANGE, tasks=TASKS, stage_cells=[1.6, 3.2],
                   stage_channels=[12, 16], width=8)
    lidar = dict(model=build(teacher_cfg()), adapter=dict(type='CenterPointAdapter'), allow_random=True)
    trainer = build(dict(type='LabelEncoderTrainer', encoder=encoder, teachers=dict(lidar=lidar)))
    with pytest.raises(ValueError, match=r"sample 1 of the batch has no gt_instances_3d.*others='drop'"):
        trainer({}, [sample(seed=1)[1], sample(seed=2, annotated=False)[1]], mode='loss')
