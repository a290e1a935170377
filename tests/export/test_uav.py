"""ONNX files of drone detectors, in float32 and int8, and the Runner over them."""

import copy
import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

pytest.importorskip('onnxruntime')
pytest.importorskip('onnxscript')
import onnx
from mmdet.structures import DetDataSample
from onnx import numpy_helper

from perception_kd.datasets.transforms.uav_letterbox import LetterBox
from perception_kd.export import uav_onnx
from perception_kd.export.student import is_uav
from perception_kd.export.uav_graph import UAVGraph, folded
from perception_kd.export.uav_int8 import common_boxes, export_int8, head_nodes, quantise
from perception_kd.export.uav_onnx import DEPLOYED, export_uav, load_detector
from perception_kd.export.uav_pictures import drawn_pictures, graph_input, letterboxed
from perception_kd.export.uav_session import OnnxDetector
from perception_kd.models.uav.postprocess import BoxSettings, choose_boxes

TOOLS = Path(__file__).parents[2] / 'tools'
SIZE, WIDE = (64, 64), (64, 96)
ANCHORS = [[[10, 13], [16, 30], [33, 23]], [[30, 61], [62, 45], [59, 119]], [[116, 90], [156, 198], [373, 326]]]
MODEL = dict(
    type='UAVDetector', backbone=dict(type='CSPDarknetV5', depth=0.33, width=0.125, cbam_at=['bb4', 'bb5']),
    neck=dict(type='CBiPAFPN', depth=0.33, width=0.125), test_cfg=DEPLOYED,
    head=dict(type='AnchorYOLOHead', num_classes=2, anchors=ANCHORS))


def config(**changes) -> Config:
    return Config(dict(model={**MODEL, **changes}, default_scope='perception_kd', classes=('drone', 'bird')))


TRACED: dict = {}


@pytest.fixture(scope='module', autouse=True)
def traced_once():
    """Tracing takes seconds: what has this head and size is traced once; weights are those of ``checkpoint``."""
    trace = uav_onnx.traced

    def remember(graph, example, *rest, **more):
        size = tuple(example['images'].shape[2:])
        if graph.detector.head.num_classes != 2:
            return trace(graph, example, *rest, **more)
        if size not in TRACED:
            TRACED[size] = trace(graph, {'images': example['images'].expand(2, -1, -1, -1)}, *rest,
                                 free={'images': {0: 'batch'}})
        return copy.deepcopy(TRACED[size])

    uav_onnx.traced = remember
    yield
    uav_onnx.traced = trace


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory) -> Path:
    """Of a detector that is sure of itself, with batch statistics other than those that it is built with."""
    path = tmp_path_factory.mktemp('weights') / 'detector.pth'
    torch.manual_seed(0)
    model = load_detector(config(), None)
    for name, buffer in model.named_buffers():
        if name.endswith('running_var'):
            buffer.uniform_(0.5, 2)
        elif name.endswith('running_mean'):
            buffer.normal_(std=0.2)
    for conv in model.head.convs:
        conv.weight.data *= 20
        conv.bias.data.view(3, -1)[:, 4:] += 3.5
    torch.save(dict(state_dict=model.state_dict()), path)
    return path


@pytest.fixture(scope='module')
def detector(checkpoint):
    return load_detector(config(), checkpoint)


@pytest.fixture(scope='module')
def graph(checkpoint):
    """File and report."""
    out = checkpoint.parent / 'detector.onnx'
    return out, export_uav(config(), checkpoint, out, size=SIZE)


@pytest.fixture(scope='module')
def small_graph(checkpoint):
    """The int8 file and its report."""
    out = checkpoint.parent / 'int8.onnx'
    return out, export_int8(config(), checkpoint, out, size=SIZE, calibration=drawn_pictures(SIZE, 6))


def sample(picture, scale) -> DetDataSample:
    return DetDataSample(metainfo=dict(ori_shape=picture.shape[:2], scale_factor=scale))


def by_torch(detector, picture, size=SIZE):
    """Boxes of a BGR picture through the preprocessor and ``predict``."""
    frame, scale = letterboxed(picture, size)
    data = dict(inputs=[torch.from_numpy(frame).permute(2, 0, 1)], data_samples=[sample(picture, scale)])
    return detector.test_step(data)[0].pred_instances


