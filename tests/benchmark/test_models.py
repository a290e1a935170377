"""Latency and step reports: stages add up, counts agree with counting by hand, batches look like the loader's."""

import json
import runpy
import sys
import time
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from torch import nn

from perception_kd.benchmark.flops import count_flops
from perception_kd.benchmark.latency import LatencyCase, benchmark_latency
from perception_kd.benchmark.parameters import PUBLISHED, parameter_table, parameters_by_part
from perception_kd.benchmark.stage_clock import StageClock
from perception_kd.benchmark.step import StepCase, benchmark_step
from perception_kd.benchmark.synthetic import BatchShape, drive, make_batch
from perception_kd.benchmark.timing import Spread
from perception_kd.distill.pair import Pair
from perception_kd.models.det3d.teachers import CenterPointAdapter
from perception_kd.stages import stage
from tests.models.det3d.test_label_encoder import encoder_cfg
from tests.models.det3d.worlds import NORM, RANGE, TASKS, build, student_cfg, teacher_cfg

FRAME = ('img', 'cam2lidar', 'cam2img', 'img_aug_matrix', 'lidar_aug_matrix', 'radar')
PAIRS = dict(radar=dict(student='radar_bev', teacher='lidar.bev_s16', connector=dict(type='DistillAdaptor'),
                        loss=dict(type='MSE', channel='mean', normalise='rms'),
                        weight=dict(type='LinearWarmup', value=0.5, end=100)))


def config(model: dict, past_frames=()) -> Config:
    def loader(*keys: str) -> dict:
        pipeline = [dict(type='ImageAug', final_size=(64, 96)), dict(type='LidarDepthTarget', stride=8),
                    dict(type='PackInputs', keys=(*FRAME, *keys, 'past'))]
        return dict(dataset=dict(cameras=['CAM_FRONT', 'CAM_BACK'], past_frames=past_frames, pipeline=pipeline))
    return Config(dict(
        model=model, train_dataloader=loader('points', 'depth_target'), test_dataloader=loader(),
        optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=1e-3, momentum=0.9))))


def distiller() -> dict:
    return dict(type='Distiller', student=student_cfg(), pairs=PAIRS, teachers=dict(lidar=dict(
        model=teacher_cfg(), adapter=dict(type='CenterPointAdapter'))))


def temporal() -> dict:
    return student_cfg(temporal=dict(type='TemporalFuser', frames=3, norm_cfg=NORM))


def test_batches_have_the_shapes_of_the_config():
    shape = BatchShape.of(config(distiller(), past_frames=(4, 2)), training=True)
    assert (shape.cameras, shape.image, shape.past_frames, shape.classes) == (2, (64, 96), (2, 4), 3)
    assert shape.point_cloud_range == tuple(RANGE) and len(TASKS[0]) == shape.classes
    batch = make_batch(shape, batch=2)
    inputs = batch['inputs']
    assert [tuple(img.shape) for img in inputs['img']] == [(2, 3, 64, 96)] * 2
    assert inputs['depth_target'][0].shape == (2, 8, 12) and len(inputs['past']) == 2
    assert torch.equal(inputs['cam2img'][0][:, 0, 0], torch.full((2,), 2 * 0.8 * 96))
    near, far = (past['to_key'][1] for past in inputs['past'])
    assert 0 < near[:2, 3].norm() < far[:2, 3].norm() and torch.allclose(near[:3, :3] @ near[:3, :3].T, torch.eye(3))
    assert not torch.equal(inputs['img'][0], inputs['img'][1])
    assert torch.equal(inputs['img'][0], make_batch(shape, batch=2)['inputs']['img'][0])
    points = inputs['points'][0]
    assert points.shape == (35000, 5) and (points[:, :3] >= torch.tensor(RANGE[:3])).all()
    times = [one['data_samples'][0].timestamp for one in drive(shape, 3)]
    assert times == sorted(set(times)) and 'past' not in next(drive(shape, 1))['inputs']


