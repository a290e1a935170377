"""Anchors that a checkpoint was trained with, against those of the model."""

import pytest
import torch
from mmengine.config import Config
from torch import nn

from perception_kd.distill import FrozenTeacher
from perception_kd.distill.anchor_origin import anchors_in, anchors_of, same_anchors, spelt
from perception_kd.distill.checkpoint_origin import Origin, origin_doubt, origin_of, origin_problem
from perception_kd.engine.build import load_config
from perception_kd.export.student import export_student, load_student

OTHER = [[[4, 3], [6, 5], [9, 7]], [[12, 9], [16, 12], [22, 16]], [[30, 22], [40, 30], [60, 45]]]
PLAIN, DISTILLED = 'configs/uav/cpu/yolov5n_cbi.py', 'configs/uav/cpu/r1_response.py'


def config(path: str = PLAIN, **changes) -> Config:
    cfg = load_config(path)
    head = (cfg.model.student if 'student' in cfg.model else cfg.model).head
    head.update(changes)
    return cfg


def saved(path, cfg: Config) -> nn.Module:
    """A checkpoint as a training of ``cfg`` writes it, with the weights of a new student."""
    student = load_student(cfg)
    torch.save(dict(meta=dict(cfg=cfg.pretty_text), state_dict=student.state_dict()), path)
    return student


@pytest.mark.parametrize('path', [PLAIN, DISTILLED])
def test_the_text_of_a_config_tells_the_students_anchors(path) -> None:
    cfg = config(path, anchors=OTHER)
    assert [[list(anchor) for anchor in level] for level in anchors_in(dict(cfg=cfg.pretty_text))] == OTHER
    assert anchors_in(dict(cfg=cfg.pretty_text)) == anchors_of(load_student(cfg))


@pytest.mark.parametrize('meta', [
    {}, dict(cfg=3), dict(cfg='AnchorYOLOHead ('), dict(cfg="model = dict(head=dict(type='AnchorYOLOHead'))"),
    dict(cfg="model = dict(head=dict(type='AnchorYOLOHead', anchors=None))"),
    dict(cfg="model = dict(head=dict(type='AnchorYOLOHead', anchors=[[[1, 'x']]]))"),
    dict(cfg="model = dict(head=dict(type='AnchorYOLOHead', anchors=exit()))"), dict(cfg='x = "AnchorYOLOHead"')])
def test_what_tells_nothing_is_nothing(meta) -> None:
    assert anchors_in(meta) is None


def test_other_anchors_are_refused_where_a_model_is_used(tmp_path) -> None:
    cfg = config(anchors=OTHER)
    saved(tmp_path / 'a.pth', cfg)
    with pytest.raises(ValueError, match=r'anchors=\[\[\[4, 3\], .* and the config has \[\[\[3\.2, 2\.6\]'):
        load_student(load_config(PLAIN), tmp_path / 'a.pth')
    with pytest.raises(ValueError, match='boxes would have wrong sizes'):
        FrozenTeacher(model=load_config(PLAIN).model, checkpoint=tmp_path / 'a.pth')
    assert load_student(cfg, tmp_path / 'a.pth') is not None


def test_an_exported_student_keeps_telling(tmp_path) -> None:
    cfg = config(DISTILLED, anchors=OTHER)
    saved(tmp_path / 'a.pth', cfg)
    export_student(cfg, tmp_path / 'a.pth', tmp_path / 'b.pth', half=True)
    with pytest.raises(ValueError, match='trained with anchors'):
        load_student(load_config(PLAIN), tmp_path / 'b.pth')


def test_unknown_anchors_are_doubted_and_models_without_them_are_left_alone() -> None:
    student = load_student(load_config(PLAIN))
    assert origin_problem(student, Origin()) is None
    doubt = origin_doubt(student, Origin())
    assert 'does not tell its anchors; they are taken to be those of the config: [[[3.2' in doubt
    told = origin_of(dict(meta=dict(cfg=load_config(PLAIN).pretty_text)))
    assert origin_problem(student, told) is None and origin_doubt(student, told) is None
    assert anchors_of(nn.Linear(1, 1)) is None and origin_problem(nn.Linear(1, 1), told) is None


def test_decimals_are_no_difference_and_another_split_into_levels_is() -> None:
    a = (((10.0, 13.0), (16.0, 30.0)),)
    assert same_anchors(a, (((10.0, 13.00001), (16.0, 30.0)),))
    assert not same_anchors(a, (((10.0, 13.1), (16.0, 30.0)),))
    assert not same_anchors(a, (((10.0, 13.0),), ((16.0, 30.0),)))
    assert spelt(a) == '[[[10, 13], [16, 30]]]'