def check_same(found, expected, share: float = 1.0) -> None:
    """The same boxes, those of equal scores in any order.

    Where faint boxes count, rounding decides about some: they overlap others by almost the limit, or have equal scores
    as all places of even grey have. Of these a ``share`` must be the same.
    """
    assert min(len(found), len(expected)) > 3
    apart = (found.bboxes[:, None] - expected.bboxes[None]).abs().amax(-1)
    apart[found.labels[:, None] != expected.labels[None]] = torch.inf
    apart[(found.scores[:, None] - expected.scores[None]).abs() > 1e-4] = torch.inf
    assert all((apart.amin(side) < 0.02).float().mean() >= share for side in (0, 1))
    assert share < 1 or len(found) == len(expected)


def test_the_file_says_all(graph) -> None:
    path, report = graph
    proto = onnx.load(path)
    assert {node.domain for node in proto.graph.node} == {''} and 'BatchNormalization' not in report.operators
    assert report.inputs == {'images': ('B', 3, *SIZE)} and report.difference < 0.05
    places = 3 * sum(SIZE[0] * SIZE[1] // stride**2 for stride in (8, 16, 32))
    assert report.outputs == {'boxes': ('B', places, 4), 'scores': ('B', places, 2)}
    meta = OnnxDetector(path).meta
    assert meta['task'] == 'uav' and meta['size'] == list(SIZE) and meta['names'] == ['drone', 'bird']
    assert 'RGB' in meta['inputs']['images'] and set(meta['outputs']) == {'boxes', 'scores'} and is_uav(config())


def test_folding_keeps_values(detector) -> None:
    images = graph_input(drawn_pictures(SIZE, 2), SIZE)
    with torch.no_grad():
        plain, fused = (UAVGraph(one)(dict(images=images)) for one in (detector, folded(detector)))
    assert not any(isinstance(one, torch.nn.BatchNorm2d) for one in folded(detector).modules())
    assert all(torch.allclose(plain[name], fused[name], atol=1e-3) for name in plain)
    with pytest.raises(ValueError, match='eval mode only'):
        folded(load_detector(config(), None).train())


@pytest.mark.parametrize(('thresholds', 'share'), [(DEPLOYED, 1.0), (dict(max_per_img=3000), 0.97)])
@pytest.mark.parametrize('shape', [(64, 96), (200, 130), (31, 90)])
def test_the_session_finds_what_pytorch_finds(graph, checkpoint, thresholds, share, shape) -> None:
    """Pictures of any shape, by the thresholds of deployment and of metrics."""
    picture = drawn_pictures(shape, 1, seed=3)[0]
    detector = load_detector(config(test_cfg=thresholds), checkpoint)
    check_same(OnnxDetector(graph[0], test_cfg=thresholds).detect(picture), by_torch(detector, picture), share)


def test_the_session_stands_for_the_model(graph, detector) -> None:
    """A batch of the pipeline, and mode and size that it lacks."""
    session, pictures = OnnxDetector(graph[0], test_cfg=DEPLOYED), drawn_pictures(SIZE, 3)
    data = dict(inputs=[torch.from_numpy(one).permute(2, 0, 1) for one in pictures],
                data_samples=[sample(one, (1.0, 1.0)) for one in pictures])
    for found, picture in zip(session.test_step(data), pictures):
        check_same(found.pred_instances, by_torch(detector, picture))
    with pytest.raises(ValueError, match='takes pictures of 64x64, got 96x64'):
        session.run(torch.zeros(1, 3, *WIDE))
    with pytest.raises(NotImplementedError, match="no mode 'loss'"):
        session(torch.zeros(1, 3, *SIZE), mode='loss')


def test_suppression_inside(checkpoint, detector, tmp_path) -> None:
    report = export_uav(config(), checkpoint, tmp_path / 'nms.onnx', size=SIZE, nms=True)
    assert report.outputs == {'boxes': ('M', 4), 'scores': ('M',), 'labels': ('M',)}
    session = OnnxDetector(tmp_path / 'nms.onnx')
    for picture in drawn_pictures(SIZE, 3, seed=5):
        check_same(session.detect(picture), by_torch(detector, picture))
    image = graph_input([drawn_pictures(SIZE, 1)[0]], SIZE)
    with torch.no_grad():
        dense = UAVGraph(detector)(dict(images=image))
    check_same(session.run(image)[0], choose_boxes(dense['boxes'][0], dense['scores'][0], BoxSettings(**DEPLOYED)))
    with pytest.raises(ValueError, match='--nms'):
        session.dense(image)


def test_suppression_that_leaves_nothing_hides_no_difference(checkpoint, tmp_path, monkeypatch) -> None:
    trace = uav_onnx.traced

    def damaged(*rest, **more):
        proto, shapes = trace(*rest, **more)
        for weight in proto.graph.initializer:
            if len(weight.dims) == 4:
                weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * 1.5, weight.name))
        return proto, shapes

    monkeypatch.setattr(uav_onnx, 'DEPLOYED', dict(score_thr=1.0, nms_iou=0.45))
    export_uav(config(), checkpoint, tmp_path / 'whole.onnx', size=SIZE, nms=True)
    monkeypatch.setattr(uav_onnx, 'traced', damaged)
    with pytest.raises(ValueError, match='not written'):
        export_uav(config(), checkpoint, tmp_path / 'nms.onnx', size=SIZE, nms=True)
    assert [one.name for one in tmp_path.iterdir()] == ['whole.onnx']


