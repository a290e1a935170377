"""A sample made by hand: one grey camera looking ahead, boxes whose places in the pictures are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from perception_kd.visualization.boxes import Boxes
from perception_kd.visualization.frame import Camera, Frame, RadarPoints

SIZE = (400, 200)
CAM2IMG = np.array([[200.0, 0, 200], [0, 200, 90], [0, 0, 1]])
# nuScenes: the LiDAR looks along y, 1.8 m above the ground; camera x is LiDAR x, camera z is LiDAR y.
LIDAR2EGO = np.array([[0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 1, 1.8], [0, 0, 0, 1.0]])
LIDAR2CAM = np.array([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])
GREY = 128


def make_boxes(rows: list[tuple], scores: list[float] | None = None, **more) -> Boxes:
    """Rows of (class, x, y, yaw) in the LiDAR frame; all boxes are 4 m long, 2 m wide, 1.6 m high."""
    table = np.array([row[1:] for row in rows], np.float64).reshape(-1, 3)
    centres = np.c_[table[:, :2], np.full(len(rows), -1.0)]
    sizes = np.tile([4.0, 2.0, 1.6], (len(rows), 1))
    return Boxes(
        centres,
        sizes,
        table[:, 2],
        tuple(row[0] for row in rows),
        scores=None if scores is None else np.array(scores),
        **more,
    )


@pytest.fixture
def make_frame(tmp_path):
    """Build a frame; ``names`` are its cameras, which all look ahead."""

    def build(
        truth: Boxes, names: tuple[str, ...] = ('CAM_FRONT',), radar: RadarPoints | None = None
    ) -> Frame:
        picture = tmp_path / 'grey.png'
        cv2.imwrite(str(picture), np.full((SIZE[1], SIZE[0], 3), GREY, np.uint8))
        cameras = tuple(Camera(name, picture, CAM2IMG, LIDAR2CAM) for name in names)
        radar = radar or RadarPoints(np.zeros((0, 3)), np.zeros((0, 2)), np.zeros(0))
        cloud = np.c_[np.random.default_rng(0).uniform(-20, 20, (300, 3)), np.full((300, 2), 5.0)]
        return Frame(
            'a' * 32,
            'scene-0001',
            1.6e9,
            LIDAR2EGO,
            np.eye(4),
            cameras,
            cloud.astype(np.float32),
            radar,
            truth,
        )

    return build


@pytest.fixture
def radar() -> RadarPoints:
    """Three returns: fast, resting, behind."""
    return RadarPoints(
        np.array([[2.0, 15, -1], [-3, 12, -1], [0, -8, -1]]),
        np.array([[0.0, 6], [0, 0], [0, 2]]),
        np.array([6.0, 0, -2]),
    )
