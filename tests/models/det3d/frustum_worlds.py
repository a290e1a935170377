"""Frames of hand-made cameras with radar at known places, for the tests of the frustum form."""

import perception_kd.compat  # noqa: F401  # isort: skip
import math

import torch

from perception_kd.models.det3d.frames import Frame
from tests.models.det3d.worlds import NORM, RANGE, build, camera

HEIGHT, WIDTH = 128, 192
DEPTH_BOUND = [1.0, 17.0, 0.5]
STRIDE = 4
MOUNT = 0.8  # metres that the cameras stand above the LiDAR


def rotation(angle: float, scale: float = 1.0) -> torch.Tensor:
    """``(4, 4)`` turn about z, scaled."""
    c, s = math.cos(angle) * scale, math.sin(angle) * scale
    return torch.tensor([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, scale, 0], [0, 0, 0, 1.0]])


def picture(*, scale: float = 1.0, shift: tuple[float, float] = (0.0, 0.0), flip: bool = False,
            turn: float = 0.0) -> torch.Tensor:
    """``(3, 3)`` augmentation of a picture: scaled, shifted, mirrored, turned about its middle."""
    matrix = torch.tensor([[scale, 0, shift[0]], [0, scale, shift[1]], [0, 0, 1.0]])
    if flip:
        matrix = torch.tensor([[-1.0, 0, WIDTH - 1], [0, 1, 0], [0, 0, 1]]) @ matrix
    c, s, u, v = math.cos(turn), math.sin(turn), (WIDTH - 1) / 2, (HEIGHT - 1) / 2
    return torch.tensor([[c, -s, u - c * u + s * v], [s, c, v - s * u - c * v], [0, 0, 1.0]]) @ matrix


def pose(yaw: float, pitch: float = 0.0) -> torch.Tensor:
    """Camera -> LiDAR of a camera that looks along ``yaw``, tilted down by ``pitch``."""
    matrix = camera(yaw)
    c, s = math.cos(pitch), math.sin(pitch)
    matrix[:3, :3] = matrix[:3, :3] @ torch.tensor([[1.0, 0, 0], [0, c, s], [0, -s, c]])
    matrix[:3, 3] = torch.tensor([0.3, -0.2, MOUNT])
    return matrix


def cloud(places: list[tuple[float, ...]], **columns: float) -> torch.Tensor:
    """``(M, 7)`` radar at x, y or x, y, z; z is that of the cameras if not given."""
    rows = torch.zeros(len(places), 7)
    for row, place in zip(rows, places):
        row[:3] = torch.tensor([*place, MOUNT][:3])
    for name, value in columns.items():
        rows[:, ('rcs', 'vx', 'vy', 'dt').index(name) + 3] = value
    return rows


def frame(radar: list[torch.Tensor], *, cameras: int = 2, aug: torch.Tensor | None = None, pitch: float = 0.0,
          to_bev: torch.Tensor | None = None, points_aug: torch.Tensor | None = None,
          size: tuple[int, int] = (HEIGHT, WIDTH)) -> Frame:
    """One frame; camera 0 looks along +x, the others are spread evenly."""
    batch, identity = len(radar), torch.eye(4).expand(len(radar), 4, 4)
    poses = torch.stack([pose(-math.pi / 2 + index * 2 * math.pi / cameras, pitch) for index in range(cameras)])
    matrix = torch.tensor([[100.0, 0, size[1] / 2 - 3], [0, 100, size[0] / 2 + 5], [0, 0, 1]])
    inputs = dict(
        img=torch.zeros(batch, cameras, 3, *size), cam2lidar=poses.expand(batch, -1, -1, -1), radar=radar,
        cam2img=matrix.expand(batch, cameras, 3, 3),
        img_aug_matrix=(torch.eye(3) if aug is None else aug).expand(batch, cameras, 3, 3))
    return Frame(inputs, identity if to_bev is None else to_bev.expand(batch, 4, 4),
                 identity if points_aug is None else points_aug.expand(batch, 4, 4))


def encoder(**changes: object) -> torch.nn.Module:
    """A radar branch of a few thousand weights."""
    return build({**dict(
        type='RadarFrustumEncoder', depth_bound=DEPTH_BOUND, stride=STRIDE, point_channels=(8, 6), channels=(4, 4, 4),
        layers=(0, 0, 0), up_channels=4, out_channels=3, norm_cfg=NORM), **changes})


def view(**changes: object) -> torch.nn.Module:
    """A view transform of a few thousand weights."""
    return build({**dict(
        type='RadarAssistedTransform', point_cloud_range=RANGE, cell=0.8, depth_bound=DEPTH_BOUND, stride=STRIDE,
        radar_channels=3, norm_cfg=NORM,
        depth_net=dict(type='DepthNet', in_channels=5, mid_channels=6, context_channels=4, norm_cfg=NORM)), **changes})
