"""The ONNX file: standard operators, PyTorch's numbers, and no file where they are not."""

import pytest
import torch
from mmengine.config import Config

pytest.importorskip('onnxruntime')
pytest.importorskip('onnxscript')
import onnx

from perception_kd.benchmark.latency import LatencyCase, benchmark_latency
from perception_kd.benchmark.synthetic import BatchShape, make_batch
from perception_kd.export import onnx_file
from perception_kd.export.graph import NOWHERE
from perception_kd.export.onnx_export import export_onnx
from perception_kd.export.onnx_session import OnnxStudent
from perception_kd.export.student import load_student
from tests.models.det3d.worlds import NORM, RANGE, student_cfg

FRAME = ('img', 'cam2lidar', 'cam2img', 'img_aug_matrix', 'lidar_aug_matrix', 'radar')
FRUSTUM = dict(
    type='RadarFrustumEncoder', point_channels=(8, 6), channels=(4, 4, 4), layers=(0, 0, 0), up_channels=4,
    out_channels=3, norm_cfg=NORM)
ASSISTED = dict(
    type='RadarAssistedTransform', depth_bound=[1.0, 17.0, 1.0], stride=8, radar_channels=3, norm_cfg=NORM,
    depth_net=dict(type='DepthNet', in_channels=16, mid_channels=8, context_channels=4, camera_aware=True,
                   norm_cfg=NORM))
MFA = dict(type='IntensityGuidedFuser', mode='gated_mfa', out_channels=8, attention=dict(layers=1, heads=2, points=2),
           norm_cfg=NORM)


def config(keys=FRAME, past_frames=(), **changes) -> Config:
    pipeline = [dict(type='LoadRadarSweeps', sweeps_num=0), dict(type='ImageAug', final_size=(64, 96)),
                dict(type='PackInputs', keys=keys)]
    return Config(dict(model=student_cfg(**changes), test_dataloader=dict(dataset=dict(
        cameras=['CAM_FRONT', 'CAM_BACK'], radars=['RADAR_FRONT'], past_frames=past_frames, pipeline=pipeline))))


RADAR_ONLY = dict(image_backbone=None, image_neck=None, view_transform=None, depth_loss=None)


@pytest.fixture
def checkpoint(tmp_path):
    """Makes a checkpoint whose head gives numbers of unit scale."""
    def make(cfg: Config):
        torch.manual_seed(0)
        model = load_student(cfg)
        for name, weight in model.named_parameters():
            if weight.dim() > 1 and 'bev' not in name:
                torch.nn.init.normal_(weight, std=(2 / weight[0].numel()) ** 0.5)
        torch.save(dict(state_dict=model.state_dict()), tmp_path / 'student.pth')
        return tmp_path / 'student.pth'
    return make


def test_pillar_student(checkpoint, tmp_path):
    cfg = config()
    cfg.test_dataloader.dataset.pipeline.insert(0, dict(type='ToBEVFrame', frame='ego'))
    path, out = checkpoint(cfg), tmp_path / 'student.onnx'
    report = export_onnx(cfg, path, out, radar_points=40)
    graph = onnx.load(out).graph
    assert {node.domain for node in graph.node} == {''}
    assert 'ScatterND' in report.operators and report.inputs['radar'] == (40, 7)
    assert report.difference < 1e-4
    student = OnnxStudent(out)
    assert student.meta['tasks'] == [['car', 'pedestrian', 'barrier']]
    assert student.meta['point_cloud_range'] == RANGE and student.meta['bev_frame'] == 'ego'
    assert student.meta['inputs']['cam2lidar'] == '(N, 4, 4) camera -> ego frame, m'
    assert 'dt in the ego frame (m' in student.meta['inputs']['radar']
    assert set(student.meta['inputs']) == set(student.shapes) == set(FRAME) - {'lidar_aug_matrix'}
    _other_calibration_and_padding(cfg, path, student)
    timed = benchmark_latency(cfg, LatencyCase(runs=2), checkpoint=path, onnx=out)
    assert timed.to_json()['max_difference'] < 1e-4 and len(timed.onnx) == 2 and 'onnxruntime' in timed.table()
    with pytest.raises(ValueError, match='41 points, the graph takes 40'):
        student.feed(dict(make_batch(BatchShape.of(cfg))['inputs'], radar=[torch.zeros(41, 7)]))
    with pytest.raises(ValueError, match='takes img, '):
        student.feed(dict(radar=[torch.zeros(3, 7)]))


