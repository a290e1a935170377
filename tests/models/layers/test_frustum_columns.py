"""Collapsed frustum geometry against the full frustum and against hand-made points."""

import math

import pytest
import torch

from perception_kd.models.layers import (
    DepthBins,
    column_points,
    frustum_heights,
    frustum_points,
    points_in_images,
)

BINS = DepthBins(2.0, 26.0, 4.0)


def _turn(axis: int, angle: float) -> torch.Tensor:
    c, s, matrix = math.cos(angle), math.sin(angle), torch.eye(3)
    a, b = [(1, 2), (2, 0), (0, 1)][axis]
    matrix[a, a], matrix[a, b], matrix[b, a], matrix[b, b] = c, -s, s, c
    return matrix


def _cameras(pitch=0.1, roll=0.05, picture_turn=0.1):
    """A tilted camera 1.5 m up that looks along +x, its picture shrunk, mirrored and turned."""
    looks_along_x = torch.tensor([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])
    pose = torch.eye(4)
    pose[:3, :3] = looks_along_x @ _turn(0, -pitch) @ _turn(2, roll)
    pose[:3, 3] = torch.tensor([0.3, -0.2, 1.5])
    mirror = torch.tensor([[-0.5, 0, 40], [0, 0.5, 2], [0, 0, 1]])
    return dict(cam2img=torch.tensor([[50.0, 0, 40], [0, 60, 30], [0, 0, 1]])[None, None],
                img_aug_matrix=(_turn(2, picture_turn) @ mirror)[None, None], cam2lidar=pose[None, None])


def test_heights_are_those_of_the_frustum_points():
    cameras = _cameras()
    size = dict(bins=BINS, stride=4, size=(8, 10))
    points = frustum_points(**cameras, lidar_aug_matrix=torch.eye(4)[None], **size)
    heights = frustum_heights(**cameras, **size)
    torch.testing.assert_close(heights, points[..., 2].permute(0, 1, 4, 2, 3), atol=1e-4, rtol=1e-4)


def test_frustum_points_come_back_to_their_pixels():
    cameras = _cameras()
    points = frustum_points(**cameras, lidar_aug_matrix=torch.eye(4)[None], bins=BINS, stride=4, size=(8, 10))
    found = points_in_images(points.view(-1, 3), **{name: matrix[0] for name, matrix in cameras.items()})
    v, u, depth = torch.meshgrid(torch.arange(8) * 4 + 1.5, torch.arange(10) * 4 + 1.5, BINS.centres(), indexing='ij')
    torch.testing.assert_close(found[0], torch.stack([u, v, depth], -1).view(-1, 3), atol=1e-3, rtol=1e-4)


def test_a_column_stands_where_its_ray_is_level():
    cameras, to_bev = _cameras(), torch.eye(4)[None]
    columns = column_points(**cameras, to_bev=to_bev, bins=BINS, stride=4, size=(8, 10))[0, 0]
    assert columns.shape == (10, 6, 3)
    torch.testing.assert_close(columns[..., 2], torch.full((10, 6), 1.5), atol=1e-4, rtol=0)
    found = points_in_images(columns.reshape(-1, 3), **{name: matrix[0] for name, matrix in cameras.items()})
    torch.testing.assert_close(found[0, :, 0].view(10, 6), (torch.arange(10) * 4 + 1.5)[:, None].expand(10, 6),
                               atol=1e-3, rtol=0)
    torch.testing.assert_close(found[0, :, 2].view(10, 6), BINS.centres().expand(10, 6), atol=1e-3, rtol=0)
    assert found[0, :, 1].view(10, 6).std(0).min() > 0.3  # each column has its own row: the picture is turned


def test_a_camera_that_looks_down_takes_the_nearest_row_of_its_picture():
    size = dict(bins=BINS, stride=4, size=(8, 10))
    cameras = _cameras(pitch=1.2, roll=0.0, picture_turn=0.0)
    columns = column_points(**cameras, to_bev=torch.eye(4)[None], **size)
    found = points_in_images(columns.reshape(-1, 3), **{name: matrix[0] for name, matrix in cameras.items()})
    torch.testing.assert_close(found[0, :, 1], torch.zeros(60), atol=1e-3, rtol=0)
    straight = _cameras(pitch=math.pi / 2, roll=0.0, picture_turn=0.0)
    assert torch.isfinite(column_points(**straight, to_bev=torch.eye(4)[None], **size)).all()


def test_columns_move_with_the_frame():
    move = torch.eye(4)
    move[:3, :3], move[:3, 3] = 1.1 * _turn(2, 0.4), torch.tensor([3.0, -2.0, 0.5])
    at_home = column_points(**_cameras(), to_bev=torch.eye(4)[None], bins=BINS, stride=4, size=(8, 10))
    moved = column_points(**_cameras(), to_bev=move[None], bins=BINS, stride=4, size=(8, 10))
    torch.testing.assert_close(moved, at_home @ move[:3, :3].T + move[:3, 3], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize('name', ['cam2img', 'cam2lidar'])
def test_broken_camera_gives_nan(name):
    cameras = _cameras()
    cameras[name] = torch.full_like(cameras[name], float('nan'))
    size = dict(bins=BINS, stride=4, size=(8, 10))
    assert torch.isnan(frustum_heights(**cameras, **size)).all()
    assert torch.isnan(column_points(**cameras, to_bev=torch.eye(4)[None], **size)).all()
    one = {key: matrix[0] for key, matrix in cameras.items()}
    assert torch.isnan(points_in_images(torch.ones(2, 3), **one)).any(-1).all()
