"""Slices, and what a student inherits, on results of which the answer is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import rankdata

from perception_kd.datasets.nuscenes.writer import NuScenesWriter
from perception_kd.evaluation.devkit_tables import load_devkit
from perception_kd.evaluation.fast.boxes import BoxArrays
from perception_kd.evaluation.fast.filters import filter_boxes, filter_truth
from perception_kd.evaluation.fast.predictions import predictions_from_rows
from perception_kd.evaluation.fast.settings import OfficialSettings
from perception_kd.evaluation.fast.truth import load_truth
from perception_kd.evaluation.nuscenes_official import evaluate_devkit
from perception_kd.evaluation.slices.bias import (
    INHERITED,
    MODELS,
    NOT_INHERITED,
    BiasReport,
    SliceResult,
    compare_bias,
    rank_correlation,
)
from perception_kd.evaluation.slices.bias_table import format_bias
from perception_kd.evaluation.slices.families import default_slices
from perception_kd.evaluation.slices.scores import SlicedAnswers
from perception_kd.evaluation.slices.slice import Slice, owners
from perception_kd.files import write_bytes
from tests.evaluation.helpers import disturb, perfect_results, save

VERSION, SPLIT = 'v1.0-slices', 'slices_val'
SCENES = ('Day, dry road', 'Night, parked cars', 'Rain, train station', 'Night, after rain')
CARS = ((8.0, 2), (25.0, 8), (40.0, 50))
"""Distance ahead in m and LiDAR points of the cars of every key frame; each has a pedestrian beside it."""


@pytest.fixture(scope='module')
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four scenes of two key frames; the ego car stands at the origin."""
    folder = tmp_path_factory.mktemp('slices')
    writer = NuScenesWriter(folder, VERSION)
    writer.add_sensor(channel='LIDAR_TOP', modality='lidar')
    for number, description in enumerate(SCENES):
        _add_scene(writer, number, description)
    writer.finish()
    return folder


def _add_scene(writer: NuScenesWriter, number: int, description: str) -> None:
    scene = writer.add_scene(name=f'scene-{number}', description=description, split=SPLIT)
    still = dict(translation=(0.0, 0.0, 0.0), rotation=(1.0, 0.0, 0.0, 0.0))
    sensor = writer.add_calibrated_sensor(channel='LIDAR_TOP', camera_intrinsic=(), **still)
    for frame in range(2):
        stamp = 1_600_000_000_000_000 + 100_000_000 * number + 500_000 * frame
        sample = writer.add_sample(scene=scene, timestamp_us=stamp)
        pose = writer.add_ego_pose(timestamp_us=stamp, **still)
        sweep = writer.root / 'samples' / 'LIDAR_TOP' / f'{stamp}.pcd.bin'
        write_bytes(sweep, b'')
        writer.add_sample_data(sample=sample, channel='LIDAR_TOP', calibrated_sensor=sensor, ego_pose=pose,
                               timestamp_us=stamp, filename=str(sweep.relative_to(writer.root)), is_key_frame=True)
        for ahead, points in CARS:
            for category, aside in (('vehicle.car', 0.0), ('human.pedestrian.adult', 6.0)):
                key = f'{number}/{category}/{ahead}'
                writer.add_annotation(
                    sample=sample, instance=writer.add_instance(category_name=category, key=key),
                    translation=(ahead, aside, 1.0), size=(2.0, 4.0, 1.5), rotation=(1.0, 0.0, 0.0, 0.0),
                    num_lidar_pts=points, num_radar_pts=1)


@pytest.fixture(scope='module')
def perfect(root: Path) -> dict:
    return perfect_results(root, VERSION, SPLIT)


def without(root: Path, content: dict, blind: list[str]) -> dict:
    """Predictions without the second key frame where the model is blind: in scenes of a word, or for a class."""
    nusc = load_devkit(root, VERSION)
    results = {}
    for token, rows in content['results'].items():
        sample = nusc.get('sample', token)
        text = nusc.get('scene', sample['scene_token'])['description']
        results[token] = [row for row in rows if not sample['prev'] or not any(
            word in text or word == row['detection_name'] for word in blind)]
    return {**content, 'results': results}