def test_distribution_heads_weighted_sums_and_wide_pictures(tmp_path) -> None:
    cfg = config(head=dict(type='DistributionHead', num_classes=1),
                 neck=dict(type='CBiPAFPN', depth=0.33, width=0.125, fusion='weighted_add', cbam_at=['n3']))
    torch.manual_seed(0)
    detector = load_detector(cfg, None)
    for branch in detector.head.classes:
        branch[-1].weight.data *= 30
    torch.save(dict(state_dict=detector.state_dict()), tmp_path / 'dfl.pth')
    report = export_uav(cfg, tmp_path / 'dfl.pth', tmp_path / 'dfl.onnx', size=WIDE)
    assert report.outputs['scores'] == ('B', 96 + 24 + 6, 1) and report.difference < 0.05
    detector.test_cfg = settings = BoxSettings(max_per_img=3000)
    session = OnnxDetector(tmp_path / 'dfl.onnx', test_cfg=vars(settings))
    for shape in (WIDE, (200, 130), (31, 90)):
        picture = drawn_pictures(shape, 1, seed=3)[0]
        check_same(session.detect(picture), by_torch(detector.eval(), picture, WIDE), share=0.97)


@pytest.mark.parametrize(('part', 'by', 'words'), [
    ('boxes', 0.5, r'differs from PyTorch by 0\.5 px'), ('scores', 0.01, r'scores differ from PyTorch by 0\.01'),
    ('boxes', float('nan'), 'differs from PyTorch by nan px')])
def test_a_graph_that_differs_is_not_written(checkpoint, graph, part, by, words, tmp_path, monkeypatch) -> None:
    """Something is added to one of its outputs."""
    def moved(*rest, **more):
        proto, shapes = TRACED[SIZE]
        proto = copy.deepcopy(proto)
        for node in proto.graph.node:
            node.output[:] = [f'first_{name}' if name == part else name for name in node.output]
        proto.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(by), 'by'))
        proto.graph.node.append(onnx.helper.make_node('Add', [f'first_{part}', 'by'], [part]))
        return proto, shapes

    out = tmp_path / 'detector.onnx'
    out.write_text('as it was')
    monkeypatch.setattr(uav_onnx, 'traced', moved)
    with pytest.raises(ValueError, match=words):
        export_uav(config(), checkpoint, out, size=SIZE, pictures=drawn_pictures(SIZE, 1))
    assert out.read_text() == 'as it was' and len(list(tmp_path.iterdir())) == 1


def test_int8_convolutions(graph, small_graph) -> None:
    """All but the last are of 8 bits, nothing behind is, and the boxes are nearly the same."""
    path, report = small_graph
    proto = onnx.load(path)
    weights = {one.name: one for one in proto.graph.initializer}
    made_by = {name: node for node in proto.graph.node for name in node.output}
    last, after = head_nodes(proto)
    convs = [node for node in proto.graph.node if node.op_type == 'Conv']
    assert len(last) == 3 and not [node for node in convs if node.name in last and node.input[1] in made_by]
    for node in (node for node in convs if node.name not in last):
        weight = made_by[node.input[1]]
        assert weight.op_type == 'DequantizeLinear' and weights[weight.input[0]].data_type == onnx.TensorProto.INT8
        assert len(weights[weight.input[1]].dims) == 1  # a scale a channel
    assert not [node.name for node in proto.graph.node if node.name in after and node.op_type == 'QuantizeLinear'][3:]
    assert report.megabytes[1] < 0.6 * report.megabytes[0] and report.pictures == 6
    session, full = OnnxDetector(path), OnnxDetector(graph[0])
    assert session.meta['precision'] == 'int8' and session.size == SIZE
    images = graph_input(drawn_pictures(SIZE, 4, seed=9), SIZE)
    (boxes, scores), (exact, sure) = session.dense(images), full.dense(images)
    apart = (boxes - exact).abs().amax(-1)
    assert 0 < apart.median() < 2 and (scores - sure).abs().mean() < 0.05
    before, after, both = report.boxes
    assert 0.7 * before <= both <= before and after > 0
    assert 'float32' in str(report) and 'before rounding it differs' in str(report)


