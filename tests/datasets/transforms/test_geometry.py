"""After all augmentation, every sensor still sees every box where it is."""

import copy

import numpy as np
import pytest
import torch

from perception_kd.datasets.nuscenes.poses import inverse
from perception_kd.datasets.transforms import (
    BEVAug,
    FilterObjects,
    FilterPoints,
    ImageAug,
    LidarDepthTarget,
    LoadBoxes3D,
    LoadLidarSweeps,
    LoadMultiViewImages,
    LoadRadarSweeps,
    PackInputs,
)
from perception_kd.datasets.transforms.bev_aug import bev_matrix, move_boxes, move_world
from perception_kd.structures.classes import NUSCENES_CLASSES
from tests.tiny_world import BOXES, HEIGHT, INTRINSIC, LIDAR_POINTS_PER_BOX, SENSORS, WIDTH, boxes_at, sensor2global

SCENE, SECONDS = 1, 0.5
# The place in BOXES of each class that the tiny world has.
OWNER = {NUSCENES_CLASSES.index(name): place
         for place, name in enumerate(['car', 'truck', 'pedestrian', 'barrier'])}


def inside(box, points):
    """Which points lie in a box (x, y, z_bottom, l, w, h, yaw, ...)."""
    x, y, z, length, width, height, yaw = box[:7]
    dx, dy = points[:, 0] - x, points[:, 1] - y
    along, across = np.cos(yaw) * dx + np.sin(yaw) * dy, -np.sin(yaw) * dx + np.cos(yaw) * dy
    above = points[:, 2] - z
    return (np.abs(along) < length / 2) & (np.abs(across) < width / 2) & (above > 0) & (above < height)


@pytest.fixture(params=range(6))
def augmented(loaded, request):
    np.random.seed(request.param)
    image_aug = ImageAug(final_size=(32, 96), resize_lim=(0.5, 0.7), flip_prob=0.5, rot_deg=(-9, 9), training=True)
    world_aug = BEVAug(rot_deg=(-180, 180), scale_lim=(0.8, 1.2))
    return world_aug(image_aug(loaded))


def boxes_by_owner(sample):
    boxes = sample['gt_bboxes_3d'].tensor.numpy()
    assert len(boxes) == 4  # neither the box without points nor the bicycle rack
    return {OWNER[label]: box for label, box in zip(sample['gt_labels_3d'], boxes)}


def test_lidar_points_stay_in_their_boxes(augmented):
    points = augmented['points']
    owners = np.round(points[:, 3] / 10).astype(int)  # the tiny world's intensity says the box
    for owner, box in boxes_by_owner(augmented).items():
        mine = points[(owners == owner) & (points[:, 4] == 0)]
        assert len(mine) == LIDAR_POINTS_PER_BOX and inside(box, mine).all()
        if BOXES[owner][0] != 'vehicle.truck':  # the truck drives on between the sweeps
            mine = points[owners == owner]
            assert len(mine) == 4 * LIDAR_POINTS_PER_BOX and inside(box, mine).all()
        # The box of the wrong size or place would hold the ground or a neighbour.
        assert set(owners[inside(box, points) & (points[:, 4] == 0)]) <= {owner, 5, 6}


def test_radar_points_stay_in_their_boxes_and_keep_their_motion(augmented):
    radar = augmented['radar']
    assert len(radar) == 2 * 4 * 2 * len(BOXES)  # radars, sweeps, points a box, boxes
    for owner, box in boxes_by_owner(augmented).items():
        mine = radar[radar[:, 3] == owner]
        assert inside(box, mine).all()
        np.testing.assert_allclose(mine[:, 4:6], np.tile(box[7:9], (len(mine), 1)), atol=1e-3)


def test_box_centres_project_to_their_pixels(augmented):
    """Through all stored matrices, against the tiny world's own poses at the cameras' own times."""
    undo = np.linalg.inv(augmented['lidar_aug_matrix'])
    boxes, truth = boxes_by_owner(augmented), boxes_at(SECONDS)
    for index, channel in enumerate(augmented['images']):
        global2cam = inverse(sensor2global(SCENE, channel, SECONDS + SENSORS[channel][2]))
        stored = augmented['cam2img'][index] @ augmented['lidar2cam'][index][:3] @ undo
        image_aug = augmented['img_aug_matrix'][index]
        for owner, box in boxes.items():
            original = INTRINSIC @ (global2cam @ [*truth[owner][1], 1])[:3]
            wanted = image_aug @ [*original[:2] / original[2], 1]
            centre = [*box[:2], box[2] + box[5] / 2, 1]
            pixel = image_aug @ stored @ centre
            np.testing.assert_allclose(pixel[2], original[2], rtol=1e-4)
            np.testing.assert_allclose(pixel[:2] / pixel[2], wanted[:2], rtol=1e-3, atol=0.02)


