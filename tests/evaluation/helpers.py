"""Result files for tests: perfect ones, and ones with known faults."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from nuscenes.eval.detection.utils import category_to_detection_name

from perception_kd.evaluation.devkit_tables import load_devkit
from perception_kd.evaluation.frames import split_tokens
from perception_kd.files import write_json


def perfect_results(root: Path, version: str, split: str) -> dict:
    """Every annotated box of the ten classes that holds points, with its velocity and attribute."""
    nusc = load_devkit(root, version)
    results = {}
    for token in split_tokens(root, version, split):
        rows = (nusc.get('sample_annotation', one) for one in nusc.get('sample', token)['anns'])
        results[token] = [_row(nusc, token, row) for row in rows
                          if category_to_detection_name(row['category_name'])
                          and row['num_lidar_pts'] + row['num_radar_pts'] > 0]
    return {'meta': {'use_camera': True}, 'results': results}


def _row(nusc, token: str, row: dict) -> dict:
    attributes = [nusc.get('attribute', one)['name'] for one in row['attribute_tokens']]
    velocity = np.nan_to_num(nusc.box_velocity(row['token'])[:2]).tolist()
    return dict(sample_token=token, translation=row['translation'], size=row['size'],
                rotation=row['rotation'], velocity=velocity,
                detection_name=category_to_detection_name(row['category_name']), detection_score=0.5,
                attribute_name=attributes[0] if attributes else '')


def disturb(content: dict, seed: int = 0) -> dict:
    """Move, scale and turn boxes, drop some, add false ones, at random scores."""
    rng = np.random.default_rng(seed)
    results = {}
    for token, rows in content['results'].items():
        changed = []
        for row in rows * 2:
            if rng.random() < 0.2:
                continue
            moved = dict(row, detection_score=float(rng.random()))
            moved['translation'] = (np.array(row['translation']) + rng.normal(0, 1, 3)).tolist()
            moved['size'] = (np.array(row['size']) * rng.uniform(0.8, 1.3)).tolist()
            moved['velocity'] = rng.normal(0, 1, 2).tolist()
            changed.append(moved)
        results[token] = changed
    return {**content, 'results': results}


def save(path: Path, content: dict) -> Path:
    """Write a result file."""
    write_json(path, content)
    return path
