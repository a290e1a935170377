"""Random cases for the detection metrics: small worlds full of what is rare in real ones.

Ties of scores and distances, duplicates, boxes exactly on the border of a range, empty classes and frames, boxes
without points, attribute or velocity, bicycle racks, tilted boxes, scores of 0, custom settings, splits and parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.benchmark.nds_tables import KeyFrame, TrueBox, write_tables
from perception_kd.datasets.nuscenes.vocabulary import ATTRIBUTES, CATEGORIES
from perception_kd.evaluation.fast.settings import OfficialSettings
from perception_kd.files import write_json
from perception_kd.structures.classes import CATEGORY_TO_CLASS, NUSCENES_CLASSES

Track = tuple[str, str, NDArray[np.float64], NDArray[np.float64]]
"""Category, name, place at the start and step from key frame to key frame."""

RACK = 'static_object.bicycle_rack'
SPLIT = 'some'
RESULTS = 'results.json'
_FLAT = ([1, 0, 0, 0], [0, 0, 0, 1], [0.5**0.5, 0, 0, 0.5**0.5], [0.5**0.5, 0, 0, -(0.5**0.5)])
_TILTED = ([0.5**0.5, 0, 0.5**0.5, 0], [0, 1, 0, 0])


@dataclass(frozen=True)
class Case:
    """What to evaluate.

    Args:
        settings: Keyword arguments of ``DetectionConfig``, which are those of ``OfficialSettings``.
        sample_tokens: A part of the split, in any order; all of it if None.
    """

    settings: dict[str, Any]
    sample_tokens: list[str] | None


class CaseMaker:
    """Draws cases and writes them to a folder, each over the one before.

    Args:
        folder: Becomes a nuScenes-format root with ``results.json`` in it.
        seed: Case ``number`` is the same for the same seed, whatever was drawn before.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed = folder, seed
        self.rng = np.random.default_rng(seed)

    def write(self, number: int) -> Case:
        """Write case ``number``."""
        self.rng = rng = np.random.default_rng([self.seed, number])
        self.grid, self.spread = rng.choice([0.0, 0.25, 1.0]), rng.choice([25, 25, 5, 2])
        self.turns = _FLAT + _TILTED[:rng.integers(0, 3)]
        names = sorted(rng.choice(list(CATEGORY_TO_CLASS), rng.integers(1, 8), replace=False))
        names += [RACK] * int(rng.integers(0, 3)) + [str(rng.choice(list(CATEGORIES)))]
        frames = self._frames(names)
        scenes = list(dict.fromkeys(frame.scene for frame in frames))
        chosen = scenes[:rng.integers(1, len(scenes) + 1)]
        write_tables(self.folder, frames, {SPLIT: chosen, 'others': scenes[len(chosen):]})
        tokens = [frame.token for frame in frames if frame.scene in chosen]
        self._write_results([frame for frame in frames if frame.scene in chosen or rng.random() < 0.2])
        part = rng.permutation(tokens)[:rng.integers(1, len(tokens) + 1)].tolist() if rng.random() < 0.25 else None
        return Case(self._settings(), part)

    def _frames(self, categories: Sequence[str]) -> list[KeyFrame]:
        rng, frames = self.rng, []
        far = rng.choice([0.0, 1000.0])
        for scene in range(rng.integers(1, 4)):
            time = 1_530_000_000_000_000 + int(rng.integers(0, 10**9))
            tracks = [self._track(categories, str(number)) for number in range(rng.choice([0, 2, 6, 6, 14, 14, 30]))]
            for place in range(rng.integers(1, 5)):
                time += int(rng.choice([500_000, 500_000, 500_000, 1_500_000, 1_700_000, 3_100_000, 0],
                                       p=[0.3, 0.2, 0.2, 0.1, 0.1, 0.09, 0.01]))
                ego = (self._numbers(3, 1) + [far, far, 0]).tolist()
                boxes = [self._true_box(track, place, ego) for track in tracks if rng.random() < 0.85]
                frames.append(KeyFrame(f'{scene}-{place}', f'scene-{scene}', time, ego, boxes))
        return frames

    def _track(self, categories: Sequence[str], name: str) -> Track:
        return str(self.rng.choice(categories)), name, self._numbers(3, self.spread) * [1, 1, 0.05], self._numbers(3, 2)

    def _true_box(self, track: Track, place: int, ego: Sequence[float]) -> TrueBox:
        rng, (category, name, start, step) = self.rng, track
        centre = np.add(start + step * place, ego)
        if rng.random() < 0.1:  # on a border of a range
            centre[:2] = np.add(ego[:2], rng.permutation([rng.choice([30, 40, 50]), 0]))
        size = rng.choice([0.5, 1, 2, 4], 3) if self.grid else rng.uniform(0.3, 6, 3)
        points = tuple(int(count) for count in rng.choice([0, 0, 1, 5], 2))
        return TrueBox(category, name, centre.tolist(), (size * (3 if category == RACK else 1)).tolist(),
                       self._turn(unit=True), str(rng.choice(['', *ATTRIBUTES])), points)

    def _write_results(self, frames: Sequence[KeyFrame]) -> None:
        rng = self.rng
        self.noise = rng.choice([0.0, 1e-9, 0.3, 1.5])
        self.scores = rng.choice([0, 1, 2, 4, 50])  # how many different ones; 0: any
        kept = rng.random() * 1.2
        results = {}
        for frame in rng.permutation(np.array(frames, object)):
            near = [box for box in frame.boxes for _ in range(rng.choice([1, 1, 2, 4])) if rng.random() < kept]
            far = [None] * int(rng.choice([0, 1, 8]))
            results[frame.token] = [self._row(frame, box) for box in rng.permutation(np.array(near + far, object))]
        write_json(self.folder / RESULTS, {'meta': {'use_camera': True}, 'results': results}, indent=None)

    def _row(self, frame: KeyFrame, box: TrueBox | None) -> dict[str, Any]:
        rng = self.rng
        centre = np.add(box.translation, self._numbers(3, 1) * self.noise) if box else self._numbers(3, 30) + frame.ego
        name = CATEGORY_TO_CLASS.get(box.category, 'bicycle') if box else str(rng.choice(NUSCENES_CLASSES))
        same = box is not None and rng.random() < 0.7
        score = float(rng.integers(0, self.scores + 1) / self.scores if self.scores else rng.random())
        row = dict(
            sample_token=frame.token, translation=centre.tolist(), rotation=self._turn(unit=False),
            size=list(box.size) if same else rng.choice([0.5, 1, 2, 4], 3).tolist(),
            velocity=self._numbers(2, 3).tolist(), detection_name=name if rng.random() < 0.95 else 'motorcycle',
            detection_score=score if rng.random() < 0.9995 else -score,
            attribute_name=box.attribute if same else str(rng.choice(['', *ATTRIBUTES])))
        if rng.random() < 0.05:
            row['num_pts'] = int(rng.integers(0, 3))
        if rng.random() < 0.0005:
            row['size'] = [0, 1, 1]
        return row

    def _numbers(self, count: int, spread: float) -> np.ndarray:
        values = self.rng.normal(0, spread, count)
        return np.round(values / self.grid) * self.grid if self.grid else values

    def _turn(self, unit: bool) -> list[float]:
        rng = self.rng
        if rng.random() < 0.5:
            return list(self.turns[rng.integers(len(self.turns))])
        turn = rng.normal(size=4) * ([1, 0, 0, 1] if rng.random() < 0.7 else [1, 1, 1, 1])
        return (turn / np.linalg.norm(turn)).tolist() if unit or rng.random() < 0.7 else turn.tolist()

    def _settings(self) -> dict[str, Any]:
        rng, official = self.rng, OfficialSettings().serialize()
        if rng.random() < 0.5:
            return official
        distances = rng.permutation([0.25, 0.5, 1, 2.0, 3.0, 4.0])[:rng.integers(1, 6)].tolist()
        names = rng.permutation(NUSCENES_CLASSES).tolist()
        ranges = {name: int(rng.integers(5, 60)) for name in names}
        return dict(
            official, class_range=ranges, dist_ths=distances, dist_th_tp=distances[rng.integers(len(distances))],
            min_recall=float(rng.choice([0.0, 0.05, 0.1, 0.5, 1.0])), min_precision=float(rng.choice([0, 0.1, 0.5])),
            mean_ap_weight=float(rng.choice([0.5, 1, 5])))