def sliced(root: Path, content: dict) -> SlicedAnswers:
    settings, truth = OfficialSettings(), load_truth(root, VERSION, SPLIT)
    predicted = filter_boxes(predictions_from_rows(content['results'], truth), truth.racks, settings.class_range)
    return SlicedAnswers(filter_truth(truth, settings.class_range), predicted, settings)


def one(report, family: str, name: str) -> SliceResult:
    return next(result for result in report.slices if (result.family, result.name) == (family, name))


def test_what_falls_into_which_slice(root: Path, perfect: dict) -> None:
    answers = sliced(root, perfect)
    counts = {(part.family, part.name): len(answers.boxes(part)[0]) for part in default_slices()}
    assert counts['all', 'all'] == 40  # devkit: pedestrians within 40 m, cars within 50 m
    assert counts['light', 'night'] == counts['light', 'day'] == 20
    assert counts['weather', 'rain'] == counts['weather', 'dry'] == 20, 'a train is no rain'
    assert [counts['distance', name] for name in ('0-20 m', '20-30 m', '30+ m')] == [16, 16, 8]
    assert [counts['LiDAR points', name] for name in ('0-4 points', '5-19 points', '20-99 points', '100+ points')] == [
        16, 16, 8, 0]
    assert (counts['class', 'car'], counts['class', 'pedestrian'], counts['class', 'bus']) == (24, 16, 0)
    for part in default_slices():
        assert len(answers.boxes(part)[1]) == counts[part.family, part.name], 'predictions are the truth'


def test_a_prediction_counts_where_the_box_counts_that_it_belongs_to(root: Path, perfect: dict) -> None:
    """A car at 19.5 m seen at 20.5 m is in the near ring, one that belongs to nothing is where it was seen."""
    far = Slice('distance', 'far', truth=lambda truth: truth.boxes.ego_distance > 20,
                predicted=lambda truth, boxes: boxes.ego_distance > 20)
    token = next(iter(perfect['results']))
    row = next(row for row in perfect['results'][token] if row['translation'] == [25.0, 0.0, 1.0])
    moved = [dict(row, translation=[25.0 + shift, 0, 1], detection_score=0.9) for shift in (-1.5, -6.0, -4.0)]
    content = {**perfect, 'results': {**{key: [] for key in perfect['results']}, token: moved}}
    boxes = sliced(root, content).boxes(far)[1]
    assert sorted(boxes.translation[:, 0]) == [21.0, 23.5]
    assert owners(BoxArrays.empty(), boxes).tolist() == [-1, -1]


def test_the_whole_split_and_each_class_are_the_devkits(root: Path, perfect: dict, tmp_path: Path) -> None:
    paths = [save(tmp_path / f'{seed}.json', disturb(perfect, seed)) for seed in range(3)]
    report = compare_bias(dict(zip(('teacher', 'student', 'distilled'), paths)), root, VERSION, SPLIT, min_boxes=1,
                          resamples=0)
    for path, name in zip(paths, ('teacher', 'student', 'distilled')):
        summary = evaluate_devkit(path, root, VERSION, SPLIT)
        assert one(report, 'all', 'all').ap[name] == pytest.approx(summary['mean_ap_present'])
        assert one(report, 'class', 'car').ap[name] == pytest.approx(summary['mean_dist_aps']['car'])
    whole = one(report, 'all', 'all')
    assert whole.gap == whole.ap['teacher'] - whole.ap['student'] != 0
    assert whole.gain == whole.ap['distilled'] - whole.ap['student'] and whole.gain_interval is None


