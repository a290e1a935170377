"""An exported file in the place of a config's model, for ``tools/test.py``."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config, ConfigDict

from perception_kd.export.student import is_uav, student_config

GRAPH_SUFFIX = '.onnx'


def is_graph(path: str | Path) -> bool:
    """Whether a file is taken for an ONNX graph, by its name."""
    return Path(path).suffix == GRAPH_SUFFIX


def use_graph(cfg: Config, path: str | Path) -> None:
    """Let a config of a drone detector test the graph instead, with the thresholds of its ``test_cfg``.

    Raises:
        FileNotFoundError, ImportError, ValueError: the graph cannot be run, or the config is of another task.
    """
    if not is_uav(cfg):
        raise ValueError(f'{path}: graphs are tested of drone detectors; {cfg.filename} is of another task')
    from perception_kd.export.uav_session import OnnxDetector

    model = student_config(cfg)
    inner = model.get('detector')
    graph = ConfigDict(type='OnnxDetector', path=str(path), test_cfg=dict((inner or model).get('test_cfg') or {}))
    OnnxDetector(graph.path, test_cfg=graph.test_cfg)  # tells what is wrong before the Runner begins
    cfg.model = graph if inner is None else ConfigDict({**model, 'detector': graph})
    cfg.load_from = None
