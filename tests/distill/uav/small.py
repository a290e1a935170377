"""Configs of drone distillation with networks of a few ten thousand weights, and batches of three small pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import perception_kd.compat  # noqa: F401  # isort: skip
import torch
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

from perception_kd.distill import Distiller
from perception_kd.engine.build import load_config
from perception_kd.registry import MODELS

CONFIGS = Path(__file__).parents[3] / 'configs' / 'uav'
SHRUNK = {
    'detector_n.backbone.depth': 0.1, 'detector_n.backbone.width': 0.0625,
    'detector_n.neck.depth': 0.1, 'detector_n.neck.width': 0.0625}
SHRUNK_TEACHER = {
    'detector_m.backbone.depth': 0.1, 'detector_m.backbone.width': 0.125,
    'detector_m.neck.depth': 0.1, 'detector_m.neck.width': 0.125, 'uav_teacher.allow_random': True}
DISTILLED = sorted([*CONFIGS.glob('distil/*.py'), *(
    path for path in CONFIGS.glob('cpu/*.py') if not path.stem.startswith('yolov5'))])


def name_of(path: Path) -> str:
    """Its folder and its own name."""
    return f'{path.parent.name}/{path.stem}'


def control_of(path: Path) -> Path:
    """The config of the same student without distillation."""
    if path.stem == 'l1_ld':
        return CONFIGS / 'yolov5n_cbi_dfl.py'
    return CONFIGS / ('cpu/yolov5n_cbi.py' if path.parent.name == 'cpu' else 'yolov5n_cbi.py')


def shrunk(path: Path, **more: Any) -> Config:
    """A distilling config with small networks."""
    return load_config(path, {**SHRUNK, **SHRUNK_TEACHER, **more})


def build(cfg: Config) -> Any:
    """Its model, in training mode, and far enough in training that every pair counts."""
    init_default_scope(cfg.default_scope)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).train()
    if isinstance(model, Distiller):
        model.set_progress(1000, 10.0, 2000, 20.0)
    return model


BOXES = (((8, 8, 14, 13), (20, 30, 52, 60)), (), ((40, 3, 45, 9),))


def batch(side: int = 64, boxes: tuple = BOXES) -> dict[str, list]:
    """Three pictures as the loader gives them (two have one distance, which RKD cannot tell from another), one of them
    without a drone."""
    generator = torch.Generator().manual_seed(0)
    pictures = [torch.randint(0, 256, (3, side, side), dtype=torch.uint8, generator=generator) for _ in boxes]
    samples = []
    for number, own in enumerate(boxes):
        sample = DetDataSample(metainfo=dict(
            img_id=number, img_path=f'{number}.png', ori_shape=(side, side), img_shape=(side, side),
            scale_factor=(1.0, 1.0)))
        sample.gt_instances = InstanceData(
            bboxes=torch.tensor(own, dtype=torch.float32).reshape(-1, 4), labels=torch.zeros(len(own)).long())
        samples.append(sample)
    return dict(inputs=pictures, data_samples=samples)


def losses_of(model: Any) -> dict[str, Any]:
    """One step's losses on :func:`batch`."""
    return model(**model.data_preprocessor(batch(), True), mode='loss')