def _other_calibration_and_padding(cfg, path, student):
    """A camera turned and moved after export, and rows of padding of any kind, give what PyTorch gives."""
    model = load_student(cfg, path)
    batch = make_batch(BatchShape.of(cfg), seed=5)
    batch['inputs']['radar'] = [batch['inputs']['radar'][0][:20]]
    move = torch.eye(4)
    move[:2, :2], move[:3, 3] = torch.tensor([[0.8, -0.6], [0.6, 0.8]]), torch.tensor([1.0, -2.0, 0.5])
    batch['inputs']['cam2lidar'] = [move @ batch['inputs']['cam2lidar'][0]]
    with torch.no_grad():
        expected = model(**model.data_preprocessor(batch, False), mode='tensor')[0]
    feed = student.feed(batch['inputs'])
    assert (feed['radar'][20:] == NOWHERE).all()
    for padding in (NOWHERE, float('nan'), float('inf')):
        feed['radar'][20:] = padding
        found = student.run(feed)
        for name, value in expected.items():
            assert value.abs().max() > 0.1
            torch.testing.assert_close(found[f'{name}_0'], value, atol=1e-4, rtol=1e-4)


def test_student_of_every_part_streams(checkpoint, tmp_path):
    cfg = config(past_frames=(2,), radar_encoder=FRUSTUM, view_transform=ASSISTED, fuser=MFA,
                 temporal=dict(type='TemporalFuser', frames=2, norm_cfg=NORM))
    report = export_onnx(cfg, checkpoint(cfg), tmp_path / 'student.onnx', radar_points=20, optimise=False)
    assert {'GridSample', 'ScatterND', 'ScatterElements'} <= set(report.operators)
    assert report.inputs['past_columns'] == (1, *report.outputs['seen_columns'])
    assert report.inputs['past_to_key'] == (1, 4, 4)
    assert 'past_img' not in report.inputs and 'past_depth_logits' not in report.inputs
    assert '[2]' in OnnxStudent(tmp_path / 'student.onnx').meta['inputs']['past']


def test_a_graph_that_differs_leaves_the_file_as_it_was(checkpoint, tmp_path):
    cfg = config(keys=('radar',), **RADAR_ONLY)
    path, out = checkpoint(cfg), tmp_path / 'student.onnx'
    out.write_text('an earlier export')
    with pytest.raises(ValueError, match='differs from PyTorch by'):
        export_onnx(cfg, path, out, tolerance=0.0, optimise=False)
    assert out.read_text() == 'an earlier export'
    assert sorted(tmp_path.iterdir()) == [out, path]


def test_bad_input(checkpoint, tmp_path, monkeypatch):
    cfg = config(keys=('radar',), **RADAR_ONLY)
    path, out = checkpoint(cfg), tmp_path / 'student.onnx'
    with pytest.raises(ValueError, match='--opset 11'):
        export_onnx(cfg, path, out, opset=11)
    with pytest.raises(ValueError, match='--radar-points is 1 or more'):
        export_onnx(cfg, path, out, radar_points=0)
    with pytest.raises(FileNotFoundError):
        export_onnx(cfg, tmp_path / 'none.pth', out)
    (tmp_path / 'text.onnx').write_text('no graph')
    with pytest.raises(ValueError, match='is no graph'):
        OnnxStudent(tmp_path / 'text.onnx')
    monkeypatch.setattr(onnx_file.importlib, 'import_module', _missing)
    with pytest.raises(ImportError, match=r"pip install 'perception_kd\[deploy\]'"):
        export_onnx(cfg, path, out)
    assert not out.exists()


def _missing(name):
    raise ImportError(name)
