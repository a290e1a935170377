"""The tables of a nuScenes-format root, joined as info creation needs them, in a fraction of the devkit's memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from perception_kd.datasets.nuscenes.columns import Rows
from perception_kd.datasets.nuscenes.table_arrays import NONE, TableReader
from perception_kd.datasets.nuscenes.tables import table_folder

_READ = ('scene', 'sample', 'sensor', 'calibrated_sensor', 'sample_data', 'ego_pose', 'category', 'instance',
         'sample_annotation')  # fmt: skip


class NuScenesTables:
    """Reads the tables of one version and joins them.

    Args:
        root: Data root, the folder that holds ``samples/`` and the version's folder.
        version: For example ``v1.0-mini``.
        advance: Called now and then with how many bytes were read, of :func:`bytes_to_read`.

    Attributes:
        samples, calibrations, measurements, poses, annotations: See ``table_arrays``.
        instance_tokens: Of all objects.
        instance_categories: Their category names, for example ``vehicle.car``.

    Raises:
        FileNotFoundError: no such root, version or table; the message names the versions that are there.
        ValueError: a table that is no JSON list of rows, a row without a needed column, with a number in it that is
            none (``check_numbers``), or one that names a row that is not there.
    """

    def __init__(self, root: str | Path, version: str, advance: Callable[[int], None] | None = None) -> None:
        self.root, self.version = Path(root), version
        self.folder = table_folder(self.root, version)
        reader = TableReader(self.folder, advance)
        _, names, first = reader.whole('scene', 'token', 'name', 'first_sample_token')
        self._first_sample = dict(zip(names, first))
        self.samples, self.calibrations = reader.samples(), reader.calibrations()
        self.measurements, self.poses = reader.measurements(self.samples, self.calibrations)
        self.instance_tokens, self.instance_categories = reader.instances()
        self.annotations = reader.annotations(self.samples, self.instance_tokens)
        self._measurements_of = _Groups(self.measurements.sample, len(self.samples.tokens))
        self._annotations_of = _Groups(self.annotations.sample, len(self.samples.tokens))

    @property
    def scene_names(self) -> list[str]:
        """Names of all scenes, in the order of the table."""
        return list(self._first_sample)

    @property
    def radar_channels(self) -> list[str]:
        """Channels of all radars of the rig, in the order of the table."""
        return [channel for channel, modality in self.calibrations.sensors.items() if modality == 'radar']

    def samples_of_scene(self, name: str) -> list[int]:
        """Rows of ``samples`` of a scene in time order."""
        if name not in self._first_sample:
            raise ValueError(f'{self.folder} has no scene {name!r}')
        rows, token = [], self._first_sample[name]
        while token:
            if token not in self.samples.row_of:
                raise ValueError(f'{self.folder}/sample.json has no row {token!r}; are all tables of one version and '
                                 'complete?')
            rows.append(self.samples.row_of[token])
            token = self.samples.next_tokens[rows[-1]]
            if len(rows) > len(self.samples.tokens):
                raise ValueError(f'{self.folder}/sample.json: the key frames of scene {name} run in a circle')
        return rows

    def key_frames(self, sample: int) -> dict[str, int]:
        """Channel -> row of ``measurements`` of a key frame, sorted by channel."""
        rows = self._measurements_of.rows(sample).tolist()
        channels = self.calibrations.channels
        found = {channels[self.measurements.calibration[row]]: row for row in rows}
        return dict(sorted(found.items()))

    def channels_of(self, scenes: Iterable[str], modality: str) -> list[str]:
        """Channels of a modality that key frames of these scenes have, sorted."""
        rows = np.concatenate([self._measurements_of.rows(sample) for scene in scenes
                               for sample in self.samples_of_scene(scene)])
        found = {self.calibrations.channels[row] for row in np.unique(self.measurements.calibration[rows])}
        return sorted(channel for channel in found if self.calibrations.sensors[channel] == modality)

    def annotations_of(self, sample: int) -> Rows:
        """Rows of ``annotations`` of a key frame, in the order of the table."""
        return self._annotations_of.rows(sample)


def bytes_to_read(root: str | Path, version: str) -> int:
    """Size in bytes of the tables that :class:`NuScenesTables` reads."""
    paths = (table_folder(root, version) / f'{name}.json' for name in _READ)
    return sum(path.stat().st_size for path in paths if path.is_file())


class _Groups:
    """Rows by the number of their group (N,), ``NONE`` for rows of no group."""

    def __init__(self, group: Rows, count: int) -> None:
        self._order = np.argsort(group, kind='stable')
        self._starts = np.searchsorted(group[self._order], np.arange(NONE + 1, count + 1))

    def rows(self, group: int) -> Rows:
        """In their order."""
        return self._order[self._starts[group]:self._starts[group + 1]]
