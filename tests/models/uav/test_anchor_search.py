"""Fitting anchors: recall by loops, sizes that are known, files as they come."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from perception_kd.models.uav.anchor_job import box_sizes
from perception_kd.models.uav.anchor_search import cluster, evolve, fit_of, flat, search_anchors
from tests.models.uav.tiny import ANCHORS

ROOT = Path(__file__).parents[3]


def sizes(count: int = 400) -> np.ndarray:
    """Boxes of 3 to 30 px, a little wider than high."""
    rng = np.random.default_rng(0)
    side = np.exp(rng.normal(2.2, 0.5, count))
    return np.stack([side * 1.3, side], 1) * np.exp(rng.normal(0, 0.15, (count, 2)))


def test_the_fit_by_loops():
    some, anchors = sizes(50), flat(ANCHORS)
    best, matches = [], 0
    for w, h in some:
        each = [max(w / a, a / w, h / b, b / h) for a, b in anchors]
        best.append(min(each))
        matches += sum(one < 4 for one in each)
    found = fit_of(some, anchors)
    assert found.recall == pytest.approx(sum(one < 4 for one in best) / 50)
    assert found.fitness == pytest.approx(sum(1 / one if one < 4 else 0 for one in best) / 50)
    assert found.matches == pytest.approx(matches / 50)


def test_clusters_are_found():
    rng = np.random.default_rng(1)
    centres = np.array([[4.0, 3.0], [20.0, 20.0], [60.0, 30.0]])
    some = np.concatenate([centre * np.exp(rng.normal(0, 0.03, (60, 2))) for centre in centres])
    found = cluster(some, 3, np.random.default_rng(2))
    np.testing.assert_allclose(found[np.argsort(found[:, 0])], centres, rtol=0.05)


def test_evolution_never_gets_worse_and_the_search_beats_the_anchors_of_coco():
    some, rng = sizes(), np.random.default_rng(0)
    first = cluster(some, 9, rng)
    assert fit_of(some, evolve(some, first, rng, 100)).fitness > fit_of(some, first).fitness
    assert np.array_equal(evolve(some, first, rng, 0), first)
    anchors = search_anchors(some, levels=3, generations=100)
    after, before = fit_of(some, flat(anchors)), fit_of(some, flat(ANCHORS))
    assert after.recall > 0.995 > before.recall and after.fitness > 0.75 > before.fitness
    assert np.shape(anchors) == (3, 3, 2) and (np.diff(flat(anchors).prod(1)) >= 0).all()
    assert anchors == search_anchors(some, levels=3, generations=100), 'the same seed, the same anchors'


def test_bad_boxes():
    with pytest.raises(ValueError, match='9 anchors need as many boxes at least, there are 4'):
        search_anchors(sizes(4), levels=3)
    with pytest.raises(ValueError, match='finite and have both sides above 0'):
        search_anchors(np.full((20, 2), np.nan), levels=3)
    same = search_anchors(np.full((20, 2), 7.0), levels=1, generations=5)
    assert np.allclose(same, 7.0)


def coco(path: Path, **changes) -> Path:
    boxes = sizes(60)
    content = dict(
        images=[dict(id=1, width=1280, height=720), dict(id=2, width=320, height=320)],
        annotations=[dict(id=number + 1, image_id=1 + number % 2, category_id=1 if number < 50 else 2,
                          bbox=[0, 0, w, h], area=w * h, iscrowd=int(number == 0))
                     for number, (w, h) in enumerate(boxes.tolist())],
        categories=[dict(id=1, name='drone'), dict(id=2, name='bird')])
    path.write_text(json.dumps({**content, **changes}))
    return path


def test_sizes_are_of_the_letterboxed_picture(tmp_path):
    found = box_sizes(coco(tmp_path / 'train.json'), image_size=640, classes=['drone'])
    wanted = sizes(60)[1:50] * np.where(np.arange(1, 50) % 2, 2.0, 0.5)[:, None]  # 1280 -> 640, 320 -> 640
    np.testing.assert_allclose(found, wanted)
    assert len(box_sizes(tmp_path / 'train.json', image_size=640, classes=['drone', 'bird'])) == 59


def test_bad_files(tmp_path):
    with pytest.raises(ValueError, match='has no box of plane; its categories are drone, bird'):
        box_sizes(coco(tmp_path / 'train.json'), image_size=640, classes=['plane'])
    with pytest.raises(ValueError, match='is no COCO file'):
        box_sizes(_write(tmp_path / 'b.json', []), image_size=640, classes=['drone'])
    with pytest.raises(ValueError, match='is damaged: KeyError'):
        box_sizes(coco(tmp_path / 'c.json', images=[]), image_size=640, classes=['drone'])
    with pytest.raises(FileNotFoundError, match='does not exist'):
        box_sizes(tmp_path / 'none.json', image_size=640, classes=['drone'])
    with pytest.raises(ValueError, match='is a folder: give the training pictures of a converted set'):
        box_sizes(tmp_path, image_size=640, classes=['drone'])


def _write(path: Path, content) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_the_tool_writes_a_piece_of_a_config(tmp_path, capsys):
    spec = importlib.util.spec_from_file_location('anchors_tool', ROOT / 'tools/anchors.py')
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    path, out = coco(tmp_path / 'train.json'), tmp_path / 'anchors.py'
    assert tool.main([str(path), '--size', '640', '--generations', '20', '--out', str(out)]) == 0
    said = capsys.readouterr().out
    assert "the config's: best possible recall 0." in said and 'new:          best possible recall 1.0000' in said
    anchors = Config.fromfile(out).anchors
    assert np.shape(anchors) == (3, 3, 2) and np.min(anchors) > 0
    with pytest.raises(ValueError, match='a size of 32 or more'):
        tool.main([str(path), '--size', '3'])
