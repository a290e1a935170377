"""Radar files that are not there: left out of the infos, and told.

Radars fail, and partial downloads of nuScenes lack sweeps; a key frame with four radars of five is still good for
training. A silent gap is not, so every gap is counted and named.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from perception_kd.datasets.nuscenes.infos import resolve_path

NAMED = 3
"""How many missing files of a channel are named."""


class RadarGaps:
    """Takes missing radar files out of infos and keeps account.

    A sweep without a file leaves the list of sweeps; a radar whose key file is missing leaves the key frame.

    Args:
        root: Data root.
        channels: The radars that every key frame should have.
    """

    def __init__(self, root: str | Path, channels: Iterable[str]) -> None:
        self.root, self.channels = Path(root), tuple(channels)
        self._missing: dict[str, dict[str, None]] = defaultdict(dict)
        self._listings: dict[tuple[str, str], frozenset[str]] = {}

    def close(self, info: dict[str, Any]) -> None:
        """Take what is missing out of ``info['radar_points']``, in place."""
        kept = {}
        for channel in sorted({*self.channels, *info['radar_points']}):
            radar = info['radar_points'].get(channel)
            if radar is None:
                self._missing[channel][f'no row for key frame {info["token"]}'] = None
                continue
            radar['sweeps'] = [sweep for sweep in radar['sweeps'] if self._there(channel, sweep)]
            if self._there(channel, radar):
                kept[channel] = radar
        info['radar_points'] = kept

    @property
    def count(self) -> int:
        """Distinct missing files so far."""
        return sum(map(len, self._missing.values()))

    def __str__(self) -> str:
        """One line: how many files of which radars, and the first of each by name."""
        parts = []
        for channel, names in sorted(self._missing.items()):
            named = ', '.join(list(names)[:NAMED]) + (', ...' if len(names) > NAMED else '')
            parts.append(f'{channel} {len(names)} ({named})')
        return f'{self.count} radar file{"s" * (self.count != 1)} missing: ' + '; '.join(parts)

    def _there(self, channel: str, sweep: dict[str, Any]) -> bool:
        path = sweep['radar_path']
        folder, _, name = path.rpartition('/')
        # One listing of a folder costs less than a million questions.
        if (channel, folder) not in self._listings:
            place = resolve_path(self.root, channel, path).parent
            self._listings[channel, folder] = frozenset(os.listdir(place) if place.is_dir() else ())
        there = name in self._listings[channel, folder]
        if not there:
            self._missing[channel][path] = None
        return there
