"""The real detector behind the predictor: as its test pipeline sees pictures, in tiles, and as an ONNX file."""

import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmengine.registry import init_default_scope

from perception_kd.engine.build import load_config
from perception_kd.export.student import load_student
from perception_kd.inference.uav.predictor import FindSettings, UAVPredictor, load_predictor
from perception_kd.models.uav.sliced import SlicedDetector
from perception_kd.registry import TRANSFORMS
from tests.blob_detector import BlobDetector, painted
from tests.inference.uav.conftest import save

SIZE = 64
LOW = FindSettings(score=0.0, nms=0.3)


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Config and checkpoint of the smallest detector, whose weights nobody trained but whose scores differ."""
    cfg = load_config('configs/uav/yolov5n_cbi.py', dict(image_size=SIZE))
    torch.manual_seed(0)
    model = load_student(cfg)
    for name, value in model.state_dict().items():
        if name.startswith('head') and name.endswith('weight'):
            value.normal_(std=0.3)
    path = tmp_path_factory.mktemp('uav') / 'n.pth'
    torch.save(dict(state_dict=model.state_dict(), meta=dict(dataset_meta=dict(classes=('drone',)))), path)
    return cfg, path


@pytest.fixture(scope='module')
def picture() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 255, (90, 120, 3)).astype(np.uint8)


def test_pictures_are_seen_as_in_the_test_loop(trained, picture, tmp_path):
    """Batch normalisation is folded and nothing is read from disk; boxes and scores stay."""
    cfg, path = trained
    found = load_predictor(cfg, path, settings=LOW)(picture)
    init_default_scope('perception_kd')
    model = load_student(cfg, path)
    model.test_cfg = type(model.test_cfg)(score_thr=0.0, nms_iou=0.3)
    pipeline = Compose([TRANSFORMS.build(one) for one in cfg.test_dataloader.dataset.pipeline])
    packed = pipeline(dict(img_path=str(save(tmp_path / 'a.png', picture)), img_id=1, instances=[]))
    expected = model.test_step({name: [value] for name, value in packed.items()})[0].pred_instances
    assert len(expected) > 20
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
    np.testing.assert_allclose(found.boxes, expected.bboxes, atol=1e-2)


def test_tiles_of_the_command_line_are_those_of_a_config(trained, picture):
    cfg, path = trained
    found = load_predictor(cfg, path, settings=FindSettings(score=0.0, tile=SIZE, overlap=24))(picture)
    sliced = load_config('configs/uav/yolov5n_cbi_sliced.py', dict(tile=SIZE, tile_overlap=24))
    again = load_predictor(sliced, path, settings=FindSettings(score=0.0))(picture)
    assert len(found.boxes) > 5
    for ours, other in zip(found, again):
        np.testing.assert_allclose(ours, other, atol=1e-5)


class Graph(BlobDetector):
    """Stands for ``OnnxDetector``, whose export takes half a minute: pictures come to it as RGB 0..255."""

    def __init__(self, path) -> None:
        super().__init__()
        self.size = (SIZE, SIZE)

    def detect(self, picture):
        return SlicedDetector(detector=BlobDetector(), tile=200).detect(picture)

    def predict(self, inputs, data_samples, rescale=True):
        assert inputs.shape[2:] == self.size
        return super().predict(inputs / 255, data_samples)


def test_an_onnx_file_finds_the_same(trained, tmp_path, monkeypatch):
    """On whole pictures, and on tiles that are brought to its size."""
    monkeypatch.setattr('perception_kd.export.uav_session.OnnxDetector', Graph)
    (tmp_path / 'n.onnx').touch()
    cfg = load_config('configs/uav/yolov5n_cbi.py', dict(classes=('drone', 'bird')))
    image = painted(90, 120, [[30, 20, 38, 26], [100, 60, 108, 70]], [0, 1])
    for settings in (FindSettings(), FindSettings(tile=SIZE, overlap=24, full_pass=False),
                     FindSettings(tile=SIZE // 2, overlap=24, full_pass=False)):
        found = load_predictor(cfg, tmp_path / 'n.onnx', settings=settings)(image)
        order = found.labels.argsort()
        assert found.labels[order].tolist() == [0, 1]
        np.testing.assert_allclose(found.boxes[order], [[30, 20, 38, 26], [100, 60, 108, 70]],
                                   atol=1.01 if settings.tile == SIZE // 2 else 0)  # edges of enlarged pictures blur
    with pytest.raises(ValueError, match='run on the CPU here'):
        load_predictor(cfg, tmp_path / 'n.onnx', device='cuda')
    monkeypatch.setattr(Graph, 'detect', None)
    wide = type('Wide', (Graph,), dict(size=property(lambda self: (32, 64), lambda self, value: None)))
    monkeypatch.setattr('perception_kd.export.uav_session.OnnxDetector', wide)
    with pytest.raises(ValueError, match='takes pictures of 64x32'):
        load_predictor(cfg, tmp_path / 'n.onnx', settings=FindSettings(tile=32))


def test_classes_need_names_and_thresholds_their_names(tmp_path):
    model = SlicedDetector(detector=BlobDetector())
    image = painted(40, 40, [[3, 3, 9, 9]], labels=[1])
    with pytest.raises(ValueError, match='finds class 1, and has names for 1'):
        UAVPredictor(model.detect, ['drone'])(image)
    settings = FindSettings(score=0.99, scores=dict(bird=0.5), floor=0.1)
    predictor = UAVPredictor(model.detect, ['drone', 'bird'], settings)
    assert predictor.settings.least == 0.1 and predictor(image).labels.tolist() == [1]
    dim = predictor(painted(40, 40, [[3, 3, 9, 9]], values=[220]))
    assert dim.scores == pytest.approx([220 / 255]) and predictor.strong(dim).tolist() == [False]


def test_a_config_without_pipeline_or_classes(tmp_path, trained):
    cfg = trained[0].copy()
    cfg.pop('test_dataloader')
    with pytest.raises(ValueError, match='test_dataloader has no pipeline'):
        load_predictor(cfg, trained[1])
    torch.save(dict(state_dict=torch.load(trained[1])['state_dict']), tmp_path / 'bare.pth')
    cfg = trained[0].copy()
    assert load_predictor(cfg, tmp_path / 'bare.pth').classes == ('drone',)
    cfg.pop('classes')
    with pytest.raises(ValueError, match='has no classes'):
        load_predictor(cfg, tmp_path / 'bare.pth')
