"""Drone detection data set of Svanström et al. (Halmstad): clips with MATLAB ``groundTruth`` labels.

``Video_V`` holds visible clips (``V_DRONE_001.mp4``), ``Video_IR`` infrared ones (``IR_DRONE_001.mp4``), with
``<clip>_LABELS.mat`` beside each. A row a frame and a column a class: an array (n, 4) of ``x y width height``, where
MATLAB's pixel (1, 1) is the first. Classes are AIRPLANE, BIRD, DRONE, HELICOPTER. One clip's table is a row shorter
than its video: frames behind the last row are not labelled, and not read.

Svanström, Alonso-Fernandez, Englund: A Dataset for Multi-Sensor Drone Detection, Data in Brief 39, 2021.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from perception_kd.datasets.uav.formats.matlab import read_object
from perception_kd.datasets.uav.listing import VIDEOS, find_files
from perception_kd.datasets.uav.records import Box, Clip, Frame, Source, Tally

CATEGORIES = ('DRONE', 'AIRPLANE', 'BIRD', 'HELICOPTER')
_ENDING = '_LABELS'
_PREFIXES = {'rgb': ('V_',), 'ir': ('IR_',), 'both': ('V_', 'IR_')}
_ORIGIN = 1  # of MATLAB's pixels


def read_svanstrom(root: Path, tally: Tally, *, modality: str = 'rgb') -> Source:
    """Clips below the root that have a label file. The set has no split.

    Args:
        root: The folder.
        tally: Gets what is odd.
        modality: ``rgb``, ``ir`` or ``both``.

    Raises:
        FileNotFoundError, ValueError: no clip of that camera, or an unknown one.
    """
    if modality not in _PREFIXES:
        raise ValueError(f'modality is rgb, ir or both, not {modality!r}')
    videos = {path.stem: path for path in find_files(root, VIDEOS)}
    clips, seen = [], set()
    for label in find_files(root, ('.mat',)):
        name = label.stem.removesuffix(_ENDING)
        if not name.startswith(_PREFIXES[modality]):
            continue
        seen.add(name)
        if name not in videos:
            tally.add('label files without a video', label)
            continue
        try:
            clips.append(Clip(name=name, frames=read_label_table(label, tally), video=videos[name]))
        except ValueError as error:
            tally.add('clips left out: a label file that cannot be read', error)
    for name in sorted(videos.keys() - seen):
        if name.startswith(_PREFIXES[modality]):
            tally.add('videos left out: no label file', videos[name])
    if not clips:
        raise FileNotFoundError(f'{root}: no clip such as V_DRONE_001.mp4 with V_DRONE_001_LABELS.mat (modality '
                                f'{modality})')
    return Source(clips=tuple(clips), categories=CATEGORIES)


def read_label_table(path: Path, tally: Tally) -> tuple[Frame, ...]:
    """Frames of a clip, one a row of its table.

    Raises:
        FileNotFoundError, ValueError: no such file, or no table of boxes.
    """
    table = read_object(path, 'groundTruth').get('LabelData')
    names = [name for name in (getattr(table, 'dtype', None) and table.dtype.names) or () if name != 'Time']
    if not names or table.ndim != 2:
        raise ValueError(f'{path}: its groundTruth has no table of boxes')
    frames = []
    for number, row in enumerate(table.ravel()):
        boxes: list[Box] = []
        for name in names:
            values = row[name]
            if isinstance(values, np.ndarray) and values.size == 0:
                continue
            if not isinstance(values, np.ndarray) or values.dtype.kind not in 'fiu' or values.shape[1:] != (4,):
                tally.add('frames left out: a cell that holds no boxes', f'{path}: row {number + 1}, {name}')
                break
            boxes += [Box(name, (float(x) - _ORIGIN, float(y) - _ORIGIN, float(width), float(height)))
                      for x, y, width, height in values]
        else:
            frames.append(Frame(boxes=tuple(boxes), number=number))
    return tuple(frames)
