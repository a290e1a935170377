"""Throughput on several processes: which batches they take, what follows from the times, what goes wrong."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest
from mmengine.config import Config

from perception_kd.benchmark import scale
from perception_kd.benchmark.scale import ScaleCase, ScaleReport, benchmark_scale, measure
from perception_kd.benchmark.scale_process import ScaleJob
from tests.benchmark.test_models import config, distiller
from tests.models.det3d.worlds import student_cfg

SECONDS = {(1, 4): [1.0, 2.0, 1.0], (2, 2): [0.5, 0.8, 0.8], (2, 4): [1.0, 1.0, 1.25], (4, 1): [0.5, 0.5, 0.5],
           (4, 4): [2.0, 2.0, 2.0]}
"""Of a step, by processes and samples of each, in the order of the runs."""


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[ScaleJob]:
    """What would be started; it takes ``SECONDS``."""
    found: list[ScaleJob] = []

    def instead(job: ScaleJob) -> dict[str, float]:
        runs = sum((one.processes, one.batch) == (job.processes, job.batch) for one in found)
        found.append(job)
        return dict(seconds=SECONDS[job.processes, job.batch][runs], samples=job.processes * job.batch)
    monkeypatch.setattr(scale, 'measure', instead)
    return found


def test_sides_turn_by_turn_and_their_efficiency(jobs: list[ScaleJob]) -> None:
    report = benchmark_scale(config(distiller()), ScaleCase(processes=(2, 4), batch=4, runs=3, steps=5, threads=2))
    turn = [(1, 4), (2, 2), (2, 4), (4, 1), (4, 4)]
    assert [(job.processes, job.batch) for job in jobs] == 3 * turn
    assert {(job.steps, job.threads, job.device) for job in jobs} == {(5, 2, 'cpu')}
    assert all(job.cfg.model.teachers.lidar.allow_random for job in jobs)
    found = report.to_json()
    assert found['samples_per_second']['1 process']['median'] == 4
    assert found['efficiency'] == pytest.approx({
        '1 process': 1, 'strong, 2 processes': (4 / 0.8) / (2 * 4), 'weak, 2 processes': (8 / 1.0) / (2 * 4),
        'strong, 4 processes': (4 / 0.5) / (4 * 4), 'weak, 4 processes': (16 / 2.0) / (4 * 4)})
    assert found['spread']['strong, 2 processes'] == dict(median=0.8, low=0.65, high=0.8)
    lines = report.table().splitlines()
    assert lines[2].split() == ['strong,', '2', 'processes', '2', '800.0', '(650.0-800.0)', '5.00', '0.62']
    assert json.dumps(found)


def test_cached_teachers_run_live(jobs: list[ScaleJob]) -> None:
    model = distiller()
    model['teachers']['lidar'].update(type='CachedTeacher', cache=dict(folder='nowhere', reads=('points',)))
    benchmark_scale(config(model), ScaleCase(batch=4, runs=1))
    teacher = jobs[0].cfg.model.teachers.lidar
    assert teacher.type == 'FrozenTeacher' and 'cache' not in teacher and not Path('nowhere').exists()


def test_two_processes_take_a_batch_each() -> None:
    found = measure(ScaleJob(cfg=config(student_cfg()), processes=2, batch=3, steps=2))
    assert found['samples'] == 6 and found['seconds'] > 0


def test_a_process_that_fails_says_why() -> None:
    model = student_cfg()
    model['head'] = dict(type='NoHead')
    with pytest.raises(ChildProcessError, match=r'^training on 1 process failed: KeyError: .*NoHead'):
        measure(ScaleJob(cfg=config(model), processes=1, batch=1, steps=1))


@pytest.mark.parametrize(('settings', 'error'), [
    (dict(processes=(1, 2)), 'numbers of 2 or more, beside one alone'), (dict(processes=(2, 2)), 'different numbers'),
    (dict(processes=(2, 4), batch=6), 'must be a multiple of --processes 2 4'), (dict(batch=0), 'must be a multiple'),
    (dict(steps=0), '1 or more'),
])
def test_numbers_that_cannot_be(settings: dict, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        ScaleCase(**settings)


def test_a_gpu_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('torch.cuda.device_count', lambda: 2)
    with pytest.raises(ValueError, match='--processes 4: a GPU each, and there are 2'):
        benchmark_scale(config(student_cfg()), ScaleCase(processes=(2, 4), batch=4, device='cuda'))
    with pytest.raises(ValueError, match='has no optim_wrapper'):
        benchmark_scale(Config(dict(model={}, train_dataloader={})), ScaleCase())


def test_more_processes_than_cores_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('os.sched_getaffinity', lambda process: {0, 1})
    sides = ScaleCase(processes=(2,), threads=2).sides()
    report = ScaleReport(dict(device='cpu', threads=2), sides, {side: [1.0] for side in sides},
                         dict.fromkeys(sides, 2.0))
    assert report.table().endswith('2 processes with 2 threads each share 2 cores: that cannot scale')


def test_command_line(jobs: list[ScaleJob], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    main = runpy.run_path(str(Path(__file__).parents[2] / 'tools' / 'benchmark.py'))['main']
    settings, out = tmp_path / 'tiny.py', tmp_path / 'scale.json'
    settings.write_text(config(student_cfg()).pretty_text)
    monkeypatch.setattr(sys, 'argv', ['benchmark.py', 'scale', str(settings), '--batch', '4', '--runs', '2', '--json',
                                      str(out)])
    assert main() == 0
    assert 'scale, 1 thread, cpu' in capsys.readouterr().out
    assert json.loads(out.read_text())['setting']['batch'] == 4 and len(jobs) == 6