def test_the_head_may_be_rounded_too(graph, tmp_path) -> None:
    batches = (graph_input([picture], SIZE) for picture in drawn_pictures(SIZE, 2))
    quantise(graph[0], tmp_path / 'a.onnx', batches, int8_head=True)
    proto = onnx.load(tmp_path / 'a.onnx')
    made_by = {name: node.op_type for node in proto.graph.node for name in node.output}
    assert {made_by.get(node.input[1]) for node in proto.graph.node if node.op_type == 'Conv'} == {'DequantizeLinear'}


def test_boxes_in_common(graph) -> None:
    session, pictures = OnnxDetector(graph[0], test_cfg=DEPLOYED), drawn_pictures(SIZE, 2)
    one, other, both = common_boxes(session, session, pictures)
    assert one == other == both > 0
    deaf = OnnxDetector(graph[0], test_cfg=dict(score_thr=1.0))
    assert common_boxes(session, deaf, pictures) == (one, 0, 0)


@pytest.mark.parametrize('shape', [(64, 64), (33, 64), (480, 640), (1080, 700), (10, 200)])
def test_a_square_frame_is_the_pipelines(shape) -> None:
    picture = drawn_pictures(shape, 1)[0] if min(shape) > 30 else np.full((*shape, 3), 7, np.uint8)
    expected = LetterBox(size=64)(dict(img=picture))
    frame, scale = letterboxed(picture, (64, 64))
    assert np.array_equal(frame, expected['img']) and scale == expected['scale_factor']
    for size in ((32, 96), (96, 32), (352, 640)):
        frame, (x, y) = letterboxed(picture, size)
        assert frame.shape == (*size, 3) and round(shape[1] * x) <= size[1] and round(shape[0] * y) <= size[0]
        assert max(shape[1] * x / size[1], shape[0] * y / size[0]) > 0.95


@pytest.fixture(scope='module')
def world(tmp_path_factory, checkpoint) -> Path:
    """A data set of a few pictures, and the config file of a detector over it."""
    import cv2

    root = tmp_path_factory.mktemp('world')
    (root / 'annotations').mkdir()
    for split in ('train', 'val'):
        images, annotations = [], []
        for number, picture in enumerate(drawn_pictures((90, 96), 4, seed=len(split)), 1):
            cv2.imwrite(str(root / f'{split}{number}.png'), picture)
            images.append(dict(id=number, file_name=f'{split}{number}.png', width=96, height=90))
            annotations.append(dict(id=number, image_id=number, category_id=1, bbox=[20, 20, 30, 25], area=750,
                                    iscrowd=0))
        (root / f'annotations/{split}.json').write_text(json.dumps(dict(
            images=images, annotations=annotations, categories=[dict(id=1, name='drone'), dict(id=2, name='bird')])))
    pipeline = [dict(type='LoadPicture'), dict(type='mmdet.LoadAnnotations', with_bbox=True),
                dict(type='LetterBox', size=64), dict(type='PackPicture')]
    (root / 'config.py').write_text(f"""
default_scope, data_root = 'perception_kd', {str(root)!r}
train_ann, val_ann = 'annotations/train.json', 'annotations/val.json'
classes = ('drone', 'bird')
model = {MODEL!r}
val_dataloader = dict(batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False), dataset=dict(
    type='UAVDataset', data_root='${{data_root}}', ann_file='${{val_ann}}', data_prefix=dict(img=''), classes=classes,
    pipeline={pipeline!r}, filter_cfg=dict(filter_empty_gt=False), test_mode=True))
test_dataloader = val_dataloader
val_evaluator = test_evaluator = dict(type='UAVMetric', ann_file='${{data_root}}/${{val_ann}}')
val_cfg, test_cfg = dict(type='ValLoop'), dict(type='TestLoop')
""")
    return root


