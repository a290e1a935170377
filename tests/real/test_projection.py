"""LiDAR points and boxes land in the six pictures where nuscenes-devkit puts them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from nuscenes.utils.data_classes import LidarPointCloud
from nuscenes.utils.geometry_utils import BoxVisibility, view_points

from perception_kd.datasets.nuscenes.poses import move
from perception_kd.datasets.transforms import (
    BEVAug,
    ImageAug,
    LidarDepthTarget,
    LoadLidarSweeps,
    LoadMultiViewImages,
    PackInputs,
)
from perception_kd.visualization.geometry import to_pixels
from perception_kd.visualization.sources import InfoFile

pytestmark = pytest.mark.real_data
CAMERAS = ('CAM_FRONT', 'CAM_FRONT_LEFT', 'CAM_FRONT_RIGHT', 'CAM_BACK', 'CAM_BACK_LEFT', 'CAM_BACK_RIGHT')
PIXELS, DEPTHS = np.ndarray, np.ndarray


@pytest.fixture(scope='module')
def seen(devkit: Any) -> dict[str, tuple[PIXELS, DEPTHS]]:
    """The devkit's pixels (N, 2) and depths (N) per camera; LiDAR -> ego -> global -> ego -> camera, each at its time.

    The devkit moves points in float32 through global coordinates above 1000 m, which costs 0.1 mm a step; points
    are given to it in float64 here.
    """
    key, read = devkit.sample[0]['data'], LidarPointCloud.from_file
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LidarPointCloud, 'from_file',
                      lambda path: LidarPointCloud(read(path).points.astype(np.float64)))
        found = {name: devkit.explorer.map_pointcloud_to_image(key['LIDAR_TOP'], key[name])[:2] for name in CAMERAS}
    return {name: (pixels[:2].T, depths) for name, (pixels, depths) in found.items()}


def project(points: np.ndarray, lidar2cam: np.ndarray, intrinsic: np.ndarray) -> tuple[PIXELS, DEPTHS]:
    """What the devkit's explorer keeps: deeper than 1 m and a pixel inside of the picture as stored."""
    camera = move(lidar2cam, points.astype(np.float64))
    pixels, depth = to_pixels(camera, intrinsic), camera[:, 2]
    shown = (depth > 1) & (pixels > 1).all(axis=1) & (pixels < (1599, 899)).all(axis=1)
    return pixels[shown], depth[shown]


def test_points_land_where_the_devkit_puts_them(sample: dict, seen: dict) -> None:
    points = LoadLidarSweeps(remove_close=0.0)(sample)['points']
    for name, (pixels, depths) in seen.items():
        ours, depth = project(points, sample['images'][name]['lidar2cam'], sample['images'][name]['cam2img'])
        assert len(ours) == len(pixels) > 2000
        np.testing.assert_allclose(ours, pixels, atol=1e-3)
        np.testing.assert_allclose(depth, depths, atol=1e-5)


def test_ego_motion_between_the_sensors_counts(sample: dict, seen: dict) -> None:
    """Without it, points of the camera that fired first are pixels away: the check above can fail."""
    points = LoadLidarSweeps(remove_close=0.0)(sample)['points']
    image = sample['images']['CAM_FRONT_LEFT']
    still = np.linalg.inv(image['cam2ego']) @ sample['lidar_points']['lidar2ego']
    both = move(image['lidar2cam'], points), move(still, points)
    near = (both[0][:, 2] > 2) & (both[0][:, 2] < 15) & (np.abs(both[0][:, 0]) < both[0][:, 2] / 2)
    shift = np.linalg.norm(np.subtract(*(to_pixels(camera[near], image['cam2img']) for camera in both)), axis=1)
    assert np.median(shift) > 5


def test_box_corners_land_where_the_devkit_puts_them(devkit: Any, infos: Path, frame: Path) -> None:
    drawn = InfoFile(infos, frame).frame(0, lidar=False)
    instances = InfoFile(infos, frame).find(0)['instances']
    for camera in drawn.cameras:
        _, boxes, intrinsic = devkit.get_sample_data(devkit.sample[0]['data'][camera.name],
                                                     box_vis_level=BoxVisibility.NONE)
        order = [next(i for i, one in enumerate(instances) if one['token'] == box.token) for box in boxes]
        corners = move(camera.lidar2cam, drawn.truth.corners[order].reshape(-1, 3))
        theirs = np.concatenate([box.corners().T for box in boxes])
        np.testing.assert_allclose(corners, theirs, atol=1e-6)
        front = theirs[:, 2] > 1
        wanted = view_points(theirs[front].T, intrinsic, normalize=True)[:2].T
        assert front.sum() > 40
        np.testing.assert_allclose(to_pixels(corners[front], camera.cam2img), wanted, atol=1e-3)


