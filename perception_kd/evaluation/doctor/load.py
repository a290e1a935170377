"""What an examination needs of files: poses of the key frames, and everything for a result file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.datasets.nuscenes.infos import LIDAR_CHANNEL
from perception_kd.datasets.nuscenes.poses import pose_matrix
from perception_kd.datasets.nuscenes.stream import iter_rows
from perception_kd.datasets.nuscenes.tables import table_folder
from perception_kd.evaluation.doctor.examine import examine
from perception_kd.evaluation.doctor.finding import Finding
from perception_kd.evaluation.doctor.frames import Frames
from perception_kd.evaluation.fast.evaluate import ResultArrays, load_arrays
from perception_kd.evaluation.fast.truth import Truth


def examine_file(results_json: str | Path, root: str | Path, version: str, split: str,
                 sample_tokens: Sequence[str] | None = None) -> list[Finding]:
    """Find known mistakes in a result file.

    Args:
        results_json: File in the submission format.
        root, version, split: The data that it is for.
        sample_tokens: Key frames of the split; all without.

    Raises:
        FileNotFoundError, ValueError: bad paths, a broken file, another set of samples, a split without truth.
    """
    return examine_arrays(load_arrays(results_json, root, version, split, sample_tokens), root, version)


def examine_arrays(arrays: ResultArrays, root: str | Path, version: str) -> list[Finding]:
    """Find known mistakes in a result file that is read already.

    Args:
        arrays: The result file and its truth.
        root, version: The data that it is for.

    Raises:
        FileNotFoundError, ValueError: tables are missing or broken.
    """
    return examine(arrays.truth, arrays.predictions, load_frames(root, version, arrays.truth))


def load_frames(root: str | Path, version: str, truth: Truth) -> Frames:
    """Poses and times of the key frames of ``truth``, from the tables.

    Raises:
        FileNotFoundError, ValueError: tables are missing or broken.
    """
    folder = table_folder(root, version)
    wanted = set(truth.tokens)
    sensors = {token for token, channel in iter_rows(folder / 'sensor.json', ('token', 'channel'))
               if channel == LIDAR_CHANNEL}
    rigs = {token: pose_matrix(translation, rotation) for token, sensor, translation, rotation in iter_rows(
        folder / 'calibrated_sensor.json', ('token', 'sensor_token', 'translation', 'rotation')) if sensor in sensors}
    rig_of = {sample: rigs[rig] for sample, rig, key in iter_rows(
        folder / 'sample_data.json', ('sample_token', 'calibrated_sensor_token', 'is_key_frame'))
        if key and rig in rigs and sample in wanted}
    times = dict(iter_rows(folder / 'sample.json', ('token', 'timestamp')))
    ego = [pose_matrix(*pose) for pose in zip(truth.ego_translation, truth.ego_rotation)]
    lidar = [pose @ rig_of[token] for pose, token in zip(ego, truth.tokens)]
    return _frames(lidar, ego, [1e-6 * times[token] for token in truth.tokens], truth)


def frames_of_poses(poses: Mapping[str, tuple[Any, Any]], times: Mapping[str, float], truth: Truth) -> Frames:
    """The same from what infos say.

    Args:
        poses: Sample token -> ``lidar2ego`` and ``ego2global`` (4, 4).
        times: Sample token -> s.
        truth: Names the key frames.
    """
    ego = [np.asarray(poses[token][1], np.float64) for token in truth.tokens]
    lidar = [pose @ np.asarray(poses[token][0], np.float64) for pose, token in zip(ego, truth.tokens)]
    return _frames(lidar, ego, [times[token] for token in truth.tokens], truth)


def _frames(lidar: Sequence[np.ndarray], ego: Sequence[np.ndarray], times: Sequence[float], truth: Truth) -> Frames:
    return Frames.make(np.array(lidar), np.array(ego), np.array(times, np.float64), truth.scene)