def test_inherited_weaknesses_are_found(root: Path, perfect: dict, tmp_path: Path) -> None:
    """The teacher is blind at night and for pedestrians; its student takes over the night only."""
    names = dict(teacher=['Night', 'pedestrian'], student=[], distilled=['Night'])
    paths = {name: save(tmp_path / f'{name}.json', without(root, perfect, blind))
             for name, blind in names.items()}
    report = compare_bias(paths, root, VERSION, SPLIT, min_boxes=8, resamples=40)
    night, day = one(report, 'light', 'night'), one(report, 'light', 'day')
    assert night.finding == INHERITED and night.share_inherited == 1
    assert night.gap == night.gain == pytest.approx(40 / 90 - 1), 'recall 0.5 of the recalls above 0.1'
    assert one(report, 'class', 'pedestrian').gap < one(report, 'class', 'pedestrian').gain < 0
    assert day.finding == NOT_INHERITED and day.gain == 0, 'the teacher misses pedestrians by day'
    assert night.gain_interval == pytest.approx((night.gain, night.gain))
    points = one(report, 'LiDAR points', '100+ points')
    assert points.boxes == 0 and points.gap is None and set(points.ap.values()) == {None}
    rated = [result for result in report.slices if result.gap is not None and result.boxes < 40]
    ranks = [rankdata([getattr(result, key) for result in rated]) for key in ('gap', 'gain')]
    assert report.correlation == pytest.approx(np.corrcoef(*ranks)[0, 1]) and report.compared == len(rated)
    assert report.interval[0] <= report.interval[1] and report.meta['scenes'] == 4
    text = format_bias(report)
    assert 'light: night' in text and 'only 4 scenes' in text and 'inherited weakness (100%)' in text
    assert next(line for line in text.splitlines() if '100+ points' in line).split()[-1] == '0'
    json.dumps(report.as_dict(), allow_nan=False)


def test_a_weakness_that_the_scenes_do_not_agree_on_is_told_apart() -> None:
    def line(text: str, start: str) -> str:
        return next(line for line in text.splitlines() if line.strip().startswith(start))

    ap, meta = dict.fromkeys(MODELS, 0.5), dict(min_boxes=1, scenes=20, key_frames=40, version='v', split='s',
                                                resamples=100, seed=0, world='')
    slices = [SliceResult(family, name, 30, scenes, (name,), ap, -0.2, -0.1, finding=INHERITED, share_inherited=share)
              for family, name, scenes, share in (('light', 'night', 10, 0.97), ('weather', 'rain', 1, 1.0),
                                                  ('class', 'car', 20, 0.6), ('class', 'bus', 20, None))]
    text = format_bias(BiasReport(meta, slices, None, None, 3))
    assert line(text, 'in 10 scenes or more and 95%').endswith(': light: night')
    assert line(text, 'in fewer, or not resampled').endswith(': weather: rain, car, bus')
    assert line(text, 'car').endswith('inherited weakness (60%)') and line(text, 'bus').endswith('inherited weakness')


def test_the_same_file_three_times_differs_nowhere(root: Path, perfect: dict, tmp_path: Path) -> None:
    path = save(tmp_path / 'r.json', disturb(perfect))
    report = compare_bias(dict(teacher=path, student=path, distilled=path), root, VERSION, SPLIT, min_boxes=1,
                          resamples=10)
    rated = [result for result in report.slices if result.gap is not None]
    assert rated and all(result.gap == result.gain == 0 and result.finding == '' for result in rated)
    assert all(result.gap_interval == (0, 0) for result in rated)
    assert report.correlation is None and report.interval is None
    assert 'rank correlation of gap and gain: none' in format_bias(report)


def test_small_slices_are_blank(root: Path, perfect: dict, tmp_path: Path) -> None:
    path = save(tmp_path / 'r.json', perfect)
    report = compare_bias(dict(teacher=path, student=path, distilled=path), root, VERSION, SPLIT, min_boxes=17,
                          resamples=0)
    assert one(report, 'all', 'all').classes == ('car',), '24 cars, 16 pedestrians'
    assert one(report, 'light', 'night').boxes == 20 and one(report, 'light', 'night').gap is None


def test_rank_correlation() -> None:
    assert rank_correlation([1, 2, 3], [10, 20, 15]) == pytest.approx(0.5)
    assert rank_correlation([1, 2], [1, 2]) is None and rank_correlation([1, 1, 1], [1, 2, 3]) is None


def test_wrong_input_is_one_clear_line(root: Path, perfect: dict, tmp_path: Path) -> None:
    good = save(tmp_path / 'good.json', perfect)
    other = save(tmp_path / 'other.json', {**perfect, 'results': {'nose': []}})
    paths = dict(teacher=good, student=other, distilled=good)
    with pytest.raises(ValueError, match=r'other\.json: 1 samples, but 8 are expected'):
        compare_bias(paths, root, VERSION, SPLIT)
    with pytest.raises(ValueError, match='bias needs result files of teacher, student, distilled'):
        compare_bias(dict(teacher=good), root, VERSION, SPLIT)
    with pytest.raises(ValueError, match=r'distances must rise from above 0, got \[30, 20\]'):
        default_slices(distances=[30, 20])