def test_a_config_without_a_loader_is_named():
    with pytest.raises(ValueError, match='has no test_dataloader'):
        BatchShape.of(Config(dict(model=student_cfg())))


def test_moments_are_shared_out_once():
    def work():
        with stage('outer'):
            time.sleep(0.02)
            with stage('inner'):
                time.sleep(0.03)
        time.sleep(0.01)
    found = StageClock().measure(work)
    assert set(found) == {'outer', 'inner', 'rest', 'total'}
    assert sum(found.values()) == pytest.approx(2 * found['total'])
    assert found['outer'] >= 0.02 and found['inner'] >= 0.03 and found['rest'] >= 0.01
    assert set(StageClock(names=['outer']).measure(work)) == {'outer', 'rest', 'total'}
    assert Spread.of([3.0]) == (3.0, 3.0, 3.0) and Spread.of([1.0, 2, 3, 4, 5]) == (3.0, 2.0, 4.0)


def test_operations_of_dense_and_sparse_products():
    conv = nn.Conv2d(3, 5, 3, padding=1)
    sparse = torch.sparse_csr_tensor([0, 2, 3], [0, 3, 1], [1.0, 2.0, 3.0], (2, 4))

    def work():
        with stage('image'):
            conv(torch.zeros(2, 3, 7, 9))
        sparse @ torch.zeros(4, 6)
    expected = dict(image=2 * 2 * 7 * 9 * 5 * 3 * 9, rest=2 * 3 * 6)
    assert count_flops(work) == {**expected, 'total': sum(expected.values())}


def test_parameters_by_part():
    model = build(temporal())
    found = parameters_by_part(model)
    sizes = {name: sum(w.numel() for w in part.parameters()) for name, part in model.named_children()}
    assert found['image'] == sizes['image_backbone'] + sizes['image_neck'] + sizes['view_transform']
    assert found['fuser'] == sizes['fuser'] + sizes['temporal'] and found['head'] == sizes['trunk'] + sizes['head']
    assert sum(found.values()) == 2 * found['total'] and 'other' not in found
    assert '61.4' in parameter_table(found, 'crn-r50') and '61.4' not in parameter_table(found)
    assert sum(PUBLISHED['crn-r50'].values()) == pytest.approx(2 * 61.4, abs=0.2)


@pytest.mark.parametrize('streaming', [False, True])
def test_latency_of_a_student_with_past_frames(streaming):
    case = LatencyCase(streaming=streaming, runs=2)
    report = benchmark_latency(config(temporal(), past_frames=(1, 2)), case, beside='crn-r50')
    found = report.to_json()
    stages = {'inputs', 'image', 'radar', 'view', 'fusion', 'temporal', 'trunk', 'head', 'decode', 'rest', 'total'}
    assert set(report.stages) == stages and all(len(runs) == 2 for runs in report.stages.values())
    assert found['frames_per_second'] == pytest.approx(1 / found['spread']['torch']['median'])
    assert found['flops']['total'] == sum(found['flops'].values()) / 2
    recomputed = 1 if streaming else 3
    once = benchmark_latency(config(student_cfg()), LatencyCase(runs=1)).flops
    assert found['flops']['image'] == recomputed * once['image'] and found['flops']['fusion'] == 3 * once['fusion']
    assert 'crn-r50' in report.table() and json.dumps(found)


