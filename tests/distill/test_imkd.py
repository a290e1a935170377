"""IMKD's config: every switch builds and teaches, the terms are the formulas, LabelDistill is a set of switches."""

from __future__ import annotations

import re
import shlex
from argparse import ArgumentParser
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from torch import Tensor
from torch.nn import functional

from perception_kd.distill import DistillBatch, MapTeacher
from perception_kd.distill.masks import GaussianMask, IntensityMap
from perception_kd.distill.pair import Pair
from perception_kd.distill.pair_builder import build_pairs
from perception_kd.distill.schedules import Progress
from perception_kd.engine.build import load_config
from perception_kd.overrides import OverrideAction
from perception_kd.structures import TapSpec
from tests.distill.toys import GRID, toy_batch

BASE = Path(__file__).parents[2] / 'configs/_base_'
CONFIG, METHOD = BASE / 'distill/imkd_full.py', BASE / 'methods/labeldistill.py'
WORLD = dict(bev_cell=0.8, point_cloud_range=[-3.2, -3.2, -5.0, 3.2, 3.2, 3.0], student=dict(type='S'),
             teacher=dict(type='T'), label_teacher=dict(type='L'), radars=[], lidar_sweeps=0, radar_sweeps=0,
             bev_frame='lidar', backend_args={})
COARSE = GRID.coarser(2)
WIDTHS = dict(radar_bev=5, camera_bev=5, fused_bev=11, merged_bev=11, trunk_s16=9, radar_intensity=1,
              camera_intensity=1, radar_occupancy=1)
TEACHER_WIDTHS = {'lidar.bev_s8': 6, 'lidar.bev_s16': 7, 'lidar.neck_bev': 8, 'lidar.encoder_bev': 4,
                  'label.bev_s8': 6, 'label.bev_s16': 7, 'intensity.lidar': 1}
TASKS, BRANCHES = (2, 1), dict(reg=2, height=1, dim=3, rot=2, vel=2)
CHOICES = dict(
    imkd_intensity='intensity_maps', imkd_s1='s1_weights', imkd_region='regions', imkd_adaptor='adaptors',
    imkd_lidar_tap='lidar_taps', imkd_fused='fused_taps', imkd_lidar_weight='lidar_weights',
    imkd_label_weight='label_weights', imkd_partition='partitions', imkd_response='responses',
    imkd_distance='distances', imkd_schedule='kd_schedules')
OPTIONAL = ('lidar_to_trunk', 'label_to_trunk', 'radar_anchor', 'camera_anchor')
LABELDISTILL = {
    'imkd_partition': '${partitions.thirds}', 'imkd_lidar_weight': '${lidar_weights.G}',
    'imkd_label_weight': '${label_weights.binary}', 'imkd_response': '${responses.released}',
    'imkd_pairs.lidar_to_radar': None, 'imkd_pairs.lidar_to_trunk': '${optional_pairs.lidar_to_trunk}',
    'imkd_pairs.label_to_trunk': '${optional_pairs.label_to_trunk}'}


def config(options: dict | None = None) -> Config:
    return load_config(CONFIG, {**WORLD, **(options or {})})


def specs(widths: dict[str, int], heads: list[str]) -> dict[str, TapSpec]:
    found = {name: TapSpec(name, 'bev', width, '', grid=COARSE if 's16' in name else GRID)
             for name, width in widths.items()}
    return found | {name: TapSpec(name, 'head', sum(TASKS), '', grid=GRID) for name in heads}


def head(grad: bool) -> list[dict[str, Tensor]]:
    return [{name: torch.randn(2, width, *GRID.shape, requires_grad=grad)
             for name, width in dict(heatmap=classes, **BRANCHES).items()} for classes in TASKS]


