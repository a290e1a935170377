"""Official metrics: equal to the devkit's own entry point, to published numbers, and clear on bad input."""

import gzip
import json
import math
import shutil

import numpy as np
import pytest
from nuscenes import NuScenes
from nuscenes.eval.common.config import config_factory
from nuscenes.eval.detection.evaluate import DetectionEval

from perception_kd.datasets.nuscenes.rows import SceneRows
from perception_kd.datasets.nuscenes.writer import NuScenesWriter
from perception_kd.evaluation.devkit_tables import load_devkit
from perception_kd.evaluation.fast.evaluate import evaluate_fast
from perception_kd.evaluation.frames import split_tokens
from perception_kd.evaluation.nuscenes_official import evaluate_devkit
from perception_kd.evaluation.report import METRICS, flatten_summary, format_summary
from perception_kd.evaluation.subsets import BoxSubset
from tests.evaluation.helpers import disturb, perfect_results, save
from tests.tiny_world import VERSION

PRESENT = {'car', 'truck', 'pedestrian', 'barrier'}


@pytest.fixture(scope='module')
def perfect(tiny_root):
    return perfect_results(tiny_root, VERSION, 'tiny_val')


def test_equal_to_the_devkits_entry_point(tiny_root, perfect, tmp_path):
    path = save(tmp_path / 'r.json', disturb(perfect))
    nusc = NuScenes(VERSION, str(tiny_root), verbose=False)
    theirs = DetectionEval(nusc, config_factory('detection_cvpr_2019'), str(path), 'tiny_val',
                           str(tmp_path / 'theirs'), verbose=False).main(render_curves=False)
    ours = evaluate_devkit(path, tiny_root, VERSION, 'tiny_val', tmp_path / 'ours')
    assert 0 < ours['mean_ap'] < 1
    for key in ('label_aps', 'mean_dist_aps', 'mean_ap', 'label_tp_errors', 'tp_errors', 'nd_score', 'cfg'):
        assert json.dumps(ours[key]) == json.dumps(theirs[key]), key
    written = json.loads((tmp_path / 'ours' / 'metrics_summary.json').read_text())
    assert set(theirs) <= set(written) and written['mean_ap_present'] == ours['mean_ap_present']
    assert (tmp_path / 'ours' / 'metrics_details.json').is_file()


def test_perfect_predictions_and_classes_present(tiny_root, perfect, tmp_path):
    summary = evaluate_devkit(save(tmp_path / 'r.json', perfect), tiny_root, VERSION, 'tiny_val')
    assert set(summary['classes_present']) == PRESENT  # the bus holds no point, the rack is no class
    assert summary['mean_ap_present'] > 0.99
    assert summary['mean_ap'] == pytest.approx(0.4 * summary['mean_ap_present'])
    flat = flatten_summary(summary)
    assert set(flat) == set(METRICS)
    assert flat['car_AP'] > 0.99 and flat['car_ATE'] < 1e-6 and flat['truck_AVE'] < 1e-6
    assert math.isnan(flat['bus_AP']) and math.isnan(flat['bus_AOE'])
    text = format_summary(summary)
    assert 'over the 4 classes present' in text and 'pedestrian' in text


def test_the_simulated_world_is_named(tiny_root, perfect, tmp_path):
    path = save(tmp_path / 'r.json', perfect)
    real = evaluate_devkit(path, tiny_root, VERSION, 'tiny_val')
    assert real['meta']['world'] == '' and 'world' not in format_summary(real)
    root = tmp_path / 'root'
    shutil.copytree(tiny_root, root, ignore=shutil.ignore_patterns('samples', 'sweeps'))
    table = root / VERSION / 'log.json'
    table.write_text(json.dumps([{**log, 'vehicle': 'simulated', 'logfile': 'tiny-seed3-0123456789ab'}
                                 for log in json.loads(table.read_text())]))
    simulated = evaluate_devkit(path, root, VERSION, 'tiny_val', tmp_path / 'out')
    assert simulated['meta']['world'] == 'tiny-seed3-0123456789ab'
    assert json.loads((tmp_path / 'out' / 'metrics_summary.json').read_text())['meta'] == simulated['meta']
    assert format_summary(simulated).endswith('simulated world tiny-seed3-0123456789ab')


def test_part_of_a_split(tiny_root, perfect, tmp_path):
    tokens = split_tokens(tiny_root, VERSION, 'tiny_val')[:2]
    spoiled = disturb(perfect)
    results = {token: rows if token in tokens else spoiled['results'][token]
               for token, rows in perfect['results'].items()}
    path = save(tmp_path / 'r.json', {'meta': {}, 'results': results})
    summary = evaluate_devkit(path, tiny_root, VERSION, 'tiny_val', sample_tokens=tokens)
    assert summary['num_samples'] == 2 and summary['mean_ap_present'] > 0.99
    with pytest.raises(ValueError, match='1 of 1 samples asked for are not in split'):
        evaluate_devkit(path, tiny_root, VERSION, 'tiny_val', sample_tokens=['nowhere'])


