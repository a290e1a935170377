"""The ego frame as BEV frame: everything has moved together, and ends where it ends without."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from perception_kd.datasets.nuscenes.poses import inverse, level_map, move, upright_yaw
from perception_kd.datasets.transforms import (
    ImageAug,
    LidarDepthTarget,
    LoadBoxes3D,
    LoadLidarSweeps,
    LoadMultiViewImages,
    LoadPastFrames,
    LoadRadarSweeps,
    PackInputs,
    ToBEVFrame,
)
from perception_kd.engine.build import load_config
from perception_kd.evaluation.submission import boxes_to_rows
from perception_kd.structures.classes import NUSCENES_CLASSES
from tests.datasets.transforms.test_geometry import OWNER, inside
from tests.tiny_world import BOXES, LIDAR_POINTS_PER_BOX


def rows_of(sample: dict) -> list[dict]:
    """The sample's boxes as predictions in a result file, best first."""
    boxes = sample['gt_bboxes_3d']
    table = boxes.tensor.double().numpy().copy()
    table[:, :3] = boxes.gravity_center
    return boxes_to_rows(token='a', boxes=table, scores=np.linspace(1, 0.5, len(table)), labels=sample['gt_labels_3d'],
                         classes=NUSCENES_CLASSES, lidar2ego=sample['lidar_points']['lidar2ego'],
                         ego2global=sample['ego2global'])


def heading(row: dict) -> complex:
    """Of length 1."""
    w, x, y, z = row['rotation']
    direction = Rotation.from_quat([x, y, z, w]).as_matrix()[:2, 0] @ [1, 1j]
    return direction / abs(direction)


@pytest.fixture
def tilted(loaded):
    """The sample as a car on a steep slope with a badly levelled LiDAR measures it: some degrees against the world."""
    tilt = np.eye(4)
    tilt[:3, :3] = Rotation.from_euler('xyz', [3, -4, 10], degrees=True).as_matrix()
    mount = np.eye(4)
    mount[:3, :3] = Rotation.from_euler('xyz', [-2, 3, 0], degrees=True).as_matrix()
    pose = loaded['ego2global'] @ loaded['lidar_points']['lidar2ego']
    loaded['ego2global'] = loaded['ego2global'] @ tilt
    loaded['lidar_points']['lidar2ego'] = loaded['lidar_points']['lidar2ego'] @ mount
    old2new = inverse(loaded['ego2global'] @ loaded['lidar_points']['lidar2ego']) @ pose
    boxes, turn = loaded['gt_bboxes_3d'].tensor, level_map(pose, pose @ inverse(old2new))
    centres = move(old2new, loaded['gt_bboxes_3d'].gravity_center.double().numpy())
    directions = np.stack([boxes[:, 6].cos(), boxes[:, 6].sin()], axis=1) @ turn.T
    boxes[:, :3] = torch.from_numpy(centres)
    boxes[:, 2] -= boxes[:, 5] / 2
    boxes[:, 6] = torch.from_numpy(np.arctan2(directions[:, 1], directions[:, 0]))
    boxes[:, 7:9] = boxes[:, 7:9] @ torch.from_numpy(turn.T).float()
    for key in ('points', 'radar'):
        loaded[key][:, :3] = move(old2new, loaded[key])
    loaded['radar'][:, 4:6] = loaded['radar'][:, 4:6] @ turn.T
    loaded['lidar2cam'] = loaded['lidar2cam'] @ inverse(old2new)
    return loaded


def to_ego(sample: dict) -> dict:
    return ToBEVFrame(frame='ego')(copy.deepcopy(sample))


def test_lidar_frame_changes_nothing(loaded):
    before = copy.deepcopy(loaded)
    after = ToBEVFrame(frame='lidar')(loaded)
    assert after is loaded and torch.equal(after['gt_bboxes_3d'].tensor, before['gt_bboxes_3d'].tensor)
    for key in ('points', 'radar', 'lidar2cam'):
        np.testing.assert_array_equal(after[key], before[key])


def test_ego_boxes_are_the_devkits(loaded):
    """The tiny car stands level, so its ego frame is the world turned by the car's yaw: known without our poses."""
    ego, pose = to_ego(loaded), loaded['ego2global']
    yaw = np.arctan2(pose[1, 0], pose[0, 0])
    rows = rows_of(loaded)
    turn = np.array([[np.cos(yaw), np.sin(yaw)], [-np.sin(yaw), np.cos(yaw)]])
    for box, row in zip(ego['gt_bboxes_3d'].tensor.numpy(), rows):
        np.testing.assert_allclose(box[:2], turn @ (np.array(row['translation'][:2]) - pose[:2, 3]), atol=1e-4)
        np.testing.assert_allclose(box[2], row['translation'][2] - row['size'][2] / 2, atol=1e-4)
        np.testing.assert_allclose(box[7:9], turn @ row['velocity'], atol=1e-4)
        np.testing.assert_allclose(np.exp(1j * (box[6] + yaw)), heading(row), atol=1e-5)


def test_predictions_in_the_ego_frame_are_written_where_those_in_the_lidar_frame_are(tilted):
    lidar, ego = rows_of(tilted), rows_of(to_ego(tilted))
    pose = tilted['ego2global'] @ tilted['lidar_points']['lidar2ego']
    assert np.rad2deg(np.arccos(pose[2, 2])) > 2
    for ours, theirs in zip(ego, lidar):
        np.testing.assert_allclose(ours['translation'], theirs['translation'], atol=1e-4)
        assert ours['size'] == pytest.approx(theirs['size']) and ours['attribute_name'] == theirs['attribute_name']
        # Flat headings and velocities are off by half the square of the tilt on either side.
        np.testing.assert_allclose(heading(ours), heading(theirs), atol=8e-3)
        np.testing.assert_allclose(ours['velocity'], theirs['velocity'], atol=0.03)


