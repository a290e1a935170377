"""One invented scene as rows of nuScenes tables: a car on a curve, twelve sensors, objects that stand or move."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.nuscenes.vocabulary import ATTRIBUTES, CATEGORIES

Rows = Iterator[tuple[str, list[dict[str, Any]]]]
STEP_US = 500_000
"""Time between key frames in microseconds."""

_RATES = {'camera': 12, 'lidar': 20, 'radar': 13}  # Hz
_FORMATS = {'camera': ('jpg', 'jpg'), 'lidar': ('pcd', 'pcd.bin'), 'radar': ('pcd', 'pcd')}
_BOXES, _TRACK = 34.15, 18.0  # boxes in a key frame, key frames of an object; on average
# Channel -> translation in m and yaw in degrees.
RIG = {
    'CAM_FRONT': ((1.7, 0.0, 1.5), 0), 'CAM_FRONT_RIGHT': ((1.55, -0.5, 1.5), -55),
    'CAM_BACK_RIGHT': ((1.0, -0.5, 1.55), -110), 'CAM_BACK': ((0.0, 0.0, 1.55), 180),
    'CAM_BACK_LEFT': ((1.0, 0.5, 1.55), 110), 'CAM_FRONT_LEFT': ((1.55, 0.5, 1.5), 55),
    'LIDAR_TOP': ((0.94, 0.0, 1.84), -90), 'RADAR_FRONT': ((3.4, 0.0, 0.5), 0),
    'RADAR_FRONT_LEFT': ((2.4, 0.8, 0.8), 90), 'RADAR_FRONT_RIGHT': ((2.4, -0.8, 0.8), -90),
    'RADAR_BACK_LEFT': ((-0.56, 0.6, 0.5), 170), 'RADAR_BACK_RIGHT': ((-0.56, -0.6, 0.5), -170),
}  # fmt: skip
_COMMON = {'vehicle.car': 0.43, 'human.pedestrian.adult': 0.2, 'movable_object.barrier': 0.13,
           'movable_object.trafficcone': 0.085, 'vehicle.truck': 0.075}  # shares; the others share the rest
# Start of a category -> width, length, height in m and speed in m/s.
_KINDS = {'vehicle': ((1.95, 4.6, 1.7), 5.0), 'human': ((0.67, 0.73, 1.77), 1.2), 'animal': ((0.4, 0.7, 0.6), 0.5),
          'movable_object': ((1.2, 0.5, 1.0), 0.0), 'static_object': ((2.0, 3.0, 1.4), 0.0)}


def modality_of(channel: str) -> str:
    """camera, lidar or radar."""
    return {'C': 'camera', 'L': 'lidar', 'R': 'radar'}[channel[0]]


def draw_tokens(rng: np.random.Generator, count: int) -> list[str]:
    """So many tokens of 32 hexadecimal digits."""
    digits = rng.bytes(16 * count).hex()
    return [digits[place:place + 32] for place in range(0, len(digits), 32)]


class ScaledScene:
    """Draws one scene.

    Args:
        rng: Source of all that is drawn.
        name: Of the scene.
        frames: Key frames.
        start_us: Time of the first, microseconds.
        log: Row of ``log``.
        tokens: Tokens of sensors, categories and attributes by name.
    """

    def __init__(self, *, rng: np.random.Generator, name: str, frames: int, start_us: int, log: dict[str, Any],
                 tokens: dict[str, str]) -> None:
        self.rng, self.tokens, self.log = rng, tokens, log
        self.name, self.frames, self.start_us = name, frames, start_us
        self.token, *self.samples = draw_tokens(rng, 1 + frames)
        self.origin, self.speed = rng.uniform(200, 2000, 2), rng.uniform(1, 12)
        self.yaw, self.turn = rng.uniform(-np.pi, np.pi), rng.uniform(0.005, 0.1)

    def rows(self) -> Rows:
        """Names of tables and rows to add to them."""
        yield 'scene', [dict(token=self.token, log_token=self.log['token'], nbr_samples=self.frames,
                             first_sample_token=self.samples[0], last_sample_token=self.samples[-1], name=self.name,
                             description='Invented drive for timing')]
        yield 'sample', [dict(token=token, timestamp=self.start_us + STEP_US * place, prev=before, next=after,
                              scene_token=self.token)
                         for place, (token, before, after) in enumerate(chained(self.samples))]
        for channel in RIG:
            yield from self._sensor(channel)
        yield from self._objects()

    def _sensor(self, channel: str) -> Rows:
        modality = modality_of(channel)
        rate, (calibration,) = _RATES[modality], draw_tokens(self.rng, 1)
        yield 'calibrated_sensor', [dict(token=calibration, **self._calibration(channel))]
        key = np.rint(np.arange(self.frames) * STEP_US * 1e-6 * rate).astype(int)
        count = key[-1] + 1
        times = self.start_us + np.rint(np.arange(count) * 1e6 / rate).astype(int)
        times += self.rng.integers(-5000, 5000) * (modality != 'lidar') + self.rng.integers(-400, 400, count)
        tokens, form = draw_tokens(self.rng, count), _FORMATS[modality]
        size = (900, 1600) if modality == 'camera' else (0, 0)
        of_frame = np.searchsorted(key, np.arange(count))
        is_key = np.isin(np.arange(count), key).tolist()
        start = f'{channel}/{self.log["logfile"]}__{channel}__'
        yield 'sample_data', [
            dict(token=token, sample_token=self.samples[frame], ego_pose_token=token,
                 calibrated_sensor_token=calibration, timestamp=time, fileformat=form[0], is_key_frame=is_key[number],
                 height=size[0], width=size[1],
                 filename=f'{"samples" if is_key[number] else "sweeps"}/{start}{time}.{form[1]}',
                 prev=before, next=after)
            for number, ((token, before, after), frame, time) in enumerate(
                zip(chained(tokens), of_frame.tolist(), times.tolist()))]
        where, turns = (values.tolist() for values in self.ego_poses((times - self.start_us) * 1e-6))
        yield 'ego_pose', [dict(token=token, timestamp=time, rotation=turn, translation=place)
                           for token, time, turn, place in zip(tokens, times.tolist(), turns, where)]

    def ego_poses(self, seconds: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Translations (N, 3) in m and rotations (N, 4: w, x, y, z) at N times since the first key frame."""
        yaw = self.yaw + self.turn * seconds
        radius = self.speed / self.turn
        arc = radius * np.stack([np.sin(yaw) - np.sin(self.yaw), np.cos(self.yaw) - np.cos(yaw)], 1)
        tilt = 0.01 * np.stack([np.sin(seconds), np.cos(0.7 * seconds)], 1)
        rotation = np.column_stack([np.cos(yaw / 2), tilt, np.sin(yaw / 2)])
        return np.column_stack([self.origin + arc, np.zeros(len(yaw))]), _unit(rotation)

    def _calibration(self, channel: str) -> dict[str, Any]:
        translation, degrees = RIG[channel]
        half = np.deg2rad(degrees + self.rng.normal(0, 0.3)) / 2
        rotation, intrinsic = np.array([np.cos(half), 0, 0, np.sin(half)]), []
        if modality_of(channel) == 'camera':
            # Half a turn that takes (right, down, forward) to (forward, left, up), after the yaw.
            w, x, y, z = 0.5, -0.5, 0.5, -0.5
            c, s = np.cos(half), np.sin(half)
            rotation = np.array([c * w - s * z, c * x - s * y, c * y + s * x, c * z + s * w])
            focal = 1260 + self.rng.normal(0, 3)
            intrinsic = [[focal, 0.0, 800 + self.rng.normal(0, 5)], [0.0, focal, 480 + self.rng.normal(0, 5)],
                         [0.0, 0.0, 1.0]]
        rotation = _unit(rotation + self.rng.normal(0, 1e-3, 4))
        translation = (np.array(translation) + self.rng.normal(0, 0.01, 3)).tolist()
        return dict(sensor_token=self.tokens[channel], translation=translation, rotation=rotation.tolist(),
                    camera_intrinsic=intrinsic)

    def _objects(self) -> Rows:
        names = list(CATEGORIES)
        rest = (1 - sum(_COMMON.values())) / (len(names) - len(_COMMON))
        shares = [_COMMON.get(name, rest) for name in names]
        lengths = []
        while sum(lengths) < _BOXES * self.frames:
            lengths.append(int(np.clip(self.rng.exponential(_TRACK), 1, self.frames)))
        for name, length in zip(self.rng.choice(names, len(lengths), p=shares).tolist(), lengths):
            yield from self._object(name, length)

    def _object(self, category: str, length: int) -> Rows:
        rng, (extent, fastest) = self.rng, _KINDS[category.split('.')[0]]
        first = int(rng.integers(0, self.frames - length + 1))
        instance, *tokens = draw_tokens(rng, 1 + length)
        yaw = rng.uniform(-np.pi, np.pi)
        speed = fastest * rng.choice([0, rng.uniform(0, 2)])
        seconds = STEP_US * 1e-6 * np.arange(first, first + length)
        middle = self.ego_poses(seconds[length // 2:][:1])[0][0] + [*rng.uniform(-50, 50, 2), rng.uniform(0.5, 1.5)]
        centres = middle + (seconds - seconds[length // 2])[:, None] * speed * np.array([np.cos(yaw), np.sin(yaw), 0])
        size = (np.array(extent) * rng.uniform(0.8, 1.25, 3)).round(3).tolist()
        rotation, attributes = [np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)], self._attributes(category, speed)
        points = rng.exponential(30, length).astype(int).tolist()
        echoes = rng.poisson(1.5 if fastest > 2 else 0.2, length).tolist()
        yield 'instance', [dict(token=instance, category_token=self.tokens[category], nbr_annotations=length,
                                first_annotation_token=tokens[0], last_annotation_token=tokens[-1])]
        yield 'sample_annotation', [
            dict(token=token, sample_token=self.samples[first + number], instance_token=instance,
                 visibility_token=str(rng.integers(1, 5)), attribute_tokens=attributes, translation=centre, size=size,
                 rotation=list(map(float, rotation)), prev=before, next=after, num_lidar_pts=points[number],
                 num_radar_pts=echoes[number])
            for number, ((token, before, after), centre) in enumerate(zip(chained(tokens), centres.round(3).tolist()))]

    def _attributes(self, category: str, speed: float) -> list[str]:
        start = {'human': 'pedestrian', 'vehicle': 'vehicle'}.get(category.split('.')[0])
        if category in ('vehicle.bicycle', 'vehicle.motorcycle'):
            start = 'cycle'
        fitting = [name for name in ATTRIBUTES if name.split('.')[0] == start]
        return [self.tokens[fitting[0 if speed else -1]]] if fitting else []


def chained(tokens: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Each token with the one before and the one after; empty where there is none."""
    return zip(tokens, ['', *tokens[:-1]], [*tokens[1:], ''])


def _unit(quaternions: NDArray[np.float64]) -> NDArray[np.float64]:
    return quaternions / np.linalg.norm(quaternions, axis=-1, keepdims=True)