def test_no_prediction_at_all_scores_zero(tiny_root, perfect, tmp_path):
    path = save(tmp_path / 'r.json', {'meta': {}, 'results': {token: [] for token in perfect['results']}})
    summary = evaluate_devkit(path, tiny_root, VERSION, 'tiny_val')
    assert summary['mean_ap'] == summary['mean_ap_present'] == 0 and summary['num_pred'] == 0


def test_unknown_class_and_split_and_version(tiny_root, perfect, tmp_path):
    rows = {token: [dict(row, detection_name='tram') for row in rows]
            for token, rows in perfect['results'].items()}
    path = save(tmp_path / 'r.json', {'meta': {}, 'results': rows})
    with pytest.raises(ValueError, match='tram'):
        evaluate_devkit(path, tiny_root, VERSION, 'tiny_val')
    with pytest.raises(ValueError, match='it has tiny_train, tiny_val'):
        evaluate_devkit(path, tiny_root, VERSION, 'val')
    with pytest.raises(FileNotFoundError, match=r'v1\.0-mini'):
        evaluate_devkit(path, tiny_root, 'v1.0-mini', 'mini_val')
    with pytest.raises(ValueError, match='6 missing'):
        evaluate_devkit(path, tiny_root, VERSION, 'tiny_train')


def test_tables_are_loaded_once_until_they_change(tmp_path):
    def write(name: str) -> None:
        writer = NuScenesWriter(tmp_path, 'v', True)
        writer.add(bare_sample(name, 1, (0, 0, 0)))
        writer.finish(check_files=False)

    write('one')
    first = load_devkit(tmp_path, 'v')
    assert load_devkit(str(tmp_path), 'v') is first
    write('two')
    assert load_devkit(tmp_path, 'v').scene[0]['name'] == 'two'
    with pytest.raises(ValueError, match='no annotated boxes'):
        tokens = split_tokens(tmp_path, 'v', 's')
        path = save(tmp_path / 'r.json', {'meta': {}, 'results': {token: [] for token in tokens}})
        evaluate_devkit(path, tmp_path, 'v', 's')


def bare_sample(name: str, timestamp: int, ego: tuple) -> SceneRows:
    """A scene of one key frame with a LiDAR at ``ego``, and no file."""
    rows = SceneRows()
    rows.add_sensor(channel='LIDAR_TOP', modality='lidar')
    scene = rows.add_scene(name=name, description='', split='s')
    add_frame(rows, scene, name, timestamp, ego)
    return rows


def add_frame(rows: SceneRows, scene: str, name: str, timestamp: int, ego: tuple) -> str:
    sample = rows.add_sample(scene=scene, timestamp_us=timestamp)
    lidar = rows.add_calibrated_sensor(channel='LIDAR_TOP', translation=(0, 0, 1), rotation=(1, 0, 0, 0))
    pose = rows.add_ego_pose(timestamp_us=timestamp, translation=ego, rotation=(1, 0, 0, 0))
    rows.add_sample_data(sample=sample, channel='LIDAR_TOP', calibrated_sensor=lidar, ego_pose=pose,
                         timestamp_us=timestamp, filename=f'samples/LIDAR_TOP/{name}_{timestamp}.pcd.bin',
                         is_key_frame=True)
    return sample


def car(token: str, x: float, score: float) -> dict:
    return dict(sample_token=token, translation=[x, 0, 0], size=[2, 4, 1.5], rotation=[1, 0, 0, 0],
                velocity=[0, 0], detection_name='car', detection_score=score, attribute_name='')


def score_subset(root, predicted: list[dict], subset: BoxSubset | None) -> dict:
    token = split_tokens(root, 'v', 's')[0]
    rows = [dict(row, sample_token=token) for row in predicted]
    path = save(root / 'r.json', {'meta': {}, 'results': {token: rows}})
    return evaluate_devkit(path, root, 'v', 's', box_filter=subset)