def test_matrix_mirrors_and_turns_as_asked():
    point = np.array([2.0, 1.0, 3.0, 1.0])
    np.testing.assert_allclose(bev_matrix(90, 1, False, False) @ point, [-1, 2, 3, 1], atol=1e-12)
    np.testing.assert_allclose(bev_matrix(0, 1, True, False) @ point, [-2, 1, 3, 1])
    np.testing.assert_allclose(bev_matrix(0, 2, False, True) @ point, [4, -2, 6, 1])
    np.testing.assert_allclose(bev_matrix(90, 1, True, False) @ point, [1, 2, 3, 1], atol=1e-12)


def test_boxes_move_as_mmdet3d_moves_them():
    """mmdet3d's own rotate, flip and scale are the reference; its horizontal flip is ``y -> -y``."""
    import perception_kd.compat  # noqa: F401  isort: skip
    from mmdet3d.structures import LiDARInstance3DBoxes

    torch.manual_seed(0)
    tensor = torch.rand(7, 9) * 4 + 0.5
    for flip_x, flip_y in [(False, False), (True, False), (False, True), (True, True)]:
        theirs = LiDARInstance3DBoxes(tensor.clone(), box_dim=9)
        theirs.rotate(np.deg2rad(35))
        if flip_x:
            theirs.flip('vertical')
        if flip_y:
            theirs.flip('horizontal')
        theirs.scale(1.1)
        ours = tensor.clone()
        move_boxes(ours, torch.from_numpy(bev_matrix(35, 1.1, flip_x, flip_y)[:3, :3]).float())
        wanted = theirs.tensor
        torch.testing.assert_close(ours[:, [0, 1, 2, 3, 4, 5, 7, 8]], wanted[:, [0, 1, 2, 3, 4, 5, 7, 8]])
        torch.testing.assert_close(torch.cos(ours[:, 6] - wanted[:, 6]), torch.ones(7))


def test_two_augmentations_multiply(loaded):
    before = loaded['points'][:, :3].copy()
    first, second = bev_matrix(20, 1.05, True, False), bev_matrix(-50, 0.9, False, True)
    sample = move_world(move_world(loaded, first), second)
    np.testing.assert_allclose(sample['lidar_aug_matrix'], second @ first)
    np.testing.assert_allclose(sample['points'][:, :3], before @ (second @ first)[:3, :3].T, atol=1e-4)


def test_depth_target_is_the_nearest_point_of_each_block(augmented):
    stride = 4
    sample = LidarDepthTarget(stride=stride, depth_range=(1, 40))(augmented)
    undo = np.linalg.inv(sample['lidar_aug_matrix'])
    for index in range(len(sample['images'])):
        wanted = np.zeros((8, 24))
        for point in sample['points'][sample['points'][:, 4] == 0]:
            x, y, depth = (sample['lidar2cam'][index] @ undo @ [*point[:3], 1])[:3]
            if not 1 < depth < 40:
                continue
            stored = sample['cam2img'][index] @ [x / depth, y / depth, 1]
            if not (-0.5 <= stored[0] < WIDTH - 0.5 and -0.5 <= stored[1] < HEIGHT - 0.5):
                continue  # would be in the black beside the picture
            u, v, _ = sample['img_aug_matrix'][index] @ stored
            row, column = int(np.floor((v + 0.5) / stride)), int(np.floor((u + 0.5) / stride))
            if 0 <= row < 8 and 0 <= column < 24 and not 0 < wanted[row, column] < depth:
                wanted[row, column] = depth
        assert (wanted > 0).sum() > 5
        np.testing.assert_allclose(sample['depth_target'][index], wanted, atol=1e-3)


def test_no_depth_in_the_black_that_rotation_leaves(loaded):
    np.random.seed(0)
    loaded['img'] = [np.full_like(image, 255) for image in loaded['img']]
    aug = ImageAug(final_size=(32, 96), resize=0.4, rot_deg=(25, 25), training=True)
    sample = LidarDepthTarget(stride=1, depth_range=(1, 40))(aug(loaded))
    for image, target in zip(sample['img'], sample['depth_target']):
        black = image[..., 0] == 0
        assert 0.05 < black.mean() < 0.95 and (target > 0).sum() > 20
        assert not (target[black] > 0).any()


