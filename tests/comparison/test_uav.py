"""Comparisons of drone detectors are fair: what distils differs from its student in nothing but its distillation."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config

from perception_kd.comparison.fairness import differences, section_hashes
from perception_kd.comparison.metrics import known_metrics
from perception_kd.engine.build import load_config

UAV = Path(__file__).parents[2] / 'configs' / 'uav'
OTHER_HEAD = 'l1_ld'
"""Distils distributions of edges, which the anchor head does not have."""


@pytest.fixture(scope='module')
def students() -> dict[str, Config]:
    """By the folder of those that distil them."""
    return {'distil': load_config(UAV / 'yolov5n_cbi.py'), 'cpu': load_config(UAV / 'cpu' / 'yolov5n_cbi.py')}


@pytest.mark.parametrize('path', sorted(UAV.glob('distil/*.py')) + sorted(UAV.glob('cpu/[a-x]?_*.py')),
                         ids=lambda path: f'{path.parent.name}/{path.stem}')
def test_nothing_but_distillation_differs(path: Path, students: dict[str, Config]) -> None:
    """And the figures have one set of names."""
    student = load_config(UAV / 'yolov5n_cbi_dfl.py') if path.stem == OTHER_HEAD else students[path.parent.name]
    cfg = load_config(path)
    assert differences(student, cfg) == []
    assert known_metrics(cfg) == known_metrics(student) and 'AP_vt' in known_metrics(cfg)


def test_other_annotations_are_another_run(tmp_path: Path) -> None:
    """The file is known by its content, wherever it lies."""
    hashes = []
    for name, content in (('a', '{}'), ('b', '{}'), ('c', '{"images": []}')):
        (tmp_path / name / 'annotations').mkdir(parents=True)
        (tmp_path / name / 'annotations' / 'test.json').write_text(content)
        cfg = load_config(UAV / 'cpu' / 'yolov5n_cbi.py', dict(data_root=str(tmp_path / name)))
        hashes.append(section_hashes(cfg)['test_evaluator'])
    assert hashes[0] == hashes[1] != hashes[2]