def test_ego_boxes_stand_upright_in_the_world(tilted):
    ego = to_ego(tilted)
    lidar2global = tilted['ego2global'] @ tilted['lidar_points']['lidar2ego']
    wanted = upright_yaw(tilted['gt_bboxes_3d'].yaw.numpy(), lidar2global)
    ours = upright_yaw(ego['gt_bboxes_3d'].yaw.numpy(), ego['ego2global'])
    np.testing.assert_allclose(np.exp(1j * ours), np.exp(1j * wanted), atol=1e-6)


def test_points_stay_in_their_boxes(loaded):
    ego = to_ego(loaded)
    owners = np.round(ego['points'][:, 3] / 10).astype(int)
    for box, label in zip(ego['gt_bboxes_3d'].tensor.numpy(), ego['gt_labels_3d']):
        mine = ego['points'][(owners == OWNER[label]) & (ego['points'][:, 4] == 0)]
        assert len(mine) == LIDAR_POINTS_PER_BOX and inside(box, mine).all()
        radar = ego['radar'][ego['radar'][:, 3] == OWNER[label]]
        assert len(radar) and inside(box, radar).all()
        np.testing.assert_allclose(radar[:, 4:6], np.tile(box[7:9], (len(radar), 1)), atol=1e-3)
    np.testing.assert_array_equal(ego['radar'][:, [3, 6]], loaded['radar'][:, [3, 6]])
    assert abs(np.median(ego['points'][owners >= len(BOXES), 2])) < 1e-3  # the ground lies at 0 now


def test_pictures_and_depths_are_the_same(tilted):
    ego = to_ego(tilted)
    for one in (tilted, ego):
        np.random.seed(2)
        aug = ImageAug(final_size=(32, 96), resize_lim=(0.5, 0.7), flip_prob=0.5, training=True)
        LidarDepthTarget(stride=4, depth_range=(1, 40))(aug(one))
    assert (tilted['depth_target'] > 0).sum() > 30
    np.testing.assert_allclose(ego['depth_target'], tilted['depth_target'], atol=1e-3)
    np.testing.assert_allclose(ego['images']['CAM_FRONT']['lidar2cam'] @ tilted['lidar_points']['lidar2ego'],
                               tilted['images']['CAM_FRONT']['lidar2cam'], atol=1e-9)
    packed = [PackInputs(keys=('cam2lidar',))(one)['inputs']['cam2lidar'].double().numpy() for one in (tilted, ego)]
    np.testing.assert_allclose(packed[1], tilted['lidar_points']['lidar2ego'] @ packed[0], atol=1e-5)


def test_unknown_velocities_stay_unknown_and_the_info_as_it_was(raw):
    raw['ann_info']['gt_bboxes_3d'][1, 7:] = np.nan
    kept = copy.deepcopy(raw)
    ego = ToBEVFrame(frame='ego')(LoadBoxes3D()(dict(raw)))
    velocities = ego['gt_bboxes_3d'].tensor[:, 7:9]
    assert velocities[ego['gt_labels_3d'] == 1].isnan().all() and velocities.isfinite().sum() == velocities.numel() - 2
    np.testing.assert_array_equal(raw['lidar_points']['lidar2ego'], kept['lidar_points']['lidar2ego'])
    for channel, image in raw['images'].items():
        np.testing.assert_array_equal(image['lidar2cam'], kept['images'][channel]['lidar2cam'])
    np.testing.assert_array_equal(ego['lidar_points']['lidar2ego'], np.eye(4))


def test_past_frames_are_in_their_own_ego_frames(tiny_dataset):
    keys = ('img', 'cam2lidar', 'radar', 'past')
    packed = {}
    for frame in ('lidar', 'ego'):
        info = tiny_dataset.get_data_info(4)
        info['past'] = [tiny_dataset.get_data_info(3)]
        mount = info['lidar_points']['lidar2ego']
        load = [LoadMultiViewImages(), LoadRadarSweeps()]
        for step in (*load, LoadPastFrames(transforms=load), LoadLidarSweeps(), ToBEVFrame(frame=frame)):
            info = step(info)
        packed[frame] = PackInputs(keys=keys)(info)['inputs']['past'][0]
    lidar, ego = ({key: value.double().numpy() for key, value in packed[name].items()} for name in ('lidar', 'ego'))
    np.testing.assert_allclose(ego['to_key'], mount @ lidar['to_key'] @ inverse(mount), atol=1e-5)
    np.testing.assert_allclose(ego['cam2lidar'], mount @ lidar['cam2lidar'], atol=1e-5)
    np.testing.assert_allclose(ego['radar'][:, :3], move(mount, lidar['radar']), atol=1e-4)


@pytest.mark.parametrize('config', ['demo/sim_student', 'demo/sim_teacher', 'imkd/student_r18_256x704'])
def test_one_override_switches_everything(config):
    path = Path(__file__).parents[3] / 'configs' / f'{config}.py'
    for frame in ('lidar', 'ego'):
        cfg = load_config(path, {'bev_frame': frame} if frame == 'ego' else {})
        for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
            steps = [step.type for step in loader.dataset.pipeline]
            place = steps.index('ToBEVFrame')
            assert loader.dataset.pipeline[place].frame == frame
            assert all(step.startswith('Load') for step in steps[:place])
            assert not any(step.startswith('Load') for step in steps[place:])


def test_unknown_frame():
    with pytest.raises(ValueError, match="BEV frame must be one of lidar, ego, got 'global'"):
        ToBEVFrame(frame='global')