def test_depth_target_does_not_care_about_the_order(loaded):
    target = LidarDepthTarget(stride=8, depth_range=(1, 40, 0.5))
    before = target(loaded)['depth_target']
    after = target(move_world(loaded, bev_matrix(77, 1.2, True, False)))['depth_target']
    np.testing.assert_allclose(before, after, atol=1e-3)
    with_sweeps = LidarDepthTarget(stride=8, depth_range=(1, 40), key_only=False)(loaded)['depth_target']
    assert (with_sweeps > 0).sum() > (before > 0).sum()


def test_filters(loaded):
    limits = [-10, 0, -2, 10, 25, 1.0]
    count = len(loaded['points'])
    sample = FilterPoints(point_cloud_range=limits)(loaded)
    points, radar = sample['points'], sample['radar']
    assert 0 < len(points) < count and len(radar)
    assert (points[:, :3] >= limits[:3]).all() and (points[:, :3] < limits[3:]).all()
    assert (np.abs(radar[:, 0]) <= 10).all() and (radar[:, 1] >= 0).all()
    kept = FilterObjects(point_cloud_range=limits)(sample)
    centres = kept['gt_bboxes_3d'].tensor[:, :2].numpy()
    assert 0 < len(centres) < 4 and len(kept['gt_labels_3d']) == len(centres)
    assert (np.abs(centres[:, 0]) <= 10).all() and (centres[:, 1] >= 0).all() and (centres[:, 1] < 25).all()
    none = FilterObjects(point_cloud_range=limits, min_lidar_points=LIDAR_POINTS_PER_BOX + 1)(kept)
    assert len(none['gt_bboxes_3d']) == len(none['gt_labels_3d']) == 0
    assert none['gt_bboxes_3d'].tensor.shape == (0, 9)


def test_unknown_velocities_stay_unknown_to_the_end_of_the_pipeline(raw):
    raw['ann_info']['gt_bboxes_3d'][1, 7:] = np.nan
    sample = LoadMultiViewImages()(raw)
    for transform in (LoadLidarSweeps(), LoadRadarSweeps(), LoadBoxes3D(),
                      BEVAug(rot_deg=(30, 30), flip_x_prob=1.0),
                      FilterObjects(point_cloud_range=[-60, -60, -5, 60, 60, 3])):
        sample = transform(sample)
    truth = PackInputs(keys=['radar'])(sample)['data_samples'].gt_instances_3d
    boxes, unknown = truth.bboxes_3d.tensor, truth.labels_3d == 1
    assert unknown.sum() == 1 and boxes[unknown, 7:].isnan().all()
    assert boxes[~unknown].isfinite().all() and boxes[:, :7].isfinite().all()


def test_augmentation_from_a_list_of_states(loaded):
    """Each state is drawn, and is what the same numbers drawn from ranges give."""
    states = [dict(), dict(flip_x=True), dict(rot_deg=30.0, scale=1.1)]
    ranges = [dict(rot_deg=(0, 0), scale_lim=(1, 1), flip_x_prob=0, flip_y_prob=0),
              dict(rot_deg=(0, 0), scale_lim=(1, 1), flip_x_prob=1, flip_y_prob=0),
              dict(rot_deg=(30, 30), scale_lim=(1.1, 1.1), flip_x_prob=0, flip_y_prob=0)]
    wanted = [BEVAug(**one)(copy.deepcopy(loaded)) for one in ranges]
    drawn = [BEVAug(states=states)(copy.deepcopy(loaded)) for _ in range(30)]
    matrices = [one['lidar_aug_matrix'] for one in wanted]
    seen = [next(index for index, matrix in enumerate(matrices) if np.allclose(matrix, sample['lidar_aug_matrix']))
            for sample in drawn]
    assert set(seen) == {0, 1, 2}
    for index, sample in zip(seen, drawn):
        np.testing.assert_allclose(sample['points'], wanted[index]['points'], atol=1e-5)
        torch.testing.assert_close(sample['gt_bboxes_3d'].tensor, wanted[index]['gt_bboxes_3d'].tensor, equal_nan=True)
    for wrong, message in (([], 'one state or more'), ([dict(turn=3)], 'cannot have turn')):
        with pytest.raises(ValueError, match=message):
            BEVAug(states=wrong)
