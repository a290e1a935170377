"""The same boxes from a folder, from the tables that it was made from, and from a test run."""

import json
import runpy
import sys

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from perception_kd.datasets.nuscenes.poses import pose_matrix
from perception_kd.engine.build import build_runner
from perception_kd.export import onnx_session
from perception_kd.export.graph import StudentGraph
from perception_kd.export.student import load_student
from perception_kd.inference.folder import samples_of_folder
from perception_kd.inference.folder_writer import write_folder
from perception_kd.inference.job import infer
from perception_kd.inference.pictures import Shown, read_sample
from perception_kd.inference.predictor import load_predictor
from perception_kd.inference.rates import Rates
from perception_kd.inference.root import samples_of_root
from perception_kd.visualization.options import PictureOptions
from perception_kd.visualization.recording.recorder import import_rerun
from perception_kd.visualization.view import View
from tests.inference.conftest import CALIBRATION
from tests.models.det3d.worlds import student_cfg

QUIET = Shown(pictures=False)
LOAD = [dict(type='LoadMultiViewImages'), dict(type='LoadRadarSweeps', sweeps_num=2, filter_preset='crn')]


def config(root) -> Config:
    """A student of a few thousand weights and its test."""
    dataset = dict(type='NuScenesRadarDataset', ann_file='nuscenes_infos_tiny_val.pkl', data_root=str(root),
                   classes=[['car', 'pedestrian', 'barrier']], test_mode=True,
                   pipeline=[*LOAD, dict(type='ImageAug', final_size=(64, 96)), dict(type='PackInputs', keys=(
                       'img', 'cam2lidar', 'cam2img', 'img_aug_matrix', 'lidar_aug_matrix', 'radar'))])
    return Config(dict(
        default_scope='perception_kd', model=student_cfg(), test_cfg=dict(),
        test_dataloader=dict(batch_size=2, num_workers=0, dataset=dataset,
                             sampler=dict(type='DefaultSampler', shuffle=False)),
        test_evaluator=dict(type='NuScenesDetMetric', data_root=str(root), ann_file='nuscenes_infos_tiny_val.pkl',
                            format_only=True)))


@pytest.fixture(scope='module')
def checkpoint(tiny_root, tmp_path_factory):
    """A student whose head says something, its weights in half precision."""
    torch.manual_seed(0)
    model = load_student(config(tiny_root))
    for name, weight in model.named_parameters():
        if weight.dim() > 1 and 'bev' not in name:
            torch.nn.init.normal_(weight, std=(2 / weight[0].numel()) ** 0.5)
    state = {name: value.half() if value.is_floating_point() else value for name, value in model.state_dict().items()}
    path = tmp_path_factory.mktemp('weights') / 'half.pth'
    torch.save(dict(state_dict=state), path)
    return path


def boxes(rows, frame2world=None):
    """(N, 16): score, velocity, pose and size of every box, in another frame if any."""
    moved = np.eye(4) if frame2world is None else np.array(frame2world)
    return np.array([[row['detection_score'], *moved[:2, :2] @ row['velocity'], *row['size'],
                      *(moved @ pose_matrix(row['translation'], row['rotation']))[:3].ravel()] for row in rows])


def test_a_folder_gives_the_boxes_of_a_test_run(tiny_root, checkpoint, tmp_path):
    cfg = config(tiny_root)
    write_folder(tiny_root, tmp_path / 'drive', samples=['tiny-2'], lidar=False)
    own = infer(cfg, checkpoint, tmp_path / 'drive', tmp_path / 'own', shown=QUIET)
    root = infer(cfg, checkpoint, tiny_root, tmp_path / 'root', samples=['tiny-2'], shown=QUIET)
    tested = cfg.copy()
    tested.load_from, tested.test_evaluator.jsonfile_prefix = str(checkpoint), str(tmp_path / 'test')
    build_runner(tested, work_dir=tmp_path / 'test', strict=True).test()
    files = [json.loads((tmp_path / name / 'results_nusc.json').read_text()) for name in ('own', 'root', 'test')]
    mine, tables, test = (file['results'] for file in files)
    assert files[0]['frame']['name'] == 'vehicle' and 'frame' not in files[1] and files[1]['meta'] == files[2]['meta']
    assert own.frames == root.frames == 3 and own.boxes == sum(map(len, test.values())) > 30
    for info in samples_of_root(tiny_root, chosen=['tiny-2']).frames:
        expected = boxes(test[info['token']])
        np.testing.assert_allclose(boxes(tables[info['token']]), expected, atol=1e-4)
        token = str(round(info['timestamp'] * 1e6))
        np.testing.assert_allclose(boxes(mine[token], info['ego2global']), expected, atol=1e-4)
    assert {'load', 'model', 'rows', 'total'} == set(json.loads((tmp_path / 'own/timing.json').read_text())['spread'])
    assert not [path for path in (tmp_path / 'own').iterdir() if path.name.startswith('.')]


