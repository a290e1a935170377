"""A trained model behind one call, in PyTorch or in onnxruntime."""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  # isort: skip

from pathlib import Path
from typing import Any, Protocol

import torch
from mmdet3d.structures import Det3DDataSample
from mmengine.config import Config
from mmengine.dataset import pseudo_collate

from perception_kd.export.student import load_student
from perception_kd.files import require_file
from perception_kd.inference.devices import check_device

GRAPH_SUFFIX = '.onnx'


class Predictor(Protocol):
    """Predicts one sample at a time."""

    def __call__(self, sample: dict[str, Any]) -> Det3DDataSample:
        """What the pipeline packed, with ``pred_instances_3d`` in the frame of its LiDAR."""


def load_predictor(cfg: Config, weights: str | Path, device: str = 'cpu') -> Predictor:
    """The model of a config with trained weights.

    Args:
        cfg: Of a distiller, whose student it is, or of any detector.
        weights: Checkpoint of either, of the student alone (in half precision too), or an ``.onnx`` file of
            ``tools/export.py``.
        device: ``cpu`` or ``cuda``; a graph runs on the CPU.

    Raises:
        FileNotFoundError, ValueError: no such file or device, or the weights are not of this model.
    """
    require_file(weights, 'checkpoint')
    if Path(weights).suffix == GRAPH_SUFFIX:
        if device != 'cpu':
            raise ValueError(f'--device {device}: an ONNX file runs on the CPU; leave --device out')
        return GraphPredictor(cfg, weights)
    check_device(device)
    return TorchPredictor(cfg, weights, device)


class TorchPredictor:
    """Runs the model as ``tools/test.py`` does. Arguments as :func:`load_predictor`."""

    def __init__(self, cfg: Config, weights: str | Path, device: str = 'cpu') -> None:
        self.model = load_student(cfg, weights).to(device)

    @torch.no_grad()
    def __call__(self, sample: dict[str, Any]) -> Det3DDataSample:
        """See :class:`Predictor`."""
        return self.model.test_step(pseudo_collate([sample]))[0].cpu()


class GraphPredictor:
    """Runs an exported graph, and decodes its raw maps with the head of the config."""

    def __init__(self, cfg: Config, graph: str | Path) -> None:
        from perception_kd.export.onnx_session import OnnxStudent

        self.graph, student = OnnxStudent(graph), load_student(cfg)
        self.head = getattr(student, 'head', None)
        own = [list(names) for names in getattr(self.head, 'class_names', ())]
        if own != self.graph.meta.get('tasks'):
            raise ValueError(f'{graph} detects {self.graph.meta.get("tasks")}, the student of config {cfg.filename} '
                             f'{own}')

    @torch.no_grad()
    def __call__(self, sample: dict[str, Any]) -> Det3DDataSample:
        """See :class:`Predictor`."""
        batch = pseudo_collate([sample])
        found = self.graph.run(self.graph.feed(batch['inputs']))
        tasks = tuple([{name.removesuffix(f'_{task}'): value for name, value in found.items()
                        if name.endswith(f'_{task}') and not name.startswith('seen_')}]
                      for task in range(len(self.head.class_names)))
        (packed,) = batch['data_samples']
        (packed.pred_instances_3d,) = self.head.predict_by_feat(tasks, [packed.metainfo])
        return packed
