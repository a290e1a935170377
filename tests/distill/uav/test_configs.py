"""Every config of drone distillation makes a step on small networks, and is its control with pairs, nothing else."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import torch

from perception_kd.comparison.entry import Entry
from perception_kd.comparison.fairness import differences
from perception_kd.comparison.metrics import default_metrics
from perception_kd.comparison.queue import plan_runs
from perception_kd.distill.accounting import PREFIX
from perception_kd.engine.build import load_config
from tests.distill.uav.small import CONFIGS, DISTILLED, build, control_of, losses_of, name_of, shrunk

TECHNIQUES = {'r1_response', 'r2_temperature', 'f1_fitnets', 'f2_cwd', 'f3_pkd', 'f4_mgd', 'f5_fgd', 'a1_at', 'a2_cbam',
              'g1_sp', 'g1_rkd', 'd1_adversarial', 'd1_r1', 'x1_crosskd', 'l1_ld'}
every_config = pytest.mark.parametrize('path', DISTILLED, ids=name_of)


@cache
def control(path: Path):
    return load_config(path)


def test_every_row_of_the_table_is_a_config():
    assert {path.stem for path in CONFIGS.glob('distil/*.py')} == TECHNIQUES
    assert {path.stem for path in CONFIGS.glob('cpu/*.py')} <= TECHNIQUES | {
        'yolov5m_cbi', 'yolov5n_cbi', 'yolov5n'}


@every_config
def test_it_is_the_control_with_pairs_and_nothing_else(path: Path) -> None:
    assert differences(control(control_of(path)), load_config(path)) == []


@every_config
def test_a_step_teaches_the_student_and_leaves_the_teacher(path: Path) -> None:
    model = build(shrunk(path))
    teacher = model.teachers['uav'].model
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    losses = losses_of(model)
    own = [weight for weight in model.student.parameters() if weight.requires_grad]
    pairs = {name: value for name, value in losses.items() if name.startswith(PREFIX)}
    assert {name.removeprefix(PREFIX) for name in pairs} == set(model.pairs) and pairs
    for name, value in pairs.items():
        assert value.isfinite() and float(value.detach()) != 0, name
        grads = torch.autograd.grad(value, own, retain_graph=True, allow_unused=True)
        assert sum(float(grad.abs().sum()) for grad in grads if grad is not None) > 0, name
    total, _ = model.parse_losses(losses)
    total.backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in own)
    assert all(weight.grad is None for weight in teacher.parameters())
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())
    learnt = [name for name, weight in model.named_parameters() if weight.grad is not None and weight.grad.any()]
    assert all(any(name.startswith(f'pairs.{pair}.') for name in learnt) for pair, module in model.pairs.items()
               if list(module.parameters()))


@every_config
def test_a_checkpoint_holds_no_teacher_and_the_students_part_is_the_bare_student(path: Path) -> None:
    model = build(shrunk(path))
    kept = model.state_dict()
    assert {name.partition('.')[0] for name in kept} <= {'student', 'pairs'}
    bare = build(shrunk(path, model='${detector_n}'))
    student = {name.removeprefix('student.'): value for name, value in kept.items() if name.startswith('student.')}
    assert list(student) == list(bare.state_dict())
    assert all(torch.equal(student[name], value) for name, value in bare.state_dict().items())


def test_the_adversary_waits_and_its_hint_does_not() -> None:
    model = build(shrunk(CONFIGS / 'distil/d1_adversarial.py'))
    model.set_progress(1, 4.9, 2000, 20.0)
    early = losses_of(model)
    assert all(float(early[f'{PREFIX}adversary_n{level}'].detach()) == 0 for level in (3, 4, 5))
    assert all(float(early[f'{PREFIX}hint_n{level}'].detach()) > 0 for level in (3, 4, 5))
    assert set(model.noted) == {f'accuracy.adversary_n{level}' for level in (3, 4, 5)}


def test_distillation_can_end_before_the_run_does() -> None:
    model = build(shrunk(CONFIGS / 'distil/r1_response.py', kd_end=-2))
    for epoch, counts in ((17.9, True), (18.0, False)):
        model.set_progress(1, epoch, 2000, 20.0)
        assert (float(losses_of(model)[f'{PREFIX}response'].detach()) > 0) is counts


@pytest.mark.parametrize(('stem', 'options'), [
    ('a1_at', {'at_mask': '${at_masks.boxes}'}),
    ('f4_mgd', {'kd_pairs.neck.mask': dict(type='ImageBoxes', margin=8.0)}),
    ('g1_rkd', {'relation_instances': 'boxes'}),
    ('l1_ld', {'kd_pairs.response': '${scores}'})])
def test_what_the_configs_offer_besides(stem: str, options: dict) -> None:
    found = losses_of(build(shrunk(CONFIGS / f'distil/{stem}.py', **options)))
    assert all(value.isfinite() for name, value in found.items() if name.startswith(PREFIX))


def test_levels_of_crosskd_are_the_head_of_the_teacher_on_the_students_neck() -> None:
    model = build(shrunk(CONFIGS / 'distil/x1_crosskd.py'))
    teacher, pair = model.teachers['uav'].model, model.pairs.response_n4
    maps = torch.randn(3, pair.student.channels, 4, 4)
    through = model.teachers.function('uav.head_n4')(pair.connector(maps))
    whole = teacher.head([torch.zeros(3, width, size, size) if place != 1 else pair.connector(maps)
                          for place, (width, size) in enumerate(zip(teacher.neck.out_channels, (8, 4, 2)))])[1]
    assert all(torch.equal(through[0][name], whole[name]) for name in whole)


def test_the_grid_of_the_cpu_track_is_one_fair_queue(tmp_path: Path) -> None:
    teacher = tmp_path / 'teacher.pth'
    teacher.write_bytes(b'weights')
    configs = [path for path in DISTILLED if path.parent.name == 'cpu']
    entries = [Entry('none', control_of(configs[0])), *(Entry(path.stem, path) for path in configs)]
    runs = plan_runs(entries, (0, 1), {}, dict(uav=teacher))
    assert len(runs) == 2 * len(entries) and not any(run.differs for run in runs)
    assert default_metrics(runs)[:2] == ('AP', 'AP50')
    longer = Entry('longer', control_of(configs[0]), dict(max_epochs=99))
    with pytest.raises(ValueError, match=r'longer differs from none in more than its distillation: .*max_epochs'):
        plan_runs([entries[0], longer], (0,), {}, {})