def test_pictures_and_film(tiny_root, checkpoint, tmp_path):
    write_folder(tiny_root, tmp_path / 'drive', samples=['0', '1'])
    shown = Shown(film='gif', options=PictureOptions(view=View(20, 20, 20), width=600))
    report = infer(config(tiny_root), checkpoint, tmp_path / 'drive', tmp_path / 'out', shown=shown)
    names = [path.name for path in report.pictures]
    assert names == ['0_1600000000000000.png', '1_1600000000500000.png'] and report.film == tmp_path / 'out/film.gif'
    _, first = cv2.VideoCapture(str(report.film)).read()
    assert {cv2.imread(str(path)).shape for path in report.pictures} == {first.shape}
    assert 'pictures' in report.rates.table()
    with pytest.raises(ValueError, match='none of bus is detected by this model; it detects car, pedestrian, barrier'):
        infer(config(tiny_root), checkpoint, tmp_path / 'drive', tmp_path / 'bus',
              shown=Shown(options=PictureOptions(classes=('bus',))))
    assert not (tmp_path / 'bus').exists()


def test_boxes_of_a_folder_are_drawn_where_those_of_the_tables_are(tiny_root, tmp_path):
    """A box said in the vehicle's frame and the same one said in the world lie at one place of the LiDAR's frame."""
    write_folder(tiny_root, tmp_path / 'drive', samples=['4'])
    box = dict(size=[2, 4, 1.5], detection_name='car', detection_score=0.9, attribute_name='', sample_token='')
    placed = []
    own, root = samples_of_folder(tmp_path / 'drive', prepared=tmp_path / 'p'), samples_of_root(tiny_root, chosen=['4'])
    for samples, pose in ((own, np.eye(4)), (root, np.array(root.frames[0]['ego2global']))):
        centre = (pose @ [12.0, 3.0, 0.75, 1.0])[:3].tolist()
        yaw = np.arctan2(pose[1, 0], pose[0, 0])
        row = {**box, 'translation': centre, 'rotation': [np.cos(yaw / 2), 0, 0, np.sin(yaw / 2)], 'velocity': [0, 0]}
        (info,) = samples.frames
        frame, found = read_sample(samples, info, {info['token']: [row]}, lidar=True)
        placed.append(found.corners)
        np.testing.assert_allclose((found.corners.mean(1) @ frame.lidar2ego[:3, :3].T + frame.lidar2ego[:3, 3])[0],
                                   [12, 3, 0.75], atol=1e-9)
    np.testing.assert_allclose(*placed, atol=1e-9)
    assert frame.annotated and not own.infos[0].get('instances')


class Graph:
    """What ``OnnxStudent`` is, with the graph run by PyTorch: writing a file takes twenty seconds."""

    def __init__(self, student: torch.nn.Module) -> None:
        self.graph = StudentGraph(student, ('img', 'cam2img', 'img_aug_matrix', 'cam2lidar', 'radar'))
        self.meta = {'tasks': student.head.class_names}

    def feed(self, inputs: dict) -> dict:
        return {key: inputs[key][0] for key in self.graph.keys}

    def run(self, feed: dict) -> dict:
        return self.graph(feed)


def test_an_exported_graph(tiny_root, checkpoint, tmp_path, monkeypatch):
    cfg = config(tiny_root)
    monkeypatch.setattr(onnx_session, 'OnnxStudent', lambda path: Graph(load_student(cfg, checkpoint)))
    (tmp_path / 'student.onnx').touch()
    graph, plain = (infer(cfg, weights, tiny_root, tmp_path / name, samples=['tiny-2'], shown=QUIET)
                    for name, weights in (('graph', tmp_path / 'student.onnx'), ('plain', checkpoint)))
    found, expected = (json.loads(report.results.read_text())['results'] for report in (graph, plain))
    for token, rows in expected.items():
        np.testing.assert_allclose(boxes(found[token]), boxes(rows), atol=1e-4)
    other = config(tiny_root)
    other.model.head.tasks = [['car', 'pedestrian', 'bus']]
    with pytest.raises(ValueError, match=r"detects \[\['car', 'pedestrian', 'barrier'\]\], the student of config"):
        load_predictor(other, tmp_path / 'student.onnx')
    with pytest.raises(ValueError, match='an ONNX file runs on the CPU'):
        load_predictor(cfg, tmp_path / 'student.onnx', 'cuda')


