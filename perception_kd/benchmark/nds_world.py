"""A split as large as nuScenes val and what a good detector finds in it, for timing the metrics.

Classes, boxes a frame and attributes are drawn as often as in nuScenes; nothing else about the world is real.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from perception_kd.benchmark.nds_tables import CATEGORY_OF, KeyFrame, TrueBox, write_tables
from perception_kd.files import atomic_path
from perception_kd.structures.classes import NUSCENES_CLASSES

SPLIT = 'large_val'
RESULTS = 'results_nusc.json'
FRAMES_PER_SCENE = 40
_MICROSECONDS = 500_000
_RACK = 'static_object.bicycle_rack'
_SHARES = dict(car=0.42, truck=0.076, trailer=0.021, bus=0.014, construction_vehicle=0.013, bicycle=0.01,
               motorcycle=0.011, pedestrian=0.19, traffic_cone=0.084, barrier=0.131, rack=0.03)  # fmt: skip
_SIZES = dict(car=(1.9, 4.6, 1.7), truck=(2.5, 6.9, 2.8), trailer=(2.9, 12.3, 3.9), bus=(2.9, 11.0, 3.5),
              construction_vehicle=(2.8, 6.4, 3.2), bicycle=(0.6, 1.7, 1.3), motorcycle=(0.8, 2.1, 1.5),
              pedestrian=(0.7, 0.7, 1.8), traffic_cone=(0.4, 0.4, 1.1), barrier=(2.5, 0.5, 1.0),
              rack=(3.0, 8.0, 1.5))  # fmt: skip
_ATTRIBUTES = dict(pedestrian=('pedestrian.moving', 'pedestrian.standing'), barrier=('',), traffic_cone=('',),
                   bicycle=('cycle.with_rider', 'cycle.without_rider'), rack=('',),
                   motorcycle=('cycle.with_rider', 'cycle.without_rider'))  # fmt: skip
_VEHICLE = ('vehicle.moving', 'vehicle.parked')


@dataclass(frozen=True)
class WorldSize:
    """How large.

    Args:
        frames: Key frames, in scenes of 40.
        boxes: Predictions a frame; at most 500.
        truth: True boxes a frame, about.
        seed: Of all that is drawn.

    Raises:
        ValueError: sizes that are no sizes.
    """

    frames: int = 6019
    boxes: int = 200
    truth: int = 35
    seed: int = 0

    def __post_init__(self) -> None:
        if self.frames < 1 or not 1 <= self.boxes <= 500 or self.truth < 1:
            raise ValueError('--frames is 1 or more, --boxes from 1 to 500')


def write_world(root: Path, size: WorldSize) -> None:
    """Write the tables, split ``large_val``, and ``results_nusc.json``."""
    rng = np.random.default_rng(size.seed)
    frames = [frame for start in range(0, size.frames, FRAMES_PER_SCENE)
              for frame in _scene(rng, start, min(FRAMES_PER_SCENE, size.frames - start), size.truth)]
    write_tables(root, frames, {SPLIT: list(dict.fromkeys(frame.scene for frame in frames))})
    encode = msgspec.json.Encoder().encode
    with atomic_path(root / RESULTS) as path, path.open('wb') as file:
        file.write(b'{"meta":{"use_camera":true,"use_lidar":false,"use_radar":true,"use_map":false,'
                   b'"use_external":false},"results":{')
        for number, frame in enumerate(frames):
            rows = list(_predictions(rng, frame, size.boxes))
            file.write((b',' if number else b'') + encode(frame.token) + b':' + encode(rows))
        file.write(b'}}')


def _scene(rng: np.random.Generator, start: int, frames: int, truth: int) -> Iterator[KeyFrame]:
    """A straight drive past objects, each of which is seen for a part of it."""
    name, number = f'scene-{start:06d}', 2 * truth
    begin = rng.integers(0, FRAMES_PER_SCENE // 2 + 1, number)
    kinds = rng.choice(list(_SHARES), number, p=np.array(list(_SHARES.values())) / sum(_SHARES.values()))
    speed = rng.normal(0, 3, (number, 2)) * (rng.random((number, 1)) < 0.3)
    centre = np.column_stack([rng.uniform(-45, 45, (number, 2)), np.ones(number)])
    extent = np.array([_SIZES[kind] for kind in kinds]) * rng.uniform(0.85, 1.15, (number, 3))
    turn = _flat_turns(rng.uniform(-np.pi, np.pi, number))
    points = rng.poisson(3, (number, 2))
    origin = np.array([*rng.uniform(300, 2000, 2), 0])
    for place in range(frames):
        ego = origin + [0.5 * place, 0.1 * place, 0]
        moved = centre + np.column_stack([speed * 0.5 * place, np.zeros(number)]) + origin
        boxes = [TrueBox(_category(kinds[one]), str(one), moved[one].tolist(), extent[one].tolist(), turn[one].tolist(),
                         _attribute(kinds[one], speed[one]), (int(points[one, 0]), int(points[one, 1])))
                 for one in np.flatnonzero((begin <= place) & (place < begin + FRAMES_PER_SCENE // 2))]
        time = 1_530_000_000_000_000 + (start + place) * _MICROSECONDS
        yield KeyFrame(f'{start + place:032x}', name, time, ego.tolist(), boxes)


def _predictions(rng: np.random.Generator, frame: KeyFrame, count: int) -> Iterator[dict[str, Any]]:
    """Four in five true boxes are found, many twice, with higher scores than the false alarms that fill up."""
    found = [box for box in frame.boxes if box.category != _RACK and rng.random() < 0.8]
    found = (found + [box for box in found if rng.random() < 0.5])[:count]
    false = count - len(found)
    kinds = [_CLASS_OF[box.category] for box in found] + rng.choice(NUSCENES_CLASSES, false).tolist()
    centre = np.array([box.translation for box in found] + (rng.uniform(-52, 52, (false, 3)) * [1, 1, 0.02]
                                                            + frame.ego).tolist())
    centre += rng.normal(0, 0.6, (count, 3)) * [1, 1, 0.2]
    score = np.concatenate([rng.beta(3, 3, len(found)), rng.beta(1, 8, false)])
    extent = np.array([_SIZES[kind] for kind in kinds]) * rng.uniform(0.8, 1.2, (count, 3))
    turn, velocity = _flat_turns(rng.uniform(-np.pi, np.pi, count)), rng.normal(0, 1.5, (count, 2))
    for one, kind in enumerate(kinds):
        yield dict(sample_token=frame.token, translation=centre[one].tolist(), size=extent[one].tolist(),
                   rotation=turn[one].tolist(), velocity=velocity[one].tolist(), detection_name=kind,
                   detection_score=float(score[one]), attribute_name=_attribute(kind, velocity[one]))


_CLASS_OF = {category: name for name, category in CATEGORY_OF.items()}


def _category(kind: str) -> str:
    return CATEGORY_OF.get(kind, _RACK)


def _attribute(kind: str, speed: NDArray[np.float64]) -> str:
    names = _ATTRIBUTES.get(kind, _VEHICLE)
    return names[0 if np.abs(speed).max() > 0.3 else -1]


def _flat_turns(yaw: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(N, 4)`` quaternions w, x, y, z."""
    return np.column_stack([np.cos(yaw / 2), np.zeros((len(yaw), 2)), np.sin(yaw / 2)])