@pytest.fixture(params=[False, True], ids=['testing', 'training'])
def augmented(sample: dict, request: pytest.FixtureRequest) -> dict[str, Any]:
    """Pictures of 256x704, points and depth targets; in training also turned, mirrored, scaled."""
    np.random.seed(5)
    steps = [LoadMultiViewImages(), LoadLidarSweeps(remove_close=0.0),
             ImageAug(final_size=(256, 704), resize_lim=(0.386, 0.55), flip_prob=0.5, rot_deg=(-5.4, 5.4),
                      training=request.param)]
    if request.param:
        steps.append(BEVAug())
    for step in (*steps, LidarDepthTarget(stride=8, depth_range=(1.0, 60.0))):
        sample = step(sample)
    return sample


def test_augmented_pixels_follow_the_stored_matrices(augmented: dict, seen: dict) -> None:
    """A point of the packed sample goes to the devkit's pixel, moved as the picture was."""
    packed = PackInputs(keys=('points', 'cam2lidar', 'cam2img', 'img_aug_matrix', 'lidar_aug_matrix'))(augmented)
    inputs = {key: value.double().numpy() for key, value in packed['inputs'].items()}
    points = move(np.linalg.inv(inputs['lidar_aug_matrix']), inputs['points'])
    for index, name in enumerate(augmented['images']):
        lidar2cam, image_map = np.linalg.inv(inputs['cam2lidar'][index]), inputs['img_aug_matrix'][index]
        pixels, _ = project(points, lidar2cam, inputs['cam2img'][index])
        wanted = seen[name][0]
        assert abs(len(pixels) - len(wanted)) <= 2  # float32 may carry a point over the border
        if len(pixels) == len(wanted):
            ours = to_pixels(np.c_[pixels, np.ones(len(pixels))], image_map)
            theirs = to_pixels(np.c_[wanted, np.ones(len(wanted))], augmented['img_aug_matrix'][index])
            np.testing.assert_allclose(ours, theirs, atol=0.02)  # float32 matrices; near points count most
            assert np.median(np.abs(ours - theirs)) < 1e-3


def test_augmented_pictures_show_what_the_matrices_say(augmented: dict) -> None:
    """The stored picture, warped by the matrix, is the augmented one; a pixel beside, it is not."""
    for image, matrix, camera in zip(augmented['img'], augmented['img_aug_matrix'], augmented['images'].values()):
        stored = cv2.cvtColor(cv2.imread(camera['img_path']), cv2.COLOR_BGR2RGB)
        blurred = cv2.GaussianBlur(stored, None, 0.45 / abs(matrix[0, 0]))  # less detail, as after shrinking
        errors = []
        for shift in (0, 1):
            moved = np.array([[1, 0, shift], [0, 1, shift], [0, 0, 1.0]]) @ matrix
            warped = cv2.warpPerspective(blurred, moved, (704, 256))
            errors.append(np.abs(warped[4:-4, 4:-4].astype(float) - image[4:-4, 4:-4]).mean())
        assert errors[0] < 2.5 and errors[1] > 1.5 * errors[0]


def test_depth_targets_are_the_devkits_depths(augmented: dict, seen: dict) -> None:
    for index, name in enumerate(augmented['images']):
        pixels, depths = seen[name]
        moved = to_pixels(np.c_[pixels, np.ones(len(pixels))], augmented['img_aug_matrix'][index])
        column, row = np.floor((moved + 0.5) / 8).astype(int).T
        inside = (column >= 0) & (column < 88) & (row >= 0) & (row < 32) & (depths < 60)
        wanted = np.full((32, 88), np.inf)
        np.minimum.at(wanted, (row[inside], column[inside]), depths[inside])
        wanted[np.isinf(wanted)] = 0
        target = augmented['depth_target'][index]
        # The devkit leaves out points at the very border of a picture, and float32 moves some to the next block.
        assert (np.abs(target - wanted) < 1e-3).mean() > 0.99 and (target > 0).sum() > 300
