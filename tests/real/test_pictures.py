"""Pictures of the real frame at the command line; what is drawn lies where the devkit projects it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from perception_kd.visualization.cameras import CameraPanel
from perception_kd.visualization.frame import CAMERA_ORDER
from perception_kd.visualization.sheet import Sheet
from perception_kd.visualization.sources import InfoFile
from tests.real.conftest import run_tool

pytestmark = pytest.mark.real_data


def test_a_scene_is_drawn(frame: Path, infos: Path, tmp_path: Path) -> None:
    """One command; each camera's picture stands in its place, front left first."""
    path = tmp_path / 'scene.png'
    done = run_tool('visualize', 'scene', '--infos', infos, '--root', frame, '--out', path)
    assert done.returncode == 0, done.stderr
    picture = cv2.imread(str(path))
    assert picture.shape[1] == 1800 and picture.shape[0] > 1200
    panels = [picture[65 + 335 * row:380 + 335 * row, 30 + 588 * column:600 + 588 * column]
              for row in range(2) for column in range(3)]
    stored = [cv2.imread(str(next(frame.glob(f'samples/{name}/*.jpg')))) for name in CAMERA_ORDER]
    small = [cv2.resize(one, (32, 18), interpolation=cv2.INTER_AREA).ravel() for one in panels + stored]
    likeness = np.corrcoef(small)[:6, 6:]
    assert likeness.argmax(axis=1).tolist() == list(range(6)) and likeness.diagonal().min() > 0.93


def test_boxes_are_drawn_where_the_devkit_projects_them(frame: Path, infos: Path, devkit) -> None:
    """The truck's outline changes the picture at its projected corners and nowhere far from them."""
    drawn = InfoFile(infos, frame).frame(0, lidar=False)
    camera = next(one for one in drawn.cameras if one.name == 'CAM_FRONT')
    truck = drawn.truth.of_classes(('truck',))
    truck = truck.take([int(np.argmin(np.linalg.norm(truck.centres, axis=1)))])
    pixels = []
    for boxes in (truck.take([]), truck):
        sheet = Sheet(width=1600, height=900)
        panel = CameraPanel(axes=sheet.axes(0, 0, 1600, 900), camera=camera, image=camera.read())
        panel.boxes(boxes, [(1.0, 0.0, 0.0)] * len(boxes))
        pixels.append(sheet.pixels().astype(int))
    changed = np.argwhere(np.abs(np.subtract(*pixels)).max(axis=2) > 60)[:, ::-1]
    _, boxes, intrinsic = devkit.get_sample_data(devkit.sample[0]['data']['CAM_FRONT'])
    box = min((one for one in boxes if one.name == 'vehicle.truck'), key=lambda one: np.linalg.norm(one.center))
    corners = (intrinsic @ box.corners())[:2] / box.corners()[2]
    for corner in corners.T:
        assert np.linalg.norm(changed - corner, axis=1).min() < 3
    low, high = corners.min(axis=1) - 3, corners.max(axis=1) + 3
    assert ((changed >= low) & (changed <= high)).all()