def world(cfg: Config, boxes: tuple[int, int] = (2, 3), radar: bool = True) -> DistillBatch:
    """Random taps of everybody; maps of probabilities for what is one."""
    torch.manual_seed(1)
    raw = toy_batch(*boxes)  # sample n has n boxes
    raw['inputs']['radar'] = raw['inputs']['radar'] if radar else [torch.zeros(0, 7)] * 2
    ours = {name: torch.randn(2, width, *(COARSE if 's16' in name else GRID).shape).requires_grad_()
            for name, width in WIDTHS.items()}
    for name in ('radar_intensity', 'camera_intensity', 'radar_occupancy'):
        ours[name] = torch.rand(2, 1, *GRID.shape).requires_grad_()
    theirs = {name: torch.randn(2, width, *(COARSE if 's16' in name else GRID).shape).relu()
              for name, width in TEACHER_WIDTHS.items()}
    measured = MapTeacher(**{key: value for key, value in cfg.distiller.teachers.intensity.items() if key != 'type'})
    theirs['intensity.lidar'] = measured.run(raw['inputs'], raw['data_samples'], ['lidar'])['lidar']
    return DistillBatch(inputs=raw['inputs'], data_samples=raw['data_samples'],
                        student_taps={**ours, 'head': head(True)}, teacher_taps={**theirs, 'lidar.head': head(False)})


def pairs_of(cfg: Config, pairs: str = 'imkd_pairs') -> dict[str, Pair]:
    return build_pairs(cfg[pairs], specs(WIDTHS, ['head']), specs(TEACHER_WIDTHS, ['lidar.head']))


def step(cfg: Config, batch: DistillBatch, progress: Progress) -> dict[str, Tensor]:
    """Loss of every pair; each must be finite and reach its student tap with a finite gradient."""
    losses = {}
    for name, pair in pairs_of(cfg).items():
        value = pair.train()(batch, progress)
        losses[name] = value.loss
        places = _leaves(batch.student_taps[pair.student.name])
        gradients = torch.autograd.grad(value.loss, places, allow_unused=True)
        reached = [part for part in gradients if part is not None]
        assert torch.isfinite(value.loss) and all(part.isfinite().all() for part in reached), name
        assert any(part.any() for part in reached) or value.weight == 0, name
    return losses


def _leaves(value) -> list[Tensor]:
    return [value] if isinstance(value, Tensor) else [part for task in value for part in task.values()]


LATER = Progress(iteration=100, epoch=8.5, epochs=24)
PLAIN = config()
SWITCHES = [{variable: f'${{{table}.{name}}}'} for variable, table in CHOICES.items() for name in PLAIN[table]]
SWITCHES += [{f'imkd_pairs.{name}': f'${{optional_pairs.{name}}}'} for name in OPTIONAL]
SWITCHES += [{'intensity_maps.lidar_return.norm': norm} for norm in ('div255', 'quantile95', 'minmax')]
SWITCHES += [{'intensity_maps.lidar_return.reduce': 'mean', 'intensity_maps.lidar_return.floor': 0.1}, LABELDISTILL,
             {'imkd_partition': '${partitions.thirds}', 'imkd_adaptor': '${adaptors.resampled}'}]


@pytest.mark.parametrize('options', SWITCHES, ids=lambda options: ' '.join(map(str, options.values())))
def test_every_switch_builds_its_pairs_and_teaches(options):
    cfg = config(options)
    losses = step(cfg, world(cfg), LATER)
    assert set(losses) == {name for name, pair in cfg.imkd_pairs.items() if pair is not None}
    assert all(loss > 0 for loss in losses.values())


def test_every_line_of_the_docstring_is_an_override_and_names_every_choice():
    parser = ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=OverrideAction)
    lines = [line for line in CONFIG.read_text().split('"""')[1].splitlines() if re.match(r'  [a-z_.0-9]+=', line)]
    lines = [line.split(' #')[0] for line in lines]
    words = {line.split('=')[0].strip(): parser.parse_args(['--cfg-options', *shlex.split(line)]).cfg_options
             for line in lines}
    assert set(CHOICES) <= set(words) and len(words) > len(CHOICES)
    for key, options in words.items():
        changed = config(options)
        assert changed.imkd_pairs != PLAIN.imkd_pairs or changed.distiller != PLAIN.distiller, key