def test_a_recording(tiny_root, checkpoint, tmp_path):
    try:
        import_rerun()
    except ImportError as error:
        pytest.skip(str(error))
    infer(config(tiny_root), checkpoint, tiny_root, tmp_path, samples=['0'], shown=Shown(pictures=False, record=True))
    assert (tmp_path / 'recording.rrd').stat().st_size > 1000 and not (tmp_path / 'pictures').exists()


@pytest.mark.parametrize(('make', 'line'), [
    (lambda root: root.mkdir(), 'holds neither calib.yaml nor the tables'),
    (lambda root: None, 'does not exist'), (lambda root: root.write_text(''), 'is a file; give a folder'),
])  # fmt: skip
def test_inputs_that_are_none(tiny_root, checkpoint, tmp_path, make, line):
    make(tmp_path / 'input')
    with pytest.raises(OSError, match=line):
        infer(config(tiny_root), checkpoint, tmp_path / 'input', tmp_path / 'out', shown=QUIET)
    assert not (tmp_path / 'out').exists()


def test_versions(tiny_root, tmp_path):
    for version in ('a', 'b'):
        (tmp_path / version).mkdir()
        (tmp_path / version / 'scene.json').write_text('[]')
    with pytest.raises(ValueError, match='has several versions, name one of a, b with --version'):
        samples_of_root(tmp_path)
    with pytest.raises(FileNotFoundError, match="no version 'c'"):
        samples_of_root(tiny_root, version='c')


def test_rates_leave_the_warm_up_out():
    rates = Rates()
    for seconds in (9.0, 9.0, 0.1, 0.3, 0.2):
        rates.add({'model': seconds})
    assert rates.to_json()['spread']['model']['median'] == 0.2
    assert rates.table().splitlines()[1].split() == ['model', '200.0', '(150.0-250.0)', '5.00']
    assert rates.table().endswith('over 5 frames, the first 2 left out as warm-up')


def test_a_folder_holds_the_results_of_one_run(tiny_root, checkpoint, tmp_path):
    shown = Shown(film='gif', options=PictureOptions(view=View(20, 20, 20), width=600))
    infer(config(tiny_root), checkpoint, tiny_root, tmp_path, samples=['0', '1'], shown=shown)
    for mine in ('pictures/own.png', '.prepared-of-a-run-that-was-killed/a.pcd', '.film.7-8.partial.gif'):
        (tmp_path / mine).parent.mkdir(exist_ok=True)
        (tmp_path / mine).touch()
    report = infer(config(tiny_root), checkpoint, tiny_root, tmp_path, samples=['2'], shown=QUIET)
    assert report.frames == 1
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob('*')) == [
        'pictures', 'pictures/own.png', 'results_nusc.json', 'timing.json']


@pytest.mark.parametrize(('device', 'line'), [('banana', 'give cpu or cuda'), ('mps', 'give cpu or cuda'),
                                              ('cuda:99', 'this torch sees .* CUDA device')])
def test_devices_that_are_none(tiny_root, checkpoint, device, line):
    with pytest.raises(ValueError, match=f'--device {device}: {line}'):
        load_predictor(config(tiny_root), checkpoint, device)


def test_the_command_line_says_in_one_line_what_is_wrong(tmp_path, monkeypatch, capsys):
    (tmp_path / 'calib.yaml').write_text(json.dumps({**CALIBRATION, 'origin': None}))
    (tmp_path / 'student.pth').touch()
    monkeypatch.setattr(sys, 'argv', ['infer.py', 'configs/demo/sim_student.py', str(tmp_path / 'student.pth'),
                                      str(tmp_path), '--out', str(tmp_path / 'out')])
    with pytest.raises(SystemExit) as left:
        runpy.run_path('tools/infer.py', run_name='__main__')
    assert left.value.code == 1 and not (tmp_path / 'out').exists()
    assert capsys.readouterr().err.splitlines() == [
        f'error: {tmp_path}/calib.yaml: origin is missing: a few words, such as: on the ground under the middle of the '
        'rear axle']