def tool(monkeypatch, name: str, *words) -> object:
    monkeypatch.setattr(sys, 'argv', [name, *map(str, words)])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(TOOLS / name), run_name='__main__')
    return end.value.code


def figures(folder: Path) -> dict:
    return json.loads((folder / 'uav_metrics.json').read_text())


def test_tools_export_and_test_files(world, checkpoint, tmp_path, monkeypatch, capsys) -> None:
    """The float32 file scores as the checkpoint does, the int8 file near it, on a real data set's files."""
    for words in (['onnx'], ['onnx-int8', '--data', world, '--calibration-pictures', 3]):
        out = tmp_path / f'{words[0]}.onnx'
        assert not tool(monkeypatch, 'export.py', world / 'config.py', checkpoint, '--size', *SIZE, '--out', out,
                        '--format', *words)
    shown = capsys.readouterr().out
    assert 'over 4 pictures' in shown and 'calibrated on 3 pictures' in shown
    rows = {}
    for weights in (checkpoint, tmp_path / 'onnx.onnx', tmp_path / 'onnx-int8.onnx'):
        folder = tmp_path / weights.stem
        assert not tool(monkeypatch, 'test.py', world / 'config.py', weights, '--work-dir', folder)
        rows[weights.stem] = json.loads((folder / 'results_uav.json').read_text())
    assert len(rows['detector']) == len(rows['onnx']) > 8
    for one, other in zip(rows['detector'], rows['onnx']):
        assert one['image_id'] == other['image_id'] and one['bbox'] == pytest.approx(other['bbox'], abs=0.05)
    assert 0.5 < len(rows['onnx-int8']) / len(rows['onnx']) < 2 and rows['onnx-int8'] != rows['onnx']


@pytest.mark.parametrize(('words', 'line'), [
    (['--format', 'onnx', '--size', '60', '96'], '--size 60 96: height and width are multiples of 32'),
    (['--format', 'onnx', '--opset', '11'], 'the graph needs 18'),
    (['--format', 'onnx', '--int8-head'], '--int8-head is not for --format onnx'),
    (['--format', 'onnx-int8', '--nms'], '--nms is not for --format onnx-int8'),
    (['--format', 'onnx-int8', '--calibration-pictures', '0'], 'needs 1 picture or more'),
    (['--format', 'onnx-int8', '--data', '/nowhere'], 'data set /nowhere does not exist'),
    (['--format', 'onnx-int8', '--cfg-options', 'train_ann=no.json'], 'no pictures to calibrate on'),
    (['--format', 'onnx', '--max-disp', '32'], '--max-disp is not for')])
def test_bad_input_of_the_exporter(world, checkpoint, words, line, tmp_path, monkeypatch, capsys) -> None:
    assert tool(monkeypatch, 'export.py', world / 'config.py', checkpoint, '--out', tmp_path / 'x.onnx', *words) == 1
    said = capsys.readouterr().err
    assert line in said and said.count('\n') == 1 and not list(tmp_path.iterdir())


def test_files_that_are_no_graphs_of_detectors(world, graph, tmp_path, monkeypatch, capsys) -> None:
    (tmp_path / 'broken.onnx').write_bytes(graph[0].read_bytes()[:5000])
    proto = onnx.load(graph[0])
    onnx.helper.set_model_props(proto, dict(task='"stereo"'))
    onnx.save(proto, str(tmp_path / 'other.onnx'))
    for name, line in (('broken.onnx', 'no graph that onnxruntime can load'), ('none.onnx', 'does not exist'),
                       ('other.onnx', 'no graph of a drone detector')):
        assert tool(monkeypatch, 'test.py', world / 'config.py', tmp_path / name, '--work-dir', tmp_path / 'out') == 1
        said = capsys.readouterr().err
        assert line in said and said.count('\n') == 1
    (tmp_path / 'stereo.py').write_text("model = dict(type='StereoMatcher')\ntest_dataloader = test_cfg = "
                                        "test_evaluator = dict(type='x')\n")
    assert tool(monkeypatch, 'test.py', tmp_path / 'stereo.py', graph[0], '--work-dir', tmp_path / 'out') == 1
    assert 'graphs are tested of drone detectors' in capsys.readouterr().err