def test_the_schedules_of_the_phases():
    weights = {}
    for name in PLAIN.kd_schedules:
        built = pairs_of(config({'imkd_schedule': f'${{kd_schedules.{name}}}'}))
        weights[name] = {pair: [round(built[pair].schedule(Progress(0, epoch, epochs=24)), 3)
                                for epoch in (0, 0.5, 1, 6.5, 21.9, 22)]
                         for pair in ('lidar_to_radar', 'lidar_response')}
    assert weights == dict(
        joint=dict(lidar_to_radar=[0, 0.15, 0.3, 0.3, 0.3, 0.3], lidar_response=[0, 0.5, 1, 1, 1, 1]),
        radar_first=dict(lidar_to_radar=[0, 0.15, 0.3, 0.3, 0.3, 0.3], lidar_response=[0, 0, 0, 0.5, 1, 1]),
        end_off=dict(lidar_to_radar=[0, 0.15, 0.3, 0.3, 0.3, 0], lidar_response=[0, 0.5, 1, 1, 1, 0]))


def test_a_sample_without_boxes_and_radar_gives_finite_losses():
    for options in ({}, LABELDISTILL):
        cfg = config(options)
        batch = world(cfg, boxes=(0, 4), radar=False)  # neither holds a box
        batch.student_taps['radar_occupancy'].data.zero_()
        for points in batch.inputs['points']:
            points[:, 3] = 0
        for name, pair in pairs_of(cfg).items():
            value = pair.train()(batch, LATER)
            gradients = torch.autograd.grad(value.loss, _leaves(batch.student_taps[pair.student.name]),
                                            allow_unused=True)
            assert torch.isfinite(value.loss), name
            assert all(part is None or part.isfinite().all() for part in gradients), name


