"""The Runner's metric: annotations through the LiDAR frame and back must score above 0.99."""

import json

import numpy as np
import pytest
import torch

import perception_kd.compat  # noqa: F401  isort: skip
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.structures import InstanceData

from perception_kd.datasets.nuscenes.dataset import NuScenesRadarDataset
from perception_kd.datasets.nuscenes.stamp import load_infos, save_infos
from perception_kd.datasets.transforms import LoadBoxes3D, PackInputs, ToBEVFrame
from perception_kd.evaluation.nuscenes_metric import NuScenesDetMetric
from perception_kd.registry import METRICS

INFOS = 'nuscenes_infos_tiny_val.pkl'


def predictions(root, scale: float = 1.0) -> list[dict]:
    """The annotated boxes of the infos, as a model gives them (bottom centre, LiDAR frame)."""
    samples = []
    for info in load_infos(root / INFOS)[1]:
        kept = [one for one in info['instances'] if one['bbox_label_3d'] >= 0 and one['num_lidar_pts'] > 0]
        table = np.array([[*one['bbox_3d'], *np.nan_to_num(one['velocity'])] for one in kept], np.float32)
        table[:, 3:6] *= scale
        boxes = LiDARInstance3DBoxes(torch.from_numpy(table), box_dim=9, origin=(0.5, 0.5, 0.5))
        labels = torch.tensor([one['bbox_label_3d'] for one in kept])
        found = dict(bboxes_3d=boxes, scores_3d=torch.full((len(kept),), 0.7), labels_3d=labels)
        samples.append(dict(token=info['token'], sample_idx=info['token'], pred_instances_3d=found))
    return samples


def run(metric: NuScenesDetMetric, samples: list[dict]) -> dict:
    for sample in samples:
        metric.process({}, [sample])
    return metric.evaluate(len(samples))


def test_round_trip_of_the_annotations(tiny_root, tmp_path):
    metric = METRICS.build(dict(type='perception_kd.NuScenesDetMetric', data_root=str(tiny_root), ann_file=INFOS,
                                jsonfile_prefix=str(tmp_path)))
    scores = run(metric, predictions(tiny_root))
    for name in ('car', 'truck', 'pedestrian', 'barrier'):
        assert scores[f'nusc/{name}_AP'] > 0.99
        assert scores[f'nusc/{name}_ATE'] < 1e-3 and scores[f'nusc/{name}_ASE'] < 1e-3
        assert scores[f'nusc/{name}_AOE'] < 1e-3
    assert scores['nusc/truck_AVE'] < 1e-3  # the one that drives
    assert scores['nusc/mAP_present'] > 0.99 and scores['nusc/mAP'] == pytest.approx(0.4, abs=0.01)
    content = json.loads((tmp_path / 'results_nusc.json').read_text())
    assert content['meta'] == dict(use_camera=True, use_lidar=False, use_radar=True, use_map=False,
                                   use_external=False)
    assert json.loads((tmp_path / 'metrics_summary.json').read_text())['meta']['split'] == 'tiny_val'


def test_predictions_in_the_ego_frame_score_as_in_the_lidar_frame(tiny_root):
    """A sample that says ``lidar2ego`` (as packed ones do) is believed, whatever the infos say."""
    dataset = NuScenesRadarDataset(ann_file=INFOS, data_root=str(tiny_root), pipeline=[
        LoadBoxes3D(), ToBEVFrame(frame='ego'), PackInputs(keys=())])
    samples = []
    for index in range(len(dataset)):
        sample = dataset[index]['data_samples']
        truth = sample.gt_instances_3d
        truth.bboxes_3d.tensor.nan_to_num_(0.0)
        sample.pred_instances_3d = InstanceData(
            bboxes_3d=truth.bboxes_3d, labels_3d=truth.labels_3d, scores_3d=torch.full((len(truth),), 0.7))
        samples.append(sample.to_dict())
    scores = run(NuScenesDetMetric(data_root=str(tiny_root), ann_file=INFOS), samples)
    for name in ('car', 'truck', 'pedestrian', 'barrier'):
        assert scores[f'nusc/{name}_AP'] > 0.99 and scores[f'nusc/{name}_AOE'] < 1e-3
        assert scores[f'nusc/{name}_ATE'] < 1e-3
    assert scores['nusc/truck_AVE'] < 1e-3


def test_a_wrong_size_shows_in_the_scale_error(tiny_root):
    metric = NuScenesDetMetric(data_root=str(tiny_root), ann_file=str(tiny_root / INFOS))
    scores = run(metric, predictions(tiny_root, scale=0.5))
    assert scores['nusc/car_ASE'] == pytest.approx(1 - 0.125, abs=1e-3)
    assert scores['nusc/car_ATE'] < 1e-3  # the centre stays where it is


def test_format_only(tiny_root, tmp_path):
    with pytest.raises(ValueError, match='jsonfile_prefix'):
        NuScenesDetMetric(data_root=str(tiny_root), ann_file=INFOS, format_only=True)
    metric = NuScenesDetMetric(data_root=str(tiny_root), ann_file=INFOS, format_only=True,
                               jsonfile_prefix=str(tmp_path), modality=dict(use_lidar=True))
    assert run(metric, predictions(tiny_root)) == {}
    assert [path.name for path in tmp_path.iterdir()] == ['results_nusc.json']
    assert json.loads((tmp_path / 'results_nusc.json').read_text())['meta']['use_lidar'] is True


def test_missing_samples_and_subset(tiny_root):
    samples = predictions(tiny_root)[:1]
    with pytest.raises(ValueError, match='predictions: 1 samples, but 3 are expected: 2 missing'):
        run(NuScenesDetMetric(data_root=str(tiny_root), ann_file=INFOS), samples)
    scores = run(NuScenesDetMetric(data_root=str(tiny_root), ann_file=INFOS, subset=True), samples)
    assert scores['nusc/mAP_present'] > 0.99
    foreign = [dict(samples[0], token='elsewhere')]
    with pytest.raises(ValueError, match="'elsewhere', which is not in"):
        run(NuScenesDetMetric(data_root=str(tiny_root), ann_file=INFOS), foreign)


def test_nan_scores_stop(tiny_root):
    sample = predictions(tiny_root)[0]
    sample['pred_instances_3d']['scores_3d'][2] = float('nan')
    with pytest.raises(ValueError, match=r'1 of \d predictions hold NaN'):
        run(NuScenesDetMetric(data_root=str(tiny_root), ann_file=INFOS), [sample])


def test_infos_of_other_tables_are_refused_before_inference(tiny_root, tmp_path):
    metainfo, infos = load_infos(tiny_root / INFOS)
    save_infos(tmp_path / 'part.pkl', metainfo, infos[:2])
    with pytest.raises(ValueError, match='2 samples, but 3 are expected'):
        NuScenesDetMetric(data_root=str(tiny_root), ann_file=str(tmp_path / 'part.pkl'))
    save_infos(tmp_path / 'split.pkl', {**metainfo, 'split': 'tiny_train'}, infos)
    with pytest.raises(ValueError, match='6 missing, 3 foreign'):
        NuScenesDetMetric(data_root=str(tiny_root), ann_file=str(tmp_path / 'split.pkl'))
    with pytest.raises(FileNotFoundError, match=r'nowhere\.pkl'):
        NuScenesDetMetric(data_root=str(tiny_root), ann_file='nowhere.pkl')
