"""Opening info files and result files, and picking a sample."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.nuscenes.stamp import load_infos
from perception_kd.visualization.boxes import Boxes, boxes_of_results
from perception_kd.visualization.frame import Frame, read_frame


class InfoFile:
    """An info file of ``tools/create_data.py``, checked.

    Args:
        path: The ``.pkl`` file.
        root: Data root that its paths start from.

    Raises:
        FileNotFoundError, ValueError: no such file or folder, or not an info file of ours.
    """

    def __init__(self, path: str | Path, root: str | Path) -> None:
        self.path, self.root = Path(path), Path(root)
        if not self.root.is_dir():
            raise FileNotFoundError(f'{root}: no such data root')
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

    def _scene_name(self, info: Mapping[str, Any]) -> str:
        """Name from the tables beside the data; '' without them, since a title is no reason to stop."""
        try:
            rows = json.loads((self.root / self.metainfo['version'] / 'scene.json').read_text())
            return next(row['name'] for row in rows if row['token'] == info.get('scene_token'))
        except (OSError, ValueError, KeyError, StopIteration):
            return ''


class ResultFile:
    """Predictions in nuScenes' submission format.

    Args:
        path: The ``.json`` file.

    Raises:
        FileNotFoundError, ValueError: no such file, or not a result file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(f'{path}: no such result file; make it with tools/test.py')
        try:
            content = json.loads(self.path.read_text())
        except ValueError as error:
            raise ValueError(f'{path}: not JSON ({error})') from None
        if not isinstance(content, Mapping) or not isinstance(content.get('results'), Mapping):
            raise ValueError(f'{path}: not in nuScenes\' submission format (no "results" by sample token)')
        self.results: Mapping[str, list] = content['results']

    def boxes(self, token: str, lidar2global: NDArray[np.float64]) -> Boxes:
        """Predictions of one sample in its LiDAR frame; none where the file has no such sample.

        Raises:
            ValueError: a row lacks a field or holds something else than numbers.
        """
        try:
            return boxes_of_results(self.results.get(token, []), lidar2global)
        except KeyError as error:
            raise ValueError(f'{self.path}: sample {token}: a prediction has no field {error}') from None
        except (TypeError, ValueError) as error:
            raise ValueError(f'{self.path}: sample {token}: a prediction is malformed ({error})') from None
