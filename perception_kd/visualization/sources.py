"""Opening info files and result files, and picking a sample."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.nuscenes.stamp import PSEUDO_LABELS, load_infos
from perception_kd.files import require_file, require_folder
from perception_kd.structures.classes import NUSCENES_CLASSES
from perception_kd.visualization.boxes import Boxes, boxes_of_results
from perception_kd.visualization.frame import Frame, read_frame


@dataclass(frozen=True)
class Scene:
    """One scene of an info file.

    Args:
        token: Of the scene.
        name, description: From the tables; '' without them.
        samples: Positions of its key frames in the info file, in the order of time.
    """

    token: str
    name: str
    description: str
    samples: tuple[int, ...]


class InfoFile:
    """An info file of ``tools/create_data.py``, checked.

    Args:
        path: The ``.pkl`` file.
        root: Data root that its paths start from.

    Raises:
        FileNotFoundError, ValueError: no such file or folder, or not an info file of ours.
    """

    def __init__(self, path: str | Path, root: str | Path) -> None:
        self.path, self.root = Path(path), require_folder(root, 'data root')
        self.metainfo, self.data_list = load_infos(path)

    def find(self, sample: str | int) -> Mapping[str, Any]:
        """The info of a sample, by token or by position in the file (negative from the end).

        Raises:
            ValueError: no such sample; the message says how many there are.
        """
        text, count = str(sample), len(self.data_list)
        for info in self.data_list:
            if info['token'] == text:
                return info
        if text.lstrip('-').isdecimal() and -count <= int(text) < count:
            return self.data_list[int(text)]
        hint = (
            f': give 0 to {count - 1} or a token, the first is {self.data_list[0]["token"]}' if count else ''
        )
        raise ValueError(f'{self.path}: no sample {text!r} among its {count}{hint}')

    def frame(self, sample: str | int, *, lidar: bool = True) -> Frame:
        """Read a sample's sensors; errors as ``find`` and ``read_frame``."""
        info = self.find(sample)
        classes = tuple(self.metainfo['categories'])
        return read_frame(info, self.root, classes=classes, scene=self._scene_name(info), lidar=lidar)

    def scene(self, which: str | int) -> Scene:
        """A scene by name, token or position among the file's scenes (negative from the end).

        Raises:
            ValueError: no such scene; the message names those that there are.
        """
        scenes, text = self.scenes(), str(which)
        if not scenes:
            raise ValueError(f'{self.path}: no key frames, so there is no scene to show')
        for scene in scenes:
            if text in (scene.name, scene.token):
                return scene
        if text.lstrip('-').isdecimal() and -len(scenes) <= int(text) < len(scenes):
            return scenes[int(text)]
        names = [scene.name or scene.token for scene in scenes]
        known = ', '.join(names if len(names) <= 20 else [*names[:20], f'and {len(names) - 20} more'])
        raise ValueError(f'{self.path}: no scene {text!r}; there are {known} (or 0 to {len(names) - 1})')

    def scenes(self) -> list[Scene]:
        """All scenes, in the order of the file."""
        samples: dict[str, list[int]] = {}
        for index, info in enumerate(self.data_list):
            samples.setdefault(str(info.get('scene_token', '')), []).append(index)
        times = [float(info['timestamp']) for info in self.data_list]
        return [
            Scene(
                token,
                self._scene_rows.get(token, {}).get('name', ''),
                self._scene_rows.get(token, {}).get('description', ''),
                tuple(sorted(indices, key=times.__getitem__)),
            )
            for token, indices in samples.items()
        ]

    def _scene_name(self, info: Mapping[str, Any]) -> str:
        name = self._scene_rows.get(info.get('scene_token'), {}).get('name', '')
        return f'{name} (pseudo-labels)'.lstrip() if info.get(PSEUDO_LABELS) else name

    @cached_property
    def _scene_rows(self) -> dict[str, Mapping[str, Any]]:
        """Scenes of the tables beside the data; none without them, since a title is no reason to stop."""
        try:
            rows = json.loads((self.root / self.metainfo['version'] / 'scene.json').read_text())
            return {row['token']: row for row in rows}
        except (OSError, ValueError, KeyError, TypeError):
            return {}


class ResultFile:
    """Predictions in nuScenes' submission format.

    Args:
        path: The ``.json`` file.

    Raises:
        FileNotFoundError, ValueError: no such file, or not a result file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.exists():
            raise FileNotFoundError(f'{path}: no such result file; make it with tools/test.py')
        require_file(self.path, 'result file')
        try:
            content = json.loads(self.path.read_text())
        except ValueError as error:
            raise ValueError(f'{path}: not JSON ({error})') from None
        if not isinstance(content, Mapping) or not isinstance(content.get('results'), Mapping):
            raise ValueError(f'{path}: not in nuScenes\' submission format (no "results" by sample token)')
        self.results: Mapping[str, list] = content['results']

    def boxes(self, token: str, lidar2global: NDArray[np.float64]) -> Boxes:
        """Predictions of one sample in its LiDAR frame.

        Raises:
            ValueError: no such sample, or a row that lacks a field, holds something that is no box, or another class.
        """
        if token not in self.results:
            raise ValueError(f'{self.path}: sample {token} is not among its {len(self.results)}; was it made for '
                             'another split or version?')
        try:
            boxes = boxes_of_results(self.results[token], lidar2global)
        except KeyError as error:
            raise ValueError(f'{self.path}: sample {token}: a prediction has no field {error}') from None
        except (TypeError, ValueError) as error:
            raise ValueError(f'{self.path}: sample {token}: a prediction is malformed ({error})') from None
        unknown = sorted(set(map(str, boxes.names)) - set(NUSCENES_CLASSES))
        if unknown:
            raise ValueError(f'{self.path}: sample {token}: predictions of unknown classes {", ".join(unknown)}; there '
                             f'are {", ".join(NUSCENES_CLASSES)}')
        return boxes