def test_the_feature_terms_are_the_formulas_written_out():
    cfg = config()
    batch, built = world(cfg), {name: pair.eval() for name, pair in pairs_of(cfg).items()}
    student, teacher = batch.student_taps, batch.teacher_taps
    intensity, soft = IntensityMap()(batch.on(GRID)), GaussianMask(mode='soft')(batch.on(GRID))
    seen = intensity > 0
    for cells, cloud in zip(seen, batch.inputs['radar']):
        for x, y in cloud[:, :2].tolist():
            column, row = (int((at - low) // GRID.cell) for at, low in ((x, GRID.x_min), (y, GRID.y_min)))
            if 0 <= column < GRID.nx and 0 <= row < GRID.ny:
                cells[0, row, column] = True
    seen = seen.float()

    def adapted(name: str, tap: str) -> Tensor:
        return built[name].connector(student[tap])
    square = {
        'lidar_to_radar': (adapted('lidar_to_radar', 'radar_bev') - intensity * teacher['lidar.bev_s8']) ** 2,
        'lidar_to_fused': (adapted('lidar_to_fused', 'merged_bev') - teacher['lidar.bev_s8']) ** 2,
        'label_to_fused': (adapted('label_to_fused', 'merged_bev') - teacher['label.bev_s8']) ** 2}
    where = dict(lidar_to_radar=seen, lidar_to_fused=intensity, label_to_fused=soft)
    for name, error in square.items():
        weight = where[name]
        expected = 0.3 * (weight * error.sum(dim=1, keepdim=True)).sum() / max(1.0, float(weight.sum()))
        torch.testing.assert_close(built[name](batch, LATER).loss, expected)


def test_labeldistill_is_a_set_of_switches():
    built = {name: pair.eval() for name, pair in pairs_of(config(LABELDISTILL)).items()}
    names = dict(label='label_to_fused', lidar='lidar_to_fused', label2='label_to_trunk', lidar2='lidar_to_trunk',
                 response='lidar_response')
    check_labeldistill({name: built.pop(theirs) for name, theirs in names.items()})
    assert not built


def test_labeldistills_own_config_is_the_loss_too():
    built = {name: pair.eval() for name, pair in pairs_of(load_config(METHOD, WORLD), 'kd_pairs').items()}
    assert set(built) == {'label', 'label2', 'lidar', 'lidar2', 'response'}
    check_labeldistill(built)


def check_labeldistill(built: dict[str, Pair]) -> None:
    """The loss from the note: thirds label | LiDAR | free of M and Q, G for LiDAR, 1[G > 0] for labels, two scales."""
    batch = world(PLAIN)
    total = sum(pair(batch, LATER).loss for pair in built.values())
    heat = gaussians(batch)
    gauss = torch.stack([sum(task[sample].sum(dim=0) for task in heat) for sample in range(2)])[:, None]
    binary = (gauss > 0).float()
    expected = torch.zeros(())
    for scale, (tap, cells, size) in enumerate((('merged_bev', 's8', 3), ('trunk_s16', 's16', 3))):
        parts = dict(label=slice(0, size), lidar=slice(size, 2 * size))
        for who, weight in dict(label=binary, lidar=gauss).items():
            weight = functional.interpolate(weight, scale_factor=0.5, mode='bilinear') if scale else weight
            adaptor = built[f'{who}{"2" if scale else ""}'].connector.links[1]
            error = adaptor(batch.student_taps[tap][:, parts[who]]) - batch.teacher_taps[f'{who}.bev_{cells}']
            expected = expected + 0.3 * (weight * (error**2).sum(1, keepdim=True)).sum() / weight.sum().clamp(min=1)
    torch.testing.assert_close(total, expected + released_response(batch, heat))


def gaussians(batch: DistillBatch) -> list[Tensor]:
    """The detector's targets per task, ``(B, classes, ny, nx)``, box by box."""
    maps = [torch.zeros(2, classes, *GRID.shape) for classes in TASKS]
    for index, sample in enumerate(batch.data_samples):
        for box, label in zip(sample.gt_instances_3d.bboxes_3d, sample.gt_instances_3d.labels_3d.tolist()):
            one = GaussianMask()(DistillBatch(inputs={}, data_samples=[_only(box, label)], grid=GRID))[0, 0]
            task, channel = (0, label) if label < TASKS[0] else (1, label - TASKS[0])
            maps[task][index, channel] = torch.maximum(maps[task][index, channel], one)
    return maps


def _only(box: Tensor, label: int):
    sample = toy_batch(1)['data_samples'][0]
    sample.gt_instances_3d.bboxes_3d = box[None]
    sample.gt_instances_3d.labels_3d = torch.tensor([label])
    return sample


def released_response(batch: DistillBatch, heat: list[Tensor]) -> Tensor:
    total = torch.zeros(())
    for task, (ours, theirs) in enumerate(zip(batch.student_taps['head'], batch.teacher_taps['lidar.head'])):
        p = ours['heatmap'].sigmoid().clamp(1e-4, 1 - 1e-4)
        target = theirs['heatmap'].sigmoid() * heat[task]
        assert not (target == 1).any()
        total = total - ((1 - target) ** 4 * p**2 * (1 - p).log()).sum() / (heat[task] == 1).sum().clamp(min=1)
        gaps, count = torch.zeros(()), 0
        for index, sample in enumerate(batch.data_samples):
            for box, label in zip(sample.gt_instances_3d.bboxes_3d, sample.gt_instances_3d.labels_3d.tolist()):
                if (label < TASKS[0]) == (task == 0):
                    x, y = (int((float(value) + 3.2) / 0.8) for value in box[:2])
                    count += 1
                    gaps = gaps + sum((ours[name] - theirs[name])[index, :, y, x].abs().sum() for name in BRANCHES)
        total = total + 0.25 * gaps / max(1, count)
    return total
