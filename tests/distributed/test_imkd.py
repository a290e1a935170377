"""The camera-radar student with every kind of IMKD's pairs on two gloo processes: gradients, losses, accumulation."""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  # isort: skip
from pathlib import Path

import pytest
import torch
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from torch.nn.modules.batchnorm import _BatchNorm

from perception_kd.distill import Distiller
from perception_kd.leaving import leave
from tests.models.det3d.worlds import RANGE, TASKS, build, collate, sample, student_cfg, teacher_cfg

SAMPLES = [dict(seed=1, boxes=5), dict(seed=2, boxes=1), dict(seed=3, boxes=0, radar=0),
           dict(seed=4, boxes=3, points=40)]
"""Boxes, points and radar differ between the halves, and one sample has neither boxes nor radar."""
PROCESSES = 2
ADAPTOR, INTENSITY = dict(type='DistillAdaptor'), dict(type='IntensityMap')
MSE = dict(type='MSE', channel='sum')


def distiller() -> Distiller:
    """Every kind of pair, at fixed weights."""
    torch.manual_seed(3)
    lidar = build(teacher_cfg(), seed=1)
    encoder = dict(type='LabelEncoder', point_cloud_range=RANGE, tasks=TASKS, stage_cells=[1.6, 3.2],
                   stage_channels=[12, 16], width=16)
    teachers = dict(
        lidar=dict(model=lidar, adapter=dict(type='CenterPointAdapter'), allow_random=True),
        label=dict(model=encoder, adapter=dict(type='LabelEncoderAdapter'), allow_random=True),
        intensity=dict(type='MapTeacher', maps=dict(lidar=INTENSITY), point_cloud_range=RANGE, cell=1.6))
    pairs = dict(
        lidar_to_radar=dict(student='radar_bev', teacher='lidar.bev_s16', connector=ADAPTOR, loss=MSE,
                            target_scale=INTENSITY, weight=0.3, mask=dict(type='ActiveCells', radar=None,
                                                                          occupancy_tap='radar_occupancy')),
        lidar_to_fused=dict(student='merged_bev', teacher='lidar.bev_s16', connector=ADAPTOR, mask=INTENSITY, loss=MSE,
                            weight=0.3),
        label_to_fused=dict(student='merged_bev', teacher='label.bev_s16', connector=ADAPTOR, loss=MSE, weight=0.3,
                            mask=dict(type='GaussianMask', mode='soft')),
        lidar_response=dict(student='head', teacher='lidar.head', loss=dict(type='CenterHeadResponse'), weight=1.0),
        radar_anchor=dict(student='radar_intensity', teacher='intensity.lidar', loss=dict(type='BCE'), weight=0.1))
    model = Distiller(student=build(student_cfg(), seed=2), teachers=teachers, pairs=pairs)
    return model.train()


def step(model: torch.nn.Module, groups: list[list[dict]]) -> dict[str, torch.Tensor]:
    """Gradients and losses of one update over ``groups`` of samples, accumulated."""
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.eval()  # statistics of a batch may rightly depend on how it is split
    core = getattr(model, 'module', model)
    before = {name: weight.detach().clone() for name, weight in core.named_parameters()}
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=1.0), accumulative_counts=len(groups))
    wrapper.initialize_count_status(torch.nn.Linear(1, 1), 0, len(groups))
    for group in groups:
        log = model.train_step(collate(*(sample(**settings) for settings in group)), wrapper)
    found = {name: before[name] - weight.detach() for name, weight in core.named_parameters()}
    return {**found, **{f'log.{name}': value.detach() for name, value in log.items()}}


def worker(rank: int, folder: str) -> None:
    """Trains on its half, at once and in two parts, and writes what it did."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group('gloo', init_method=f'file://{folder}/meeting', rank=rank,
                                         world_size=PROCESSES)
    mine = SAMPLES[2 * rank:2 * rank + 2]
    whole = step(MMDistributedDataParallel(distiller(), find_unused_parameters=False), [mine])
    parts = step(MMDistributedDataParallel(distiller(), find_unused_parameters=False), [[one] for one in mine])
    torch.save(dict(whole=whole, parts=parts), f'{folder}/rank{rank}.pt')
    leave()


@pytest.fixture(scope='module')
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    folder: Path = tmp_path_factory.mktemp('imkd')
    torch.multiprocessing.spawn(worker, args=(str(folder),), nprocs=PROCESSES)
    return [torch.load(folder / f'rank{rank}.pt', weights_only=True) for rank in range(PROCESSES)]


def test_gradients_and_losses_equal_one_process_with_the_double_batch(found: list[dict]) -> None:
    alone = step(distiller(), [SAMPLES])
    trained = 0
    for name, expected in alone.items():
        values = [one['whole'][name] for one in found]
        if name.startswith('log.'):
            torch.testing.assert_close(torch.stack(values).mean(0), expected, rtol=1e-3, atol=1e-5, msg=name)
            continue
        assert torch.equal(*values), name
        size = expected.abs().max()
        torch.testing.assert_close(values[0], expected, rtol=2e-3, atol=1e-4 * float(size) + 1e-6, msg=name)
        trained += bool(size > 0)
    assert trained > 0.9 * sum(not name.startswith('log.') for name in alone)
    assert {name for name in alone if 'distill' in name} == {f'log.loss_distill.{name}' for name in (
        'lidar_to_radar', 'lidar_to_fused', 'label_to_fused', 'lidar_response', 'radar_anchor')}


def test_accumulated_steps_are_shared_once(found: list[dict]) -> None:
    """Both processes make the same update out of two parts each. It is not that of the whole batch: every part is
    divided by its own boxes and cells."""
    one, other = (part['parts'] for part in found)
    names = [name for name in one if not name.startswith('log.')]
    assert all(torch.equal(one[name], other[name]) for name in names)
    groups = [[SAMPLES[0], SAMPLES[2]], [SAMPLES[1], SAMPLES[3]]]
    alone = step(distiller(), groups)
    for name in names:
        size = float(alone[name].abs().max())
        torch.testing.assert_close(one[name], alone[name], rtol=2e-3, atol=1e-4 * size + 1e-6, msg=name)
