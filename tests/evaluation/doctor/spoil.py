"""Result files with one known mistake each, made row by row: nothing of it comes from the doctor's own code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pyquaternion import Quaternion

Results = dict[str, list[dict]]
Change = Callable[[Results], Results]


class Rig:
    """Poses of the key frames of a version, from its tables."""

    def __init__(self, root: Path, version: str) -> None:
        def table(name: str) -> list[dict]:
            return json.loads((root / version / f'{name}.json').read_text())
        lidar = {row['token'] for row in table('sensor') if row['channel'] == 'LIDAR_TOP'}
        sensors = {row['token']: row for row in table('calibrated_sensor') if row['sensor_token'] in lidar}
        poses = {row['token']: row for row in table('ego_pose')}
        self.samples = {row['token']: row for row in table('sample')}
        self.lidar2ego, self.ego2global = {}, {}
        for row in table('sample_data'):
            if row['is_key_frame'] and row['calibrated_sensor_token'] in sensors:
                sensor, pose = sensors[row['calibrated_sensor_token']], poses[row['ego_pose_token']]
                self.lidar2ego[row['sample_token']] = _matrix(sensor)
                self.ego2global[row['sample_token']] = _matrix(pose)

    def lidar2global(self, token: str) -> np.ndarray:
        return self.ego2global[token] @ self.lidar2ego[token]

    def ego_velocity(self, token: str) -> np.ndarray:
        sample = self.samples[token]
        first, last = sample['prev'] or token, sample['next'] or token
        seconds = (self.samples[last]['timestamp'] - self.samples[first]['timestamp']) / 1e6
        return (self.ego2global[last] - self.ego2global[first])[:2, 3] / seconds


def _matrix(row: dict) -> np.ndarray:
    matrix = Quaternion(row['rotation']).transformation_matrix
    matrix[:3, 3] = row['translation']
    return matrix


def good(truth: Results, seed: int = 0, *, noise: float = 1.0, misses: float = 0.15, false: float = 1.0,
         turned_round: float = 0.08) -> Results:
    """What a decent detector gives for the truth: small errors, misses, false alarms with lower scores.

    Args:
        truth: True boxes as result rows.
        seed: Of all that is drawn.
        noise: Factor of the errors of place, size, heading and velocity.
        misses: Share of the true boxes that are not found.
        false: False alarms for each true box.
        turned_round: Share of the boxes that point backwards.
    """
    rng = np.random.default_rng(seed)
    results = {}
    for token, rows in truth.items():
        found = [_noisy(row, rng, noise, turned_round) for row in rows if rng.random() > misses]
        alarms = [_noisy(rows[place], rng, noise, 0.5, away=8.0) for place in
                  rng.integers(0, len(rows), int(false * len(rows)))] if rows else []
        results[token] = found + alarms
    return results


def _noisy(row: dict, rng: np.random.Generator, noise: float, turned_round: float, away: float = 0.0) -> dict:
    score = rng.beta(2, 6) if away else rng.beta(5, 3)
    turn = rng.normal(0, 0.15 * noise) + np.pi * (rng.random() < turned_round)
    place = np.array(row['translation']) + rng.normal(0, 0.25 * noise, 3) * [1, 1, 0.5]
    place[:2] += away * np.sign(rng.normal(size=2)) * rng.uniform(0.4, 2, 2)
    return dict(row, detection_score=float(np.round(score, 6)), translation=place.tolist(),
                size=(np.array(row['size']) * np.exp(rng.normal(0, 0.08 * noise, 3))).tolist(),
                rotation=list(Quaternion(axis=[0, 0, 1], radians=turn) * Quaternion(row['rotation'])),
                velocity=(np.array(row['velocity']) + rng.normal(0, 0.25 * noise, 2)).tolist())


def each(results: Results, change: Callable[[dict, str], dict]) -> Results:
    """Every row changed."""
    return {token: [{**row, **change(row, token)} for row in rows] for token, rows in results.items()}


def yaw(row: dict) -> float:
    x, y, _ = Quaternion(row['rotation']).rotation_matrix[:, 0]
    return float(np.arctan2(y, x))


def facing(angle: float) -> dict:
    return dict(rotation=list(Quaternion(axis=[0, 0, 1], radians=angle)))


def through(matrix: np.ndarray, row: dict) -> dict:
    """Place, heading and velocity under a motion (4, 4)."""
    ahead = matrix[:3, :3] @ [np.cos(yaw(row)), np.sin(yaw(row)), 0]
    return dict(translation=(matrix[:3, :3] @ row['translation'] + matrix[:3, 3]).tolist(),
                velocity=(matrix[:3, :3] @ [*row['velocity'], 0])[:2].tolist(),
                **facing(np.arctan2(ahead[1], ahead[0])))


def swap_sizes(row: dict) -> dict:
    width, length, height = row['size']
    return dict(size=[length, width, height])


def lidar_yaw(rig: Rig, token: str) -> float:
    axis = rig.lidar2global(token)[:2, 0]
    return float(np.arctan2(axis[1], axis[0]))


def in_lidar(rig: Rig, row: dict, token: str, change: Callable[[dict], dict]) -> dict:
    """Change a box in the LiDAR frame and bring it back."""
    lidar2global = rig.lidar2global(token)
    local = {**row, **through(np.linalg.inv(lidar2global), row)}
    return through(lidar2global, {**local, **change(local)})


def rows(change: Callable[[dict, str], dict]) -> Change:
    """The mistake that changes every row by itself."""
    return lambda results: each(results, change)


def motion(matrix: Callable[[str], np.ndarray]) -> Change:
    """The mistake that moves the boxes of a key frame."""
    return rows(lambda row, token: through(matrix(token), row))


def spoils(rig: Rig) -> dict[str, tuple[str, Change]]:
    """Name of the mistake -> code that the doctor has to find, and the mistake."""
    return {**heading_spoils(rig), **velocity_spoils(rig), **place_spoils(rig), **mirror_spoils(rig), **value_spoils()}


def heading_spoils(rig: Rig) -> dict[str, tuple[str, Change]]:
    """Of headings."""
    def old_yaw(row: dict, token: str) -> dict:
        base = lidar_yaw(rig, token)
        return facing(-(yaw(row) - base) - np.pi / 2 + base)

    def sign(row: dict, token: str) -> dict:
        base = lidar_yaw(rig, token)
        return facing(-(yaw(row) - base) + base)

    def by(angle: float) -> Change:
        return rows(lambda row, token: facing(yaw(row) + angle))

    return {
        'old convention': ('old_convention', rows(lambda row, token: {**swap_sizes(row), **old_yaw(row, token)})),
        'old yaw alone': ('old_yaw', rows(old_yaw)),
        'yaw sign': ('yaw_sign', rows(sign)),
        'yaw + pi': ('yaw_reversed', by(np.pi)),
        'yaw + pi/2': ('yaw_quarter', by(np.pi / 2)),
        'yaw - pi/2': ('yaw_quarter', by(-np.pi / 2)),
        'yaw + 0.6': ('yaw_offset', by(0.6)),
        'yaw in LiDAR frame': ('yaw_frame', rows(lambda row, token: facing(yaw(row) - lidar_yaw(rig, token)))),
    }


def velocity_spoils(rig: Rig) -> dict[str, tuple[str, Change]]:
    """Of velocities."""
    ego, lidar, inverse = rig.ego2global, rig.lidar2global, np.linalg.inv

    def velocity(matrix: Callable[[str], np.ndarray]) -> Change:
        return rows(lambda row, token: dict(velocity=(matrix(token)[:2, :2] @ row['velocity']).tolist()))

    return {
        'velocity in LiDAR frame': ('velocity_frame', velocity(lambda token: inverse(lidar(token)))),
        'velocity in ego frame': ('velocity_frame', velocity(lambda token: inverse(ego[token]))),
        'velocity sign': ('velocity_sign', velocity(lambda token: -np.eye(2))),
        'velocity in km/h': ('velocity_unit', velocity(lambda token: 3.6 * np.eye(2))),
        'velocity relative': ('velocity_relative', rows(lambda row, token: dict(
            velocity=(np.array(row['velocity']) - rig.ego_velocity(token)).tolist()))),
        'velocity zero': ('velocity_zero', rows(lambda row, token: dict(velocity=[0.0, 0.0]))),
    }


def place_spoils(rig: Rig) -> dict[str, tuple[str, Change]]:
    """Of frames and positions."""
    ego, lidar, sensor, inverse = rig.ego2global, rig.lidar2global, rig.lidar2ego, np.linalg.inv
    half = np.diag([-1.0, -1, 1, 1])
    return {
        'in LiDAR frame': ('frame_lidar', motion(lambda token: inverse(lidar(token)))),
        'in ego frame': ('frame_ego', motion(lambda token: inverse(ego[token]))),
        'sensor to ego missing': ('sensor_to_ego', motion(
            lambda token: ego[token] @ inverse(sensor[token]) @ inverse(ego[token]))),
        'sensor to ego twice': ('sensor_to_ego', motion(
            lambda token: ego[token] @ sensor[token] @ inverse(ego[token]))),
        'ego pose inverted': ('ego_to_global', motion(lambda token: inverse(ego[token]) @ inverse(ego[token]))),
        'centimetres': ('units', rows(lambda row, token: in_lidar(rig, row, token, lambda box: dict(
            translation=(100 * np.array(box['translation'])).tolist())))),
        'z at the bottom': ('height_bottom', rows(lambda row, token: dict(
            translation=[*row['translation'][:2], row['translation'][2] - row['size'][2] / 2]))),
        'z at the top': ('height_top', rows(lambda row, token: dict(
            translation=[*row['translation'][:2], row['translation'][2] + row['size'][2] / 2]))),
        'LiDAR place missing': ('sensor_place', motion(
            lambda token: ego[token] @ away(sensor[token]) @ inverse(ego[token]))),
        'LiDAR height missing': ('height_offset', rows(lambda row, token: dict(
            translation=[*row['translation'][:2], row['translation'][2] - 1.84]))),
        'next key frame': ('frame_shifted', lambda results: from_neighbour(rig, results, 'next')),
        'pose of the last key frame': ('stale_pose', lambda results: with_pose_of_neighbour(rig, results, 'prev')),
        'far away': ('out_of_range', rows(lambda row, token: dict(
            translation=(np.array(row['translation']) + [1000, 0, 0]).tolist()))),
        'turned by 180 degrees': ('turned', motion(lambda token: ego[token] @ half @ inverse(ego[token]))),
    }


def mirror_spoils(rig: Rig) -> dict[str, tuple[str, Change]]:
    """Of the axes of the LiDAR frame."""
    lidar, inverse, found = rig.lidar2global, np.linalg.inv, {}
    mirror = {'mirrored in y': np.diag([1, -1, 1]), 'mirrored in x': np.diag([-1, 1, 1]),
              'x and y swapped': np.eye(3)[[1, 0, 2]]}
    for name, linear in mirror.items():
        code = 'transposed' if 'swapped' in name else 'mirrored'
        full = np.eye(4)
        full[:3, :3] = linear
        found[name] = (code, motion(lambda token, full=full: lidar(token) @ full @ inverse(lidar(token))))
        found[f'centres {name}'] = (code, rows(lambda row, token, linear=linear: dict(translation=in_lidar(
            rig, row, token, lambda box: dict(translation=(linear @ box['translation']).tolist()))['translation'])))
    return found


def value_spoils() -> dict[str, tuple[str, Change]]:
    """Of sizes, classes, attributes, scores, and of what is there at all."""
    return {
        'w and l swapped': ('size_swapped', rows(lambda row, token: swap_sizes(row))),
        'sizes halved': ('size_scale', rows(lambda row, token: dict(size=(np.array(row['size']) / 2).tolist()))),
        'sizes in cm': ('size_scale', rows(lambda row, token: dict(size=(np.array(row['size']) * 100).tolist()))),
        'sizes h, w, l': ('size_order', rows(lambda row, token: dict(size=[row['size'][i] for i in (2, 0, 1)]))),
        'classes of another order': ('class_order', rows(lambda row, token: dict(
            detection_name=TASKS[ORDER.index(row['detection_name'])]))),
        'cars are pedestrians': ('class_order', rows(lambda row, token: dict(detection_name={
            'car': 'pedestrian', 'pedestrian': 'car'}.get(row['detection_name'], row['detection_name'])))),
        'all cars': ('one_class', rows(lambda row, token: dict(detection_name='car'))),
        'no attributes': ('attributes_missing', rows(lambda row, token: dict(attribute_name=''))),
        'attributes of others': ('attributes_foreign', rows(lambda row, token: dict(attribute_name=(
            'pedestrian.moving' if row['attribute_name'] else '')))),
        'attributes wrong': ('attributes_wrong', rows(lambda row, token: dict(
            attribute_name=OPPOSITE.get(row['attribute_name'], '')))),
        'scores reversed': ('score_order', rows(lambda row, token: dict(detection_score=1 - row['detection_score']))),
        'scores negative': ('score_order', rows(lambda row, token: dict(detection_score=-row['detection_score']))),
        'logits': ('score_range', rows(lambda row, token: dict(
            detection_score=float(np.log(row['detection_score'] / (1 - row['detection_score'])))))),
        'percent': ('score_range', rows(lambda row, token: dict(detection_score=100 * row['detection_score']))),
        'equal scores': ('score_constant', rows(lambda row, token: dict(detection_score=0.5))),
        'cut at 0.5': ('score_cut', lambda results: {token: [row for row in boxes if row['detection_score'] > 0.5]
                                                     for token, boxes in results.items()}),
        'no NMS': ('duplicates', repeated),
        'nothing': ('no_predictions', lambda results: {token: [] for token in results}),
        'a part of the frames': ('frames_empty', lambda results: {
            token: boxes if place % 3 == 0 else [] for place, (token, boxes) in enumerate(results.items())}),
        'no pedestrians': ('few_predictions', lambda results: {
            token: [row for row in boxes if row['detection_name'] != 'pedestrian']
            for token, boxes in results.items()}),
    }


ORDER = ('car', 'truck', 'trailer', 'bus', 'construction_vehicle', 'bicycle', 'motorcycle', 'pedestrian',
         'traffic_cone', 'barrier')
TASKS = ('car', 'truck', 'construction_vehicle', 'bus', 'trailer', 'barrier', 'motorcycle', 'bicycle', 'pedestrian',
         'traffic_cone')
OPPOSITE = {'vehicle.moving': 'vehicle.parked', 'vehicle.parked': 'vehicle.moving', 'vehicle.stopped': 'vehicle.moving',
            'cycle.with_rider': 'cycle.without_rider', 'cycle.without_rider': 'cycle.with_rider',
            'pedestrian.moving': 'pedestrian.standing', 'pedestrian.standing': 'pedestrian.moving',
            'pedestrian.sitting_lying_down': 'pedestrian.moving'}


def away(sensor: np.ndarray) -> np.ndarray:
    """Back by the place of a sensor."""
    motion = np.eye(4)
    motion[:3, 3] = -sensor[:3, 3]
    return motion


def from_neighbour(rig: Rig, results: Results, side: str) -> Results:
    """Every key frame gets the boxes of its neighbour."""
    return {token: [dict(row, sample_token=token) for row in results.get(rig.samples[token][side], boxes)]
            for token, boxes in results.items()}


def with_pose_of_neighbour(rig: Rig, results: Results, side: str) -> Results:
    """The ego pose of the neighbouring key frame has brought the boxes into the world."""
    ego = rig.ego2global
    return each(results, lambda row, token: through(
        ego[rig.samples[token][side] or token] @ np.linalg.inv(ego[token]), row))


def repeated(results: Results) -> Results:
    """Two worse copies of every box."""
    rng = np.random.default_rng(5)
    return {token: [dict(row, translation=(np.array(row['translation']) + rng.normal(0, 0.1, 3)).tolist(),
                         detection_score=row['detection_score'] * factor) for row in boxes for factor in (1, 0.95, 0.9)]
            for token, boxes in results.items()}