def test_step_of_a_distiller_beside_its_student(monkeypatch):
    weights, forward = [], Pair.forward

    def watched(self, *args):
        weights.append(forward(self, *args))
        return weights[-1]
    monkeypatch.setattr(Pair, 'forward', watched)
    report = benchmark_step(config(distiller()), StepCase(runs=2, batch=2))
    assert {value.weight for value in weights} == {0.5}, 'pairs are timed at their final weight'
    found = report.to_json()
    assert set(report.seconds) == {'student', 'distilled'}
    assert set(report.seconds['distilled']) - set(report.seconds['student']) == {'teachers', 'pairs'}
    assert {'forward', 'backward', 'optimiser', 'total'} <= set(report.seconds['student'])
    assert all(len(runs) == 2 for parts in report.seconds.values() for runs in parts.values())
    assert found['ratio'] == pytest.approx(found['spread']['distilled']['total']['median']
                                           / found['spread']['student']['total']['median'])
    assert report.peak['distilled'] > report.peak['student'] > 0
    weights = sum(weight.nbytes for weight in build(student_cfg()).parameters())
    assert 2 * weights < report.held['student'] < 2.5 * weights  # weights and momentum, gradients come and go
    assert report.held['distilled'] > report.held['student'] and report.peak['student'] > weights
    assert 'teachers' in report.table() and json.dumps(found)


def test_step_with_a_cache_beside_the_live_teacher_and_the_student(monkeypatch):
    asked, run = [], CenterPointAdapter.run

    def watched(self, inputs, *args):
        asked.append(len(inputs['points']))
        return run(self, inputs, *args)
    monkeypatch.setattr(CenterPointAdapter, 'run', watched)
    model = distiller()
    model['teachers']['lidar'].update(type='CachedTeacher', cache=dict(folder='nowhere', reads=('points',)))
    torch.manual_seed(3)  # random teachers are the same ones whatever the generator was at
    report = benchmark_step(config(model), StepCase(runs=1, batch=2))
    assert list(report.seconds) == ['student', 'distilled', 'cached'] and not Path('nowhere').exists()
    assert asked == [2] * 5, 'once to fill the cache; live: twice to warm up, a measured run, and one for the peak'
    assert report.ratios == pytest.approx({
        side: report.seconds[side]['total'][0] / report.seconds['student']['total'][0]
        for side in ('distilled', 'cached')})
    assert report.to_json()['ratios'] == report.ratios and report.ratio == report.ratios['distilled']
    assert 'a cached step takes' in report.table()


def test_step_of_a_label_encoder_through_a_teacher_with_random_weights():
    model = dict(type='LabelEncoderTrainer', encoder=encoder_cfg(), teachers=distiller()['teachers'])
    report = benchmark_step(config(model), StepCase(runs=1))
    alone = sum(weight.nbytes for weight in build(encoder_cfg()).parameters())
    teacher = sum(weight.nbytes for weight in build(teacher_cfg()).parameters())
    assert set(report.seconds) == {'student'} and report.held['student'] > 2 * alone + teacher


def test_step_of_a_student_alone():
    report = benchmark_step(config(student_cfg()), StepCase(runs=1))
    assert set(report.seconds) == {'student'} and report.ratio is None and 'distilled' not in report.table()


def test_bad_cases():
    with pytest.raises(ValueError, match='frame by frame'):
        LatencyCase(streaming=True, batch=2)
    with pytest.raises(ValueError, match='merges no past frames'):
        benchmark_latency(config(student_cfg()), LatencyCase(streaming=True))
    with pytest.raises(ValueError, match='one sample'):
        benchmark_latency(config(student_cfg()), LatencyCase(batch=2), onnx='student.onnx')


def test_command_line(tmp_path, monkeypatch, capsys):
    main = runpy.run_path(str(Path(__file__).parents[2] / 'tools' / 'benchmark.py'))['main']
    settings = tmp_path / 'tiny.py'
    settings.write_text(config(student_cfg()).pretty_text)
    out = tmp_path / 'latency.json'
    monkeypatch.setattr(sys, 'argv', ['benchmark.py', 'latency', str(settings), '--runs', '1', '--json', str(out)])
    assert main() == 0
    assert 'frames per second' in capsys.readouterr().out
    assert json.loads(out.read_text())['benchmark'] == 'latency'
    monkeypatch.setattr(sys, 'argv', ['benchmark.py', 'step', str(settings), '--batch', '0'])
    with pytest.raises(ValueError, match='--batch'):
        main()