def test_subsets_of_boxes(tmp_path):
    rows = bare_sample('s', 1, (0, 0, 0))
    sample = next(iter(rows.tables['sample']))
    for x, points in ((10, 9), (20, 1), (45, 9)):
        car_token = rows.add_instance(category_name='vehicle.car', key=str(x))
        rows.add_annotation(sample=sample, instance=car_token, translation=(x, 0, 0), size=(2, 4, 1.5),
                            rotation=(1, 0, 0, 0), num_lidar_pts=points, num_radar_pts=9)
    writer = NuScenesWriter(tmp_path, 'v')
    writer.add(rows)
    writer.finish(check_files=False)
    predicted = [car('', 10, 0.9), car('', 20.5, 0.8), car('', 30, 0.7)]
    assert score_subset(tmp_path, predicted, None)['num_gt']['car'] == 3
    near = score_subset(tmp_path, predicted, BoxSubset(max_forward=40))
    assert (near['num_gt']['car'], near['num_pred']) == (2, 3)
    reach = score_subset(tmp_path, predicted, BoxSubset(max_reach=25))
    assert (reach['num_gt']['car'], reach['num_pred']) == (2, 2)
    # The prediction on the car with one LiDAR point is neither right nor wrong; the one at 30 m is wrong.
    seen = score_subset(tmp_path, predicted, BoxSubset(min_lidar_points=3))
    assert (seen['num_gt']['car'], seen['num_pred']) == (2, 2)
    both = score_subset(tmp_path, predicted[:2], BoxSubset(max_forward=40, min_lidar_points=3))
    assert (both['num_gt']['car'], both['num_pred']) == (1, 1) and both['mean_ap_present'] > 0.99


def mini_val_root(folder, truth: dict) -> dict[str, str]:
    """The real mini_val as tables; returns real token -> our token.

    The devkit takes velocities from tracks: each box gets a successor half a second later, in a key frame
    that is not evaluated.
    """
    writer, tokens = NuScenesWriter(folder, 'v1.0-published'), {}
    for real, frame in truth.items():
        rows = bare_sample(real, frame['timestamp'], frame['ego_translation'])
        scene, tokens[real] = next(iter(rows.tables['scene'])), next(iter(rows.tables['sample']))
        later = add_frame(rows, scene, real, frame['timestamp'] + 500_000, frame['ego_translation'])
        for number, box in enumerate(frame['boxes']):
            add_box(rows, tokens[real], f'{real}/{number}', CATEGORY_OF[box['detection_name']], box)
            if None not in box['velocity']:
                moved = np.add(box['translation'], [*np.multiply(box['velocity'], 0.5), 0])
                add_box(rows, later, f'{real}/{number}', CATEGORY_OF[box['detection_name']],
                        {**box, 'translation': moved})
        for number, rack in enumerate(frame['bicycle_racks']):
            add_box(rows, tokens[real], f'{real}/rack{number}', 'static_object.bicycle_rack', rack)
        writer.add(rows)
    writer.finish(check_files=False)
    return tokens


CATEGORY_OF = {
    'car': 'vehicle.car', 'truck': 'vehicle.truck', 'bus': 'vehicle.bus.rigid', 'trailer': 'vehicle.trailer',
    'construction_vehicle': 'vehicle.construction', 'pedestrian': 'human.pedestrian.adult',
    'motorcycle': 'vehicle.motorcycle', 'bicycle': 'vehicle.bicycle', 'barrier': 'movable_object.barrier',
    'traffic_cone': 'movable_object.trafficcone',
}  # fmt: skip


def add_box(rows: SceneRows, sample: str, key: str, category: str, box: dict) -> None:
    attribute = box.get('attribute_name')
    rows.add_annotation(sample=sample, instance=rows.add_instance(category_name=category, key=key),
                        translation=box['translation'], size=box['size'], rotation=box['rotation'],
                        attribute_names=[attribute] if attribute else [], num_lidar_pts=box.get('num_pts', 0))


@pytest.mark.real_data
def test_published_metrics_of_the_real_mini_val(real_data, tmp_path):
    folder = real_data / 'nuscenes' / 'mini_val_eval'
    truth = json.loads(gzip.decompress((folder / 'derived_gt.json.gz').read_bytes()))
    published = json.loads((folder / 'trelpy_metrics_summary.json').read_text())
    found = json.loads((folder / 'trelpy_results_nusc.json').read_text())
    tokens = mini_val_root(tmp_path, truth)
    results = {ours: [dict(row, sample_token=ours) for row in found['results'][real]]
               for real, ours in tokens.items()}
    results.update({row['token']: [] for row in load_devkit(tmp_path, 'v1.0-published').sample
                    if row['token'] not in results})
    path = save(tmp_path / 'r.json', {'meta': found['meta'], 'results': results})
    ours, fast = (engine(path, tmp_path, 'v1.0-published', 's', sample_tokens=list(tokens.values()))
                  for engine in (evaluate_devkit, evaluate_fast))
    assert json.dumps({**fast, 'meta': 0, 'eval_time': 0}) == json.dumps({**ours, 'meta': 0, 'eval_time': 0})
    assert ours['num_samples'] == 81 and sum(ours['num_gt'].values()) == 3393
    assert ours['mean_ap'] == pytest.approx(published['mean_ap'], abs=1e-9)
    for name, aps in published['label_aps'].items():
        assert list(ours['label_aps'][name].values()) == pytest.approx(list(aps.values()), abs=1e-9)
    # The derived truth has a flat yaw and rounded velocities (see its SOURCE.md).
    assert ours['nd_score'] == pytest.approx(published['nd_score'], abs=1e-4)
