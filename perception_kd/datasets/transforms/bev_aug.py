"""One augmentation of the world for boxes, LiDAR, radar and cameras, hence for student and teachers alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform

from perception_kd.registry import TRANSFORMS


@TRANSFORMS.register_module()
class BEVAug(BaseTransform):
    """Rotate, mirror and scale the LiDAR frame: ``p_aug = B @ p``.

    Whatever is there of ``points``, ``radar`` and ``gt_bboxes_3d`` is moved, velocities included; pictures
    stay as they are, and ``lidar_aug_matrix`` (4, 4) tells the view transform where they look now.

    Args:
        rot_deg: Lowest and highest rotation about z (degrees, counter-clockwise).
        scale_lim: Lowest and highest scale.
        flip_x_prob: Chance of ``x -> -x``.
        flip_y_prob: Chance of ``y -> -y``.
        states: Draw one of these instead, each the arguments of :func:`state_matrix`; ``[dict()]`` moves nothing.
    """

    def __init__(self, *, rot_deg: tuple[float, float] = (-22.5, 22.5),
                 scale_lim: tuple[float, float] = (0.9, 1.1), flip_x_prob: float = 0.5,
                 flip_y_prob: float = 0.5, states: Sequence[Mapping[str, Any]] | None = None) -> None:
        self.rot_deg, self.scale_lim = rot_deg, scale_lim
        self.flip_x_prob, self.flip_y_prob = flip_x_prob, flip_y_prob
        self.states = states

    @property
    def states(self) -> list[np.ndarray] | None:
        """Matrices (4, 4) of the states; None: drawn from ranges."""
        return self._states

    @states.setter
    def states(self, states: Sequence[Mapping[str, Any]] | None) -> None:
        if states is not None and not len(states):
            raise ValueError('BEVAug: states is a list of one state or more, or None')
        self._states = None if states is None else [state_matrix(state) for state in states]

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Moves ``points``, ``radar``, ``gt_bboxes_3d`` by one drawn ``B``; multiplies ``lidar_aug_matrix`` by it."""
        if self.states is not None:
            return move_world(results, self.states[np.random.randint(len(self.states))])
        flip_x, flip_y = np.random.rand(2) < (self.flip_x_prob, self.flip_y_prob)
        rot_deg, scale = np.random.uniform(*self.rot_deg), np.random.uniform(*self.scale_lim)
        return move_world(results, bev_matrix(rot_deg, scale, flip_x, flip_y))


def bev_matrix(rot_deg: float, scale: float, flip_x: bool, flip_y: bool) -> np.ndarray:
    """``B`` (4, 4) float64: rotate first, then mirror, then scale."""
    cos, sin = np.cos(np.deg2rad(rot_deg)), np.sin(np.deg2rad(rot_deg))
    matrix = np.eye(4)
    matrix[:2, :2] = np.diag([-1.0 if flip_x else 1.0, -1.0 if flip_y else 1.0]) @ [[cos, -sin], [sin, cos]]
    matrix[:3, :3] *= scale
    return matrix


def state_matrix(state: Mapping[str, Any]) -> np.ndarray:
    """``B`` (4, 4) float64 of ``rot_deg``, ``scale``, ``flip_x`` and ``flip_y``; what is not named changes nothing.

    Raises:
        ValueError: other names.
    """
    neutral = dict(rot_deg=0.0, scale=1.0, flip_x=False, flip_y=False)
    unknown = sorted(set(state) - set(neutral))
    if unknown:
        raise ValueError(f'a state of BEVAug has {", ".join(neutral)}; it cannot have {", ".join(unknown)}')
    return bev_matrix(**{**neutral, **state})


def move_world(results: dict[str, Any], matrix: np.ndarray) -> dict[str, Any]:
    """Apply ``B`` to a sample and multiply it into ``lidar_aug_matrix``.

    Args:
        results: Sample; ``points`` (P, 3+), ``radar`` (M, 7), ``gt_bboxes_3d`` are moved where present.
        matrix: As of :func:`bev_matrix`: about the origin, one scale, no tilt.
    """
    linear = matrix[:3, :3].astype(np.float32)
    for key in ('points', 'radar'):
        if key in results:
            results[key][:, :3] = results[key][:, :3] @ linear.T
    if 'radar' in results:
        results['radar'][:, 4:6] = results['radar'][:, 4:6] @ linear[:2, :2].T
    if 'gt_bboxes_3d' in results:
        move_boxes(results['gt_bboxes_3d'].tensor, torch.from_numpy(linear))
    results['lidar_aug_matrix'] = matrix @ results.get('lidar_aug_matrix', np.eye(4))
    return results


def move_boxes(boxes: torch.Tensor, linear: torch.Tensor) -> None:
    """Move boxes (M, 9: x, y, z_bottom, l, w, h, yaw, vx, vy) in place by the linear part (3, 3) of ``B``.

    An unknown (NaN) velocity stays unknown.
    """
    boxes[:, :3] = boxes[:, :3] @ linear.T
    boxes[:, 3:6] *= linear[2, 2]
    # A mirrored box is the box whose heading is the mirrored heading.
    heading = torch.stack([boxes[:, 6].cos(), boxes[:, 6].sin()], dim=1) @ linear[:2, :2].T
    boxes[:, 6] = torch.atan2(heading[:, 1], heading[:, 0])
    boxes[:, 7:9] = boxes[:, 7:9] @ linear[:2, :2].T
